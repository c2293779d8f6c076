"""Trace headers: how a function's own calls are known as its. Pure but for the table of what runs.

`_X_AMZN_TRACE_ID` is set for every invocation, as on AWS; AWS's SDKs send it along as `X-Amzn-Trace-Id`. Its Parent is
half of the request id, so the door finds the invocation that a call came from, and the call's own record names it.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

from lambdatui.clock import random_hex
from lambdatui.engine import recursion

_ROOT = re.compile(r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?=;|$)")
_PARENT = re.compile(r"(?:^|;)\s*Parent=([0-9a-f]{16})(?=;|$)")
_LONGEST = 1024

# The header of a function's own call while it is answered: what the call sends or starts is of the same chain.
SENT: ContextVar[str | None] = ContextVar("sent", default=None)


class Caller(NamedTuple):
    """Who made a call: the trace that it belongs to, and the request id of the invocation, where one made it."""

    root: str | None
    request_id: str | None


NOBODY = Caller(None, None)


class Traces:
    """The invocations that run now, by the Parent that their calls carry."""

    def __init__(self) -> None:
        self._running: dict[str, str] = {}

    def begin(self, request_id: str, root: str | None, now_us: int, lineage: str) -> str:
        """The header of an invocation that starts; `root` continues its caller's trace, `lineage` includes itself."""
        parent = _segment(request_id)
        self._running[parent] = request_id
        return f"Root={root or new_root(now_us)};Parent={parent};Sampled=0;{lineage}"

    def end(self, request_id: str) -> None:
        """The invocation is over: calls that carry its header are nobody's."""
        self._running.pop(_segment(request_id), None)

    def caller(self, header: str | None) -> Caller:
        """Whose call carries `header`. Anything that is no trace header is nobody's."""
        if not header or len(header) > _LONGEST:
            return NOBODY
        root, parent = _ROOT.search(header), _PARENT.search(header)
        return Caller(root[1] if root else None, self._running.get(parent[1]) if parent else None)


def answer_to(header: bytes) -> None:
    """From here on what this task does answers a call with that `X-Amzn-Trace-Id`."""
    text = header.decode("latin-1") if len(header) <= _LONGEST else ""
    SENT.set(text if recursion.lineage(text) else None)


def new_root(now_us: int) -> str:
    """`1-<seconds, 8 hex>-<24 random hex>`."""
    return f"1-{now_us // 1_000_000 & 0xFFFFFFFF:08x}-{random_hex(24)}"


def _segment(request_id: str) -> str:
    return request_id[:8] + request_id[9:13] + request_id[14:18]

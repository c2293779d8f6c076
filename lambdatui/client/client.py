"""The typed client of a running engine: control calls with the token, invocations through the AWS operations.

Synchronous, one connection a call, therefore usable from any thread. Knows nothing of screens or terminals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from lambdatui.client.http import raise_control_error as _raise_control
from lambdatui.client.invoking import INVOKE_TIMEOUT, InvokeClient, InvokeReply
from lambdatui.profiles import ColdStart, ProfileReply
from lambdatui.schema import (
    CodeChange,
    DlqEntry,
    EngineInfo,
    EnvironmentRow,
    FunctionRow,
    Header,
    InvocationDetail,
    InvocationRow,
    LogLine,
    PeekedMessage,
    ReplayResult,
    Sources,
    Stats,
)

CONTROL = "/_lambdatui/v1/"
DLQ_PORTION = 1_000  # dead letters in a request, of whatever number there are

__all__ = ["Client", "InvokeReply", "OutgoingMessage", "StoredEvent"]

T = TypeVar("T")


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the past with its exact bytes."""

    request_id: str
    event: bytes


class OutgoingMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message or record to send. `attributes` has SQS's form {"name": {"DataType", "StringValue"}}."""

    body: str
    attributes: dict[str, dict[str, str]] = {}
    group_id: str | None = None
    dedup_id: str | None = None


class Client(InvokeClient):
    """Calls on one engine. Every method raises NoEngine where it does not answer, and the error it reports else."""

    @classmethod
    def of(cls, info: EngineInfo, *, timeout: float = 30.0) -> Client:
        """The client of the engine that engine.json describes."""
        return cls(info.url, info.token, timeout=timeout)

    def close(self) -> None:
        """Nothing is kept open between calls; here for the Reading protocol."""

    # reading

    def info(self) -> EngineInfo:
        """engine.json without its token."""
        raw = self._get("info", {}, dict[str, Any])
        return msgspec.convert({"token": "", **raw}, EngineInfo)

    def header(self) -> Header:
        """The figures of the strip at the top."""
        return self._get("header", {}, Header)

    def functions(self) -> list[FunctionRow]:
        """Every function with its state and figures."""
        return self._get("functions", {}, list[FunctionRow])

    def environments(self) -> list[EnvironmentRow]:
        """Every execution environment that lives now."""
        return self._get("environments", {}, list[EnvironmentRow])

    def sources(self) -> Sources:
        """Queues, streams, schedules and routes."""
        return self._get("sources", {}, Sources)

    def invocations(
        self,
        *,
        function: str | None = None,
        status: str | None = None,
        since_us: int | None = None,
        limit: int | None = None,
    ) -> list[InvocationRow]:
        """One row an attempt, newest first."""
        query = {"function": function, "status": status, "since_us": since_us, "limit": limit}
        return self._get("invocations", query, list[InvocationRow])

    def invocation(self, request_id: str) -> InvocationDetail | None:
        """The newest attempt of a request, whole; None where the id is unknown."""
        return self._get_or_none(f"invocations/{quote(request_id, safe='')}", {}, InvocationDetail)

    def logs(
        self,
        *,
        functions: Sequence[str] = (),
        pattern: str | None = None,
        min_level: str | None = None,
        request_id: str | None = None,
        since_us: int | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[LogLine]:
        """The last `limit` matching lines, oldest first; following is polling with `after_id`."""
        query: dict[str, object] = {
            "function": list(functions),
            "pattern": pattern,
            "min_level": min_level,
            "request_id": request_id,
            "since_us": since_us,
            "after_id": after_id or None,
            "limit": limit,
        }
        return self._get("logs", query, list[LogLine])

    def stats(self, *, function: str | None = None, since_us: int | None = None) -> dict[str, Stats]:
        """Metrics by function name, totals under `_account`."""
        return self._get("stats", {"function": function, "since_us": since_us}, dict[str, Stats])

    def monthly_usd(self) -> float | None:
        """List price of a month at the present rate, the free tier taken off; None where there is no rate."""
        return self.header().monthly_usd

    def dlq(self, queue: str | None = None, limit: int | None = None) -> list[DlqEntry]:
        """Entries of every dead-letter queue, or of one, newest first. Asked for in portions, whatever they hold."""
        found: list[DlqEntry] = []
        before: int | None = None
        while limit is None or len(found) < limit:
            most = DLQ_PORTION if limit is None else min(DLQ_PORTION, limit - len(found))
            page = self._get("dlq", {"queue": queue, "limit": most, "before": before}, list[DlqEntry])
            page = [entry for entry in page if before is None or entry.seq < before]
            if not page:
                break
            found += page
            before = min(entry.seq for entry in page)
        return sorted(found, key=lambda entry: (entry.last_at, entry.seq), reverse=True)

    def dlq_entry(self, entry_id: str) -> DlqEntry | None:
        """One entry; None where it is gone."""
        return self._get_or_none(f"dlq/{quote(entry_id, safe='')}", {}, DlqEntry)

    def peek(self, source: str, limit: int = 100) -> list[PeekedMessage]:
        """What a queue or stream holds, without receiving it."""
        return self._get("peek", {"source": source, "limit": limit}, list[PeekedMessage])

    def code_change(self, function: str, old_sha: str, new_sha: str | None = None) -> CodeChange | None:
        """What changed between two code hashes (None: the current code)."""
        query = {"function": function, "old_sha": old_sha, "new_sha": new_sha}
        return self._get_or_none("code_change", query, CodeChange)

    def last_event(self, function: str, *, failed: bool = False) -> StoredEvent | None:
        """The event of the function's last invocation, or of its last failed one."""
        return self._get_or_none("last_event", {"function": function, "failed": int(failed)}, StoredEvent)

    def cold_start(self, function: str) -> ColdStart | None:
        """The function's last fresh init with its imports; None where none is stored."""
        return self._get_or_none(f"functions/{quote(function, safe='')}/cold_start", {}, ColdStart)

    # acting

    def profile(
        self,
        name: str,
        payload: bytes = b"{}",
        *,
        qualifier: str | None = None,
        rate_hz: int | None = None,
        cold: bool = False,
        timeout: float = INVOKE_TIMEOUT,
    ) -> ProfileReply:
        """One invocation under the sampling profiler. `cold`: in a fresh environment, its init too."""
        query = urlencode(
            {k: v for k, v in (("qualifier", qualifier), ("rate", rate_hz), ("cold", int(cold))) if v is not None}
        )
        return self._post(f"functions/{quote(name, safe='')}/profile?{query}", payload, ProfileReply, timeout)

    def put_reserved_concurrency(self, function: str, value: int) -> None:
        """PutFunctionConcurrency; 0 stops the function at once."""
        body = msgspec.json.encode({"ReservedConcurrentExecutions": value})
        headers = {"Content-Type": "application/json"}
        self._aws("PUT", f"/2017-10-31/functions/{quote(function, safe='')}/concurrency", {}, body, headers)

    def delete_reserved_concurrency(self, function: str) -> None:
        """DeleteFunctionConcurrency: the function competes for the unreserved pool."""
        self._aws("DELETE", f"/2017-10-31/functions/{quote(function, safe='')}/concurrency", {}, b"", {})

    def replay_entry(self, entry_id: str, event: bytes | None = None) -> ReplayResult:
        """One attempt at a dead letter's consumer, with the stored event or an edited one; waits for its end."""
        return self._post(f"dlq/{quote(entry_id, safe='')}/replay", event or b"", ReplayResult, INVOKE_TIMEOUT)

    def replay_invocation(self, request_id: str, event: bytes | None = None) -> ReplayResult:
        """Invoke again with the stored event of a request, or an edited one; waits for its end."""
        path = f"invocations/{quote(request_id, safe='')}/replay"
        return self._post(path, event or b"", ReplayResult, INVOKE_TIMEOUT)

    def purge(self, ids: Sequence[str]) -> int:
        """Delete dead letters; how many there were."""
        purged = 0
        for start in range(0, len(ids), DLQ_PORTION):
            body = msgspec.json.encode({"ids": ids[start : start + DLQ_PORTION]})
            purged += self._post("dlq/purge", body, dict[str, int]).get("purged", 0)
        return purged

    def send(self, source: str, messages: Sequence[OutgoingMessage], *, partition_key: str | None = None) -> list[str]:
        """Put messages on a queue or records on a stream; their ids or sequence numbers."""
        body = msgspec.json.encode({"source": source, "messages": list(messages), "partition_key": partition_key})
        return self._post("send", body, dict[str, list[str]]).get("ids", [])

    def pause(self, source_id: str) -> None:
        """Stop polling or scheduling; `source_id` is a mapping uuid, schedule id, queue or stream name."""
        self._post(f"sources/{quote(source_id, safe='')}/pause", b"", dict[str, Any])

    def resume(self, source_id: str) -> None:
        """Undo `pause`."""
        self._post(f"sources/{quote(source_id, safe='')}/resume", b"", dict[str, Any])

    def reset_override(self, function: str, property: str) -> None:
        """Forget a value set by API or screen: the files' value holds again."""
        query = {"function": function, "property": property}
        _raise_control(self._transport.request("DELETE", CONTROL + "overrides", query))

    def stop(self, grace: float | None = None) -> None:
        """Ask the engine to end; returns when it has heard, not when it has ended."""
        self._post("stop", msgspec.json.encode({"grace": grace}), dict[str, Any])

    # plumbing

    def _get(self, path: str, query: Mapping[str, object], kind: type[T]) -> T:
        reply = self._transport.request("GET", CONTROL + path, query)
        _raise_control(reply)
        return reply.decode(kind)

    def _get_or_none(self, path: str, query: Mapping[str, object], kind: type[T]) -> T | None:
        reply = self._transport.request("GET", CONTROL + path, query)
        if reply.status == 404 or reply.body.strip() == b"null":
            return None
        _raise_control(reply)
        return reply.decode(kind)

    def _post(self, path: str, body: bytes, kind: type[T], timeout: float | None = None) -> T:
        headers = {"Content-Type": "application/json"}
        reply = self._transport.request("POST", CONTROL + path, {}, body, headers, timeout)
        _raise_control(reply)
        return reply.decode(kind)

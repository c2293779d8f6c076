"""Recursive loops: how often a function has run in one chain of calls. Pure.

AWS counts in the trace header, `Lineage=1:HASH:COUNT|HASH:COUNT` (before 2025 without the leading `1:`): one entry for
each function of the chain, with the number of times it was invoked again. Services that carry the header carry it.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

LIMIT = 16  # invocations of one function in a chain; the next is stopped
LONGEST = 32  # functions that are remembered of a chain, the latest
MESSAGE = (
    "Lambda has detected your function being invoked in a recursive loop with other AWS resources and stopped your "
    "function's invocation."
)

Lineage = dict[str, int]

_FIELD = re.compile(r"(?:^|;)\s*Lineage=(?:1:)?([0-9a-f]{8}:\d{1,5}(?:\|[0-9a-f]{8}:\d{1,5})*)(?=;|$)", re.IGNORECASE)


def lineage(header: str | None) -> Lineage:
    """The chain that a trace header tells of; empty for anything that tells of none."""
    match = _FIELD.search(header) if header else None
    if match is None:
        return {}
    entries = (entry.split(":") for entry in match[1].lower().split("|")[-LONGEST:])
    return {name: int(count) for name, count in entries}


def text(chain: Lineage) -> str:
    """The header's field."""
    return "Lineage=1:" + "|".join(f"{name}:{count}" for name, count in chain.items())


def joined(headers: Iterable[str | None]) -> str | None:
    """A batch's chain, as a header's field: of each function the longest that any of its messages comes from."""
    found: Lineage = {}
    for header in headers:
        for name, count in lineage(header).items():
            found[name] = max(count, found.get(name, 0))
    return text(found) if found else None


def entered(chain: Lineage, arn: str) -> Lineage:
    """The chain as an invocation of the function hands it on."""
    name = hashed(arn)
    rest = [(other, count) for other, count in chain.items() if other != name][-LONGEST + 1 :]
    return dict([*rest, (name, chain[name] + 1 if name in chain else 0)])


def handed_on(chain: Lineage, arn: str) -> str:
    """The header's field, as an invocation of the function by this chain sends it along."""
    return text(entered(chain, arn)) if chain else _begun(arn)


@lru_cache(maxsize=1024)
def _begun(arn: str) -> str:
    return text(entered({}, arn))


def stops(chain: Lineage, arn: str) -> bool:
    """Whether an invocation of the function by this chain is one too many."""
    return chain.get(hashed(arn), -1) + 1 >= LIMIT


@lru_cache(maxsize=1024)
def hashed(arn: str) -> str:
    """A function's name in a lineage; `arn` is its own, without a qualifier."""
    return hashlib.sha256(arn.encode()).hexdigest()[:8]

"""What passes through the one door: a request for an invocation, and what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from lambdatui.store.records import InvocationRecord

Check = Callable[[bytes], Awaitable[str | None]]

LATEST = "$LATEST"  # the version that follows the files


class Profiling(msgspec.Struct, frozen=True):
    """How an invocation is sampled."""

    rate_hz: int
    cold: bool = False  # in a fresh environment, its init too


class InvokeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to run a function. `payload` is passed on untouched."""

    function: str  # the function's own name (resolved before)
    payload: bytes
    qualifier: str | None = None  # version or alias that the caller named
    check: Check | None = None  # what is wrong with the payload, None: nothing; where it is not known to be JSON
    type: str = "RequestResponse"
    source: str = "api"
    request_id: str | None = None  # made where None
    attempt: int = 1
    client_context: str | None = None  # JSON text
    tenant_id: str | None = None
    parent_id: str | None = None
    trace_root: str | None = None  # of the caller's trace; a new one where None
    trace_header: str | None = None  # what brought it; of the chain of calls that it is part of
    replay_of: str | None = None
    patient: bool = False  # asynchronous events and pollers wait for host capacity, however long
    prompt: bool = False  # nobody asks for its record or its log's tail: they are made when the result is on its way
    queued_since_us: int | None = None  # when the event was accepted or received
    begins: Callable[[], bool] | None = None  # asked when an environment is there; False: it is not wanted any more
    profiling: Profiling | None = None


class InvokeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of one attempt. `function_error` is AWS's X-Amz-Function-Error, None where the function succeeded."""

    request_id: str
    status: str  # ok | error | timeout | throttled | withdrawn (see InvokeRequest.begins: nothing has run)
    payload: bytes
    error_type: str | None = None
    error_message: str | None = None
    function_error: str | None = None
    executed_version: str = LATEST
    log_tail: bytes = b""  # at most 4 KB
    duration_ms: float | None = None
    throttle_reason: str | None = None
    lost: bool = False  # its environment went with the spawner: the function had no part in that
    recursive: bool = False  # stopped as one call too many of a loop: nothing has run
    refused: bool = False  # the machine had no room to run it (its disk, its descriptors): another try may help
    problem: str | None = None  # of a payload that is no JSON: nothing has run
    record: InvocationRecord | None = None  # as history keeps it
    profiles: list[bytes] = []  # JSON of profiles.Profile each, as the environment sent it

    @property
    def came_back(self) -> bool:
        """Whether the event did not reach the function, through no fault of either: it is to be offered again."""
        return self.refused or self.status == "throttled"

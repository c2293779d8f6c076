"""What can be read of a project, the same whether an engine answers (`Client`) or the stored state (`Offline`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lambdatui.profiles import ColdStart
from lambdatui.schema import (
    CodeChange,
    DlqEntry,
    FunctionRow,
    InvocationDetail,
    InvocationRow,
    LogLine,
    PeekedMessage,
    Sources,
    Stats,
)

# The state of a function in a project that no engine runs.
NOT_RUNNING = "not running"


class Reading(Protocol):
    """Read-only view of functions and history. `since_us` is microseconds UTC; `limit` None means all."""

    def functions(self) -> list[FunctionRow]:
        """Every function in the order of the project's configuration."""
        ...

    def invocations(
        self,
        *,
        function: str | None = None,
        status: str | None = None,
        since_us: int | None = None,
        limit: int | None = None,
    ) -> list[InvocationRow]:
        """One row an attempt, newest first. `status` is one of schema.Status."""
        ...

    def invocation(self, request_id: str) -> InvocationDetail | None:
        """The newest attempt of a request, whole; None where the id is unknown."""
        ...

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
        """The last `limit` matching lines, oldest first. `pattern` is a regular expression, `min_level` of LEVELS."""
        ...

    def cold_start(self, function: str) -> ColdStart | None:
        """The function's last fresh init with its imports; None where none is stored."""
        ...

    def stats(self, *, function: str | None = None, since_us: int | None = None) -> dict[str, Stats]:
        """Metrics by function name, with the totals under `_account`."""
        ...

    def monthly_usd(self) -> float | None:
        """List price of a month at the present rate, the free tier taken off; None where there is no rate."""
        ...

    def dlq(self, queue: str | None = None, limit: int | None = None) -> list[DlqEntry]:
        """Entries of every dead-letter queue, or of one, newest first; the newest `limit`."""
        ...

    def dlq_entry(self, entry_id: str) -> DlqEntry | None:
        """One entry; None where it is gone."""
        ...

    def sources(self) -> Sources:
        """Queues, streams, schedules and routes as they stand now."""
        ...

    def peek(self, source: str, limit: int = 100) -> list[PeekedMessage]:
        """What a queue or stream holds, without receiving it."""
        ...

    def code_change(self, function: str, old_sha: str, new_sha: str | None = None) -> CodeChange | None:
        """What changed between two code hashes (None: the current code)."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...

"""Invocations as table rows, for the screen of all and for that of one function."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from lambdatui.schema import InvocationRow
from lambdatui.tui.text import STATUSES, clean, local_time, millis, short_id
from lambdatui.tui.widgets.rows import NOTHING, UNMEASURED, Cell, Column, Row
from lambdatui.tui.widgets.table import Table

LATEST = "$LATEST"
COLUMNS = (
    Column("when", "WHEN", 12),
    Column("function", "FUNCTION", 13, stretch=2, most=26),
    Column("status", "STATUS", 11),
    Column("version", "VER", 3, numeric=True),
    Column("duration", "RAN", 7, numeric=True, narrow=6),
    Column("init", "INIT", 7, numeric=True, narrow=6, drop=4),
    Column("memory", "MEM MB", 6, numeric=True, drop=3),
    Column("attempt", "TRY", 3, numeric=True, drop=5),
    Column("source", "SOURCE", 13, stretch=1, most=22, drop=2),
    Column("error", "ERROR", 18, stretch=4, narrow=14),
    Column("request", "REQUEST", 8, drop=1),
)


class InvocationTable(Table):
    """Last started first. What was made into a row once is not made again."""

    def __init__(self, *, of_one: bool, id: str) -> None:
        columns = [c for c in COLUMNS if not (of_one and c.key in ("function", "request"))]
        super().__init__(
            "Invocations",
            columns,
            newest_first=True,
            id=id,
            empty="no invocations yet: press i on a function, or call the AWS endpoint that ? shows, "
            "with boto3 or aws lambda invoke --endpoint-url",
        )
        self._columns = columns
        self._cache: dict[int, Row] = {}
        self.invocations: dict[str, InvocationRow] = {}

    def show_invocations(self, rows: Iterable[InvocationRow]) -> None:
        """The rows, those that ended last first. They say when they started, and so that is their order.

        Versions have a column where anything but $LATEST ran.
        """
        kept = sorted(rows, key=attrgetter("started_at"), reverse=True)
        versions = any(row.version != LATEST for row in kept)
        self.columns = [column for column in self._columns if versions or column.key != "version"]
        cache = {row.id: self._cache.get(row.id) or invocation_row(row) for row in kept}
        self._cache = cache
        self.invocations = {str(row.id): row for row in kept}
        self.set_rows(cache.values())

    def selected(self) -> InvocationRow | None:
        """The invocation under the cursor."""
        return self.invocations.get(self.cursor or "")


def invocation_row(row: InvocationRow) -> Row:
    """One attempt as a row."""
    glyph, tag = STATUSES.get(row.status, ("·", "dim"))
    error = clean(f"{row.error_type}: {row.error_message}" if row.error_message else row.error_type or "")
    cells: dict[str, Cell] = {
        "when": ((local_time(row.started_at, 3), "dim"),),
        "function": ((clean(row.function), ""),),
        "status": ((f"{glyph} {row.status}", tag),),
        "version": ((row.version, ""),) if row.version != LATEST else NOTHING,
        "duration": ((millis(row.duration_ms), ""),) if row.duration_ms is not None else UNMEASURED,
        "init": ((millis(row.init_ms), "info"),) if row.init_ms is not None else NOTHING,
        "memory": ((str(row.max_memory_mb), ""),) if row.max_memory_mb is not None else UNMEASURED,
        "attempt": ((str(row.attempt), "warn" if row.attempt > 1 else "dim"),),
        "source": ((clean(row.source), "dlq" if row.replay_of else "dim"),),
        "error": ((error, tag),) if error else NOTHING,
        "request": ((short_id(row.request_id), "dim"),),
    }
    sort = {
        "when": (row.started_at, row.id),
        "function": row.function,
        "status": row.status,
        "version": row.version,
        "duration": row.duration_ms,
        "init": row.init_ms,
        "memory": row.max_memory_mb,
        "attempt": row.attempt,
        "source": row.source,
        "error": error,
        "request": row.request_id,
    }
    text = " ".join((row.function, row.qualifier or "", row.status, error, row.source, row.request_id, row.type))
    return Row(str(row.id), cells, sort, text)

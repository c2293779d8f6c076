"""Execution environments as table rows."""

from __future__ import annotations

from collections.abc import Iterable

from lambdatui.schema import EnvironmentRow
from lambdatui.tui.text import STATES, age, clean, compact, seconds, short_sha
from lambdatui.tui.widgets.rows import NOTHING, UNMEASURED, Cell, Column, Row
from lambdatui.tui.widgets.table import Table

LATEST = "$LATEST"
COLUMNS = (
    Column("function", "FUNCTION", 13, stretch=2, most=28),
    Column("pid", "PID", 7, numeric=True, narrow=6),
    Column("state", "STATE", 8),
    Column("version", "VER", 3, numeric=True, drop=5),
    Column("start", "START", 11, stretch=1, most=11, drop=6, narrow=5),
    Column("memory", "MEMORY", 11, numeric=True),
    Column("bar", "OF LIMIT", 10, stretch=2, most=20, drop=3),
    Column("tmp", "/tmp MB", 9, numeric=True, drop=4, narrow=8),
    Column("cpu", "CPU %", 5, numeric=True),
    Column("invocations", "INV", 5, numeric=True),
    Column("age", "AGE", 4, numeric=True),
    Column("idle", "IDLE", 7, numeric=True, drop=2),
    Column("code", "CODE", 4, drop=1),
)
OF_ONE = ("pid", "state", "version", "start", "memory", "tmp", "invocations", "age")


class EnvironmentTable(Table):
    """Every worker process, or those of one function."""

    def __init__(self, *, of_one: bool, id: str) -> None:
        columns = [c for c in COLUMNS if not of_one or c.key in OF_ONE]
        super().__init__(
            "Environments",
            columns,
            id=id,
            empty="no environment is alive: the next invocation starts one",
        )
        self._columns = columns

    def show_environments(self, rows: Iterable[EnvironmentRow]) -> None:
        """The processes that live now. Versions and /tmp have a column where there is one."""
        alive = list(rows)
        gone = set() if any(row.version != LATEST for row in alive) else {"version"}
        gone |= set() if any(row.tmp_limit_mb is not None for row in alive) else {"tmp"}
        self.columns = [column for column in self._columns if column.key not in gone]
        self.set_rows(environment_row(row) for row in alive)


def environment_row(row: EnvironmentRow) -> Row:
    """One process as a row."""
    glyph, tag = STATES.get(row.state, ("·", "dim"))
    share = row.memory_mb / row.memory_limit_mb if row.memory_limit_mb else 0.0
    full = max(0, min(20, round(share * 20)))
    heat = "err" if share > 0.9 else ("warn" if share > 0.7 else "ok")
    cells: dict[str, Cell] = {
        "function": ((clean(row.function), ""),),
        "pid": ((str(row.pid), "dim"),),
        "state": ((f"{glyph} {row.state}", tag),),
        "version": ((row.version, ""),) if row.version != LATEST else NOTHING,
        "start": ((row.start, "info" if row.start == "provisioned" else "dim"),),
        "memory": ((f"{row.memory_mb:.0f}/{row.memory_limit_mb} MB", heat if share > 0.7 else ""),),
        "bar": (("▰" * (full // 2), heat), ("▱" * (10 - full // 2), "faint")),
        "tmp": _tmp(row),
        "cpu": ((f"{row.cpu_percent:.0f}", ""),) if row.cpu_percent >= 0.5 else NOTHING,
        "invocations": ((compact(row.invocations), ""),) if row.invocations else NOTHING,
        "age": ((age(row.age_s), "dim"),),
        "idle": ((seconds(row.idle_s), "dim"),) if row.idle_s is not None else NOTHING,
        "code": ((short_sha(row.code_sha), "dim"),),
    }
    sort = {
        "function": row.function,
        "pid": row.pid,
        "state": row.state,
        "version": row.version,
        "start": row.start,
        "memory": row.memory_mb,
        "bar": share,
        "tmp": row.tmp_mb,
        "cpu": row.cpu_percent,
        "invocations": row.invocations,
        "age": row.age_s,
        "idle": row.idle_s,
        "code": row.code_sha,
    }
    return Row(row.id, cells, sort, f"{row.function} {row.pid} {row.state} {row.start} {row.version}")


def _tmp(row: EnvironmentRow) -> Cell:
    """What its /tmp holds, of how much."""
    if row.tmp_mb is None or row.tmp_limit_mb is None:
        return UNMEASURED
    if row.tmp_mb < 0.5:
        return NOTHING
    heat = "err" if row.tmp_mb > 0.9 * row.tmp_limit_mb else ("warn" if row.tmp_mb > 0.7 * row.tmp_limit_mb else "")
    return ((f"{row.tmp_mb:.0f}/{row.tmp_limit_mb}", heat),)

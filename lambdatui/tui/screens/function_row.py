"""A function as a table row, for the overview."""

from __future__ import annotations

from lambdatui.schema import FunctionRow
from lambdatui.tui.text import STATES, clean, compact, millis, rate
from lambdatui.tui.widgets.braille import sparkline
from lambdatui.tui.widgets.plot import blocks_only
from lambdatui.tui.widgets.rows import NOTHING, UNMEASURED, Cell, Column, Row

COLUMNS = (
    Column("name", "NAME", 15, stretch=6, most=40, fit=True),
    Column("state", "STATE", 12),
    Column("inv", "INV/s", 6, numeric=True, narrow=5),
    Column("err", "ERR", 4, numeric=True),
    Column("thr", "THR", 4, numeric=True, drop=6),
    Column("p50", "P50", 7, numeric=True, narrow=6, drop=4),
    Column("p95", "P95", 7, numeric=True, drop=2, narrow=7),
    Column("conc", "CONC", 6, numeric=True, narrow=5, drop=5),
    Column("age", "ITER AGE", 8, numeric=True, drop=1),
    Column("dlq", "DLQ", 4, numeric=True, narrow=3),
    Column("line", "LAST 60 s", 14, stretch=1, most=30, short="60 s", narrow=6, drop=3, tail=True),
)
ORDER = {
    "broken": 0,
    "failing": 1,
    "throttled": 2,
    "stopped": 3,
    "installing": 4,
    "reloading": 5,
    "busy": 6,
    "idle": 7,
    "unserved": 8,
}


def number(value: int, tag: str) -> Cell:
    """A count, or a faint dot for none."""
    return ((compact(value), tag),) if value else NOTHING


def duration(value: float | None, tag: str = "") -> Cell:
    """A duration, or a faint dash where none was measured."""
    return ((millis(value), tag),) if value is not None else UNMEASURED


def concurrency(row: FunctionRow) -> Cell:
    """Used over reserved, `∞` without a reserve."""
    if row.state in ("broken", "unserved"):
        return UNMEASURED
    limit = "∞" if row.reserved_concurrency is None else str(row.reserved_concurrency)
    full = row.reserved_concurrency is not None and row.concurrency >= row.reserved_concurrency
    return ((f"{row.concurrency}/{limit}", "warn" if full and (row.throttles or limit == "0") else ""),)


def state_cell(row: FunctionRow) -> Cell:
    """Glyph and word; busy says how many."""
    glyph, tag = STATES.get(row.state, ("·", "dim"))
    busy = f"{row.concurrency:>4}" if row.state == "busy" and row.concurrency else ""
    return ((f"{glyph} {clean(row.state)}{busy}", tag),)


def function_row(row: FunctionRow) -> Row:
    """One function of the table."""
    line_tag = {"failing": "err", "throttled": "warn", "reloading": "info", "installing": "info"}.get(row.state, "ok")
    cells: dict[str, Cell] = {
        "name": ((clean(row.name), ""),),
        "state": state_cell(row),
        "inv": ((rate(row.rate), ""),) if row.rate > 0 else UNMEASURED,
        "err": number(row.errors, "err" if row.errors60 else "dim"),
        "thr": number(row.throttles, "warn" if row.throttles60 else "dim"),
        "p50": duration(row.p50_ms),
        "p95": duration(row.p95_ms),
        "conc": concurrency(row),
        "age": duration(row.iterator_age_ms, "warn") if row.iterator_age_ms is not None else UNMEASURED,
        "dlq": number(row.dlq_depth, "dlq"),
        "line": ((sparkline(_pairs(row.line60), 30, blocks=blocks_only()), line_tag),),
    }
    sort = {
        "name": row.name.lower(),
        "state": ORDER.get(row.state, 9),
        "inv": row.rate,
        "err": row.errors,
        "thr": row.throttles,
        "p50": row.p50_ms,
        "p95": row.p95_ms,
        "conc": row.concurrency,
        "age": row.iterator_age_ms,
        "dlq": row.dlq_depth,
    }
    text = " ".join((row.name, row.state, row.last_error or "", *row.triggers))
    return Row(row.name, cells, sort, text)


def _pairs(values: list[int]) -> list[float | None]:
    return [float(v) for v in values]

"""A source as a row of the Sources page's table. Pure."""

from __future__ import annotations

from lambdatui.tui.screens.source_items import SourceItem
from lambdatui.tui.text import STATES, age, clean, compact, seconds, since
from lambdatui.tui.widgets.rows import NOTHING, UNMEASURED, Cell, Column, Row

COLUMNS = (
    Column("name", "SOURCE", 18, stretch=3, most=44, fit=True),
    Column("kind", "KIND", 8, drop=2),
    Column("state", "STATE", 10),
    Column("waiting", "WAITING", 7, numeric=True),
    Column("flight", "IN FLIGHT", 9, numeric=True, drop=1),
    Column("age", "AGE", 7, numeric=True),
    Column("function", "FUNCTION", 13, stretch=3, most=34, fit=True),
    Column("note", "", 12, stretch=2, drop=3),
)


def row_of(item: SourceItem, now_us: int) -> Row:
    """A source as a row."""
    glyph, tag = STATES.get(item.state, ("·", "dim"))
    age_cell: Cell = NOTHING
    if item.next_at is not None:
        left = since(item.next_at, now_us)
        age_cell = ((f"in {age(-left)}" if left is not None and left < 0 else "now", "info"),)
    elif item.age_s is not None:
        age_cell = ((seconds(item.age_s), "warn" if item.age_s >= 1 else "dim"),)
    cells: dict[str, Cell] = {
        "name": ((clean(item.shown), item.name_tag),),
        "kind": ((item.kind if not item.key.startswith("shard") else "shard", "dim"),),
        "state": ((f"{glyph} {item.state}", tag),),
        "waiting": ((compact(item.waiting), "dlq" if item.note_tag == "dlq" else ""),) if item.waiting else NOTHING,
        "flight": ((compact(item.in_flight), ""),) if item.in_flight else NOTHING,
        "age": age_cell,
        "function": ((clean(item.target), ""),) if item.target else UNMEASURED,
        "note": ((clean(item.note), item.note_tag),),
    }
    sort = {
        "name": item.name,
        "kind": item.kind,
        "state": item.state,
        "waiting": item.waiting,
        "flight": item.in_flight,
        "age": item.age_s,
        "function": item.target,
    }
    return Row(item.key, cells, sort, f"{item.name} {item.kind} {item.state} {item.target} {item.note}", item.command)

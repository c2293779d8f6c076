"""Queues, shards, schedules and routes as rows of one table. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lambdatui.schema import QueueRow, RouteRow, ScheduleRow, ShardRow, Sources, StreamRow
from lambdatui.tui.text import STATES, age, clean, compact, local_time, millis, seconds, since
from lambdatui.tui.widgets.rows import NOTHING, UNMEASURED, Cell, Column, Row

COLUMNS = (
    Column("name", "SOURCE", 18, stretch=2, most=34),
    Column("kind", "KIND", 8, drop=2),
    Column("state", "STATE", 10),
    Column("waiting", "WAITING", 7, numeric=True),
    Column("flight", "IN FLIGHT", 9, numeric=True, drop=1),
    Column("age", "AGE", 7, numeric=True),
    Column("function", "FUNCTION", 13, stretch=1, most=24),
    Column("note", "", 12, stretch=3, drop=3),
)


@dataclass(frozen=True)
class SourceItem:
    """One source, or one shard of one."""

    key: str
    kind: str
    name: str
    shown: str
    state: str
    function: str | None
    facts: tuple[tuple[str, str], ...]
    waiting: int | None = None
    in_flight: int | None = None
    age_s: float | None = None
    note: str = ""
    note_tag: str = "dim"
    next_at: str | None = None
    paused: bool = False
    pause_id: str | None = None
    fifo: bool = False
    error: str | None = None


def items_of(sources: Sources) -> list[SourceItem]:
    """Everything in the order: queues, streams with their shards, schedules, routes."""
    out = [_queue(row) for row in sources.queues]
    for stream in sources.streams:
        out.append(_stream(stream))
        out += [_shard(stream, shard) for shard in stream.shards]
    out += [_schedule(row) for row in sources.schedules]
    out += [_route(row) for row in sources.routes]
    return out


def _queue(row: QueueRow) -> SourceItem:
    note = "dead letters" if row.dlq else (f"→ {row.redrive} after {row.max_receive_count}" if row.redrive else "")
    state = "paused" if row.paused else ("busy" if row.in_flight else "idle")
    facts = (
        ("kind", "FIFO queue" if row.fifo else "queue"),
        ("logical id", row.logical_id),
        ("visible", str(row.visible)),
        ("in flight", str(row.in_flight)),
        ("delayed", str(row.delayed)),
        ("oldest", seconds(row.oldest_s)),
        ("read by", row.consumer or "no function"),
        ("redrive", f"{row.redrive} after {row.max_receive_count} receives" if row.redrive else "none"),
    )
    return SourceItem(
        f"queue {row.name}",
        "queue",
        row.name,
        row.name,
        state,
        row.consumer,
        facts,
        row.visible + row.delayed,
        row.in_flight,
        row.oldest_s,
        note,
        "dlq" if row.dlq else "dim",
        None,
        row.paused,
        (row.mapping or row.name) if row.consumer else None,
        row.fifo,
    )


def _stream(row: StreamRow) -> SourceItem:
    blocked = [shard for shard in row.shards if shard.blocked]
    backlog = sum(shard.backlog for shard in row.shards)
    ages = [shard.iterator_age_ms for shard in row.shards if shard.iterator_age_ms is not None]
    state = "paused" if row.paused else ("blocked" if blocked else ("busy" if backlog else "idle"))
    facts = (
        ("kind", "stream"),
        ("logical id", row.logical_id),
        ("shards", str(len(row.shards))),
        ("backlog", str(backlog)),
        ("iterator age", millis(max(ages, default=None))),
        ("read by", row.consumer or "no function"),
    )
    note = f"{len(blocked)} of {len(row.shards)} shards blocked" if blocked else f"{len(row.shards)} shards"
    return SourceItem(
        f"stream {row.name}",
        "stream",
        row.name,
        row.name,
        state,
        row.consumer,
        facts,
        backlog,
        None,
        max(ages) / 1000 if ages else None,
        note,
        "err" if blocked else "dim",
        None,
        row.paused,
        (row.mapping or row.name) if row.consumer else None,
    )


def _shard(stream: StreamRow, shard: ShardRow) -> SourceItem:
    state = "blocked" if shard.blocked else ("busy" if shard.backlog else "idle")
    facts = (
        ("stream", stream.name),
        ("shard", shard.id),
        ("backlog", str(shard.backlog)),
        ("iterator age", millis(shard.iterator_age_ms)),
        ("failed tries", str(shard.attempts)),
    )
    age_s = shard.iterator_age_ms / 1000 if shard.iterator_age_ms is not None else None
    note = f"{shard.attempts} failed tries: {clean(shard.error or '')}" if shard.attempts else ""
    return SourceItem(
        f"shard {stream.name} {shard.id}",
        "stream",
        stream.name,
        "  " + _short_shard(shard.id),
        state,
        stream.consumer,
        facts,
        shard.backlog,
        None,
        age_s,
        note,
        "err",
        None,
        stream.paused,
        (stream.mapping or stream.name) if stream.consumer else None,
        False,
        shard.error,
    )


def _short_shard(shard: str) -> str:
    number = shard.removeprefix("shardId-")
    return f"shard {int(number)}" if number.isdecimal() else shard


def _schedule(row: ScheduleRow) -> SourceItem:
    facts = (
        ("kind", "schedule"),
        ("expression", row.expression),
        ("next run", local_time(row.next_at)),
        ("last run", local_time(row.last_at)),
        ("runs", row.function),
    )
    return SourceItem(
        f"schedule {row.id}",
        "schedule",
        row.id,
        row.id,
        "paused" if row.paused else "idle",
        row.function,
        facts,
        note=row.expression,
        next_at=None if row.paused else row.next_at,
        paused=row.paused,
        pause_id=row.id,
    )


def _route(row: RouteRow) -> SourceItem:
    facts = (
        ("kind", f"route of {row.api}"),
        ("method", row.method),
        ("path", row.path),
        ("requests", str(row.requests)),
        ("errors", str(row.errors)),
        ("runs", row.function),
    )
    note = f"{compact(row.requests)} requests" if row.requests else ""
    if row.errors:
        note += f", {compact(row.errors)} errors"
    return SourceItem(
        f"route {row.id}",
        "route",
        f"{row.method} {row.path}",
        f"{row.method} {row.path}",
        "idle",
        row.function,
        facts,
        note=note,
        note_tag="err" if row.errors else "dim",
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
        "name": ((clean(item.shown), "dim" if item.key.startswith("shard") else ""),),
        "kind": ((item.kind if not item.key.startswith("shard") else "shard", "dim"),),
        "state": ((f"{glyph} {item.state}", tag),),
        "waiting": ((compact(item.waiting), "dlq" if item.note_tag == "dlq" else ""),) if item.waiting else NOTHING,
        "flight": ((compact(item.in_flight), ""),) if item.in_flight else NOTHING,
        "age": age_cell,
        "function": ((clean(item.function), ""),) if item.function else UNMEASURED,
        "note": ((clean(item.note), item.note_tag),),
    }
    sort = {
        "name": item.name,
        "kind": item.kind,
        "state": item.state,
        "waiting": item.waiting,
        "flight": item.in_flight,
        "age": item.age_s,
        "function": item.function,
    }
    return Row(item.key, cells, sort, f"{item.name} {item.kind} {item.state} {item.function} {item.note}")

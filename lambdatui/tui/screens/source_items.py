"""Queues, shards, schedules, push triggers and routes as the Sources page knows them. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from lambdatui.schema import MappingRow, PushRow, QueueRow, RouteRow, ScheduleRow, ShardRow, Sources, StreamRow
from lambdatui.tui.text import clean, compact, local_time, millis, plural, seconds, span


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
    name_tag: str = ""
    next_at: str | None = None
    paused: bool = False
    pause_id: str | None = None
    fifo: bool = False
    error: str | None = None
    queue: str | None = None  # where a push goes that goes to no function
    command: str = ""  # what a person types to try it

    @property
    def target(self) -> str | None:
        """What it makes run, or where it goes."""
        return self.function or self.queue


def items_of(sources: Sources) -> list[SourceItem]:
    """Everything in the order: queues, streams with their shards, schedules, push triggers, routes."""
    out = [_queue(row) for row in sources.queues]
    for stream in sources.streams:
        out.append(_stream(stream))
        out += [_shard(stream, shard) for shard in stream.shards]
    out += [_schedule(row) for row in sources.schedules]
    queues = {row.name for row in sources.queues}
    out += [_push(row, row.target in queues) for row in sources.pushes]
    out += [_route(row) for row in sources.routes]
    return out


def _queue(row: QueueRow) -> SourceItem:
    note = "dead letters" if row.dlq else (f"→ {row.redrive} after {row.max_receive_count}" if row.redrive else "")
    if row.filtered:
        note = f"{compact(row.filtered)} filtered out"
    state = "paused" if row.paused else ("busy" if row.in_flight else "idle")
    facts = (
        ("kind", "FIFO queue" if row.fifo else "queue"),
        ("logical id", row.logical_id),
        ("visible", str(row.visible)),
        ("in flight", str(row.in_flight)),
        ("delayed", str(row.delayed)),
        ("oldest", seconds(row.oldest_s)),
        ("redrive", f"{row.redrive} after {row.max_receive_count} receives" if row.redrive else "none"),
        *(fact for mapping in row.mappings for fact in mapping_facts(mapping)),
        *(() if row.mappings else (("read by", row.consumer or "no function"),)),
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
        paused=row.paused,
        pause_id=(row.mapping or row.name) if row.consumer else None,
        fifo=row.fifo,
    )


def mapping_facts(row: MappingRow) -> tuple[tuple[str, str], ...]:
    """An event source mapping: whom it calls, what shapes its batches, and what came of its events."""
    batch = f"{row.batch_size}" + (f", or after {row.batching_window:g} s" if row.batching_window else "")
    retries = "until they expire" if row.maximum_retry_attempts < 0 else plural(row.maximum_retry_attempts, "retry")
    of_stream = (
        ("from", row.starting_position or ""),
        ("at once", f"{row.parallelization_factor} batches a shard" if row.parallelization_factor > 1 else ""),
        ("window", f"tumbling, {span(row.tumbling_window)}" if row.tumbling_window else ""),
        ("retries", retries + (", each half alone" if row.bisect_on_error else "")),
        ("record age", f"{span(row.maximum_record_age)} at most" if row.maximum_record_age >= 0 else ""),
        ("on failure", row.on_failure or ""),
    )
    most = row.maximum_concurrency
    counted = [
        (row.polled, "read"),
        (row.filtered, "filtered out"),
        (row.invoked, "sent"),
        (row.failed, "failed"),
        (row.dropped, "given up"),
    ]
    facts = (
        ("read by", f"{row.function}:{row.qualifier}" if row.qualifier else row.function),
        ("mapping", f"{row.state}  {row.uuid[:8]}"),
        ("batch", batch),
        ("failures", "reported item by item" if row.report_batch_item_failures else ""),
        ("at once", f"{most} batches at most" if most is not None else ""),
        *(of_stream if row.starting_position else ()),
        *(("filter", pattern) for pattern in row.filters),
        ("events", ", ".join(f"{compact(number)} {what}" for number, what in counted if number)),
    )
    return tuple(fact for fact in facts if fact[1])


def _stream(row: StreamRow) -> SourceItem:
    blocked = [shard for shard in row.shards if shard.blocked]
    backlog = sum(shard.backlog for shard in row.shards)
    ages = [shard.iterator_age_ms for shard in row.shards if shard.iterator_age_ms is not None]
    state = "paused" if row.paused else ("blocked" if blocked else ("busy" if backlog else "idle"))
    closed = sum(shard.closed for shard in row.shards)
    shards = plural(len(row.shards), "shard") + (f", {closed} closed" if closed else "")
    facts = (
        ("kind", "stream"),
        ("logical id", row.logical_id),
        ("shards", shards.replace(" shards", "", 1).replace(" shard", "", 1)),
        ("backlog", str(backlog)),
        ("iterator age", millis(max(ages, default=None))),
        *(mapping_facts(row.settings) if row.settings else (("read by", row.consumer or "no function"),)),
    )
    note = f"{len(blocked)} of {plural(len(row.shards), 'shard')} blocked" if blocked else shards
    return SourceItem(
        f"stream {row.name} {row.mapping or row.consumer or ''}".rstrip(),
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
        paused=row.paused,
        pause_id=(row.mapping or row.name) if row.consumer else None,
    )


def _shard(stream: StreamRow, shard: ShardRow) -> SourceItem:
    calm = "busy" if shard.backlog else ("closed" if shard.closed else "idle")
    state = "blocked" if shard.blocked else calm
    facts = (
        ("stream", stream.name),
        ("shard", shard.id + (", closed: no record comes to it any more" if shard.closed else "")),
        ("backlog", str(shard.backlog)),
        ("iterator age", millis(shard.iterator_age_ms)),
        ("failed tries", str(shard.attempts)),
    )
    age_s = shard.iterator_age_ms / 1000 if shard.iterator_age_ms is not None else None
    note = f"{shard.attempts} failed tries: {clean(shard.error or '')}" if shard.attempts else ""
    return SourceItem(
        f"shard {stream.name} {shard.id} {stream.mapping or stream.consumer or ''}".rstrip(),
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
        paused=stream.paused,
        pause_id=(stream.mapping or stream.name) if stream.consumer else None,
        error=shard.error,
        name_tag="faint" if shard.closed else "dim",
    )


def _short_shard(shard: str) -> str:
    number = shard.removeprefix("shardId-")
    return f"shard {int(number)}" if number.isdecimal() else shard


def _schedule(row: ScheduleRow) -> SourceItem:
    facts = (
        ("kind", "schedule of EventBridge Scheduler" if row.scheduler else "schedule"),
        ("expression", row.expression),
        ("time zone", row.timezone or "UTC"),
        ("next run", local_time(row.next_at)),
        ("last run", local_time(row.last_at)),
        ("runs", row.function + (f":{row.qualifier}" if row.qualifier else "")),
    )
    return SourceItem(
        f"schedule {row.id}",
        "schedule",
        row.id,
        row.id,
        "paused" if row.paused else "idle",
        row.function,
        facts,
        note=f"{row.expression} {row.timezone or ''}".rstrip(),
        next_at=None if row.paused else row.next_at,
        paused=row.paused,
        pause_id=row.id,
    )


def _push(row: PushRow, to_queue: bool) -> SourceItem:
    facts = (
        ("kind", {"bucket": "bucket notification", "topic": "topic subscription"}.get(row.kind, "event rule")),
        (row.kind if row.kind != "rule" else "event bus", row.source),
        ("which", row.detail or "every one"),
        ("delivered", str(row.delivered)),
        ("filtered out", str(row.filtered)),
        ("last", local_time(row.last_at)),
        ("goes to", row.target),
    )
    counted = [(row.delivered, "delivered"), (row.filtered, "filtered out")]
    note = ", ".join(f"{compact(number)} {what}" for number, what in counted if number) or row.detail
    return SourceItem(
        f"{row.kind} {row.id} {row.target}",
        row.kind,
        row.source,
        row.source,
        "idle",
        None if to_queue else row.target,
        facts,
        note=note,
        queue=row.target if to_queue else None,
    )


def _route(row: RouteRow) -> SourceItem:
    facts = (
        ("kind", f"route of {row.api_id or row.api} ({row.api})"),
        ("method", row.method),
        ("path", row.path),
        ("address", row.url),
        ("stage", row.stage),
        ("authorizer", row.authorizer or "none"),
        ("requests", str(row.requests)),
        ("errors", str(row.errors)),
        ("last status", "" if row.last_status is None else str(row.last_status)),
        ("runs", row.function),
    )
    name = "function URL" if row.api == "url" else f"{row.method} {row.path}"
    parts = [f"→ {row.last_status}"] if row.last_status is not None else []
    parts += [plural(row.requests, "request")] if row.requests else []
    parts += [plural(row.errors, "error")] if row.errors else []
    return SourceItem(
        f"route {row.id}",
        "route",
        name,
        name,
        "idle",
        row.function,
        tuple(fact for fact in facts if fact[1]),
        note=" · ".join(parts),
        note_tag="err" if row.errors else "dim",
        command=curl(row.method, row.url),
    )


def curl(method: str, url: str) -> str:
    """The command that calls a route; its path parameters stand in it as they are declared, for a person to fill in."""
    words = ["curl", "-i"]
    if method not in ("GET", "ANY"):
        words += ["-X", method]
    if method in ("POST", "PUT", "PATCH"):
        words += ["-H", "Content-Type: application/json", "-d", "{}"]
    # -g: else curl itself would read the braces
    return shlex.join([*words, *(["-g"] if "{" in url else []), url]) if url else ""

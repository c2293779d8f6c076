"""Every source as the screen shows it. Reads only; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lambdatui import schema
from lambdatui.clock import MICROS
from lambdatui.config.addresses import route_rows
from lambdatui.config.mapping_rows import mapping_row
from lambdatui.config.model import QueueConfig, QueueMapping, ScheduleConfig, StreamMapping
from lambdatui.sources.catalog import Catalog
from lambdatui.sources.ports import Engine
from lambdatui.sources.queue_source import QueueSource
from lambdatui.sources.schedule_source import ScheduleSource
from lambdatui.sources.stream_source import StreamSource

AnySource = QueueSource | StreamSource | ScheduleSource


class Traffic:
    """The requests that one route answered."""

    __slots__ = ("errors", "last_status", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.last_status: int | None = None

    def count(self, status: int) -> None:
        """One answer; 5xx are errors."""
        self.requests += 1
        self.errors += status >= 500
        self.last_status = status


def rows(
    engine: Engine,
    catalog: Catalog,
    sources: Mapping[str, AnySource],
    traffic: Mapping[str, Traffic],
    http_url: str,
) -> schema.Sources:
    """All rows; `sources` by mapping uuid or schedule id, `traffic` by route."""
    project = catalog.project
    return schema.Sources(
        queues=_queues(engine, catalog, sources),
        streams=_streams(engine, catalog, sources),
        schedules=[_schedule(sources.get(config.id), config) for config in project.schedules],
        routes=[_route(row, traffic.get(row.id)) for row in route_rows(project, http_url)],
    )


def _route(row: schema.RouteRow, traffic: Traffic | None) -> schema.RouteRow:
    if traffic is None:
        return row
    return msgspec.structs.replace(
        row, requests=traffic.requests, errors=traffic.errors, last_status=traffic.last_status
    )


def mapping_state(source: AnySource | None) -> str | None:
    """Enabled, Disabling while batches of a disabled mapping run, or Disabled; None where nothing of it is here."""
    if source is None or isinstance(source, ScheduleSource):
        return None
    if not source.paused:
        return "Enabled"
    return "Disabling" if source.busy else "Disabled"


def _mapping(engine: Engine, mapping: QueueMapping | StreamMapping, source: AnySource | None) -> schema.MappingRow:
    """A mapping to a function that cannot be served has no source: it does not poll."""
    counts = engine.telemetry.metrics.of_mapping(mapping.function, mapping.uuid)
    return mapping_row(mapping, mapping_state(source) or "Disabled", counts)


def _queues(engine: Engine, catalog: Catalog, sources: Mapping[str, AnySource]) -> list[schema.QueueRow]:
    mappings: dict[str, list[QueueMapping]] = {}
    for mapping, queue in catalog.queue_mappings():
        mappings.setdefault(queue.name, []).append(mapping)
    dead = set(catalog.dlq_names())
    found = []
    for queue in catalog.project.queues:
        own = mappings.get(queue.name, [])
        first = own[0] if own else None
        source = sources.get(first.uuid) if first else None
        paused = first is not None and (source is None or source.paused)
        row = _queue(engine, queue, first, paused=paused, dlq=queue.name in dead)
        settings = [_mapping(engine, each, sources.get(each.uuid)) for each in own]
        filtered = sum(each.filtered for each in settings)
        found.append(msgspec.structs.replace(row, filtered=filtered, mappings=settings))
    return found


def _queue(
    engine: Engine, queue: QueueConfig, consumer: QueueMapping | None, *, paused: bool, dlq: bool
) -> schema.QueueRow:
    depth = engine.store.queues.depth(queue.name)
    oldest = depth.oldest_us
    return schema.QueueRow(
        name=queue.name,
        logical_id=queue.logical_id,
        fifo=queue.fifo,
        visible=depth.visible,
        in_flight=depth.in_flight,
        delayed=depth.delayed,
        oldest_s=None if oldest is None else max(engine.clock.now_us() - oldest, 0) / MICROS,
        redrive=queue.redrive_queue,
        max_receive_count=queue.max_receive_count,
        dlq=dlq,
        consumer=consumer.function if consumer else None,
        paused=paused,
        mapping=consumer.uuid if consumer else None,
    )


def _streams(engine: Engine, catalog: Catalog, sources: Mapping[str, AnySource]) -> list[schema.StreamRow]:
    """One row for each consumer; a stream without one has a row of its own."""
    found = []
    readers: dict[str, list[StreamSource]] = {}
    for source in sources.values():
        if isinstance(source, StreamSource):
            readers.setdefault(source.stream.name, []).append(source)
    for stream in catalog.project.streams:
        consumers = [
            msgspec.structs.replace(reader.snapshot(), settings=_mapping(engine, reader.mapping, reader))
            for reader in readers.get(stream.name, ())
        ]
        state = engine.store.streams.state(stream.name)
        shards = [schema.ShardRow(id=shard.id, closed=not shard.open) for shard in (state.shards if state else ())]
        found += consumers or [schema.StreamRow(name=stream.name, logical_id=stream.logical_id, shards=shards)]
    return found


def _schedule(source: AnySource | None, config: ScheduleConfig) -> schema.ScheduleRow:
    if isinstance(source, ScheduleSource):
        return source.snapshot()
    return schema.ScheduleRow(
        id=config.id,
        function=config.function,
        expression=config.expression,
        next_at=None,
        paused=True,
        timezone=config.timezone,
        qualifier=config.qualifier,
        scheduler=config.scheduler,
    )

"""All sources of one engine: pollers and schedules, what they are called, and what a person does with them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence

import msgspec

from lambdatui import schema
from lambdatui.clock import MICROS
from lambdatui.config.model import (
    Project,
    QueueConfig,
    QueueMapping,
    ScheduleConfig,
    StreamConfig,
    StreamMapping,
)
from lambdatui.errors import NotFound, StoreError, UsageError
from lambdatui.sources import overview
from lambdatui.sources.catalog import Catalog
from lambdatui.sources.destinations import Destinations
from lambdatui.sources.moves import Mover
from lambdatui.sources.ports import Engine
from lambdatui.sources.push import Pusher, publication
from lambdatui.sources.queue_source import QueueSource
from lambdatui.sources.replay import Replayer
from lambdatui.sources.schedule_source import ScheduleSource, understood
from lambdatui.sources.source import Loop, Source, finish
from lambdatui.sources.stream_source import StreamSource
from lambdatui.sources.timer import SystemTimer, Timer
from lambdatui.store.records import NewMessage, Record

TRIM_EVERY_S = 60.0
# A blocked batch is given up when its records reach the stream's retention; only then may they go.
TRIM_MARGIN_S = 60.0

AnySource = overview.AnySource
AnyConfig = QueueMapping | StreamMapping | ScheduleConfig


class SourceManager:
    """Starts, stops, reconfigures and describes the sources; sends to them; replays and purges dead letters."""

    def __init__(
        self, engine: Engine, *, paused_all: bool = False, timer: Timer | None = None, http_url: str = ""
    ) -> None:
        """`paused_all`: nothing polls or fires until it is resumed (one-shot engines). `http_url` is for the rows."""
        self._engine = engine
        self._paused_all = paused_all
        self._timer = timer or SystemTimer(engine.clock)
        self._catalog = Catalog(engine.project)
        self._sources: dict[str, AnySource] = {}
        self._retiring: dict[str, asyncio.Task[None]] = {}
        self._paused: dict[str, bool] = {}  # what a person said, over what the template says
        self._traffic: dict[str, overview.Traffic] = {}  # by route
        self._http_url = http_url
        self.pushes = Pusher(engine, lambda: self._catalog)
        self.destinations = Destinations(engine, lambda: self._catalog, self.pushes)
        self._replayer = Replayer(engine, lambda: self._catalog)
        self._trimmer = _Trimmer(engine, self._timer)
        self._mover = Mover(engine, self._timer)
        self._started = False

    async def start(self) -> None:
        """Pollers and schedules begin, from `engine.project`, and follow its reloads."""
        self._started = True
        self._engine.store.queues.add_listener(self._queue_changed)
        self._engine.store.streams.add_listener(self._stream_changed)
        self._engine.on_project(self.configure)
        self._engine.deliver = self.destinations.deliver
        await self.configure(self._engine.project)
        if not self._paused_all:
            self._trimmer.start()
            self._mover.start()

    async def stop(self, grace: float | None = None) -> None:
        """Takes nothing new at once; waits up to `grace` seconds (None: as long as it takes) for batches in flight."""
        self._started = False
        stops = [source.stop(grace) for source in (*self._sources.values(), self._trimmer, self._mover)]
        await asyncio.gather(*stops, finish(set(self._retiring.values()), grace))
        self._sources.clear()

    async def configure(self, project: Project) -> None:
        """Takes over a reloaded configuration; sources that did not change go on undisturbed."""
        self._catalog = Catalog(project)
        for stream in project.streams:
            await self._open(stream)
        wanted = self._wanted(project)
        for key, source in list(self._sources.items()):
            if key not in wanted or not _fits(source, wanted[key]):
                del self._sources[key]
                self._retire(key, source)
        for key, config in wanted.items():
            if key not in self._sources:
                self._create(key, config)
            await self._update(key, self._sources[key], config)

    async def _open(self, stream: StreamConfig) -> None:
        """Brings the stream's shards to what the project says. A disk that refuses keeps it as it is."""
        try:
            await self._engine.store.streams.open(stream)
        except StoreError as error:
            self._engine.telemetry.say("notice", None, f"{stream.name}: its shards could not be made ready: {error}")

    def retry_now(self, function: str) -> None:
        """Its code changed: blocked shards and throttled batches are tried at once, without their back-off."""
        for source in self._sources.values():
            if not isinstance(source, ScheduleSource) and source.mapping.function == function:
                source.retry_now()

    def snapshot(self) -> schema.Sources:
        """Every queue, stream, schedule, route and push trigger as the screen shows it."""
        found = overview.rows(self._engine, self._catalog, self._sources, self._traffic, self._http_url)
        return msgspec.structs.replace(found, pushes=self.pushes.rows())

    async def pause(self, id: str) -> None:
        """By mapping uuid, schedule id, or queue/stream (logical id, name, ARN, URL). Raises NotFound."""
        for key in self._keys(id):
            self._paused[key] = True
            await self._sources[key].pause()

    async def resume(self, id: str) -> None:
        """Undoes `pause`; also starts a mapping or schedule that the template disabled. Raises NotFound."""
        for key in self._keys(id):
            self._paused[key] = False
            await self._sources[key].resume()

    async def set_polling(self, uuid: str, *, on: bool) -> None:
        """A mapping was enabled or disabled on purpose: what a person's pause or resume said before is void."""
        self._paused.pop(uuid, None)
        source = self._sources.get(uuid)
        if source is not None and source.paused is on:
            await (source.resume() if on else source.pause())

    def mapping_state(self, uuid: str) -> str | None:
        """Enabled, Disabling while batches of a disabled mapping run, or Disabled; None where nothing of it is here."""
        return overview.mapping_state(self._sources.get(uuid))

    def last_result(self, uuid: str) -> str | None:
        """What came of a stream mapping's last batch, in AWS's words; None before the first."""
        source = self._sources.get(uuid)
        return source.last_result if isinstance(source, StreamSource) else None

    def queue(self, name: str) -> QueueConfig:
        """By logical id, name, ARN or queue URL. Raises NotFound, naming the nearest."""
        return self._catalog.queue(name)

    def stream(self, name: str) -> StreamConfig:
        """By logical id, name or ARN. Raises NotFound, naming the nearest."""
        return self._catalog.stream(name)

    def queue_or_stream(self, name: str) -> QueueConfig | StreamConfig:
        """The queue, or else the stream, of that name. Raises NotFound, naming the nearest of both."""
        return self._catalog.source(name)

    async def send(self, source: str, messages: list[NewMessage], partition_key: str | None = None) -> list[str]:
        """Puts messages on a queue or a topic or records on a stream; message ids or sequence numbers, in order.

        A record's partition key is `partition_key`, else the message's group id, else a new one for each.
        """
        topic = self._catalog.topic(source)
        if topic is not None:
            told = [publication(topic, message) for message in messages]
            await self.pushes.publish(told)
            return [each.id for each in told]
        target = self._catalog.source(source)
        if isinstance(target, StreamConfig):
            if target.table is not None:
                raise UsageError(f"{target.name} holds the changes of table {target.table}: write to the table.")
            keys = [partition_key or message.group_id or str(uuid.uuid4()) for message in messages]
            rows = [(key, message.body.encode(), None) for key, message in zip(keys, messages, strict=True)]
            return [record.seq for record in await self._engine.store.streams.put(target, rows)]
        if target.fifo and any(message.group_id is None for message in messages):
            raise UsageError(f"{target.name} is a FIFO queue: give a message group (--group-id).")
        needs_id = target.fifo and not target.content_based_deduplication
        if needs_id and any(message.dedup_id is None for message in messages):
            raise UsageError(f"{target.name} has no content-based deduplication: give a deduplication id (--dedup-id).")
        return [message.id for message in await self._engine.store.queues.send(target, messages)]

    def dlq_names(self) -> list[str]:
        """Queues that are a function's dead-letter queue, a redrive target or an OnFailure destination."""
        return self._catalog.dlq_names()

    async def replay_entry(self, id: str, event: bytes | None = None) -> schema.ReplayResult:
        """One attempt, straight at the consumer; `event` (edited text of the entry) instead of the stored one."""
        return await self._replayer.entry(id, event)

    async def replay_invocation(self, request_id: str, event: bytes | None = None) -> schema.ReplayResult:
        """Invokes again with the stored event (or `event`). Raises NotFound for an unknown request id."""
        return await self._replayer.invocation(request_id, event)

    async def purge(self, ids: list[str]) -> int:
        """Deletes dead-letter entries; how many there were."""
        return sum([await self._engine.store.queues.purge(name, ids) for name in self.dlq_names()])

    def route_served(self, id: str, status: int) -> None:
        """Counts one answered HTTP request for the route's row (the HTTP front calls it)."""
        self._traffic.setdefault(id, overview.Traffic()).count(status)

    # what runs

    def _wanted(self, project: Project) -> dict[str, AnyConfig]:
        """What the project has running, by mapping uuid or schedule id. A mapping to a function that cannot be served
        does not poll: its messages would only burn their receives."""
        configs: list[tuple[str, AnyConfig]] = [
            (mapping.uuid, mapping) for mapping, _ in self._catalog.queue_mappings()
        ]
        configs += [(mapping.uuid, mapping) for mapping, _ in self._catalog.stream_mappings()]
        configs += [(schedule.id, schedule) for schedule in project.schedules if understood(schedule.expression)]
        return {key: config for key, config in configs if self._catalog.runnable(config.function)}

    def _create(self, key: str, config: AnyConfig) -> None:
        paused = self._paused_all or not config.enabled
        project = self._catalog.project
        source: AnySource
        if isinstance(config, QueueMapping):
            source = QueueSource(self._engine, self._timer, self._catalog, config, self.queue(config.queue), paused)
        elif isinstance(config, StreamMapping):
            source = StreamSource(self._engine, self._timer, project, config, self.stream(config.stream), paused)
        else:
            source = ScheduleSource(self._engine, self._timer, project, config, paused=paused)
        self._sources[key] = source
        if self._started:
            self._begin(key, source)

    def _begin(self, key: str, source: Source) -> None:
        """At once, or when a predecessor's last batch is done: two readers of one shard would break its order."""
        predecessor = self._retiring.get(key)
        if predecessor is None:
            source.start()
        else:
            predecessor.add_done_callback(lambda _: source.start() if self._sources.get(key) is source else None)

    async def _update(self, key: str, source: AnySource, config: AnyConfig) -> None:
        project = self._catalog.project
        was_enabled = _config(source).enabled
        if isinstance(source, QueueSource) and isinstance(config, QueueMapping):
            source.update(self._catalog, config, self.queue(config.queue))
        elif isinstance(source, StreamSource) and isinstance(config, StreamMapping):
            source.update(project, config, self.stream(config.stream))
        elif isinstance(source, ScheduleSource) and isinstance(config, ScheduleConfig):
            source.update(project, config)
        if was_enabled != config.enabled:
            self._paused.pop(key, None)
        paused = self._paused.get(key, self._paused_all or not config.enabled)
        if paused != source.paused:
            await (source.pause() if paused else source.resume())

    def _retire(self, key: str, source: Source) -> None:
        """Ends a source that the project no longer has, when its batch in flight is done."""
        task = asyncio.create_task(source.stop(), name=f"retire {key}")
        self._retiring[key] = task
        task.add_done_callback(lambda done: self._retiring.pop(key) if self._retiring.get(key) is done else None)

    def _keys(self, id: str) -> list[str]:
        """Keys of the running sources that `id` means. Raises NotFound."""
        if id in self._sources:
            return [id]
        name = ""
        with contextlib.suppress(NotFound):
            name = self._catalog.source(id).name
        keys = [key for key, source in self._sources.items() if _reads(source) == name]
        if not keys:
            known = [schedule.id for schedule in self._catalog.project.schedules] + [
                reads for source in self._sources.values() if (reads := _reads(source))
            ]
            listed = f" Sources: {', '.join(dict.fromkeys(known))}." if known else " This project has no sources."
            raise NotFound(f"No source called {id} is consumed here.{listed}")
        return keys

    def _queue_changed(self, name: str) -> None:
        for source in self._sources.values():
            if isinstance(source, QueueSource) and source.queue.name == name:
                source.wake()

    def _stream_changed(self, name: str, records: Sequence[Record]) -> None:
        for source in self._sources.values():
            if isinstance(source, StreamSource) and source.stream.name == name:
                source.arrived(records)


class _Trimmer(Loop):
    """Drops records that are past their stream's retention."""

    def __init__(self, engine: Engine, timer: Timer) -> None:
        super().__init__(engine, timer, label="stream retention")

    async def round(self) -> int | None:
        now = self.engine.clock.now_us()
        for stream in self.engine.project.streams:
            kept_s = stream.retention_hours * 3600 + TRIM_MARGIN_S
            await self.engine.store.streams.trim(stream.name, now - round(kept_s * MICROS))
        return now + round(TRIM_EVERY_S * MICROS)


def _config(source: AnySource) -> AnyConfig:
    return source.config if isinstance(source, ScheduleSource) else source.mapping


def _reads(source: AnySource) -> str | None:
    if isinstance(source, QueueSource):
        return source.queue.name
    return source.stream.name if isinstance(source, StreamSource) else None


def _fits(source: AnySource, config: AnyConfig) -> bool:
    """Whether a running source can go on under this configuration, perhaps changed."""
    if isinstance(config, QueueMapping):
        return isinstance(source, QueueSource) and source.queue.name == config.queue
    if isinstance(config, StreamMapping):
        return isinstance(source, StreamSource) and source.stream.name == config.stream
    return isinstance(source, ScheduleSource)

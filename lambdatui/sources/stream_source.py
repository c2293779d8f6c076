"""A stream's event source mapping: a reader for each shard, started, stopped and shown as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lambdatui import schema
from lambdatui.config.model import Project, StreamConfig, StreamMapping
from lambdatui.sources.lane_reader import Activity
from lambdatui.sources.ports import Engine
from lambdatui.sources.shard_reader import ShardReader
from lambdatui.sources.stream_rules import ready
from lambdatui.sources.stream_settings import settings_of
from lambdatui.sources.timer import Timer
from lambdatui.store.records import Record
from lambdatui.store.shards import Shard


class StreamSource:
    """One mapping from a stream to a function: a reader for each shard that is not done with, parents first."""

    def __init__(
        self, engine: Engine, timer: Timer, project: Project, mapping: StreamMapping, stream: StreamConfig, paused: bool
    ) -> None:
        self._engine = engine
        self._timer = timer
        self.paused = paused
        self._started = False
        self._readers: dict[str, ShardReader] = {}
        self._drained: set[str] = set()
        self._epoch: int | None = None
        self._activity = Activity()
        self.update(project, mapping, stream)

    def update(self, project: Project, mapping: StreamMapping, stream: StreamConfig) -> None:
        """Takes over changed settings from the next batch on."""
        self.mapping = mapping
        self.stream = stream
        self._settings = settings_of(project, mapping, stream)
        for reader in self._readers.values():
            reader.update(self._settings)
        self.wake()

    def start(self) -> None:
        self._started = True
        for reader in self._readers.values():
            reader.start()

    async def stop(self, grace: float | None = None) -> None:
        self._started = False
        await asyncio.gather(*(reader.stop(grace) for reader in self._readers.values()))

    async def pause(self) -> None:
        self.paused = True
        for reader in list(self._readers.values()):
            await reader.pause()

    async def resume(self) -> None:
        self.paused = False
        for reader in list(self._readers.values()):
            await reader.resume()

    @property
    def busy(self) -> bool:
        """Whether batches run."""
        return self._activity.in_flight > 0

    @property
    def last_result(self) -> str | None:
        """What came of the last batch, in AWS's words; None before the first."""
        return self._activity.last_result

    def wake(self) -> None:
        """There may be other shards than before, or other settings."""
        state = self._engine.store.streams.state(self.stream.name)
        if state is not None and state.epoch != self._epoch:
            self._epoch = state.epoch
            self._read_ready()
        for reader in self._readers.values():
            reader.wake()

    def arrived(self, records: Sequence[Record]) -> None:
        """These records were put; none: shards changed. Only what they concern is woken: most of what a stream costs
        while it trickles is waking lanes that find nothing."""
        state = self._engine.store.streams.state(self.stream.name)
        if not records or state is None or state.epoch != self._epoch:
            self.wake()
            return
        by_shard: dict[str, list[str]] = {}
        for record in records:
            by_shard.setdefault(record.shard, []).append(record.partition_key)
        for shard, keys in by_shard.items():
            reader = self._readers.get(shard)
            if reader is not None:
                reader.arrived(keys)

    def retry_now(self) -> None:
        for reader in self._readers.values():
            reader.retry_now()

    def snapshot(self) -> schema.StreamRow:
        return schema.StreamRow(
            name=self.stream.name,
            logical_id=self.stream.logical_id,
            consumer=self.mapping.function,
            paused=self.paused,
            mapping=self.mapping.uuid,
            shards=[self._row(shard) for shard in self._shards],
        )

    @property
    def _shards(self) -> tuple[Shard, ...]:
        state = self._engine.store.streams.state(self.stream.name)
        return state.shards if state else ()

    def _row(self, shard: Shard) -> schema.ShardRow:
        reader = self._readers.get(shard.id)
        if reader is not None:
            return reader.snapshot(closed=not shard.open)
        waiting = shard.id not in self._drained
        backlog = self._engine.store.streams.backlog(self.stream.name, shard.id, "") if waiting else 0
        return schema.ShardRow(id=shard.id, closed=not shard.open, backlog=backlog)

    def _read_ready(self) -> None:
        """A reader for each shard that may be read now."""
        for shard in ready(self._shards, self._drained):
            if shard in self._readers:
                continue
            reader = ShardReader(
                self._engine,
                self._timer,
                self._settings,
                shard,
                self._activity,
                paused=self.paused,
                drained=self._shard_drained,
            )
            self._readers[shard] = reader
            if self._started:
                reader.start()

    def _shard_drained(self, shard: str) -> None:
        self._drained.add(shard)
        del self._readers[shard]
        self._read_ready()

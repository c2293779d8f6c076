"""A stream's event source mapping: a reader for each shard, started, stopped and shown as one."""

from __future__ import annotations

import asyncio

from lambdatui import schema
from lambdatui.config.model import Project, StreamConfig, StreamMapping
from lambdatui.sources.ports import Engine
from lambdatui.sources.shard_reader import Settings, ShardReader
from lambdatui.sources.timer import Timer


class StreamSource:
    """One mapping from a stream to a function: a reader for each shard."""

    def __init__(
        self, engine: Engine, timer: Timer, project: Project, mapping: StreamMapping, stream: StreamConfig, paused: bool
    ) -> None:
        self._engine = engine
        self._timer = timer
        self.paused = paused
        self._started = False
        self._readers: dict[str, ShardReader] = {}
        self.update(project, mapping, stream)

    def update(self, project: Project, mapping: StreamMapping, stream: StreamConfig) -> None:
        """Takes over changed settings from the next batch on. Shards that a smaller number leaves go on being read:
        they may hold records."""
        self.mapping = mapping
        self.stream = stream
        settings = Settings(project=project, mapping=mapping, stream=stream)
        for reader in self._readers.values():
            reader.settings = settings
            reader.wake()
        for shard in shard_ids(stream):
            if shard not in self._readers:
                self._readers[shard] = ShardReader(self._engine, self._timer, settings, shard, paused=self.paused)
                if self._started:
                    self._readers[shard].start()

    def start(self) -> None:
        self._started = True
        for reader in self._readers.values():
            reader.start()

    async def stop(self, grace: float | None = None) -> None:
        await asyncio.gather(*(reader.stop(grace) for reader in self._readers.values()))

    async def pause(self) -> None:
        self.paused = True
        for reader in self._readers.values():
            await reader.pause()

    async def resume(self) -> None:
        self.paused = False
        for reader in self._readers.values():
            await reader.resume()

    def wake(self) -> None:
        for reader in self._readers.values():
            reader.wake()

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
            shards=[reader.snapshot() for reader in self._readers.values()],
        )


def shard_ids(stream: StreamConfig) -> list[str]:
    """`shardId-000000000000` and so on."""
    return [f"shardId-{number:012d}" for number in range(stream.shards)]

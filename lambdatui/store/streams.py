"""Streams with Kinesis semantics, and how far each mapping has come in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lambdatui.config.model import StreamConfig
from lambdatui.store.records import Checkpoint, NewMessage, Record


class StreamStore:
    """All streams of the project."""

    def add_listener(self, listener: Callable[[str], None]) -> None:
        raise NotImplementedError

    async def put(self, stream: StreamConfig, records: Sequence[tuple[str, bytes, int | None]]) -> list[Record]:
        """Append (partition key, data, explicit hash key or None)."""
        raise NotImplementedError

    async def read(self, stream_name: str, shard: str, after_seq: str, limit: int) -> list[Record]:
        raise NotImplementedError

    def last_seq(self, stream_name: str, shard: str) -> str:
        raise NotImplementedError

    async def trim(self, stream_name: str, before_us: int) -> int:
        raise NotImplementedError

    def backlog(self, stream_name: str, shard: str, after_seq: str) -> int:
        raise NotImplementedError

    async def checkpoint(self, mapping: str, shard: str) -> Checkpoint | None:
        raise NotImplementedError

    async def save(self, checkpoint: Checkpoint) -> None:
        raise NotImplementedError

    async def save_and_send(self, checkpoint: Checkpoint, queue_name: str, message: NewMessage) -> None:
        raise NotImplementedError

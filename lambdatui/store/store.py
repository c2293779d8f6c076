"""The data directory as one thing: open, start, close. Knows nothing of processes, HTTP or the functions' code."""

from __future__ import annotations

from pathlib import Path

from lambdatui.clock import Clock
from lambdatui.store.code import CodeStore
from lambdatui.store.events import EventStore
from lambdatui.store.history import HistoryStore
from lambdatui.store.overrides import OverrideStore
from lambdatui.store.queues import QueueStore
from lambdatui.store.streams import StreamStore


class Store:
    """Everything durable. Exactly one engine has it open; readers use `store.reader.Reader`."""

    events: EventStore
    queues: QueueStore
    streams: StreamStore
    overrides: OverrideStore
    history: HistoryStore
    code: CodeStore
    data: Path
    fallback: str | None  # a sentence where a store without WAL had to take over
    notices: list[str]  # sentences about what opening found: a history set aside, ...

    @classmethod
    def open(cls, data: Path, clock: Clock) -> Store:
        """Create or migrate the databases under `data`; StoreError with a sentence where that cannot be."""
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        """Write everything that was accepted, then close."""
        raise NotImplementedError

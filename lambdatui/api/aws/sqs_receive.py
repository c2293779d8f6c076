"""Long polling over the queue store: a wait ends when a message becomes visible, by a send or by its time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdatui.config.model import QueueConfig
from lambdatui.store.records import Message

if TYPE_CHECKING:
    from lambdatui.store.queues import QueueStore

CHECK_S = 1.0  # how long a wait may overlook that the engine stops or that a hidden message's time has come


class Receiver:
    """Receives for callers that are not event source mappings."""

    def __init__(self, queues: QueueStore) -> None:
        self._queues = queues
        self._news: dict[str, asyncio.Event] = {}
        queues.add_listener(self._arrived)

    async def receive(
        self, queue: QueueConfig, count: int, visibility_s: float, wait_s: float, stopping: Callable[[], bool]
    ) -> list[Message]:
        """Up to `count` messages; waits up to `wait_s` seconds for the first."""
        deadline = time.monotonic() + wait_s
        while True:
            news = self._news.setdefault(queue.name, asyncio.Event())
            messages = await self._queues.receive(queue, count, visibility_s)
            left = deadline - time.monotonic()
            if messages or left <= 0 or stopping():
                return messages
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, CHECK_S)):
                    await news.wait()

    def _arrived(self, queue_name: str) -> None:
        news = self._news.pop(queue_name, None)
        if news is not None:
            news.set()

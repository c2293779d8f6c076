"""Long polling over the queue store: a wait ends when a message becomes visible, by a send or by its time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lambdatui.clock import MICROS, Clock
from lambdatui.config.model import QueueConfig
from lambdatui.store.records import Message

if TYPE_CHECKING:
    from lambdatui.store.queues import QueueStore

CHECK_S = 1.0  # between two looks into the queue, at the longest
STOP_S = 0.2  # how long a wait may overlook that the engine stops; its server gives calls half a second to end
ATTEMPT_S = 300.0  # how long a ReceiveRequestAttemptId means the same messages
MAX_ATTEMPTS = 500  # remembered at once: each holds up to ten messages


class Receiver:
    """Receives for callers that are not event source mappings."""

    def __init__(self, queues: QueueStore, clock: Clock) -> None:
        self._queues = queues
        self._clock = clock
        self._news: dict[str, asyncio.Event] = {}
        self._attempts: dict[tuple[str, str], tuple[float, list[Message]]] = {}
        queues.add_listener(self._arrived)

    async def receive(
        self,
        queue: QueueConfig,
        count: int,
        visibility_s: float,
        wait_s: float,
        *,
        known: Callable[[str], bool],
        stopping: Callable[[], bool],
        attempt: str | None = None,
    ) -> list[Message]:
        """Up to `count` messages; waits up to `wait_s` seconds for the first. `known`: whether a queue exists.

        `attempt` (FIFO): within 5 minutes the same one gives the same messages and receipts, if nobody touched them.
        """
        again = await self._again(queue.name, attempt, visibility_s)
        if again:
            return again
        deadline = time.monotonic() + wait_s
        while True:
            news = self._news.setdefault(queue.name, asyncio.Event())
            messages = await self._queues.receive(queue, count, visibility_s, known)
            left = deadline - time.monotonic()
            if messages or left <= 0 or stopping():
                if messages and attempt is not None:
                    self._remember(queue.name, attempt, messages)
                return messages
            until = time.monotonic() + min(left, self._next_look(queue.name))
            while not news.is_set() and not stopping() and (left := until - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, STOP_S)):
                        await news.wait()

    def _next_look(self, queue_name: str) -> float:
        """Seconds until a hidden message's time comes; what is visible and yet was not given belongs to a held group,
        whose end is told."""
        visible_us = self._queues.next_visible_us(queue_name)
        ahead = CHECK_S if visible_us is None else (visible_us - self._clock.now_us()) / MICROS
        return min(max(ahead, 0.001), CHECK_S) if ahead > 0 else CHECK_S

    async def _again(self, queue_name: str, attempt: str | None, visibility_s: float) -> list[Message]:
        found = self._attempts.get((queue_name, attempt)) if attempt is not None else None
        if found is None or found[0] < time.monotonic():
            return []
        messages = found[1]
        until_us = await self._queues.take_again(messages, visibility_s)
        if until_us is None:
            return []
        messages = [msgspec.structs.replace(each, visible_us=until_us) for each in messages]
        self._attempts[queue_name, attempt or ""] = found[0], messages
        return messages

    def _remember(self, queue_name: str, attempt: str, messages: list[Message]) -> None:
        now = time.monotonic()
        for key in [key for key, (until, _) in self._attempts.items() if until < now]:
            del self._attempts[key]
        while len(self._attempts) >= MAX_ATTEMPTS:
            del self._attempts[next(iter(self._attempts))]  # the oldest
        self._attempts[queue_name, attempt] = now + ATTEMPT_S, messages

    def _arrived(self, queue_name: str) -> None:
        news = self._news.pop(queue_name, None)
        if news is not None:
            news.set()

"""Accepted asynchronous events: on disk before the caller hears of it, gone when done or dead-lettered."""

from __future__ import annotations

from collections.abc import Collection

from lambdatui.store.records import AsyncEvent, NewMessage


class EventStore:
    """The durable queue behind `Event` invocations."""

    async def accept(self, event: AsyncEvent) -> None:
        """Store `event`; returns once it is on disk (synchronous FULL)."""
        raise NotImplementedError

    async def pending(self, now_us: int, limit: int, exclude: Collection[str] = ()) -> list[AsyncEvent]:
        """Up to `limit` events visible at `now_us`, oldest first, without the request ids in `exclude`."""
        raise NotImplementedError

    async def retry(
        self,
        request_id: str,
        attempt: int,
        visible_us: int,
        throttles: int = 0,
        error_type: str | None = None,
        error_message: str | None = None,
    ) -> None:
        """Put the event off until `visible_us`, with what came of the last attempt."""
        raise NotImplementedError

    async def done(self, request_id: str) -> None:
        """Remove the event; nothing happens where it is gone already."""
        raise NotImplementedError

    async def dead_letter(self, request_id: str, queue: str, message: NewMessage) -> None:
        """Remove the event and send `message` to `queue`, both or neither."""
        raise NotImplementedError

    def count(self) -> int:
        """Events that wait or run; from memory."""
        raise NotImplementedError

    def next_visible_us(self) -> int | None:
        """When the earliest event becomes visible (possibly in the past); None where there is none."""
        raise NotImplementedError

"""Queues with SQS semantics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lambdatui.config.model import QueueConfig
from lambdatui.store.records import Message, NewMessage, QueueDepth


class QueueStore:
    """All queues of the project, dead-letter queues included."""

    def add_listener(self, listener: Callable[[str], None]) -> None:
        """Call `listener(queue name)` on the loop after messages became visible by a send or a redrive."""
        raise NotImplementedError

    async def send(self, queue: QueueConfig, messages: Sequence[NewMessage]) -> list[Message]:
        raise NotImplementedError

    async def receive(
        self, queue: QueueConfig, max_n: int, visibility_s: float, known: Callable[[str], bool] = lambda _: True
    ) -> list[Message]:
        raise NotImplementedError

    async def delete(self, queue_name: str, ids: Sequence[str]) -> int:
        raise NotImplementedError

    async def delete_by_receipt(self, queue_name: str, receipt: str) -> bool:
        raise NotImplementedError

    async def change_visibility(self, queue_name: str, ids: Sequence[str], visibility_s: float) -> int:
        raise NotImplementedError

    async def note_failure(
        self,
        queue_name: str,
        ids: Sequence[str],
        function: str | None,
        request_id: str | None,
        error_code: str | None,
        error_message: str | None,
    ) -> None:
        raise NotImplementedError

    def depth(self, queue_name: str) -> QueueDepth:
        raise NotImplementedError

    def next_visible_us(self, queue_name: str) -> int | None:
        raise NotImplementedError

    async def purge(self, queue_name: str, ids: Sequence[str] | None = None) -> int:
        raise NotImplementedError

    async def lock_replay(self, message_id: str) -> Message | None:
        raise NotImplementedError

    async def unlock_replay(
        self, message_id: str, *, error_code: str | None, error_message: str | None, request_id: str | None, at_us: int
    ) -> None:
        raise NotImplementedError

    async def release_replay(self, message_id: str) -> None:
        raise NotImplementedError

    async def replayed(self, message_id: str) -> None:
        raise NotImplementedError

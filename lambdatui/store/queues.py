"""Queues with SQS semantics. The rows' rules stand in queue_rows; here are transactions, counts and listeners."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from lambdatui.clock import MICROS, Clock
from lambdatui.config.model import QueueConfig
from lambdatui.store import queue_rows
from lambdatui.store.ids import clean, pack_id, pack_optional
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import Message, NewMessage, QueueDepth
from lambdatui.store.writer import Writer


class QueueStore:
    """All queues of the project, dead-letter queues included. A queue exists as soon as something was sent to it."""

    def __init__(self, writer: Writer, reads: ReadPool, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._clock = clock
        self._listeners: list[Callable[[str], None]] = []
        self._totals: dict[str, int] = dict(reads.now("SELECT queue, count(*) FROM message GROUP BY queue"))

    def add_listener(self, listener: Callable[[str], None]) -> None:
        """Call `listener(queue name)` on the loop after messages became visible by a send, a redrive or a release."""
        self._listeners.append(listener)

    async def send(self, queue: QueueConfig, messages: Sequence[NewMessage]) -> list[Message]:
        """Store `messages`, all or none. A FIFO queue's duplicate within 5 minutes gives the first one's id back."""
        now_us = self._clock.now_us()
        fifo = [queue_rows.as_sent_to(queue, each) for each in messages]

        def work(connection: sqlite3.Connection) -> tuple[list[Message], int]:
            sent = [
                queue_rows.insert(
                    connection,
                    queue.name,
                    each,
                    now_us,
                    delay_s=queue.delay,
                    dedup_key=queue_rows.dedup_key(queue, each),
                )
                for each in fifo
            ]
            return [each for each, _ in sent], sum(new for _, new in sent)

        result, _ = await self._writer.run(work, lambda done: self.changed(queue.name, done[1], announce=True))
        return result

    async def receive(
        self, queue: QueueConfig, max_n: int, visibility_s: float, known: Callable[[str], bool] = lambda _: True
    ) -> list[Message]:
        """Lease up to `max_n` visible messages for `visibility_s` seconds; each gets a new receipt and a higher count.

        A message that was received `max_receive_count` times already moves to the redrive queue instead, where `known`
        says that it exists; messages beyond the queue's retention go. FIFO: in order, and nothing of a group that has
        a message in flight.
        """
        now_us = self._clock.now_us()

        def committed(done: queue_rows.Received) -> None:
            self.changed(queue.name, -done.moved - done.expired)
            if done.moved and queue.redrive_queue:
                self.changed(queue.redrive_queue, done.moved, announce=True)

        done = await self._writer.run(
            lambda connection: queue_rows.receive(connection, queue, max_n, visibility_s, now_us, known), committed
        )
        return done.messages

    async def delete(self, queue_name: str, ids: Sequence[str]) -> int:
        """Delete by id, whoever holds them; returns how many were there."""

        def work(connection: sqlite3.Connection) -> int:
            return queue_rows.delete(connection, queue_name, ids)

        return await self._writer.run(work, lambda gone: self.changed(queue_name, -gone))

    async def delete_held(self, queue: QueueConfig, receipts: Sequence[str]) -> list[str]:
        """Delete what each receipt holds; what came of it: `deleted`, `gone`, or (FIFO) `expired`."""
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> list[str]:
            return [queue_rows.delete_held(connection, queue, each, now_us) for each in receipts]

        def committed(outcomes: list[str]) -> None:
            gone = outcomes.count("deleted")
            self.changed(queue.name, -gone, announce=queue.fifo and gone > 0)  # its group may go on

        return await self._writer.run(work, committed)

    async def hide_held(self, queue_name: str, changes: Sequence[tuple[str, float]]) -> list[str]:
        """Hide what each (receipt, seconds) holds from now on; `hidden`, `gone`, `visible` or `beyond` 12 hours."""
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> list[str]:
            return [queue_rows.hide_held(connection, queue_name, *change, now_us) for change in changes]

        def committed(outcomes: list[str]) -> None:
            released = any(
                each == "hidden" and seconds <= 0 for each, (_, seconds) in zip(outcomes, changes, strict=True)
            )
            self.changed(queue_name, 0, announce=released)

        return await self._writer.run(work, committed)

    async def take_again(self, messages: Sequence[Message], visibility_s: float) -> int | None:
        """Until when (us) these stay hidden, now for `visibility_s` more; None where they are not held any more as they
        were received."""
        now_us = self._clock.now_us()
        until_us = now_us + round(visibility_s * MICROS)
        taken = await self._writer.run(lambda connection: queue_rows.take_again(connection, messages, until_us, now_us))
        return until_us if taken else None

    async def forget(self, queue_name: str) -> None:
        """Everything of a queue that is deleted: messages, what it deduplicates, its move tasks."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("DELETE FROM dedup WHERE queue = ?", (queue_name,))
            connection.execute("DELETE FROM move WHERE source = ?", (queue_name,))
            return connection.execute("DELETE FROM message WHERE queue = ?", (queue_name,)).rowcount

        await self._writer.run(work, lambda gone: self.changed(queue_name, -max(0, gone)))

    async def change_visibility(self, queue_name: str, ids: Sequence[str], visibility_s: float) -> int:
        """Hide messages in flight for `visibility_s` seconds from now (0: visible at once); returns how many."""
        now_us = self._clock.now_us()
        until = now_us + round(visibility_s * MICROS)

        def work(connection: sqlite3.Connection) -> int:
            return connection.executemany(
                "UPDATE message SET visible_us = ? WHERE id = ? AND queue = ? AND visible_us > ?"
                " AND receipt IS NOT NULL AND replaying = 0",
                [(until, key, queue_name, now_us) for key in queue_rows.keys(ids)],
            ).rowcount

        released = visibility_s <= 0
        return max(0, await self._writer.run(work, lambda n: self.changed(queue_name, 0, announce=released and n > 0)))

    async def hide_again(self, queue_name: str, held: Sequence[tuple[str, int]], until_us: int) -> bool:
        """Hide each (id, until when it is hidden now) until `until_us`; whether all were still held so."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.executemany(
                "UPDATE message SET visible_us = ? WHERE id = ? AND queue = ? AND visible_us = ? AND replaying = 0",
                [(until_us, pack_id(id), queue_name, hidden_us) for id, hidden_us in held],
            ).rowcount

        return await self._writer.run(work) == len(held)

    async def note_failure(
        self,
        queue_name: str,
        ids: Sequence[str],
        function: str | None,
        request_id: str | None,
        error_code: str | None,
        error_message: str | None,
    ) -> None:
        """Write on the messages what came of the invocation that had them; a redrive keeps it."""
        last_us = self._clock.now_us()
        noted = (function, pack_optional(request_id), error_code, clean(error_message), last_us)

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE message SET function = ?, request_id = ?, error_code = ?, error_message = ?, last_us = ?"
                " WHERE id = ? AND queue = ?",
                [(*noted, key, queue_name) for key in queue_rows.keys(ids)],
            )

        await self._writer.run(work)

    def depth(self, queue_name: str) -> QueueDepth:
        """Counts now; costs as much as there are messages in flight or delayed, however many wait."""
        total = self._totals.get(queue_name, 0)
        if not total:
            return QueueDepth()
        now_us = self._clock.now_us()
        ((hidden, in_flight, oldest),) = self._reads.now(
            "SELECT count(*), ifnull(sum(receipt IS NOT NULL), 0),"
            " (SELECT sent_us FROM message WHERE queue = ? ORDER BY seq LIMIT 1)"
            " FROM message WHERE queue = ? AND visible_us > ?",
            (queue_name, queue_name, now_us),
        )
        return QueueDepth(
            visible=max(0, total - hidden), in_flight=in_flight, delayed=hidden - in_flight, oldest_us=oldest
        )

    def next_visible_us(self, queue_name: str) -> int | None:
        """When the next hidden message becomes visible; the past where one is visible now; None where there is none."""
        ((earliest,),) = self._reads.now("SELECT min(visible_us) FROM message WHERE queue = ?", (queue_name,))
        return None if earliest is None else int(earliest)

    async def purge(self, queue_name: str, ids: Sequence[str] | None = None) -> int:
        """Delete these messages, or all of the queue (None); entries that are being replayed stay."""

        def work(connection: sqlite3.Connection) -> int:
            if ids is None:
                return connection.execute(
                    "DELETE FROM message WHERE queue = ? AND replaying = 0", (queue_name,)
                ).rowcount
            return connection.executemany(
                "DELETE FROM message WHERE id = ? AND queue = ? AND replaying = 0",
                [(key, queue_name) for key in queue_rows.keys(ids)],
            ).rowcount

        return max(0, await self._writer.run(work, lambda gone: self.changed(queue_name, -max(0, gone))))

    # A replay: one attempt outside of the queue's own rules. The entry is nobody else's meanwhile.

    async def lock_replay(self, message_id: str) -> Message | None:
        """Take the entry for a replay; None where it is gone or being replayed. Receipts that others hold end."""

        def work(connection: sqlite3.Connection) -> Message | None:
            taken = connection.execute(
                "UPDATE message SET replaying = 1, receipt = NULL WHERE id = ? AND replaying = 0",
                (pack_id(message_id),),
            ).rowcount
            if not taken:
                return None
            row = connection.execute(f"{queue_rows.SELECT} WHERE m.id = ?", (pack_id(message_id),)).fetchone()
            return queue_rows.message(row)

        return await self._writer.run(work)

    async def unlock_replay(
        self, message_id: str, *, error_code: str | None, error_message: str | None, request_id: str | None, at_us: int
    ) -> None:
        """The replay failed: the entry stays under its id with the new error and one more attempt."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE message SET replaying = 0, attempts = attempts + 1, error_code = ?, error_message = ?,"
                " request_id = ?, last_us = ? WHERE id = ?",
                (error_code, clean(error_message), pack_optional(request_id), at_us, pack_id(message_id)),
            )

        await self._writer.run(work)

    async def release_replay(self, message_id: str) -> None:
        """The replay did not take place: the entry stays as it was."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE message SET replaying = 0 WHERE id = ?", (pack_id(message_id),))

        await self._writer.run(work)

    async def replayed(self, message_id: str) -> None:
        """The replay succeeded: the entry goes."""

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("DELETE FROM message WHERE id = ? RETURNING queue", (pack_id(message_id),))
            return [name for (name,) in rows.fetchall()]

        def committed(names: list[str]) -> None:
            for name in names:
                self.changed(name, -1)

        await self._writer.run(work, committed)

    # For the stores whose transactions also send.

    def insert(self, connection: sqlite3.Connection, queue_name: str, message: NewMessage, now_us: int) -> None:
        """Send inside another store's transaction; `changed` must follow its commit."""
        queue_rows.insert(connection, queue_name, message, now_us)

    def changed(self, queue_name: str, by: int, *, announce: bool = False) -> None:
        """After a commit: keep the count, and tell the listeners."""
        self._totals[queue_name] = self._totals.get(queue_name, 0) + by
        if announce:
            for listener in self._listeners:
                listener(queue_name)

"""Accepted asynchronous events: on disk before the caller hears of it, gone when done or dead-lettered.

Who runs an event is the engine's memory; after a crash everything that is here is due again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from lambdatui.clock import Clock
from lambdatui.store.ids import clean, pack_id, pack_optional, put_payload, unpack_id, unpack_optional
from lambdatui.store.limits import PENDING_BYTES
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.writer import Writer

_COLUMNS = (
    "e.request_id, e.function, e.visible_us, e.accepted_us, e.attempt, e.client_context, e.source, e.parent_id,"
    " e.throttles, e.error_type, e.error_message, p.data, e.qualifier, e.trace_header"
)


class EventStore:
    """The durable queue behind `Event` invocations."""

    def __init__(self, writer: Writer, reads: ReadPool, queues: QueueStore, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._queues = queues
        self._clock = clock
        ((count, newest),) = reads.now("SELECT count(*), ifnull(max(seq), 0) FROM event")
        self._count: int = count
        self._seq: int = newest

    async def accept(self, event: AsyncEvent) -> None:
        """Store `event`; returns once it is on disk (synchronous FULL). StoreError where that cannot be."""
        self._seq += 1
        seq = self._seq

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "INSERT INTO event(request_id, visible_us, seq, function, payload, accepted_us, attempt,"
                " client_context, source, parent_id, throttles, error_type, error_message, qualifier, trace_header)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    pack_id(event.request_id),
                    event.visible_us,
                    seq,
                    event.function,
                    put_payload(connection, event.payload),
                    event.accepted_us,
                    event.attempt,
                    clean(event.client_context),
                    event.source,
                    pack_optional(event.parent_id),
                    event.throttles,
                    event.error_type,
                    clean(event.error_message),
                    event.qualifier,
                    clean(event.trace_header),
                ),
            )
            return 1

        await self._writer.run(work, self._changed)

    async def pending(
        self, now_us: int, limit: int, exclude: Collection[str] = (), *, without: Collection[str] = ()
    ) -> list[AsyncEvent]:
        """Up to `limit` events visible at `now_us`, oldest first, without the request ids in `exclude`.

        Nor those of the functions in `without`, however many they are. Fewer come back where their payloads are large
        (16 MB together); at least one does.
        """
        skipped = {pack_id(each) for each in exclude}
        others = f" AND function NOT IN ({','.join('?' * len(without))})" if without else ""

        def work(connection: sqlite3.Connection) -> list[AsyncEvent]:
            due = connection.execute(
                f"SELECT request_id FROM event WHERE visible_us <= ?{others} ORDER BY visible_us, seq LIMIT ?",
                (now_us, *without, limit + len(skipped)),
            ).fetchall()
            found: list[AsyncEvent] = []
            size = 0
            for (key,) in due:
                if len(found) == limit or size >= PENDING_BYTES:
                    break
                if key in skipped:
                    continue
                row = connection.execute(
                    f"SELECT {_COLUMNS} FROM event e JOIN payload p ON p.id = e.payload WHERE e.request_id = ?", (key,)
                ).fetchone()
                if row is not None:  # done since the list was read
                    found.append(_event(row))
                    size += len(found[-1].payload)
            return found

        return await self._reads.run(work)

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

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE event SET attempt = ?, visible_us = ?, throttles = ?, error_type = ?, error_message = ?"
                " WHERE request_id = ?",
                (attempt, visible_us, throttles, error_type, clean(error_message), pack_id(request_id)),
            )

        await self._writer.run(work)

    async def finish(self, request_id: str, messages: Sequence[tuple[str, NewMessage]] = ()) -> None:
        """Remove the event and send each message to its queue, all or nothing; nothing where the event is gone."""
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> int:
            removed = _remove(connection, request_id)
            if removed:
                for queue, message in messages:
                    self._queues.insert(connection, queue, message, now_us)
            return removed

        def committed(removed: int) -> None:
            self._changed(removed)
            if removed:
                for queue, _ in messages:
                    self._queues.changed(queue, 1, announce=True)

        await self._writer.run(work, committed)

    def count(self) -> int:
        """Events that wait or run; from memory."""
        return self._count

    def next_visible_us(self, after_us: int = -1) -> int | None:
        """When the earliest event of those after `after_us` becomes visible; None where there is none."""
        ((earliest,),) = self._reads.now("SELECT min(visible_us) FROM event WHERE visible_us > ?", (after_us,))
        return None if earliest is None else int(earliest)

    def _changed(self, by: int) -> None:
        self._count += by


def _remove(connection: sqlite3.Connection, request_id: str) -> int:
    """-1 where the event was there, else 0: what it changes in the count."""
    gone = connection.execute("DELETE FROM event WHERE request_id = ?", (pack_id(request_id),)).rowcount
    return -int(gone)


def _event(row: Sequence[Any]) -> AsyncEvent:
    return AsyncEvent(
        request_id=unpack_id(row[0]),
        function=row[1],
        visible_us=row[2],
        accepted_us=row[3],
        attempt=row[4],
        client_context=row[5],
        source=row[6],
        parent_id=unpack_optional(row[7]),
        throttles=row[8],
        error_type=row[9],
        error_message=row[10],
        payload=bytes(row[11]),
        qualifier=row[12],
        trace_header=row[13],
    )

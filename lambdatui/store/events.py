"""Accepted asynchronous events: on disk before the caller hears of it, gone when done or dead-lettered.

Who runs an event is the engine's memory; after a crash everything that is here is due again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Any

from lambdatui.clock import Clock
from lambdatui.store.gather import Gatherer
from lambdatui.store.ids import PAYLOAD_OF_HASH, clean, pack_id, pack_optional, put_payloads, unpack_id, unpack_optional
from lambdatui.store.limits import PENDING_BYTES
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.statements import insert_rows
from lambdatui.store.writer import Writer

_ENDED_AT_ONCE = 16  # in one statement; as many as there are sizes are prepared
_INSERT = (
    "INSERT INTO event(request_id, visible_us, function, payload, accepted_us, attempt, client_context, source,"
    " parent_id, throttles, error_type, error_message, qualifier, trace_header)"
)
_ROW = f"(?,?,?,{PAYLOAD_OF_HASH},?,?,?,?,?,?,?,?,?,?)"
_EVENT = (
    "SELECT e.request_id, e.function, e.visible_us, e.accepted_us, e.attempt, e.client_context, e.source, e.parent_id,"
    " e.throttles, e.error_type, e.error_message, p.data, e.qualifier, e.trace_header"
    " FROM event e JOIN payload p ON p.id = e.payload WHERE e.seq = ?"
)
_PENDING = "SELECT seq, request_id FROM event WHERE function = ? AND visible_us <= ? ORDER BY visible_us, seq LIMIT ?"
_FUNCTIONS = (
    "WITH RECURSIVE f(name) AS (SELECT min(function) FROM event UNION ALL"
    " SELECT (SELECT min(function) FROM event WHERE function > f.name) FROM f WHERE f.name IS NOT NULL)"
    " SELECT name FROM f WHERE name IS NOT NULL"
)


class EventStore:
    """The durable queue behind `Event` invocations."""

    def __init__(self, writer: Writer, reads: ReadPool, queues: QueueStore, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._queues = queues
        self._clock = clock
        self._accepting: Gatherer[AsyncEvent] = Gatherer(writer, _insert, self._accepted)
        self._letting_go: Gatherer[str] = Gatherer(writer, _remove, lambda by, _: self._changed(by))
        self._heard: Callable[[Sequence[AsyncEvent]], None] = lambda _: None
        ((count,),) = reads.now("SELECT count(*) FROM event")
        self._count: int = count

    def on_accepted(self, heard: Callable[[Sequence[AsyncEvent]], None]) -> None:
        """Call `heard` on the loop with events that are on disk now, even where nobody waits for them any more."""
        self._heard = heard

    async def accept(self, event: AsyncEvent) -> None:
        """Store `event`; returns once it is on disk (synchronous FULL). StoreError where that cannot be."""
        await self._accepting.add(event)

    def functions(self) -> list[str]:
        """Those that have events; as many looks as there are functions, however many events wait."""
        return [name for (name,) in self._reads.now(_FUNCTIONS)]

    async def pending(
        self, function: str, now_us: int, limit: int, exclude: Collection[str] = (), *, most_bytes: int = PENDING_BYTES
    ) -> tuple[list[AsyncEvent], bool]:
        """Up to `limit` events of `function` visible at `now_us`, oldest first, without the request ids in `exclude`;
        and whether there may be more. Of large payloads `most_bytes` come together; at least one event does.
        """
        skipped = {pack_id(each) for each in exclude}

        def work(connection: sqlite3.Connection) -> tuple[list[AsyncEvent], bool]:
            found: list[AsyncEvent] = []
            size = 0
            rows = connection.execute(_PENDING, (function, now_us, limit + len(skipped) + 1)).fetchall()
            for seq, key in rows:
                if key in skipped:
                    continue
                if len(found) == limit or size >= most_bytes:
                    return found, True
                row = connection.execute(_EVENT, (seq,)).fetchone()
                if row is not None:  # done since the list was read
                    found.append(_event(row))
                    size += len(found[-1].payload)
            return found, False

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
        if not messages:
            await self._letting_go.add(request_id)
            return
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> int:
            removed = _remove(connection, [request_id])
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

    def next_visible_us(self, function: str, after_us: int = -1) -> int | None:
        """When the function's next event behind `after_us` becomes visible; None where there is none."""
        sql = "SELECT min(visible_us) FROM event WHERE function = ? AND visible_us > ?"
        ((earliest,),) = self._reads.now(sql, (function, after_us))
        return None if earliest is None else int(earliest)

    def _accepted(self, by: int, events: Sequence[AsyncEvent]) -> None:
        self._changed(by)
        self._heard(events)

    def _changed(self, by: int) -> None:
        self._count += by


def _insert(connection: sqlite3.Connection, events: Sequence[AsyncEvent]) -> int:
    """How many more there are now: what it changes in the count."""
    digests = put_payloads(connection, [event.payload for event in events])
    rows = [
        (
            pack_id(event.request_id),
            event.visible_us,
            event.function,
            digest,
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
        )
        for event, digest in zip(events, digests, strict=True)
    ]
    insert_rows(connection, _INSERT, _ROW, rows)
    return len(events)


def _remove(connection: sqlite3.Connection, request_ids: Sequence[str]) -> int:
    """What it changes in the count: minus those that were there."""
    gone = 0
    for start in range(0, len(request_ids), _ENDED_AT_ONCE):
        keys = [pack_id(each) for each in request_ids[start : start + _ENDED_AT_ONCE]]
        gone += connection.execute(
            f"DELETE FROM event WHERE request_id IN ({','.join('?' * len(keys))})", keys
        ).rowcount
    return -gone


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

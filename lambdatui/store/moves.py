"""Message move tasks: which there are, how far they have come, and their steps, each of which is one transaction."""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from lambdatui.clock import Clock
from lambdatui.config.model import QueueConfig
from lambdatui.store import queue_rows
from lambdatui.store.ids import pack_id, unpack_id
from lambdatui.store.limits import MOVES_KEPT
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import Move
from lambdatui.store.writer import Writer

_SELECT = "SELECT id, source, destination, rate, status, started_us, last_seq, to_move, moved, failure FROM move"
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
NO_SOURCE = "CouldNotDetermineMessageSource"


class _Step(NamedTuple):
    moved: Counter[str]  # by the queue that they went to
    status: str


class MoveStore:
    """Tasks of all queues. At most one of a queue runs."""

    def __init__(self, writer: Writer, reads: ReadPool, queues: QueueStore, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._queues = queues
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener()` on the loop after a task was started."""
        self._listeners.append(listener)

    async def start(self, source: str, destination: str | None, rate: int | None) -> Move | None:
        """Begin to move what `source` holds now; None where a task of it runs already."""
        now_us = self._clock.now_us()
        key = uuid.uuid4()

        def work(connection: sqlite3.Connection) -> Move | None:
            if connection.execute("SELECT 1 FROM move WHERE source = ? AND status = 'RUNNING'", (source,)).fetchone():
                return None
            ((last_seq, count),) = connection.execute(
                "SELECT ifnull(max(seq), 0), count(*) FROM message WHERE queue = ?", (source,)
            ).fetchall()
            connection.execute(
                "INSERT INTO move VALUES (?,?,?,?,'RUNNING',?,?,?,0,NULL)",
                (key.bytes, source, destination, rate, now_us, last_seq, count),
            )
            connection.execute(
                "DELETE FROM move WHERE source = ?1 AND id NOT IN"
                " (SELECT id FROM move WHERE source = ?1"
                " ORDER BY id = ?3 DESC, started_us DESC, last_seq DESC LIMIT ?2)",
                (source, MOVES_KEPT, key.bytes),
            )
            return _move(connection.execute(f"{_SELECT} WHERE id = ?", (key.bytes,)).fetchone())

        def committed(move: Move | None) -> None:
            if move is not None:
                for listener in self._listeners:
                    listener()

        return await self._writer.run(work, committed)

    async def cancel(self, id: str) -> Move | None:
        """End a running task; what was moved stays moved. The task, or None where none of that id runs."""

        def work(connection: sqlite3.Connection) -> Move | None:
            changed = connection.execute(
                "UPDATE move SET status = 'CANCELLED' WHERE id = ? AND status = 'RUNNING'", (pack_id(id),)
            ).rowcount
            return _move(connection.execute(f"{_SELECT} WHERE id = ?", (pack_id(id),)).fetchone()) if changed else None

        return await self._writer.run(work)

    def get(self, id: str) -> Move | None:
        rows = self._reads.now(f"{_SELECT} WHERE id = ?", (pack_id(id),))
        return _move(rows[0]) if rows else None

    def of(self, source: str) -> list[Move]:
        """The queue's tasks, newest first."""
        rows = self._reads.now(f"{_SELECT} WHERE source = ? ORDER BY started_us DESC, last_seq DESC", (source,))
        return [_move(row) for row in rows]

    def running(self) -> list[Move]:
        return [_move(row) for row in self._reads.now(f"{_SELECT} WHERE status = 'RUNNING' ORDER BY started_us")]

    async def step(self, move: Move, limit: int, queues: Mapping[str, QueueConfig]) -> str:
        """Move up to `limit` messages, each to the task's destination or back where it came from; the task's status.

        `queues` are those that exist. A message that has nowhere to go ends the task: it stays, and so do the rest.
        """
        now_us = self._clock.now_us()

        def committed(done: _Step) -> None:
            self._queues.changed(move.source, -done.moved.total())
            for name, count in done.moved.items():
                self._queues.changed(name, count, announce=True)

        done = await self._writer.run(lambda connection: _step(connection, move, limit, queues, now_us), committed)
        return done.status


def _step(
    connection: sqlite3.Connection, move: Move, limit: int, queues: Mapping[str, QueueConfig], now_us: int
) -> _Step:
    moved: Counter[str] = Counter()
    row = connection.execute("SELECT status FROM move WHERE id = ?", (pack_id(move.id),)).fetchone()
    if row is None or row[0] != "RUNNING":  # cancelled, or its queue was deleted, meanwhile
        return _Step(moved, row[0] if row else "CANCELLED")
    source = queues.get(move.source)
    if source is None:
        return _Step(moved, _end(connection, move, moved, "FAILED", NO_QUEUE))
    ready = (seq for seq, _, _ in queue_rows.candidates(connection, source, now_us) if seq <= move.last_seq)
    found = list(islice(ready, limit))
    for seq in found:
        target = move.destination
        if target is None:
            (target,) = connection.execute("SELECT source FROM message WHERE seq = ?", (seq,)).fetchone()
        if target is None or target not in queues:
            return _Step(moved, _end(connection, move, moved, "FAILED", NO_SOURCE if target is None else NO_QUEUE))
        queue_rows.resend(connection, seq, target, now_us)
        moved[target] += 1
    return _Step(moved, _end(connection, move, moved, "RUNNING" if len(found) == limit else "COMPLETED", None))


def _end(connection: sqlite3.Connection, move: Move, moved: Counter[str], status: str, failure: str | None) -> str:
    connection.execute(
        "UPDATE move SET moved = moved + ?, status = ?, failure = ? WHERE id = ?",
        (moved.total(), status, failure, pack_id(move.id)),
    )
    return status


def _move(row: tuple[Any, ...]) -> Move:
    id, source, destination, rate, status, started_us, last_seq, to_move, moved, failure = row
    return Move(
        id=unpack_id(id),
        source=source,
        destination=destination,
        rate=rate,
        status=status,
        started_us=started_us,
        last_seq=last_seq,
        to_move=to_move,
        moved=moved,
        failure=failure,
    )

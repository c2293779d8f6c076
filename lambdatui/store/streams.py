"""Streams with Kinesis semantics, and how far each mapping has come in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from lambdatui.clock import Clock
from lambdatui.config.model import StreamConfig
from lambdatui.store.ids import clean, pack_id, put_payload
from lambdatui.store.limits import STEP_ROWS
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import Checkpoint, NewMessage, Record
from lambdatui.store.shards import seq_number, seq_text, shard_of
from lambdatui.store.writer import Writer


class StreamStore:
    """All streams of the project. Sequence numbers of a stream only rise, over restarts and trims too."""

    def __init__(self, writer: Writer, reads: ReadPool, queues: QueueStore, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._queues = queues
        self._clock = clock
        self._listeners: list[Callable[[str], None]] = []

    def add_listener(self, listener: Callable[[str], None]) -> None:
        """Call `listener(stream name)` on the loop after records were put."""
        self._listeners.append(listener)

    async def put(self, stream: StreamConfig, records: Sequence[tuple[str, bytes, int | str | None]]) -> list[Record]:
        """Append (partition key, data, explicit hash key or None), all or none, in this order."""
        now_us = self._clock.now_us()
        placed = [(shard_of(key, stream.shards, explicit), key, data) for key, data, explicit in records]

        def work(connection: sqlite3.Connection) -> list[Record]:
            return _append(connection, stream.name, placed, now_us)

        def committed(_: list[Record]) -> None:
            for listener in self._listeners:
                listener(stream.name)

        return await self._writer.run(work, committed)

    async def read(self, stream_name: str, shard: str, after_seq: str, limit: int) -> list[Record]:
        """Up to `limit` records of the shard after `after_seq` ("": from the oldest), in order."""
        return await self._reads.run(
            lambda connection: read_records(connection, stream_name, shard, seq_number(after_seq), limit)
        )

    def last_seq(self, stream_name: str, shard: str) -> str:
        """Sequence number after which everything of the shard is new; "" where the stream never had a record."""
        ((newest, ever),) = self._reads.now(
            "SELECT (SELECT max(seq) FROM record WHERE stream = ?1 AND shard = ?2),"
            " (SELECT seq FROM stream WHERE name = ?1)",
            (stream_name, shard),
        )
        number = newest if newest is not None else ever
        return "" if number is None else seq_text(number)

    async def trim(self, stream_name: str, before_us: int) -> int:
        """Drop records that arrived before `before_us`, shard by shard from the front, in small steps."""
        total = 0
        while gone := await self._writer.run(lambda connection: _trim_step(connection, stream_name, before_us)):
            total += gone
        return total

    def backlog(self, stream_name: str, shard: str, after_seq: str) -> int:
        """How many records of the shard come after `after_seq`; two looks, however many there are."""
        ((first, last),) = self._reads.now(
            "SELECT (SELECT ordinal FROM record WHERE stream = ?1 AND shard = ?2 AND seq > ?3 ORDER BY seq LIMIT 1),"
            " (SELECT ordinal FROM record WHERE stream = ?1 AND shard = ?2 ORDER BY seq DESC LIMIT 1)",
            (stream_name, shard, seq_number(after_seq)),
        )
        return 0 if first is None else last - first + 1

    async def checkpoint(self, mapping: str, shard: str) -> Checkpoint | None:
        """Where `mapping` stands in the shard; None where it never was."""
        rows = self._reads.now(
            "SELECT seq, attempts, failed_since_us, error, batch_end FROM checkpoint WHERE mapping = ? AND shard = ?",
            (pack_id(mapping), shard),
        )
        for seq, attempts, failed_since_us, error, batch_end in rows:
            return Checkpoint(
                mapping=mapping,
                shard=shard,
                seq=seq,
                attempts=attempts,
                failed_since_us=failed_since_us,
                error=error,
                batch_end=batch_end,
            )
        return None

    async def save(self, checkpoint: Checkpoint) -> None:
        """Remember where the mapping stands."""
        await self._writer.run(lambda connection: _save(connection, checkpoint))

    async def save_and_send(self, checkpoint: Checkpoint, queue_name: str, message: NewMessage) -> None:
        """Remember where the mapping stands and send the on-failure record: both or neither."""
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> None:
            _save(connection, checkpoint)
            self._queues.insert(connection, queue_name, message, now_us)

        await self._writer.run(work, lambda _: self._queues.changed(queue_name, 1, announce=True))


def read_records(connection: sqlite3.Connection, stream: str, shard: str, after: int, limit: int) -> list[Record]:
    """Records in order, with their data."""
    rows = connection.execute(
        "SELECT r.seq, r.partition_key, p.data, r.arrived_us FROM record r JOIN payload p ON p.id = r.payload"
        " WHERE r.stream = ? AND r.shard = ? AND r.seq > ? ORDER BY r.seq LIMIT ?",
        (stream, shard, after, limit),
    )
    return [
        Record(
            stream=stream, shard=shard, seq=seq_text(seq), partition_key=key, data=bytes(data), arrived_us=arrived_us
        )
        for seq, key, data, arrived_us in rows
    ]


def _append(
    connection: sqlite3.Connection, stream: str, placed: Sequence[tuple[str, str, bytes]], now_us: int
) -> list[Record]:
    ((last,),) = connection.execute(
        "INSERT INTO stream(name, seq) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET seq = seq + ?2 RETURNING seq",
        (stream, len(placed)),
    ).fetchall()
    ordinals: dict[str, int] = {}
    rows = []
    records = []
    for seq, (shard, key, data) in enumerate(placed, start=last - len(placed) + 1):
        if shard not in ordinals:
            found = connection.execute(
                "SELECT ordinal FROM record WHERE stream = ? AND shard = ? ORDER BY seq DESC LIMIT 1", (stream, shard)
            ).fetchone()
            ordinals[shard] = 0 if found is None else found[0]
        ordinals[shard] += 1
        rows.append((stream, shard, seq, ordinals[shard], key, put_payload(connection, data), now_us))
        records.append(
            Record(stream=stream, shard=shard, seq=seq_text(seq), partition_key=key, data=data, arrived_us=now_us)
        )
    connection.executemany("INSERT INTO record VALUES (?,?,?,?,?,?,?)", rows)
    return records


def _trim_step(connection: sqlite3.Connection, stream: str, before_us: int) -> int:
    """From the front of each shard only, so that a clock set back leaves no gap in the ordinals."""
    gone = 0
    shards = connection.execute(
        "WITH RECURSIVE s(name) AS (SELECT min(shard) FROM record WHERE stream = ?1 UNION ALL"
        " SELECT (SELECT min(shard) FROM record WHERE stream = ?1 AND shard > s.name) FROM s WHERE s.name IS NOT NULL)"
        " SELECT name FROM s WHERE name IS NOT NULL",
        (stream,),
    ).fetchall()
    for (shard,) in shards:
        newest = None
        rows = connection.execute(
            "SELECT seq, arrived_us FROM record WHERE stream = ? AND shard = ? ORDER BY seq LIMIT ?",
            (stream, shard, STEP_ROWS),
        ).fetchall()
        for seq, arrived_us in rows:
            if arrived_us >= before_us:
                break
            newest = seq
        if newest is not None:
            gone += connection.execute(
                "DELETE FROM record WHERE stream = ? AND shard = ? AND seq <= ?", (stream, shard, newest)
            ).rowcount
    return gone


def _save(connection: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO checkpoint(mapping, shard, seq, attempts, failed_since_us, error, batch_end)"
        " VALUES (?,?,?,?,?,?,?)",
        (
            pack_id(checkpoint.mapping),
            checkpoint.shard,
            checkpoint.seq,
            checkpoint.attempts,
            checkpoint.failed_since_us,
            clean(checkpoint.error),
            checkpoint.batch_end,
        ),
    )

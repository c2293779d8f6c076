"""Streams with Kinesis semantics, and how far each mapping has come in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from lambdatui.clock import Clock
from lambdatui.config.model import StreamConfig
from lambdatui.errors import NotFound
from lambdatui.store import stream_rows
from lambdatui.store.ids import pack_id
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import Checkpoint, NewMessage, Record
from lambdatui.store.shards import Resharding, hash_key, lane_of, seq_number, seq_text
from lambdatui.store.stream_state import StreamState
from lambdatui.store.writer import Writer

COUNTED = 2000  # records whose lanes are looked at for a backlog


class StreamStore:
    """All streams of the project. Sequence numbers of a stream only rise, over restarts, reshards and trims too."""

    def __init__(self, writer: Writer, reads: ReadPool, queues: QueueStore, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._queues = queues
        self._clock = clock
        self._listeners: list[Callable[[str, Sequence[Record]], None]] = []
        self._known: dict[str, StreamState] = {}  # as committed; the rows' epoch tells whether it still holds

    def add_listener(self, listener: Callable[[str, Sequence[Record]], None]) -> None:
        """Call `listener(stream name, records)` on the loop after records were put, or (with none) shards changed."""
        self._listeners.append(listener)

    # streams and their shards

    def state(self, name: str) -> StreamState | None:
        """The stream as it stands; None where it was never opened, or dropped."""
        state = self._known.get(name)
        if state is None:
            rows = self._reads.now(stream_rows.STATE, (name,))
            if rows:
                state = stream_rows.state_of(name, rows, self._reads.now(stream_rows.SHARDS, (name,)))
                self._known[name] = state
        return state

    async def open(self, stream: StreamConfig) -> StreamState:
        """Makes the stream where it is not there yet; where the project gives it another number of shards than
        before, splits and merges until it has them."""
        state = self.state(stream.name)
        if state is not None and state.declared == stream.shards:
            return state
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> StreamState:
            state = stream_rows.found(connection, stream.name, stream.shards, now_us)
            if state.declared == stream.shards:
                return state
            connection.execute("UPDATE stream SET declared = ? WHERE name = ?", (stream.shards, stream.name))
            return _reshard(connection, state, lambda shards: shards.uniform(stream.shards), now_us)

        return await self._change(stream.name, work)

    async def reshard(self, name: str, step: Callable[[Resharding], None]) -> StreamState:
        """Split and merge at once, after everything put before. Raises NotFound, and what `step` raises; then nothing
        has changed."""
        now_us = self._clock.now_us()
        return await self._change(name, lambda connection: _reshard(connection, _there(connection, name), step, now_us))

    async def drop(self, name: str) -> None:
        """The stream and its records go."""
        while await self._writer.run(lambda connection: stream_rows.drop_step(connection, name)):
            pass

        def dropped(_: None) -> None:
            self._known.pop(name, None)
            self._changed(name)

        await self._writer.run(lambda connection: stream_rows.drop(connection, name), dropped)

    async def _change(self, name: str, work: Callable[[sqlite3.Connection], StreamState]) -> StreamState:
        def committed(state: StreamState) -> None:
            self._learn(state)
            self._changed(name)

        return await self._writer.run(work, committed)

    def _learn(self, state: StreamState) -> None:
        self._known[state.name] = state

    def _changed(self, name: str, records: Sequence[Record] = ()) -> None:
        for listener in self._listeners:
            listener(name, records)

    # records

    async def put(self, stream: StreamConfig, records: Sequence[tuple[str, bytes, int | str | None]]) -> list[Record]:
        """Append (partition key, data, explicit hash key or None), all or none, in this order."""
        now_us = self._clock.now_us()
        placed = [(hash_key(key, explicit), key, data) for key, data, explicit in records]
        known = self._known.get(stream.name)

        def work(connection: sqlite3.Connection) -> tuple[list[Record], StreamState]:
            return stream_rows.append(connection, stream.name, stream.shards, placed, known, now_us)

        def committed(outcome: tuple[list[Record], StreamState]) -> None:
            if outcome[1] is not known:
                self._learn(outcome[1])
            self._changed(stream.name, outcome[0])

        return (await self._writer.run(work, committed))[0]

    async def read(
        self, stream_name: str, shard: str, after_seq: str, limit: int, most_bytes: int | None = None
    ) -> list[Record]:
        """Up to `limit` records of the shard after `after_seq` ("": from the oldest), in order; of what has more than
        `most_bytes` the front, at least one record."""
        after = seq_number(after_seq)
        return await self._reads.run(
            lambda connection: stream_rows.read_records(connection, stream_name, shard, after, limit, most_bytes)
        )

    async def read_lane(
        self, stream_name: str, shard: str, after_seq: str, until_seq: str | None, limit: int, lane: tuple[int, int]
    ) -> tuple[list[Record], str]:
        """Up to `limit` records of one lane (its index, and how many there are) behind `after_seq` and up to
        `until_seq`, and how far was looked."""
        after, until = seq_number(after_seq), None if until_seq is None else seq_number(until_seq)

        def work(connection: sqlite3.Connection) -> tuple[list[Record], int]:
            return stream_rows.read_lane(connection, stream_name, shard, after, until, limit, lane)

        records, looked = await self._reads.run(work)
        return records, seq_text(looked) if looked > after else after_seq

    def last_seq(self, stream_name: str) -> str:
        """Sequence number after which everything of the stream is new; "" where it never had one."""
        rows = self._reads.now("SELECT seq FROM stream WHERE name = ?", (stream_name,))
        return seq_text(rows[0][0]) if rows and rows[0][0] else ""

    async def seq_before(self, stream_name: str, shard: str, time_us: int) -> str:
        """Sequence number after which the shard's first record that arrived at or after `time_us` comes."""
        number = await self._reads.run(
            lambda connection: stream_rows.before_time(connection, stream_name, shard, time_us)
        )
        return seq_text(number) if number else ""

    async def trim(self, stream_name: str, before_us: int) -> int:
        """Drop records that arrived before `before_us`, shard by shard from the front, in small steps, and closed
        shards that are empty since; how many records."""
        total = 0
        while gone := await self._writer.run(
            lambda connection: stream_rows.trim_step(connection, stream_name, before_us)
        ):
            total += gone
        state = self.state(stream_name)
        if state is not None and any(shard.closed_us and shard.closed_us < before_us for shard in state.shards):

            def work(connection: sqlite3.Connection) -> StreamState:
                stream_rows.trim_shards(connection, stream_name, before_us)
                return _there(connection, stream_name)

            await self._change(stream_name, work)
        return total

    def waiting(self, stream_name: str, shard: str, after_seqs: Sequence[str]) -> int:
        """How many records of the shard are not done with, where lane i stands at `after_seqs[i]`. Where lanes are far
        apart, what lies more than COUNTED records behind the lowest counts as waiting."""
        lowest, lanes = min(after_seqs), len(after_seqs)
        total = self.backlog(stream_name, shard, lowest)
        if lanes == 1 or not total:
            return total
        keys = self._reads.now(
            "SELECT seq, partition_key FROM record WHERE stream = ? AND shard = ? AND seq > ? AND seq <= ?"
            " ORDER BY seq LIMIT ?",
            (stream_name, shard, seq_number(lowest), seq_number(max(after_seqs)), COUNTED),
        )
        return total - sum(seq_text(seq) <= after_seqs[lane_of(key, lanes)] for seq, key in keys)

    def backlog(self, stream_name: str, shard: str, after_seq: str) -> int:
        """How many records of the shard come after `after_seq`; two looks, however many there are."""
        ((first, last),) = self._reads.now(
            "SELECT (SELECT ordinal FROM record WHERE stream = ?1 AND shard = ?2 AND seq > ?3 ORDER BY seq LIMIT 1),"
            " (SELECT ordinal FROM record WHERE stream = ?1 AND shard = ?2 ORDER BY seq DESC LIMIT 1)",
            (stream_name, shard, seq_number(after_seq)),
        )
        return 0 if first is None else last - first + 1

    # checkpoints

    def checkpoints(self, mapping: str, shard: str) -> list[Checkpoint]:
        """Where `mapping` stands in the shard, lane by lane; empty where it never was."""
        rows = self._reads.now(stream_rows.CHECKPOINTS, (pack_id(mapping), shard))
        return [stream_rows.checkpoint_of(mapping, shard, row) for row in rows]

    async def begin(self, mapping: str, stream: StreamConfig, shard: str, position: int | str) -> list[Checkpoint]:
        """Where `mapping` stands in the shard, lane by lane. Where it never was it takes its place now, and keeps it:
        at `position` (TRIM_HORIZON, LATEST, or a time in microseconds) if it is new to the stream, else at the shard's
        beginning."""
        checkpoints = self.checkpoints(mapping, shard)
        if checkpoints:
            return checkpoints
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> list[Checkpoint]:
            state = stream_rows.found(connection, stream.name, stream.shards, now_us)
            return stream_rows.begin(connection, mapping, state, shard, position)

        return await self._writer.run(work)

    async def save(self, checkpoint: Checkpoint) -> None:
        """Remember where the mapping stands."""
        await self._writer.run(lambda connection: stream_rows.save_checkpoint(connection, checkpoint))

    async def save_lanes(self, checkpoints: Sequence[Checkpoint]) -> None:
        """The shard's lanes from now on, in place of those that it had."""
        await self._writer.run(lambda connection: stream_rows.save_lanes(connection, checkpoints))

    async def save_and_send(self, checkpoint: Checkpoint, queue_name: str, message: NewMessage) -> None:
        """Remember where the mapping stands and send the on-failure record: both or neither."""
        now_us = self._clock.now_us()

        def work(connection: sqlite3.Connection) -> None:
            stream_rows.save_checkpoint(connection, checkpoint)
            self._queues.insert(connection, queue_name, message, now_us)

        await self._writer.run(work, lambda _: self._queues.changed(queue_name, 1, announce=True))


def _there(connection: sqlite3.Connection, name: str) -> StreamState:
    state = stream_rows.load_state(connection, name)
    if state is None:
        raise NotFound(f"There is no stream called {name}.")
    return state


def _reshard(
    connection: sqlite3.Connection, state: StreamState, step: Callable[[Resharding], None], now_us: int
) -> StreamState:
    ((seq,),) = connection.execute("SELECT seq FROM stream WHERE name = ?", (state.name,)).fetchall()
    shards = Resharding(state.shards, seq, now_us)
    step(shards)
    stream_rows.save_shards(connection, state.name, [one for one in shards.shards if state.by_id.get(one.id) != one])
    connection.execute("UPDATE stream SET seq = ?, epoch = epoch + 1 WHERE name = ?", (shards.seq, state.name))
    return _there(connection, state.name)

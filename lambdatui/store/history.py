"""What happened: invocations, log lines, metrics and happenings, buffered and written in batches."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence

from lambdatui.clock import Clock
from lambdatui.errors import StoreError
from lambdatui.store import code_uses, history_rows
from lambdatui.store.history_rows import Batch
from lambdatui.store.limits import BACKLOG_BYTES, BUFFER_ROWS, FLUSH_BYTES, FLUSH_PAUSE_S, FLUSH_ROWS, FLUSH_S, ID_BLOCK
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import HappeningRecord, InitRecord, InvocationRecord, LogRecords, MetricDelta
from lambdatui.store.writer import Writer

_TABLES = ("invocation", "log", "happening")
_RETRY_S = 1.0  # after a flush that the disk refused


class HistoryStore:
    """history.db. Everything added within 200 ms is written in one transaction.

    While the disk refuses, rows wait in memory (the newest 200,000) and `problem` says why; they are written as soon
    as it takes them. `lost` counts rows that had to be dropped. Log lines that come faster than they can be written
    are not to be read any further while it is `behind`.
    """

    def __init__(self, writer: Writer, reads: ReadPool, clock: Clock) -> None:
        self._writer = writer
        self._reads = reads
        self._clock = clock
        self._batch = Batch()
        self._in_hand = 0  # bytes of the lines that are being written
        self._collectors: list[Callable[[], Sequence[MetricDelta]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()  # an empty batch says nothing while another flush has its rows in hand
        self._next_flush: asyncio.Task[None] | None = None
        self._flushed_at = -FLUSH_PAUSE_S  # by the loop's time
        self._closing = False
        self.problem: str | None = None
        self.lost = 0
        stored = dict(reads.now("SELECT name, reserved FROM counter"))
        newest = {name: reads.now(f"SELECT ifnull(max(id), 0) FROM {name}")[0][0] for name in _TABLES}
        self._next: dict[str, int] = {name: max(stored.get(name, 0), newest[name]) + 1 for name in _TABLES}
        self._reserved = dict.fromkeys(_TABLES, 0)

    async def start(self) -> None:
        """Reserve ids; nothing is given out twice, whatever happens afterwards."""
        await self._write(Batch())

    def next_invocation_id(self) -> int:
        """Rises, over restarts too."""
        return self._take("invocation")

    def next_log_id(self, count: int = 1) -> int:
        """The first of `count` ids in a row. Rises, over restarts too."""
        return self._take("log", count)

    def next_happening_id(self) -> int:
        """Rises, over restarts too."""
        return self._take("happening")

    def _take(self, table: str, count: int = 1) -> int:
        taken = self._next[table]
        self._next[table] = taken + count
        return taken

    @property
    def behind(self) -> bool:
        """Whether so many lines wait for the disk that whoever reads them should wait too; a disk that refuses holds
        nobody up."""
        return self._batch.log_bytes + self._in_hand > BACKLOG_BYTES and self.problem is None

    @property
    def waiting(self) -> bool:
        """Whether there is anything that the file does not have yet."""
        return self._flushing.locked() or len(self._batch) > 0

    def add(
        self,
        *,
        invocations: Sequence[InvocationRecord] = (),
        logs: Sequence[LogRecords] = (),
        metrics: Sequence[MetricDelta] = (),
        happenings: Sequence[HappeningRecord] = (),
        inits: Sequence[InitRecord] = (),
    ) -> None:
        """Buffer rows; never waits. On the loop only."""
        batch = self._batch
        if invocations:
            batch.invocations.extend(invocations)
        for each in logs:
            batch.log(each)
        if metrics:
            batch.metrics.extend(metrics)
        if happenings:
            batch.happenings.extend(happenings)
        for init in inits:
            batch.inits[init.function] = init
        self.touch()

    def on_flush(self, collect: Callable[[], Sequence[MetricDelta]]) -> None:
        """Ask `collect` for metric deltas at each flush, so that rows and their counts share a transaction."""
        self._collectors.append(collect)

    def touch(self) -> None:
        """See to it that a flush happens within 200 ms."""
        full = self._batch.log_bytes >= FLUSH_BYTES or len(self._batch.invocations) >= FLUSH_ROWS
        if self._writing is not None or self._closing or (self._timer is not None and not full):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(0 if full else FLUSH_S, self._flush_soon)

    def _flush_soon(self) -> None:
        self._timer = None
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._flush_quietly())

    async def _flush_quietly(self) -> None:
        try:
            await self._flush_once()
        except StoreError as error:
            self.problem = str(error)
        finally:
            self._writing = None
            if not self._closing:
                if self.problem is not None:
                    self._timer = asyncio.get_running_loop().call_later(_RETRY_S, self._flush_soon)
                elif len(self._batch):
                    self.touch()

    async def flush(self) -> None:
        """Write all that was added before. StoreError where the disk refuses; the rows then wait for the next try.

        Those who come while a flush is under way share the next one, and under load it is a little while off: each
        flush writes what every metric gained since the one before.
        """
        if self._next_flush is None:
            self._next_flush = asyncio.get_running_loop().create_task(self._flush_next())
        # A caller that is cancelled must not let go of rows that are neither written nor put back.
        await asyncio.shield(self._next_flush)

    async def _flush_next(self) -> None:
        loop = asyncio.get_running_loop()
        soonest = self._flushed_at + FLUSH_PAUSE_S
        if not self._closing and loop.time() < soonest:
            await asyncio.sleep(soonest - loop.time())
        async with self._flushing:
            self._next_flush = None  # what is added from here on is the next one's
            self._flushed_at = loop.time()
            await self._flush_batch()

    async def _flush_once(self) -> None:
        async with self._flushing:
            await self._flush_batch()

    async def _flush_batch(self) -> None:
        batch, self._batch = self._batch, Batch()
        self._in_hand = batch.log_bytes
        for collect in self._collectors:
            batch.metrics.extend(collect())
        if not len(batch) and not self._ids_run_short():
            return
        try:
            await self._write(batch)
        except StoreError:
            self._put_back(batch)
            raise
        except (ValueError, TypeError, OverflowError) as error:  # a row that no database takes must not come back
            self.lost += len(batch)
            raise StoreError(f"{len(batch)} rows of history could not be stored: {error}") from error
        finally:
            self._in_hand = 0
        self.problem = None

    async def _write(self, batch: Batch) -> None:
        reserved = dict(self._reserved)
        if self._ids_run_short():
            reserved = {name: number + ID_BLOCK for name, number in self._next.items()}

        def committed(_: None) -> None:
            self._reserved = reserved

        await self._writer.run(lambda connection: history_rows.write(connection, batch, reserved), committed)

    def _ids_run_short(self) -> bool:
        return any(self._next[name] > self._reserved[name] - ID_BLOCK // 2 for name in _TABLES)

    def _put_back(self, batch: Batch) -> None:
        newer, self._batch = self._batch, batch
        batch.invocations.extend(newer.invocations)
        for each in newer.logs:
            batch.log(each)
        batch.metrics.extend(newer.metrics)
        batch.happenings.extend(newer.happenings)
        batch.inits.update(newer.inits)
        self.lost += batch.keep_lines(BUFFER_ROWS)
        rows: list[list[object]] = [batch.invocations, batch.metrics, batch.happenings]  # type: ignore[list-item]
        for kind in rows:
            over = len(kind) - BUFFER_ROWS
            if over > 0:
                del kind[:over]
                self.lost += over

    async def trim(self) -> int:
        """Give up what retention no longer covers (limits.py), in small steps; returns how many rows went."""
        total = 0
        now_us = self._clock.now_us()
        extra = await self._reads.run(history_rows.too_many)  # it passes every row that stays: no write waits for it
        while gone := await self._writer.run(lambda connection: history_rows.trim_step(connection, now_us, extra)):
            total += gone
            if self._closing:
                return total
        while not self._closing and await self._writer.run(history_rows.vacuum_step):
            pass
        return total

    async def last_happenings(self, limit: int) -> list[HappeningRecord]:
        """The newest stored sentences, oldest first."""

        def work(connection: sqlite3.Connection) -> list[HappeningRecord]:
            rows = connection.execute(
                "SELECT id, time_us, kind, function, message FROM happening ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
            return [
                HappeningRecord(id=key, time_us=time_us, kind=kind, function=function, message=message)
                for key, time_us, kind, function, message in reversed(rows)
            ]

        return await self._reads.run(work)

    async def code_used(self, function: str, sha: str, at_us: int) -> None:
        """Remember when a function's snapshot was first and last taken."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO code VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO UPDATE SET last_us = max(last_us, ?3)",
                (function, sha, at_us),
            )

        await self._writer.run(work)

    async def code_named(self, newest: int) -> set[str]:
        """Snapshots that an invocation names, and the `newest` of each function; forgets the others."""
        return await self._writer.run(lambda connection: code_uses.named(connection, newest))

    async def close(self) -> None:
        """Write what is left, and how far the ids came."""
        if self._timer is not None:
            self._timer.cancel()
        self._closing = True
        while self._writing is not None:
            await asyncio.shield(self._writing)
        if self._next_flush is not None:
            await asyncio.wait([self._next_flush])
        await self._flush_once()
        reserved = {name: number - 1 for name, number in self._next.items()}
        await self._writer.run(lambda connection: history_rows.write(connection, Batch(), reserved))

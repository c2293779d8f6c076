"""Reading both databases as the schema's rows: synchronous, from any thread, with or without a running engine."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lambdatui import schema
from lambdatui.clock import Clock, SystemClock, iso
from lambdatui.config.backtracking import Bounded, HeavyError
from lambdatui.config.made import Made
from lambdatui.profiles import ImportTree
from lambdatui.store import (
    code_change,
    inits,
    log_blocks,
    made,
    metric_minutes,
    needles,
    queue_rows,
    reader_rows,
    reader_stats,
)
from lambdatui.store.database import NewerError, check_version, open_readonly
from lambdatui.store.ids import id_range, pack_id, unpack_id
from lambdatui.store.inits import Spending
from lambdatui.store.metric_minutes import Samples, Wanted
from lambdatui.store.records import InitRecord, QueueDepth
from lambdatui.store.refusals import FAILURES, explain
from lambdatui.store.shards import seq_text
from lambdatui.store.tables import HISTORY, STATE

# Of each thread's connections: with SQLite's own 2 MB they came to 64 MB a file on 16 cores, and no query was faster.
_CACHE_KB = 512
_NEWEST = {"state.db": len(STATE), "history.db": len(HISTORY)}


class Reader:
    """Never writes. A data directory or database that is not there reads as empty; StoreError where one is damaged
    or of a newer lambdatui. Each thread has connections of its own, so calls may run in parallel.
    """

    def __init__(self, data: Path, clock: Clock | None = None) -> None:
        self._data = data
        self._clock = clock or SystemClock()
        self._own = threading.local()
        self._lock = threading.Lock()
        self._opened: list[tuple[threading.Thread, sqlite3.Connection]] = []

    def invocations(
        self,
        *,
        function: str | None = None,
        status: str | None = None,
        since_us: int | None = None,
        limit: int | None = None,
    ) -> list[schema.InvocationRow]:
        """Attempts, newest first; without a limit all that are kept."""
        where = _Where()
        where.equals("i.function", function)
        where.equals("i.status", status)
        if since_us is not None:
            where.add("i.started_us >= ?", since_us)
        with self._history() as connection:
            if connection is None:
                return []
            columns = reader_rows.invocation_columns(connection)
            sql = f"SELECT {columns} FROM invocation i{where} ORDER BY i.id DESC LIMIT ?"
            return [reader_rows.invocation(row) for row in connection.execute(sql, (*where.values, _limit(limit)))]

    def invocation(self, request_id: str) -> schema.InvocationDetail | None:
        """The newest attempt of a request whole, with the log of all its attempts; None where it is unknown.

        `request_id` may be the beginning of one (`id_range`): of several the newest request is meant.
        """
        with self._history() as connection:
            if connection is None:
                return None
            columns = reader_rows.invocation_columns(connection)
            rows = connection.execute(
                f"SELECT {columns} FROM invocation i WHERE i.request_id >= ? AND i.request_id <= ? ORDER BY i.id",
                id_range(request_id),
            ).fetchall()
            if not rows:
                return None
            key = rows[-1][1]
            rows = [row for row in rows if row[1] == key]
            event, result, error, frames = connection.execute(
                "SELECT e.data, r.data, i.error, i.frames FROM invocation i JOIN payload e ON e.id = i.event"
                " LEFT JOIN payload r ON r.id = i.result WHERE i.id = ?",
                (rows[-1][0],),
            ).fetchone() or (b"", None, None, None)  # trimmed since the list was read
            select = reader_rows.select_log(connection)
            log = connection.execute(f"{select} WHERE l.request_id = ? ORDER BY l.id", (key,))
            attempts = [reader_rows.invocation(row) for row in rows]
            return schema.InvocationDetail(
                row=attempts[-1],
                event=bytes(event),
                result=None if result is None else bytes(result),
                log=[reader_rows.log_line(row) for row in log],
                error=error,
                frames=reader_rows.frames(frames),
                attempts=attempts,
            )

    def logs(
        self,
        *,
        functions: Sequence[str] = (),
        pattern: re.Pattern[str] | Bounded | None = None,
        min_level: str | None = None,
        request_id: str | None = None,
        since_us: int | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[schema.LogLine]:
        """Log lines, oldest first, the last `limit` of those that match. `pattern` is searched in the message.

        HeavyError where a bounded one may take long.
        """
        where = _Where()
        if functions:
            where.among("l.function", functions)
        if min_level is not None:
            where.among("l.level", log_blocks.levels_from(min_level))
        if request_id is not None:
            least, greatest = id_range(request_id)
            if least == greatest:
                where.add("l.request_id = ?", least)  # its lines are in order in the index
            else:
                where.add("l.request_id >= ?", least)
                where.add("l.request_id <= ?", greatest)
        if since_us is not None:
            where.add("l.time_us >= ?", since_us)
        if after_id:
            where.add("l.id > ?", after_id)
        sought = None
        if request_id is None and (functions or min_level or since_us):
            sought = log_blocks.Sought(functions, min_level, since_us, after_id)
        with self._history() as connection:
            if connection is None or (limit is not None and limit <= 0):
                return []
            heavy: list[HeavyError] = []
            if pattern is not None:
                where.matches("l.message", pattern, connection, heavy)
            try:
                last = list(itertools.islice(_log_rows(connection, where, sought), limit))
            except sqlite3.OperationalError:
                if heavy:
                    raise heavy[0] from None
                raise
            return [reader_rows.log_line(row) for row in reversed(last)]

    def stats(self, *, function: str | None = None, since_us: int | None = None) -> dict[str, schema.Stats]:
        """Metrics by function, and `_account` for all; since: in whole minutes (older than a day: whole hours)."""
        with self._history() as connection:
            if connection is None:
                return {reader_stats.ACCOUNT: schema.Stats()}
            return reader_stats.read(connection, function, since_us)

    def metric_minutes(self, wanted: Sequence[Wanted], begin: int, end: int) -> list[dict[int, Samples]]:
        """Each metric's samples by minute, from minute `begin` up to `end` (older than a day: whole hours)."""
        with self._history() as connection:
            return [{} for _ in wanted] if connection is None else metric_minutes.read(connection, wanted, begin, end)

    def metric_series(self, since_minute: int) -> list[Wanted]:
        """Every metric with its dimensions that has data since then, in a fixed order."""
        with self._history() as connection:
            return [] if connection is None else list(metric_minutes.series(connection, since_minute))

    def dlq_entries(
        self, queues: Sequence[str], *, limit: int | None = None, most_bytes: int | None = None, before: int = 1 << 62
    ) -> list[schema.DlqEntry]:
        """What these dead-letter queues hold, newest first: the `limit` that arrived last, or as many of them as have
        `most_bytes` of events (one at least), with a `seq` below `before`."""
        with self._state() as connection:
            if connection is None:
                return []
            newest = _newest_messages(connection, queues, before, limit, most_bytes)
            rows = connection.execute(
                f"{queue_rows.SELECT_OF_ANY} WHERE m.seq IN (SELECT value FROM json_each(?))"
                " ORDER BY m.last_us DESC, m.seq DESC",
                (json.dumps(newest),),
            )
            return [reader_rows.dlq_entry(queue_rows.message(row)) for row in rows]

    def dlq_entry(self, entry_id: str) -> schema.DlqEntry | None:
        """One message by id, as an entry."""
        with self._state() as connection:
            if connection is None:
                return None
            row = connection.execute(f"{queue_rows.SELECT_OF_ANY} WHERE m.id = ?", (pack_id(entry_id),)).fetchone()
            return None if row is None else reader_rows.dlq_entry(queue_rows.message(row))

    def queue_depths(self, queues: Sequence[str]) -> dict[str, QueueDepth]:
        """Depth of each queue that is asked for; one without messages is empty."""
        depths = {name: QueueDepth() for name in queues}
        where = _Where()
        where.among("queue", queues)
        now_us = self._clock.now_us()
        with self._state() as connection:
            if connection is None or not queues:
                return depths
            rows = connection.execute(
                "SELECT queue, count(*), sum(visible_us > ?), sum(visible_us > ? AND receipt IS NOT NULL),"
                f" min(sent_us) FROM message{where} GROUP BY queue",
                (now_us, now_us, *where.values),
            )
            for name, total, hidden, in_flight, oldest in rows:
                depths[name] = QueueDepth(
                    visible=total - hidden, in_flight=in_flight, delayed=hidden - in_flight, oldest_us=oldest
                )
        return depths

    def peek(self, queue: str, n: int = 100) -> list[schema.PeekedMessage]:
        """The queue's oldest `n` messages, which stay where they are."""
        now_us = self._clock.now_us()
        with self._state() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                f"{queue_rows.SELECT_OF_ANY} WHERE m.queue = ? ORDER BY m.seq LIMIT ?", (queue, n)
            )
            return [reader_rows.peeked(queue_rows.message(row), now_us) for row in rows]

    def peek_stream(self, stream: str, n: int = 100) -> list[schema.PeekedMessage]:
        """The stream's newest `n` records over all shards, oldest first; `state` is the shard, `group_id` the key."""
        with self._state() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                "SELECT r.seq, r.shard, r.partition_key, p.data, r.arrived_us FROM record r"
                " JOIN payload p ON p.id = r.payload WHERE r.stream = ? ORDER BY r.seq DESC LIMIT ?",
                (stream, n),
            ).fetchall()
        return [
            schema.PeekedMessage(
                id=seq_text(seq),
                body=bytes(data).decode("utf-8", "replace"),
                sent_at=iso(arrived_us),
                state=shard,
                group_id=key,
            )
            for seq, shard, key, data, arrived_us in reversed(rows)
        ]

    def happenings(self, limit: int = 200) -> list[schema.Happening]:
        """The newest sentences, oldest first."""
        with self._history() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                "SELECT id, time_us, kind, function, message FROM happening ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        return [
            schema.Happening(id=key, time=iso(time_us), kind=kind, function=function, message=message)
            for key, time_us, kind, function, message in reversed(rows)
        ]

    def code_change(self, function: str, old_sha: str, new_sha: str) -> schema.CodeChange | None:
        """What changed between two snapshots of a function; None where they are the same or not kept."""
        lines = code_change.diff(self._data / "code", old_sha, new_sha)
        if old_sha == new_sha or not lines:
            return None
        changed_at = None
        with self._history() as connection:
            if connection is not None:
                row = connection.execute(
                    "SELECT first_us FROM code WHERE function = ? AND sha = ?", (function, new_sha)
                ).fetchone()
                changed_at = None if row is None else iso(row[0])
        return schema.CodeChange(function=function, old_sha=old_sha, new_sha=new_sha, changed_at=changed_at, diff=lines)

    def last_init(self, function: str) -> tuple[InitRecord, ImportTree, Spending] | None:
        """The function's last fresh init, and what its stored invocations came to; None where there was none."""
        with self._history() as connection:
            if connection is None or not reader_stats.has_column(connection, "init", "tree"):
                return None
            found = inits.read(connection, function)
            return None if found is None else (*found, inits.spending(connection, function))

    def failed_event(self, function: str) -> tuple[str, bytes] | None:
        """Request id and event of the newest failed invocation (throttles are none)."""
        return self._event(function, " AND i.status IN ('error', 'timeout')")

    def last_event(self, function: str) -> tuple[str, bytes] | None:
        """Request id and event of the newest invocation, whatever came of it."""
        return self._event(function, " AND i.type <> 'DryRun'")

    def _event(self, function: str, further: str) -> tuple[str, bytes] | None:
        with self._history() as connection:
            if connection is None:
                return None
            row = connection.execute(
                "SELECT i.request_id, p.data FROM invocation i JOIN payload p ON p.id = i.event"
                f" WHERE i.function = ?{further} ORDER BY i.id DESC LIMIT 1",
                (function,),
            ).fetchone()
            return None if row is None else (unpack_id(row[0]), bytes(row[1]))

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            for _, connection in self._opened:
                connection.close()
            self._opened.clear()
        self._own = threading.local()

    def made(self) -> list[Made]:
        """What the API made or changed; empty in a state that an older lambdatui wrote."""
        with self._state() as connection:
            if connection is None or not connection.execute(made.EXISTS).fetchone():
                return []
            return [made.made(row) for row in connection.execute(made.SELECT)]

    @contextmanager
    def _history(self) -> Iterator[sqlite3.Connection | None]:
        with self._open("history.db") as connection:
            yield connection

    @contextmanager
    def _state(self) -> Iterator[sqlite3.Connection | None]:
        with self._open("state.db") as connection:
            yield connection

    @contextmanager
    def _open(self, name: str) -> Iterator[sqlite3.Connection | None]:
        """This thread's connection; a file that was replaced meanwhile (set aside, say) is opened anew."""
        path = self._data / name
        try:
            yield self._connection(path)
        except FAILURES as error:
            raise explain(error, path) from error

    def _connection(self, path: Path) -> sqlite3.Connection | None:
        held: dict[str, tuple[int, sqlite3.Connection]] = self._own.__dict__
        try:
            status = os.stat(path)  # noqa: PTH116 - once per call
        except FileNotFoundError:
            return None
        except OSError as error:
            raise explain(error, path) from error
        if status.st_size == 0:
            return None
        if path.name in held:
            inode, connection = held[path.name]
            if inode == status.st_ino:
                return connection
            connection.close()
        connection = open_readonly(path)
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        try:
            version = check_version(connection, path, _NEWEST[path.name])
        except NewerError:
            connection.close()
            raise
        if version == 0:
            connection.close()  # being created at this moment
            return None
        self._remember(connection)
        held[path.name] = (status.st_ino, connection)
        return connection

    def _remember(self, connection: sqlite3.Connection) -> None:
        """Keep the connection for `close`, and close those of threads that have ended."""
        with self._lock:
            for thread, left in self._opened:
                if not thread.is_alive():
                    left.close()
            self._opened = [each for each in self._opened if each[0].is_alive()]
            self._opened.append((threading.current_thread(), connection))


class _Where:
    """Conditions that hold together, with their values."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, value: Any) -> None:
        self.conditions.append(condition)
        self.values.append(value)

    def equals(self, column: str, value: str | None) -> None:
        if value is not None:
            self.add(f"{column} = ?", value)

    def among(self, column: str, values: Sequence[str]) -> None:
        self.conditions.append(f"{column} IN ({','.join('?' * len(values))})")
        self.values.extend(values)

    def matches(
        self, column: str, pattern: re.Pattern[str] | Bounded, connection: sqlite3.Connection, heavy: list[HeavyError]
    ) -> None:
        """SQLite asks the pattern itself, a third of the time of reading rows and asking for each, and only about
        what has in it what the pattern needs. Of what that raises it tells only that there was something: `heavy`
        has it."""

        def has_match(text: str) -> bool:
            try:
                return pattern.search(text) is not None
            except HeavyError as error:
                heavy.append(error)
                raise

        needed = needles.required(pattern)
        if needed:
            narrowed, texts = needles.condition(column, needed)
            self.conditions.append(narrowed)
            self.values.extend(texts)
        connection.create_function("has_match", 1, has_match)
        self.conditions.append(f"has_match({column})")

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def _log_rows(connection: sqlite3.Connection, where: _Where, sought: log_blocks.Sought | None) -> Iterator[Any]:
    """Lines, newest first; `sought`: from the blocks that may hold such lines."""
    sql = f"{reader_rows.select_log(connection)}{where}"
    if sought is None or not log_blocks.kept(connection):
        yield from connection.execute(f"{sql} ORDER BY l.id DESC", where.values)
        return
    sql += f" {'AND' if where.conditions else 'WHERE'} l.id BETWEEN ? AND ? ORDER BY l.id DESC"
    for span in log_blocks.spans(connection, sought):
        yield from connection.execute(sql, (*where.values, *span))


def _newest_messages(
    connection: sqlite3.Connection, queues: Sequence[str], before: int, limit: int | None, most_bytes: int | None
) -> list[int]:
    """The numbers of the messages that came last, each queue's through its index."""
    sql = (
        "SELECT m.seq, length(p.data) FROM message m JOIN payload p ON p.id = m.payload"
        " WHERE m.queue = ? AND m.seq < ? ORDER BY m.seq DESC"
    )
    each_queue = [connection.execute(sql, (queue, before)) for queue in dict.fromkeys(queues)]
    newest: list[int] = []
    size = 0
    for seq, length in itertools.islice(heapq.merge(*each_queue, reverse=True), limit):
        size += length
        if newest and most_bytes is not None and size > most_bytes:
            break
        newest.append(seq)
    return newest


def _limit(limit: int | None) -> int:
    return -1 if limit is None else max(0, limit)

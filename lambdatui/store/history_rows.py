"""History's rows in SQL: writing a batch, and giving up the oldest in small steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from lambdatui.clock import MICROS
from lambdatui.store import code_uses, inits, log_blocks, log_rows
from lambdatui.store.ids import PAYLOAD_OF_HASH, clean, pack_id, pack_optional, put_payloads
from lambdatui.store.limits import (
    HISTORY_AGE_US,
    HISTORY_BYTES,
    MAX_HAPPENINGS,
    MAX_INVOCATIONS,
    MAX_LOG_LINES,
    MINUTES_KEPT,
    STEP_BYTES,
    STEP_INVOCATIONS,
    STEP_ROWS,
    STEP_VACUUM_PAGES,
)
from lambdatui.store.records import HappeningRecord, InitRecord, InvocationRecord, LogRecords, MetricDelta
from lambdatui.store.statements import insert_rows

MINUTE_US = 60 * MICROS
_histogram = msgspec.msgpack.Decoder(dict[int, int])
_METRIC_KEY = "minute = ? AND function = ? AND name = ? AND resource = ? AND version = ? AND mapping = ?"


class Batch(msgspec.Struct):
    """Rows that wait for their flush."""

    invocations: list[InvocationRecord] = []
    logs: list[LogRecords] = []
    metrics: list[MetricDelta] = []
    happenings: list[HappeningRecord] = []
    inits: dict[str, InitRecord] = {}  # by function: the last one is kept
    log_bytes: int = 0  # that `logs` takes in memory, about

    def __len__(self) -> int:
        return len(self.invocations) + self._lines() + len(self.metrics) + len(self.happenings) + len(self.inits)

    def log(self, lines: LogRecords) -> None:
        """Add lines."""
        self.logs.append(lines)
        self.log_bytes += lines.weight

    def keep_lines(self, most: int) -> int:
        """Let the oldest lines go, whole batches of them, until at most so many are left; how many went."""
        gone = count = 0
        over = self._lines() - most
        while gone < over:
            gone += len(self.logs[count].messages)
            count += 1
        self.log_bytes -= sum(each.weight for each in self.logs[:count])
        del self.logs[:count]
        return gone

    def _lines(self) -> int:
        return sum(len(each.messages) for each in self.logs)


def write(connection: sqlite3.Connection, batch: Batch, reserved: dict[str, int]) -> None:
    """Write `batch`, and how far ids are reserved."""
    _insert(connection, "invocation", _INVOCATION, _invocations(connection, batch.invocations))
    code_uses.mark(connection, batch.invocations)
    _insert(connection, "log", _marks(8), log_rows.insert(connection, batch.logs))
    log_blocks.mark(connection, batch.logs)
    _insert(
        connection,
        "happening",
        _marks(5),
        [(each.id, each.time_us, each.kind, each.function, clean(each.message)) for each in batch.happenings],
    )
    for delta in batch.metrics:
        merge_metric(connection, delta)
    inits.write(connection, batch.inits.values())
    connection.executemany("INSERT OR REPLACE INTO counter VALUES (?,?)", list(reserved.items()))


def _insert(connection: sqlite3.Connection, table: str, row: str, rows: Sequence[tuple[Any, ...]]) -> None:
    insert_rows(connection, f"INSERT OR REPLACE INTO {table}", row, rows)


def _marks(columns: int) -> str:
    return f"({','.join('?' * columns)})"


# Its columns, with event and result behind the first 21.
_INVOCATION = f"({'?,' * 21}{PAYLOAD_OF_HASH},{PAYLOAD_OF_HASH}{',?' * 10})"


def _invocations(connection: sqlite3.Connection, records: Sequence[InvocationRecord]) -> list[tuple[Any, ...]]:
    """Their rows; events and results are stored."""
    events = put_payloads(connection, [each.event for each in records])
    with_result = [each for each in records if each.result is not None]
    results = iter(put_payloads(connection, [each.result or b"" for each in with_result]))
    return [
        _invocation(each, event, None if each.result is None else next(results))
        for each, event in zip(records, events, strict=True)
    ]


def _invocation(row: InvocationRecord, event: bytes, result: bytes | None) -> tuple[Any, ...]:
    return (
        row.id,
        pack_id(row.request_id),
        row.function,
        row.version,
        row.type,
        row.source,
        row.status,
        row.started_us,
        clean(row.error_type),
        clean(row.error_message),
        row.queued_us,
        row.init_us,
        row.duration_us,
        row.billed_ms,
        row.max_memory_mb,
        row.attempt,
        row.cold,
        row.environment,
        row.code_sha,
        pack_optional(row.parent_id),
        pack_optional(row.replay_of),
        event,
        result,
        clean(row.error),
        row.frames,
        row.qualifier,
        row.provisioned,
        row.cost_usd,
        row.runtime_us,
        row.libraries_us,
        row.own_us,
        row.overhead_us,
        row.forked,
    )


def merge_metric(connection: sqlite3.Connection, delta: MetricDelta) -> None:
    """Add `delta` to its minute."""
    key = (delta.minute, delta.function, delta.name, delta.resource, delta.version, delta.mapping)
    packed = None
    if delta.histogram:
        counts = dict(delta.histogram)
        found = connection.execute(f"SELECT histogram FROM metric WHERE {_METRIC_KEY}", key).fetchone()
        if found is not None and found[0] is not None:
            add_histogram(counts, found[0])
        packed = msgspec.msgpack.encode(counts)
    connection.execute(
        "INSERT INTO metric VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET sum = sum + excluded.sum,"
        " least = min(least, excluded.least), max = max(max, excluded.max), samples = samples + excluded.samples,"
        " last = ifnull(excluded.last, last), histogram = ifnull(excluded.histogram, histogram)",
        (*key, delta.sum, delta.min, delta.max, delta.count, delta.last, packed),
    )


def add_histogram(counts: dict[int, int], packed: bytes) -> None:
    """Add a stored histogram's counts to `counts`."""
    for bucket, count in _histogram.decode(packed).items():
        counts[bucket] = counts.get(bucket, 0) + count


def too_many(connection: sqlite3.Connection) -> dict[str, int]:
    """{table: id of the newest row that is too many}. A look through a full table: once for all steps of a trimming."""
    found = {}
    for table in _TABLES:
        ends = (f"(SELECT {end}(id) FROM {table.name})" for end in ("min", "max"))  # both in one SELECT would be a scan
        first, last = connection.execute(f"SELECT {', '.join(ends)}").fetchone()
        if first is None or last - first < table.most:
            continue
        sql = f"SELECT id FROM {table.name} ORDER BY id DESC LIMIT 1 OFFSET ?"
        if (extra := connection.execute(sql, (table.most,)).fetchone()) is not None:
            found[table.name] = extra[0]
    return found


def trim_step(
    connection: sqlite3.Connection, now_us: int, extra: Mapping[str, int], *, max_bytes: int = HISTORY_BYTES
) -> int:
    """Give up the oldest rows beyond age, count (`extra`: `too_many`) and size; how many went. 0: nothing is left."""
    before_us = now_us - HISTORY_AGE_US
    gone = sum(_trim_table(connection, table, before_us, extra.get(table.name)) for table in _TABLES)
    gone += connection.execute(
        "DELETE FROM metric WHERE minute < ? AND minute <= (SELECT max(minute) FROM"
        " (SELECT minute FROM metric ORDER BY minute LIMIT ?))",
        (before_us // MINUTE_US, STEP_ROWS),
    ).rowcount
    gone += _roll_up(connection, now_us // MINUTE_US - MINUTES_KEPT)
    gone += inits.trim(connection, before_us)
    log_rows.forget_empty_streams(connection)
    log_blocks.trim(connection)
    if not gone and used_bytes(connection) > max_bytes:
        gone = _give_up_oldest(connection)
    return gone


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the rows take, without pages that are free already."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def vacuum_step(connection: sqlite3.Connection) -> bool:
    """Hand a portion of the free pages back to the file system; False where few are free."""
    if connection.execute("PRAGMA freelist_count").fetchone()[0] <= STEP_VACUUM_PAGES:
        return False
    connection.execute(f"PRAGMA incremental_vacuum({STEP_VACUUM_PAGES})").fetchall()
    return True


class _Table(NamedTuple):
    """How a table is trimmed: the oldest rows (id, time, bytes), how many may stay, how many go at once."""

    name: str
    oldest: str
    most: int
    step: int


_INVOCATIONS = _Table(
    "invocation",
    "SELECT i.id, i.started_us, length(e.data) + ifnull(length(r.data), 0) FROM invocation i"
    " JOIN payload e ON e.id = i.event LEFT JOIN payload r ON r.id = i.result ORDER BY i.id LIMIT ?",
    MAX_INVOCATIONS,
    STEP_INVOCATIONS,
)
_LOGS = _Table("log", "SELECT id, time_us, length(message) FROM log ORDER BY id LIMIT ?", MAX_LOG_LINES, STEP_ROWS)
_HAPPENINGS = _Table(
    "happening", "SELECT id, time_us, length(message) FROM happening ORDER BY id LIMIT ?", MAX_HAPPENINGS, STEP_ROWS
)


_TABLES = (_INVOCATIONS, _LOGS, _HAPPENINGS)


def _portion(connection: sqlite3.Connection, table: _Table) -> list[tuple[int, int]]:
    """(id, time) of the oldest rows, as many as one step may take: few where they are large."""
    rows: list[tuple[int, int]] = []
    size = 0
    for row_id, time_us, length in connection.execute(table.oldest, (table.step,)):
        rows.append((row_id, time_us))
        size += length
        if size >= STEP_BYTES:
            break
    return rows


def _trim_table(connection: sqlite3.Connection, table: _Table, before_us: int, extra: int | None) -> int:
    """Delete a portion of the oldest rows, while they are too old or too many (up to `extra`)."""
    first = connection.execute(table.oldest, (1,)).fetchone()
    if first is None or (first[1] >= before_us and (extra is None or first[0] > extra)):
        return 0  # as nearly always
    oldest = _portion(connection, table)
    until = -1
    for row_id, time_us in oldest:
        if time_us >= before_us:
            break
        until = row_id
    if extra is not None:
        until = max(until, min(extra, oldest[-1][0]))
    return _delete_until(connection, table, until)


def _give_up_oldest(connection: sqlite3.Connection) -> int:
    """For size: a portion of whichever of invocations and log lines reaches further back."""
    portions = [(table, _portion(connection, table)) for table in (_INVOCATIONS, _LOGS)]
    filled = [(rows[0][1], table, rows[-1][0]) for table, rows in portions if rows]
    if not filled:
        return 0
    _, table, until = min(filled, key=lambda each: each[0])
    return _delete_until(connection, table, until)


def _delete_until(connection: sqlite3.Connection, table: _Table, until: int) -> int:
    return connection.execute(f"DELETE FROM {table.name} WHERE id <= ?", (until,)).rowcount


def _roll_up(connection: sqlite3.Connection, before_minute: int) -> int:
    """Turn minutes older than a day into hours (stored as the hour's first minute)."""
    rows = connection.execute(
        "SELECT * FROM metric WHERE minute < ? AND minute % 60 <> 0 ORDER BY minute LIMIT ?",
        (before_minute - before_minute % 60, STEP_ROWS // 4),
    ).fetchall()
    return merge_rows(connection, rows)


def merge_rows(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> int:
    """Move metric rows into the rows of their hours."""
    for minute, function, name, resource, version, mapping, total, least, most, samples, last, packed in rows:
        counts: dict[int, int] = {} if packed is None else _histogram.decode(packed)
        delta = MetricDelta(
            minute=minute - minute % 60,
            function=function,
            name=name,
            resource=resource,
            version=version,
            mapping=mapping,
            sum=total,
            min=least or 0.0,
            max=most,
            count=samples if samples is not None else sum(counts.values()) or round(total),
            histogram=counts,
            last=last,
        )
        merge_metric(connection, delta)
    connection.executemany(f"DELETE FROM metric WHERE {_METRIC_KEY}", [tuple(row[:6]) for row in rows])
    return len(rows)

"""History: batches, ids that only rise, metrics that add up, retention."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock, new_request_id
from lambdatui.errors import StoreError
from lambdatui.schema import LEVEL_CODES, LEVEL_NAMES
from lambdatui.store import history, history_rows, limits
from lambdatui.store.database import open_writable
from lambdatui.store.reader import Reader
from lambdatui.store.records import InvocationRecord, LogRecords, MetricDelta
from lambdatui.store.store import Store
from lambdatui.store.tables import HISTORY


def invocation(key: int, **more: object) -> InvocationRecord:
    base: dict[str, object] = {
        "request_id": new_request_id(),
        "function": "f",
        "version": "$LATEST",
        "type": "Event",
        "source": "api",
        "status": "ok",
        "started_us": 1_000_000 * key,
        "event": b"{}",
        "result": b"null",
    }
    return InvocationRecord(id=key, **{**base, **more})  # type: ignore[arg-type]


def log(key: int, time_us: int = 0, *messages: str, levels: bytes = b"") -> LogRecords:
    told = messages or (f"line {key}",)
    levels = levels or bytes([LEVEL_CODES["INFO"]] * len(told))
    return LogRecords(id=key, time_us=time_us, function="f", request_id=None, levels=levels, messages=told)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened, _ = open_writable(tmp_path / "history.db", HISTORY, full=False)
    yield opened
    opened.close()


def write(connection: sqlite3.Connection, **batch: list) -> None:  # type: ignore[type-arg]
    connection.execute("BEGIN")
    history_rows.write(connection, history_rows.Batch(**batch), {})
    connection.execute("COMMIT")


async def test_a_batch_and_its_metrics_are_written_together(store: Store) -> None:
    """What a collector gives is in the same transaction: rows and counts never disagree after a crash."""
    delta = MetricDelta(minute=1, function="f", name="Invocations", sum=1)
    given = [[delta]]
    store.history.on_flush(lambda: given.pop() if given else [])
    statements: list[str] = []
    store._history._connection.set_trace_callback(statements.append)
    store.history.add(invocations=[invocation(store.history.next_invocation_id())], logs=[log(1)])
    await store.history.flush()
    store._history._connection.set_trace_callback(None)
    assert sum(sql.startswith("COMMIT") for sql in statements) == 1
    assert sum("INTO metric" in sql or "INTO invocation" in sql or "INTO log " in sql for sql in statements) == 3
    assert Reader(store.data).stats()["f"].Invocations == 1


async def test_ids_rise_over_a_clean_restart_without_gaps(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    await store.start()
    taken = [store.history.next_log_id() for _ in range(3)]
    await store.close()
    again = Store.open(data, clock)
    await again.start()
    assert again.history.next_log_id() == taken[-1] + 1
    await again.close()


async def test_ids_rise_over_a_crash_whatever_was_lost(store: Store, clock: ManualClock) -> None:
    """Ids that were given out and never written are not given out again."""
    seen = [store.history.next_happening_id() for _ in range(10)]
    crashed = store.data.parent / "copy"
    crashed.mkdir()
    for path in store.data.iterdir():
        if path.is_file():
            (crashed / path.name).write_bytes(path.read_bytes())
    again = Store.open(crashed, clock)
    assert again.history.next_happening_id() > seen[-1]
    await again.close()


async def test_rows_wait_while_the_disk_refuses_and_are_written_afterwards(store: Store) -> None:
    store._history._connection.execute("PRAGMA max_page_count=1")
    store.history.add(logs=[log(n, 0, "x" * 9000) for n in range(1, 40)])
    with pytest.raises(StoreError, match="full"):
        await store.history.flush()
    assert Reader(store.data).logs() == []
    store._history._connection.execute("PRAGMA max_page_count=1000000")
    await store.history.flush()
    assert len(Reader(store.data).logs()) == 39
    assert store.history.lost == 0


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", 'x"\\u0000', "é\r\n", ""])
@pytest.mark.parametrize("count", [1, 500])
async def test_lines_that_come_together_are_stored_as_lines(store: Store, count: int, odd: str) -> None:
    messages = [odd, *(f"line {n}" for n in range(1, count))]
    levels = bytes(n % len(LEVEL_NAMES) for n in range(count))
    store.history.add(logs=[log(store.history.next_log_id(count), 5, *messages, levels=levels)])
    await store.history.flush()
    found = Reader(store.data).logs()
    assert [line.message for line in found] == [odd.replace("\ud800", "?"), *messages[1:]]
    assert [line.id for line in found] == list(range(1, count + 1))
    assert [line.level for line in found] == [LEVEL_NAMES[code] for code in levels]


async def test_lines_that_wait_for_the_disk_are_bounded_by_those_who_read_them(store: Store) -> None:
    gate = threading.Event()
    held = store._history.submit(lambda _: gate.wait(60))
    key = 0
    while not store.history.behind:
        key += 1
        store.history.add(logs=[log(key, 0, "x" * 9_000)])
        await asyncio.sleep(0)
    assert key * 9_000 <= 2 * limits.BACKLOG_BYTES
    gate.set()
    await held
    await store.history.flush()
    assert not store.history.behind
    assert len(Reader(store.data).logs()) == key


async def test_a_disk_that_refuses_holds_nobody_up_and_the_oldest_lines_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BUFFER_ROWS", 250)
    store._history._connection.execute("PRAGMA max_page_count=1")
    for n in range(5):
        store.history.add(logs=[log(1 + n * 100, 0, *["x" * 30_000] * 100)])
        with pytest.raises(StoreError, match="full"):
            await store.history.flush()
        store.history.problem = "full"  # as the flush that nobody asked for leaves it
        assert not store.history.behind
    store._history._connection.execute("PRAGMA max_page_count=1000000")
    await store.history.flush()
    assert [line.id for line in Reader(store.data).logs()] == list(range(301, 501))
    assert store.history.lost == 300


async def test_a_flush_waits_for_the_write_that_has_its_rows(store: Store) -> None:
    gate = threading.Event()
    held = store._history.submit(lambda _: gate.wait(60))
    store.history.add(logs=[log(1)])
    first = asyncio.create_task(store.history.flush())
    await asyncio.sleep(0.02)  # it has taken the row and waits for the disk
    second = asyncio.create_task(store.history.flush())
    first.cancel()
    await asyncio.sleep(0.05)
    assert not second.done()
    gate.set()
    await asyncio.gather(held, second)
    assert [line.id for line in Reader(store.data).logs()] == [1]


def test_metric_deltas_of_a_minute_add_up(connection: sqlite3.Connection) -> None:
    write(
        connection,
        metrics=[MetricDelta(minute=7, function="f", name="Duration", sum=3, max=2, histogram={1: 2}, last=1)],
    )
    write(
        connection,
        metrics=[MetricDelta(minute=7, function="f", name="Duration", sum=9, max=9, histogram={1: 1, 5: 1}, last=9)],
    )
    row = connection.execute("SELECT sum, max, last, histogram FROM metric").fetchone()
    counts: dict[int, int] = {}
    history_rows.add_histogram(counts, row[3])
    assert (*row[:3], counts) == (12, 9, 9, {1: 3, 5: 1})


def test_payloads_are_stored_once_and_go_with_their_last_row(connection: sqlite3.Connection) -> None:
    write(connection, invocations=[invocation(n, event=b"same", result=b"same") for n in range(1, 4)])
    assert connection.execute("SELECT data, refs FROM payload").fetchall() == [(b"same", 6)]
    connection.execute("DELETE FROM invocation WHERE id < 3")
    assert connection.execute("SELECT data, refs FROM payload").fetchall() == [(b"same", 2)]
    connection.execute("DELETE FROM invocation")
    assert connection.execute("SELECT count(*) FROM payload").fetchone() == (0,)


def test_rows_beyond_their_age_go(connection: sqlite3.Connection) -> None:
    now_us = limits.HISTORY_AGE_US + 50_000_000
    write(
        connection,
        invocations=[invocation(n) for n in range(1, 101)],
        logs=[log(n, n * 1_000_000) for n in range(1, 101)],
        metrics=[MetricDelta(minute=0, function="f", name="Invocations", sum=1)],
    )
    while history_rows.trim_step(connection, now_us, {}):
        pass
    assert connection.execute("SELECT min(id), count(*) FROM invocation").fetchone() == (50, 51)
    assert connection.execute("SELECT min(id), count(*) FROM log").fetchone() == (50, 51)


def test_rows_beyond_their_count_go_in_small_steps(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_rows, "_LOGS", history_rows._LOGS._replace(most=1_000))
    monkeypatch.setattr(history_rows, "_TABLES", (history_rows._LOGS,))
    write(connection, logs=[log(3 * n) for n in range(1, 9_001)])
    steps = []
    extra = history_rows.too_many(connection)
    while gone := history_rows.trim_step(connection, 0, extra):
        steps.append(gone)
    assert max(steps) <= limits.STEP_ROWS
    assert connection.execute("SELECT count(*), max(id) FROM log").fetchone() == (1_000, 27_000)


def test_a_database_beyond_its_size_gives_up_the_oldest_and_shrinks(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    for part in range(0, 400, 40):
        write(
            connection, invocations=[invocation(part + n, event=bytes([part % 256, n]) * 20_000) for n in range(1, 41)]
        )
    before = history_rows.used_bytes(connection)
    while history_rows.trim_step(connection, 0, {}, max_bytes=before // 2):
        pass
    left = [key for (key,) in connection.execute("SELECT id FROM invocation ORDER BY id")]
    assert left == list(range(left[0], 401))
    assert 100 < len(left) < 200
    assert history_rows.used_bytes(connection) <= before // 2
    while history_rows.vacuum_step(connection):
        pass
    pages, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    assert free <= limits.STEP_VACUUM_PAGES
    assert pages * 4096 < before * 0.75


def test_minutes_older_than_a_day_become_hours(connection: sqlite3.Connection) -> None:
    write(
        connection,
        metrics=[
            MetricDelta(minute=n, function="f", name="Duration", sum=1, max=n, histogram={1: 1}, last=n)
            for n in range(1, 180)
        ],
    )
    now_us = (limits.MINUTES_KEPT + 125) * history_rows.MINUTE_US
    while history_rows.trim_step(connection, now_us, {}):
        pass
    rows = connection.execute("SELECT minute, sum, max, last FROM metric WHERE minute < 120").fetchall()
    assert rows == [(0, 59, 59, 59), (60, 60, 119, 119)]
    assert connection.execute("SELECT count(*), sum(sum) FROM metric WHERE minute >= 120").fetchone() == (60, 60)


async def test_a_row_that_no_database_takes_does_not_come_back(store: Store) -> None:
    store.history.add(logs=[log(1, 2**70)])
    with pytest.raises(StoreError, match="1 rows of history could not be stored"):
        await store.history.flush()
    store.history.add(logs=[log(2)])
    await store.history.flush()
    assert [line.id for line in Reader(store.data).logs()] == [2]
    assert store.history.lost == 1


async def test_tidying_trims_history_and_hands_pages_back(store: Store, clock: ManualClock) -> None:
    store.history.add(logs=[log(n, clock.now_us()) for n in range(1, 100)])
    await store.history.flush()
    clock.advance(limits.HISTORY_AGE_US / 1_000_000 + 1)
    await store.tidy()
    assert Reader(store.data).logs() == []


async def test_others_write_between_the_steps_of_a_long_trimming(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full day that is given up at once holds no event up, whose row has to be written before it is let go."""
    count = 400
    lines = [log(store.history.next_log_id(), clock.now_us()) for _ in range(count)]
    store.history.add(logs=lines)
    await store.history.flush()
    monkeypatch.setattr(history_rows, "_TABLES", (history_rows._LOGS._replace(most=0, step=1),))
    trimming = asyncio.create_task(store.history.trim())
    while not (left := await store.history._reads.run(lines_kept)) < count:
        await asyncio.sleep(0)
    store.history.add(invocations=[invocation(store.history.next_invocation_id())])
    await store.history.flush()
    assert not trimming.done()
    assert 0 < await store.history._reads.run(lines_kept) <= left
    assert await trimming == count


def lines_kept(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM log").fetchone()[0])

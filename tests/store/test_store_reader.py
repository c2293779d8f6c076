"""Reading: the schema's rows, from any thread, with and without an engine."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock, iso, new_request_id
from lambdatui.config.model import QueueConfig, StreamConfig
from lambdatui.errors import StoreError
from lambdatui.schema import LEVEL_CODES, Stats
from lambdatui.store.reader import Reader
from lambdatui.store.records import HappeningRecord, InvocationRecord, LogRecords, MetricDelta, NewMessage
from lambdatui.store.store import Store

QUEUE = QueueConfig(name="q", logical_id="Q")


def record(store: Store, clock: ManualClock, **more: object) -> InvocationRecord:
    base: dict[str, object] = {
        "request_id": new_request_id(),
        "function": "orders",
        "version": "$LATEST",
        "type": "Event",
        "source": "async",
        "status": "ok",
        "started_us": clock.now_us(),
    }
    return InvocationRecord(id=store.history.next_invocation_id(), **{**base, **more})  # type: ignore[arg-type]


def log(
    key: int, time_us: int, text: str, *, function: str = "f", request_id: str | None = None, level: str = "INFO"
) -> LogRecords:
    levels = bytes([LEVEL_CODES[level]])
    return LogRecords(id=key, time_us=time_us, function=function, request_id=request_id, levels=levels, messages=[text])


def test_a_missing_data_directory_reads_as_empty(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "none")
    assert reader.invocations() == reader.logs() == reader.happenings() == reader.peek("q") == []
    assert reader.stats() == {"_account": Stats()}
    assert reader.dlq_entries(["q"]) == reader.peek_stream("s") == []
    assert reader.invocation("x") is reader.dlq_entry("x") is reader.last_event("f") is None
    assert reader.queue_depths(["q"])["q"].visible == 0
    assert reader.code_change("f", "a", "b") is None
    assert not (tmp_path / "none").exists()


async def test_an_invocation_comes_whole_with_its_log_and_attempts(store: Store, clock: ManualClock) -> None:
    request_id = new_request_id()
    first = record(store, clock, request_id=request_id, status="error", event=b'{"a": 1}', error_type="KeyError")
    clock.advance(60)
    last = record(
        store,
        clock,
        request_id=request_id,
        attempt=2,
        status="error",
        event=b'{"a": 1}',
        result=b'{"errorType": "KeyError"}',
        error="Traceback ...",
        error_type="KeyError",
        error_message="'sku'",
        init_us=41_000,
        duration_us=1_230,
        queued_us=500,
        billed_ms=43,
        max_memory_mb=31,
        cold=True,
        environment="e1",
        code_sha="abc",
        parent_id=new_request_id(),
        frames=b'[{"file":"app.py","line":2,"function":"handler","source":[[2,"raise"]],"locals":{"a":"1"}}]',
    )
    lines = [
        log(store.history.next_log_id(), clock.now_us(), text, function="orders", request_id=owner)
        for owner, text in ((request_id, "mine"), (new_request_id(), "other's"), (request_id, "mine too"))
    ]
    store.history.add(invocations=[first, last, record(store, clock)], logs=lines)
    await store.history.flush()
    detail = Reader(store.data).invocation(request_id.upper())
    assert detail is not None
    assert detail.row == detail.attempts[-1]
    assert [row.attempt for row in detail.attempts] == [1, 2]
    row = detail.row
    assert (row.init_ms, row.duration_ms, row.queued_ms, row.billed_ms, row.cold) == (41.0, 1.23, 0.5, 43, True)
    assert (row.request_id, row.parent_id, row.started_at) == (request_id, last.parent_id, iso(clock.now_us()))
    assert (detail.event, detail.result) == (b'{"a": 1}', b'{"errorType": "KeyError"}')
    assert [line.message for line in detail.log] == ["mine", "mine too"]
    assert (detail.frames[0].line, detail.frames[0].source, detail.frames[0].locals) == (2, [(2, "raise")], {"a": "1"})


async def test_the_beginning_of_a_request_id_means_the_newest_that_begins_so(store: Store, clock: ManualClock) -> None:
    begins = ("0a76beef-1111", "0a76beef-2222", "0a76bf00-1111")
    old, new, other = (f"{begin}-4222-8333-444455556666" for begin in begins)
    rows = [record(store, clock, request_id=one, event=one.encode()) for one in (old, new, other)]
    lines = [
        log(store.history.next_log_id(), clock.now_us(), one, function="f", request_id=one) for one in (old, other)
    ]
    store.history.add(invocations=rows, logs=lines)
    await store.history.flush()
    reader = Reader(store.data)
    for begin, meant in (("0a76beef", new), ("0A76BEEF…", new), ("0a76beef-1", old), ("0a76bf00-1111-", other)):
        detail = reader.invocation(begin)
        assert detail is not None
        assert ([one.request_id for one in detail.attempts], detail.event) == ([meant], meant.encode())
    assert [one.message for one in reader.logs(request_id="0a76beef")] == [old]
    for unknown in ("0a76bee", "0a76beef1-111", "0a76beez", "", "0a76beef-1111-4222-8333-4444555566660"):
        assert reader.invocation(unknown) is None and reader.logs(request_id=unknown) == []


async def test_invocations_are_filtered_and_newest_first(store: Store, clock: ManualClock) -> None:
    rows = []
    for n in range(10):
        clock.advance(1)
        rows.append(record(store, clock, function="ab"[n % 2], status=("ok", "error")[n % 3 == 0]))
    store.history.add(invocations=rows)
    await store.history.flush()
    reader = Reader(store.data)
    ids = [row.id for row in rows]
    assert [row.id for row in reader.invocations()] == ids[::-1]
    assert [row.id for row in reader.invocations(limit=2)] == ids[:-3:-1]
    assert [row.id for row in reader.invocations(function="b", status="error")] == [ids[9], ids[3]]
    assert [row.id for row in reader.invocations(since_us=rows[8].started_us)] == [ids[9], ids[8]]


async def test_logs_are_the_last_that_match_oldest_first(store: Store, clock: ManualClock) -> None:
    request_id = new_request_id()
    levels = ["DEBUG", "INFO", "PRINT", "WARNING", "ERROR"]
    for n in range(20):
        store.history.add(
            logs=[
                log(
                    store.history.next_log_id(),
                    clock.now_us() + n,
                    f"line {n}",
                    function="ab"[n % 2],
                    request_id=request_id if n < 4 else None,
                    level=levels[n % 5],
                )
            ]
        )
    await store.history.flush()
    reader = Reader(store.data)

    def numbers(**filters: object) -> list[int]:
        return [int(line.message.split()[1]) for line in reader.logs(**filters)]  # type: ignore[arg-type]

    assert numbers() == list(range(20))
    assert numbers(limit=3) == [17, 18, 19]
    assert numbers(functions=["a"], limit=2) == [16, 18]
    assert numbers(min_level="warning") == [3, 4, 8, 9, 13, 14, 18, 19]
    assert numbers(pattern=re.compile(r"1\d$"), limit=4) == [16, 17, 18, 19]
    assert numbers(request_id=request_id) == [0, 1, 2, 3]
    assert numbers(since_us=clock.now_us() + 18) == [18, 19]
    last = reader.logs()[16].id
    assert numbers(after_id=last) == [17, 18, 19]
    assert numbers(limit=0) == []


async def test_stats_are_cloudwatchs_by_function_and_for_the_account(store: Store) -> None:
    def delta(function: str, name: str, minute: int = 10, **more: object) -> MetricDelta:
        return MetricDelta(minute=minute, function=function, name=name, **more)  # type: ignore[arg-type]

    store.history.add(
        metrics=[
            delta("a", "Invocations", sum=5),
            delta("a", "Errors", sum=1),
            delta("b", "Invocations", sum=7, minute=20),
            delta("a", "Duration", sum=30, max=20, last=10, histogram={116: 1, 151: 1}),
            delta("b", "Duration", sum=1000, max=1000, last=1000, histogram={348: 1}, minute=20),
            delta("a", "ConcurrentExecutions", max=3),
            delta("b", "ConcurrentExecutions", max=4),
            delta("_account", "ConcurrentExecutions", max=5),
        ]
    )
    await store.history.flush()
    stats = Reader(store.data).stats()
    assert (stats["a"].Invocations, stats["b"].Invocations, stats["_account"].Invocations) == (5, 7, 12)
    assert (stats["_account"].Errors, stats["_account"].Throttles) == (1, 0)
    assert stats["a"].Duration.max == 20
    assert stats["a"].Duration.last == 10
    assert stats["a"].Duration.p50 == pytest.approx(10, rel=0.02)
    assert stats["_account"].Duration.p99 == pytest.approx(1000, rel=0.02)
    assert stats["_account"].IteratorAge.p50 is None
    assert stats["_account"].ConcurrentExecutions == 5
    recent = Reader(store.data).stats(since_us=20 * 60_000_000 + 5)
    assert set(recent) == {"_account", "b"}
    one = Reader(store.data).stats(function="a")
    assert one == {"_account": stats["_account"], "a": stats["a"]}


async def test_entries_depths_and_peeks_show_without_taking(store: Store, clock: ManualClock) -> None:
    clock_reader = Reader(store.data, clock)
    attributes = {"RequestID": {"DataType": "String", "StringValue": "r-1"}}
    await store.queues.send(QUEUE, [NewMessage(body="old", attributes=attributes), NewMessage(body="later", delay_s=9)])
    await store.queues.receive(QUEUE, 1, 30)
    await store.queues.send(QUEUE, [NewMessage(body="new")])
    depth = clock_reader.queue_depths(["q", "empty"])["q"]
    assert depth == store.queues.depth("q")
    assert (depth.visible, depth.in_flight, depth.delayed) == (1, 1, 1)
    assert [(each.body, each.state) for each in clock_reader.peek("q")] == [
        ("old", "in flight"),
        ("later", "delayed"),
        ("new", "visible"),
    ]
    assert clock_reader.peek("q")[0].attributes == {"RequestID": "r-1"}
    entry = next(each for each in clock_reader.dlq_entries(["q"]) if each.event == "old")
    assert (entry.request_id, entry.first_at) == ("r-1", iso(clock.now_us()))
    stream = StreamConfig(name="s", logical_id="S", shards=2)
    await store.streams.put(stream, [(str(n), str(n).encode(), None) for n in range(5)])
    assert [each.body for each in clock_reader.peek_stream("s", 3)] == ["2", "3", "4"]


async def test_dead_letters_are_read_in_portions_of_entries_and_bytes(store: Store) -> None:
    other = QueueConfig(name="other", logical_id="Other")
    for n in range(6):
        await store.queues.send(QUEUE if n % 2 else other, [NewMessage(body=f"{n}" * 100)])
    reader = Reader(store.data)

    def events(**portion: int) -> list[str]:
        return [entry.event[0] for entry in reader.dlq_entries(["q", "other"], **portion)]

    assert events() == ["5", "4", "3", "2", "1", "0"]
    assert events(limit=4) == ["5", "4", "3", "2"]
    assert events(limit=4, most_bytes=250) == ["5", "4"]
    assert events(limit=4, most_bytes=1) == ["5"], "a portion is never empty"
    last = reader.dlq_entries(["q", "other"], limit=4)[-1]
    assert events(limit=4, before=last.seq) == ["1", "0"]
    assert reader.dlq_entries([], limit=4) == []


async def test_failed_and_last_events_are_exact(store: Store, clock: ManualClock) -> None:
    rows = [
        record(store, clock, status="error", event=b"\xff1"),
        record(store, clock, status="timeout", event=b"2"),
        record(store, clock, status="throttled", event=b"3"),
        record(store, clock, event=b"4"),
    ]
    store.history.add(invocations=rows)
    await store.history.flush()
    reader = Reader(store.data)
    assert reader.failed_event("orders") == (rows[1].request_id, b"2")
    assert reader.last_event("orders") == (rows[3].request_id, b"4")
    assert reader.last_event("other") is None


async def test_a_code_change_is_a_diff_with_its_files(store: Store, clock: ManualClock) -> None:
    await store.code.put("f", "old", {"app.py": "b1", "gone.py": "b3"}, {"b1": b"a = 1\nb = 2\n", "b3": b"x\n"}, 1)
    await store.code.put("f", "new", {"app.py": "b2", "logo.png": "b4"}, {"b2": b"a = 1\nb = 3\n", "b4": b"\xff"}, 5)
    change = Reader(store.data).code_change("f", "old", "new")
    assert change is not None
    assert change.changed_at == iso(5)
    assert change.diff[:5] == ["file app.py", "@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 3"]
    assert "file gone.py (gone)" in change.diff
    assert change.diff[-2:] == ["file logo.png (new)", "(not text: 0 bytes before, 1 now)"]
    assert Reader(store.data).code_change("f", "old", "unknown") is not None
    assert Reader(store.data).code_change("f", "old", "old") is None


async def test_threads_read_at_once_while_the_store_writes(store: Store, clock: ManualClock) -> None:
    reader = Reader(store.data)
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                seen = [int(line.message) for line in reader.logs()]
                assert seen == list(range(len(seen))), "a batch was seen in part, or out of order"
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(300):
        key = store.history.next_log_id()
        store.history.add(logs=[log(key, n, str(n))])
        if n % 10 == 9:
            await store.history.flush()
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    reader.close()


async def test_a_newer_database_and_a_damaged_one_are_sentences(data: Path, clock: ManualClock) -> None:
    await Store.open(data, clock).close()
    connection = sqlite3.connect(data / "history.db")
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(StoreError, match="newer lambdatui"):
        Reader(data).invocations()
    (data / "state.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreError, match=r"state\.db is damaged"):
        Reader(data).dlq_entries(["q"])


async def test_a_database_that_is_replaced_is_opened_anew(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    store.history.add(happenings=[HappeningRecord(id=1, time_us=0, kind="engine", function=None, message="one")])
    await store.close()
    reader = Reader(data)
    assert [each.message for each in reader.happenings()] == ["one"]
    for path in data.glob("history.db*"):
        path.rename(path.with_name(path.name + ".away"))
    assert reader.happenings() == []
    store = Store.open(data, clock)
    store.history.add(happenings=[HappeningRecord(id=1, time_us=0, kind="engine", function=None, message="two")])
    await store.close()
    assert [each.message for each in reader.happenings()] == ["two"]


async def test_a_folder_that_cannot_be_written_is_read_as_it_stands(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    await store.queues.send(QUEUE, [NewMessage(body="kept")])
    await store.close()
    data.chmod(0o500)
    try:
        if os.access(data, os.W_OK):  # root may write anywhere: take the way that SQLite takes for others
            from lambdatui.store.database import open_immutable

            connection = open_immutable(data / "state.db")
            assert connection.execute("SELECT count(*) FROM message").fetchone() == (1,)
            connection.close()
        assert [entry.event for entry in Reader(data).dlq_entries(["q"])] == ["kept"]
    finally:
        data.chmod(0o700)


async def test_threads_that_ended_leave_no_connection_behind(store: Store) -> None:
    reader = Reader(store.data)
    for _ in range(10):
        thread = threading.Thread(target=reader.logs)
        thread.start()
        thread.join()
    assert len(reader._opened) == 1
    reader.close()

"""Lines are looked for only in the blocks that may hold them, and found as a look at every line would find them."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatui.clock import ManualClock
from lambdatui.schema import LEVEL_CODES, LEVEL_NAMES, LEVELS
from lambdatui.store import history_rows, log_blocks
from lambdatui.store.database import open_writable
from lambdatui.store.reader import Reader
from lambdatui.store.records import LogRecords
from lambdatui.store.store import Store
from lambdatui.store.tables import HISTORY, LOG_BLOCK

# (function, time, level, lines)
BATCHES = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(1, 9), st.sampled_from(LEVEL_NAMES), st.sampled_from([1, 3, LOG_BLOCK + 1])
    ),
    max_size=8,
)


def lines(key: int, function: str, time_us: int = 1, level: str = "INFO", count: int = 1) -> LogRecords:
    messages = [f"{key + number}" for number in range(count)]
    levels = bytes([LEVEL_CODES[level]] * count)
    return LogRecords(id=key, time_us=time_us, function=function, request_id=None, levels=levels, messages=messages)


@given(
    batches=BATCHES,
    functions=st.sets(st.sampled_from("abcd")),
    least=st.none() | st.sampled_from(LEVEL_NAMES),
    since_us=st.none() | st.integers(1, 10),
    after_id=st.sampled_from([0, 2, LOG_BLOCK, 2 * LOG_BLOCK]),
    limit=st.none() | st.integers(0, 4),
)
@settings(max_examples=40)
def test_a_look_by_blocks_finds_what_a_look_at_every_line_finds(
    batches: list[tuple[str, int, str, int]],
    functions: set[str],
    least: str | None,
    since_us: int | None,
    after_id: int,
    limit: int | None,
) -> None:
    written: list[LogRecords] = []
    for function, time_us, level, count in batches:
        written.append(lines(sum(len(each.messages) for each in written) + 1, function, time_us, level, count))
    expected = [
        each.id + number
        for each in written
        for number, code in enumerate(each.levels)
        if (not functions or each.function in functions)
        and (least is None or LEVELS[LEVEL_NAMES[code]] >= LEVELS[least])
        and (since_us is None or each.time_us >= since_us)
        and each.id + number > after_id
    ]
    with tempfile.TemporaryDirectory() as folder:
        connection, _ = open_writable(Path(folder) / "history.db", HISTORY, full=False)
        for each in written:  # one flush each
            history_rows.write(connection, history_rows.Batch(logs=[each]), {})
        connection.close()
        reader = Reader(Path(folder))
        found = reader.logs(
            functions=sorted(functions), min_level=least, since_us=since_us, after_id=after_id, limit=limit
        )
        reader.close()
    first = 0 if limit is None else max(0, len(expected) - limit)
    assert [line.id for line in found] == expected[first:]


async def test_a_quiet_functions_lines_cost_its_own_blocks_only(store: Store) -> None:
    """Looked at: 2 blocks of 21, where a scan reads every line."""
    for function, count in (("quiet", 1), ("busy", 20 * LOG_BLOCK), ("quiet", 1)):
        store.history.add(logs=[lines(store.history.next_log_id(count), function, count=count)])
        await store.history.flush()
    connection = sqlite3.connect(store.data / "history.db")
    assert len(list(log_blocks.spans(connection, log_blocks.Sought(["quiet"])))) == 2
    assert len(list(log_blocks.spans(connection, log_blocks.Sought(["busy"])))) == 21
    assert list(log_blocks.spans(connection, log_blocks.Sought(min_level="ERROR"))) == []
    assert list(log_blocks.spans(connection, log_blocks.Sought(since_us=2))) == []
    connection.close()


async def test_blocks_go_with_their_lines(store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 3 * LOG_BLOCK
    store.history.add(logs=[lines(store.history.next_log_id(count), "f", clock.now_us(), count=count)])
    await store.history.flush()
    monkeypatch.setattr(history_rows, "_TABLES", (history_rows._LOGS._replace(most=LOG_BLOCK),))
    assert await store.history.trim() == 2 * LOG_BLOCK
    connection = sqlite3.connect(store.data / "history.db")
    assert connection.execute("SELECT min(block), max(block) FROM log_block").fetchone() == (2, 3)
    assert connection.execute("SELECT min(id) / ?, max(id) / ? FROM log", (LOG_BLOCK,) * 2).fetchone() == (2, 3)
    connection.close()


async def test_a_history_from_before_blocks_is_read_and_migrated_with_all_its_lines(
    data: Path, clock: ManualClock
) -> None:
    data.mkdir()
    connection, _ = open_writable(data / "history.db", HISTORY[:4], full=False)
    rows = [
        (number, 5, "ab"[number % 2], None, "ERROR" if number % 3 else "INFO", f"{number}") for number in range(1200)
    ]
    connection.executemany("INSERT INTO log VALUES (?,?,?,?,?,?,NULL,NULL)", rows)
    connection.close()

    def found() -> list[list[int]]:
        reader = Reader(data)
        asked: list[dict[str, object]] = [
            {"functions": ["a"]},
            {"min_level": "ERROR"},
            {"since_us": 5},
            {"since_us": 6},
        ]
        answers = [[line.id for line in reader.logs(**one)] for one in asked]  # type: ignore[arg-type]
        reader.close()
        return answers

    before = found()
    assert [len(ids) for ids in before] == [600, 800, 1200, 0]
    await Store.open(data, clock).close()
    assert sqlite3.connect(data / "history.db").execute("SELECT count(*) FROM log_block").fetchone() == (6,)
    assert found() == before

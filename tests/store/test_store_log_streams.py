"""Log groups and streams: made with their first line, named on each line, given up with their last one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdatui.schema import LEVEL_CODES
from lambdatui.store import history_rows, limits
from lambdatui.store.database import open_writable
from lambdatui.store.reader import Reader
from lambdatui.store.records import LogRecords, LogStream
from lambdatui.store.store import Store
from lambdatui.store.tables import HISTORY

GROUP = "/aws/lambda/f"


def line(key: int, stream: LogStream | None, time_us: int = 0) -> LogRecords:
    return LogRecords(
        id=key,
        time_us=time_us,
        function="f",
        request_id=None,
        levels=bytes([LEVEL_CODES["INFO"]]),
        messages=[f"line {key}"],
        stream=stream,
    )


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened, _ = open_writable(tmp_path / "history.db", HISTORY, full=False)
    yield opened
    opened.close()


def write(connection: sqlite3.Connection, *lines: LogRecords) -> None:
    history_rows.write(connection, history_rows.Batch(logs=list(lines)), {})


async def test_a_line_comes_back_with_its_stream(store: Store) -> None:
    streams = [LogStream(GROUP, "a"), None, LogStream(GROUP, "b"), LogStream(GROUP, "a")]
    for stream in streams:
        store.history.add(logs=[line(store.history.next_log_id(), stream)])
    await store.history.flush()
    assert [each.stream for each in Reader(store.data).logs()] == ["a", None, "b", "a"]


def test_a_stream_is_made_once_and_knows_its_newest_line(connection: sqlite3.Connection) -> None:
    stream = LogStream(GROUP, "a")
    write(connection, line(1, stream, 50), line(2, stream, 70))
    write(connection, line(3, stream, 60), line(4, LogStream("other", "a"), 80))
    assert connection.execute("SELECT name, created_us FROM log_group").fetchall() == [(GROUP, 50), ("other", 80)]
    assert connection.execute("SELECT name, created_us, last_us FROM log_stream").fetchall() == [
        ("a", 50, 70),
        ("a", 80, 80),
    ]
    assert connection.execute("SELECT stream, log_group FROM log").fetchall() == [(1, 1), (1, 1), (1, 1), (2, 2)]


def test_a_stream_goes_with_its_last_line_and_its_number_is_not_given_again(connection: sqlite3.Connection) -> None:
    write(connection, line(1, LogStream(GROUP, "old"), 1), line(2, LogStream(GROUP, "kept"), 2))
    write(connection, line(3, LogStream(GROUP, "new"), limits.HISTORY_AGE_US + 5))
    while history_rows.trim_step(connection, limits.HISTORY_AGE_US + 2, {}):
        pass
    history_rows.trim_step(connection, limits.HISTORY_AGE_US + 2, {})
    assert connection.execute("SELECT name FROM log_stream ORDER BY id").fetchall() == [("kept",), ("new",)]
    connection.execute("DELETE FROM log_stream WHERE name = 'new'")
    write(connection, line(4, LogStream(GROUP, "newer"), limits.HISTORY_AGE_US + 6))
    assert connection.execute("SELECT id FROM log_stream WHERE name = 'newer'").fetchone() == (4,)


def test_lines_of_an_older_lambdatui_have_no_stream(tmp_path: Path) -> None:
    opened, _ = open_writable(tmp_path / "history.db", HISTORY[:1], full=False)
    opened.execute("INSERT INTO log VALUES (1, 5, 'f', NULL, 'INFO', 'old')")
    opened.close()
    assert [each.message for each in Reader(tmp_path).logs()] == ["old"]  # no engine of this one has run here yet
    opened, _ = open_writable(tmp_path / "history.db", HISTORY, full=False)
    write(opened, line(2, LogStream(GROUP, "a"), 6))
    opened.close()
    assert [(each.message, each.stream) for each in Reader(tmp_path).logs()] == [("old", None), ("line 2", "a")]

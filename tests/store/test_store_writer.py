"""Group commit: jobs share transactions, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from lambdatui.errors import StoreError
from lambdatui.store.database import open_writable
from lambdatui.store.writer import Writer

TABLE = (("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)",),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.db"


def rows(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    found = [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]
    connection.close()
    return found


def insert(n: int):  # type: ignore[no-untyped-def]
    return lambda connection: connection.execute("INSERT INTO t VALUES (?, '')", (n,)).rowcount


async def test_a_failing_job_fails_alone(path: Path) -> None:
    """Its own changes go, the jobs of the same transaction stay."""
    connection, _ = open_writable(path, TABLE, full=True)
    writer = Writer(connection, path)
    held = threading.Event()
    first = writer.submit(lambda _: held.wait(60))  # so that all of the others wait for one transaction

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (2, '')")
        raise ValueError("no")

    jobs = [writer.submit(insert(1)), writer.submit(half), writer.submit(insert(1)), writer.submit(insert(3))]
    held.set()
    await first
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert results[0] == results[3] == 1
    assert isinstance(results[1], ValueError)
    assert isinstance(results[2], StoreError)
    assert rows(path) == [1, 3]
    await writer.close()


async def test_jobs_that_wait_together_are_committed_together(path: Path) -> None:
    connection, _ = open_writable(path, TABLE, full=True)
    commits: list[str] = []
    connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    writer = Writer(connection, path)
    held = threading.Event()
    first = writer.submit(lambda _: held.wait(60))
    jobs = [writer.submit(insert(n)) for n in range(200)]
    held.set()
    await asyncio.gather(first, *jobs)
    assert len(commits) <= 2
    await writer.close()


async def test_a_full_disk_refuses_with_a_sentence_and_keeps_what_was_accepted(path: Path) -> None:
    connection, _ = open_writable(path, TABLE, full=True)
    connection.execute("PRAGMA max_page_count=12")
    writer = Writer(connection, path)
    big = "x" * 20_000

    def fill(n: int):  # type: ignore[no-untyped-def]
        return lambda connection: connection.execute("INSERT INTO t VALUES (?, ?)", (n, big)).rowcount

    held = threading.Event()
    first = writer.submit(lambda _: held.wait(60))
    jobs = [writer.submit(insert(1)), *(writer.submit(fill(n)) for n in range(2, 8)), writer.submit(insert(9))]
    held.set()
    await first
    results = await asyncio.gather(*jobs, return_exceptions=True)
    refused = [result for result in results if isinstance(result, StoreError)]
    assert refused
    assert "is full: free some space" in str(refused[0])
    accepted = [n for n, result in zip([1, *range(2, 8), 9], results, strict=True) if result == 1]
    assert rows(path) == accepted
    assert 1 in accepted
    connection.execute("PRAGMA max_page_count=1000000")  # room again: it goes on by itself
    assert await writer.run(fill(20)) == 1
    await writer.close()


async def test_a_write_that_nobody_awaits_any_more_is_still_counted(path: Path) -> None:
    connection, _ = open_writable(path, TABLE, full=True)
    writer = Writer(connection, path)
    counted: list[int] = []
    waiting = asyncio.ensure_future(writer.run(insert(1), counted.append))
    await asyncio.sleep(0)
    waiting.cancel()
    await writer.run(insert(2))
    assert counted == [1]
    assert rows(path) == [1, 2]
    await writer.close()

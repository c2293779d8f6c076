"""Data directories of every earlier version: they open, keep what they hold, and are whole afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock
from lambdatui.store.ids import pack_id
from lambdatui.store.store import Store
from lambdatui.store.tables import HISTORY, STATE

ID = "6f1f5f9e-0f66-4b80-9b86-0d9f4b0f1c11"
# What the first version wrote; the columns that came later have defaults or are NULL.
OF_STATE = (
    "INSERT INTO payload VALUES (1, x'01', 1, x'7b7d'), (2, x'02', 1, x'626f6479')",
    f"INSERT INTO event (request_id, visible_us, function, payload, accepted_us, attempt, source, throttles)"
    f" VALUES (x'{pack_id(ID).hex()}', 5, 'f', 1, 5, 2, 'api', 0)",
    f"INSERT INTO message (id, queue, visible_us, sent_us, payload) VALUES (x'{pack_id(ID).hex()}', 'q', 5, 5, 2)",
    "INSERT INTO stream (name, seq) VALUES ('s', 7)",
    "INSERT INTO override VALUES ('f', 'memory', '512', '128')",
)
OF_HISTORY = (
    "INSERT INTO payload VALUES (1, x'01', 1, x'7b7d')",
    f"INSERT INTO invocation (id, request_id, function, version, type, source, status, started_us, queued_us, attempt,"
    f" cold, code_sha, event) VALUES (3, x'{pack_id(ID).hex()}', 'f', '$LATEST', 'Event', 'api', 'ok', 5, 0, 1, 1, '',"
    " 1)",
    "INSERT INTO log (id, time_us, function, level, message) VALUES (4, 5, 'f', 'INFO', 'said')",
    "INSERT INTO happening VALUES (2, 5, 'engine', NULL, 'started')",
)


def written(path: Path, migrations: Sequence[Sequence[str]], rows: Sequence[str], version: int) -> None:
    """A file as the program of that version left it, with what the first one had written."""
    path.parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    for number, statements in enumerate(migrations[:version]):
        for statement in statements:
            connection.execute(statement)
        if number == 0:
            for row in rows:
                connection.execute(row)
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()


def whole(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def layout(path: Path) -> list[tuple[str, list[str]]]:
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY 1")]
    found = [(name, [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]) for name in names]
    connection.close()
    return found


@pytest.mark.parametrize("version", range(1, len(STATE) + 1))
async def test_a_state_of_each_version_is_migrated_with_all_that_was_accepted(
    data: Path, clock: ManualClock, tmp_path: Path, version: int
) -> None:
    written(data / "state.db", STATE, OF_STATE, version)
    store = Store.open(data, clock)
    ((event,), _) = await store.events.pending("f", 10, 10)
    assert (event.request_id, event.payload, event.attempt) == (ID, b"{}", 2)
    assert store.queues.depth("q").visible == 1
    assert store.overrides.all() == {("f", "memory"): ("512", "128")}
    await store.close()
    whole(data / "state.db")
    await Store.open(tmp_path / "new", clock).close()
    assert layout(data / "state.db") == layout(tmp_path / "new" / "state.db")


@pytest.mark.parametrize("version", range(1, len(HISTORY) + 1))
async def test_a_history_of_each_version_is_migrated_with_all_that_it_tells(
    data: Path, clock: ManualClock, tmp_path: Path, version: int
) -> None:
    written(data / "history.db", HISTORY, OF_HISTORY, version)
    store = Store.open(data, clock)
    await store.start()
    assert [each.message for each in await store.history.last_happenings(9)] == ["started"]
    assert store.history.next_invocation_id() == 4
    assert store.history.next_log_id() == 5
    await store.close()
    whole(data / "history.db")
    await Store.open(tmp_path / "new", clock).close()
    assert layout(data / "history.db") == layout(tmp_path / "new" / "history.db")


def everything(path: Path) -> list[object]:
    """What a file is from its first page on."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
    for pragma in ("auto_vacuum", "page_size", "encoding", "journal_mode", "user_version", "application_id"):
        found += connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize("name", ["state.db", "history.db"])
async def test_the_files_that_tests_copy_are_those_that_the_migrations_make(
    clock: ManualClock, tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    await Store.open(tmp_path / "first", clock).close()
    await Store.open(tmp_path / "copied", clock).close()
    request.getfixturevalue("every_migration")
    await Store.open(tmp_path / "made", clock).close()
    assert everything(tmp_path / "copied" / name) == everything(tmp_path / "made" / name)

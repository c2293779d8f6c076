"""Opening the data directory: what it creates, what it refuses, what it sets aside."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock
from lambdatui.config.model import QueueConfig
from lambdatui.errors import StoreError
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.store import _NO_REPLAYS, Store
from lambdatui.store.tables import HISTORY, STATE

QUEUE = QueueConfig(name="q", logical_id="Q")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_everything_is_this_users_only_and_git_ignores_it(store: Store) -> None:
    await store.queues.send(QUEUE, [NewMessage(body="x")])
    assert mode(store.data) == 0o700
    assert (store.data / ".gitignore").read_text() == "*\n"
    files = [path for path in store.data.iterdir() if path.is_file()]
    assert {"state.db", "state.db-wal", "history.db"} <= {path.name for path in files}
    assert all(mode(path) == 0o600 for path in files)


@pytest.mark.usefixtures("every_migration")
async def test_auto_vacuum_and_versions_are_there_from_the_first_page(store: Store) -> None:
    for name, migrations in (("state.db", STATE), ("history.db", HISTORY)):
        connection = sqlite3.connect(store.data / name)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


async def test_what_is_acknowledged_is_flushed_and_history_at_checkpoints(store: Store) -> None:
    """SQLite's own promise over a power cut: 2 is FULL, each commit is flushed; 1 is NORMAL, and never torn."""
    settings = {}
    for name, writer in (("state", store._state), ("history", store._history)):
        for pragma in ("synchronous", "fullfsync"):
            found = await writer.run(lambda connection, it=pragma: connection.execute(f"PRAGMA {it}").fetchone())
            settings[name, pragma] = found[0]
    assert settings == {
        ("state", "synchronous"): 2,
        ("state", "fullfsync"): 1,
        ("history", "synchronous"): 1,
        ("history", "fullfsync"): 0,
    }


@pytest.mark.parametrize("name", ["state.db", "history.db"])
async def test_a_newer_database_is_refused_by_name_and_left_alone(data: Path, clock: ManualClock, name: str) -> None:
    await Store.open(data, clock).close()
    connection = sqlite3.connect(data / name)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(StoreError, match=rf"{name} was written by a newer lambdatui .*999"):
        Store.open(data, clock)
    assert sqlite3.connect(data / name).execute("PRAGMA user_version").fetchone() == (999,)


async def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the data directory .* cannot be used .*--data"):
        Store.open(tmp_path / "file" / "data", clock)


async def test_without_wal_a_slower_journal_serves_and_it_is_said(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock, wal=False)
    await store.start()
    assert store.fallback is not None
    assert "WAL" in store.fallback
    await store.events.accept(AsyncEvent(request_id="r", function="f", payload=b"{}", accepted_us=0, visible_us=0))
    assert [event.request_id for event in (await store.events.pending("f", 1, 10))[0]] == ["r"]
    await store.close()
    again = Store.open(data, clock)
    assert again.fallback is None
    assert again.events.count() == 1
    await again.close()


async def test_opening_looks_through_no_queue(store: Store) -> None:
    """A million dead letters are no reason to start later, and to hold 16 MB of them in the writer's cache."""
    connection = sqlite3.connect(store.data / "state.db")
    ((*_, plan),) = connection.execute(f"EXPLAIN QUERY PLAN {_NO_REPLAYS}")
    assert plan.endswith("USING INDEX message_replaying")
    connection.close()


async def test_closing_leaves_one_file_for_each_database(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    await store.start()
    await store.queues.send(QUEUE, [NewMessage(body="x")])
    await store.close()
    assert sorted(path.name for path in data.iterdir() if path.is_file()) == [".gitignore", "history.db", "state.db"]
    with pytest.raises(StoreError, match="closed"):
        await store.queues.send(QUEUE, [NewMessage(body="x")])


async def test_closing_writes_what_was_submitted_before(data: Path, clock: ManualClock) -> None:
    import asyncio

    store = Store.open(data, clock)
    waiting = [asyncio.ensure_future(store.queues.send(QUEUE, [NewMessage(body=str(n))])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert all(len(sent) == 1 for sent in await asyncio.gather(*waiting))
    again = Store.open(data, clock)
    assert again.queues.depth("q").visible == 50
    await again.close()


async def test_overrides_last(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    await store.overrides.put("f", "reserved_concurrency", "0", "null")
    await store.overrides.put("f", "reserved_concurrency", "5", "null")
    await store.overrides.put("g", "memory", "512", "128")
    await store.overrides.delete("g", "memory")
    await store.close()
    again = Store.open(data, clock)
    assert again.overrides.all() == {("f", "reserved_concurrency"): ("5", "null")}
    await again.close()

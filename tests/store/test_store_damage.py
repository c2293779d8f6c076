"""Damaged databases: found, set aside whole, said, and never taken for the new one."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock
from lambdatui.config.model import QueueConfig, StreamConfig
from lambdatui.errors import StoreError
from lambdatui.store import database
from lambdatui.store.readpool import ReadPool
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.store import Store

QUEUE = QueueConfig(name="q", logical_id="Q")
STREAM = StreamConfig(name="s", logical_id="S", shards=1)
RUBBISH = b"this is no database" * 300


def event(request_id: str) -> AsyncEvent:
    return AsyncEvent(request_id=request_id, function="f", payload=b"{}", accepted_us=0, visible_us=0)


def kept(data: Path, name: str) -> Path:
    return next(path for path in data.glob(f"{name}.damaged-*") if not path.name.endswith(("-wal", "-shm")))


async def filled(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    await store.queues.send(QUEUE, [NewMessage(body="x" * 500) for _ in range(200)])
    await store.close()


def damage(data: Path) -> None:
    """Pages in the middle of the file."""
    content = bytearray((data / "state.db").read_bytes())
    content[4096 * 3 : 4096 * 9] = os.urandom(4096 * 6)
    (data / "state.db").write_bytes(content)


@pytest.mark.parametrize("name", ["state.db", "history.db"])
async def test_a_damaged_database_is_set_aside_whole_and_said(data: Path, clock: ManualClock, name: str) -> None:
    data.mkdir()
    (data / name).write_bytes(RUBBISH)
    store = Store.open(data, clock)
    await store.start()
    sentence = store.damage[-1]  # where only a history was there, its state is missed, too
    assert sentence.startswith(f"{name} was damaged and set aside: ")
    assert str(kept(data, name)) in sentence
    assert kept(data, name).read_bytes() == RUBBISH
    await store.events.accept(event("r"))
    await store.close()
    again = Store.open(data, clock)
    assert again.damage == []
    assert again.events.count() == 1
    await again.close()


async def test_a_second_damage_in_the_same_second_leaves_the_first_one_whole(data: Path, clock: ManualClock) -> None:
    data.mkdir()
    for content in (RUBBISH, RUBBISH[::-1]):
        (data / "state.db").write_bytes(content)
        await Store.open(data, clock).close()
    assert {path.read_bytes() for path in data.glob("state.db.damaged-*")} == {RUBBISH, RUBBISH[::-1]}


async def test_its_wal_goes_along_and_is_not_read_into_the_new_one(data: Path, clock: ManualClock) -> None:
    await filled(data, clock)
    store = Store.open(data, clock)
    await store.events.accept(event("old"))
    left = data.with_name("left")  # as after a kill: the last commits stand in the WAL alone
    shutil.copytree(data, left)
    await store.close()
    damage(left)
    wal = (left / "state.db-wal").read_bytes()
    assert wal
    fresh = Store.open(left, clock)
    aside = kept(left, "state.db")
    assert aside.with_name(aside.name + "-wal").read_bytes() == wal
    assert fresh.events.count() == 0
    await fresh.close()


async def test_damage_inside_a_page_is_found_too(data: Path, clock: ManualClock) -> None:
    await filled(data, clock)
    damage(data)
    store = Store.open(data, clock)
    assert len(store.damage) == 1
    assert store.queues.depth("q").visible == 0
    await store.close()


async def test_what_gave_damaged_content_is_checked_at_the_next_start_whatever_its_size(
    data: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CHECK_BYTES", 0)  # too large to be checked at each start
    store = Store.open(data, clock)
    await store.streams.put(STREAM, [("key", b"x" * 500, None) for _ in range(200)])
    await store.close()
    content = bytearray((data / "state.db").read_bytes())
    place = content.find(b"x" * 500) // 4096 * 4096  # a page that holds records
    content[place : place + 64] = b"\xff" * 64
    (data / "state.db").write_bytes(content)

    store = Store.open(data, clock)
    assert store.damage == []
    with pytest.raises(StoreError, match=r"state\.db is damaged .*start lambdatui again"):
        await store._state.run(lambda connection: connection.execute("DELETE FROM payload").rowcount)
    (problem,) = store.problems()
    assert "nothing new is accepted" in problem
    with contextlib.suppress(StoreError):
        await store.close()
    again = Store.open(data, clock)
    assert len(again.damage) == 1
    await again.close()


async def test_what_a_start_meets_is_set_aside_also_where_nothing_was_checked(
    data: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CHECK_BYTES", 0)
    await filled(data, clock)
    damage(data)
    store = Store.open(data, clock)
    assert len(store.damage) == 1
    await store.close()


async def test_the_file_itself_moves_last(data: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill between the moves no WAL of the damaged one lies beside a new one."""
    data.mkdir()
    (data / "state.db").write_bytes(RUBBISH)
    (data / "state.db-wal").write_bytes(b"of the damaged one")
    moved: list[str] = []
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        moved.append(self.name)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    store = Store.open(data, clock)
    assert moved[-1] == "state.db"
    assert "state.db-wal" in moved
    await store.close()


async def test_what_a_read_meets_is_checked_by_the_next_start(data: Path, clock: ManualClock) -> None:
    await filled(data, clock)
    damage(data)
    pool = ReadPool(data / "state.db")
    with pytest.raises(StoreError, match="start lambdatui again"):
        pool.now("SELECT sum(length(queue)), max(sent_us) FROM message NOT INDEXED")
    pool.close()
    assert (data / "state.db.suspect").exists()

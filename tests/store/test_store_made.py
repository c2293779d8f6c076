"""What the API made is kept over restarts, and older files are read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lambdatui.clock import ManualClock
from lambdatui.config.made import Made
from lambdatui.store.reader import Reader
from lambdatui.store.store import Store
from lambdatui.store.tables import STATE

ROW = Made(
    kind="queue", name="q", own=True, config={"delay": 5.0, "tags": {"ä": "b"}}, base={}, created_us=1, modified_us=2
)


async def test_it_outlives_the_engine(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    stream = Made(kind="stream", name="q", own=False, config={"shards": 2}, base={"shards": 1}, created_us=3,
                  modified_us=4)  # fmt: skip
    for row in (ROW, stream):
        await store.made.put(row)
    await store.close()
    again = Store.open(data, clock)
    assert again.made.all() == [ROW, stream] == Reader(data).made()
    await again.made.delete("stream", "q")
    await again.made.delete("stream", "q")
    assert again.made.get("stream", "q") is None
    assert again.made.get("queue", "q") == ROW
    await again.close()


def test_a_state_of_the_first_version_has_nothing_made(data: Path) -> None:
    data.mkdir()
    connection = sqlite3.connect(data / "state.db")
    for statement in STATE[0]:
        connection.execute(statement)
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()
    assert Reader(data).made() == []


async def test_a_state_of_the_first_version_is_migrated(data: Path, clock: ManualClock) -> None:
    test_a_state_of_the_first_version_has_nothing_made(data)
    store = Store.open(data, clock)
    await store.made.put(ROW)
    await store.close()
    assert Reader(data).made() == [ROW]


def test_messages_of_the_first_version_are_read_before_an_engine_has_migrated_them(data: Path) -> None:
    test_a_state_of_the_first_version_has_nothing_made(data)
    connection = sqlite3.connect(data / "state.db")
    connection.execute("INSERT INTO payload VALUES (1, x'00', 1, x'0062')")
    id = bytes(range(16))
    connection.execute(
        "INSERT INTO message(id, queue, visible_us, sent_us, payload, last_us) VALUES (?, 'dlq', 1, 1, 1, 1)", (id,)
    )
    connection.commit()
    connection.close()
    reader = Reader(data)
    (entry,) = reader.dlq_entries(["dlq"])
    (message,) = reader.peek("dlq")
    assert entry == reader.dlq_entry(entry.id)
    assert message.id == entry.id

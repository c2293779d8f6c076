"""Data directories with damaged files: they open, or are refused in words, and what is moved away is kept whole."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st

from lambdatui.clock import ManualClock
from lambdatui.config.model import QueueConfig, StreamConfig
from lambdatui.errors import StoreError
from lambdatui.store.reader import Reader
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.store import Store
from tests.fuzz.fuzzing import fuzzed

QUEUE, STREAM = QueueConfig(name="q", logical_id="Q"), StreamConfig(name="s", logical_id="S", shards=2)
CLOCK = ManualClock()
FILES = st.sampled_from(["state.db", "state.db", "history.db"])
BYTES = st.binary(min_size=1, max_size=40)
PLACES = st.floats(0, 1, exclude_max=True)  # of the file's length
WAYS = st.one_of(
    st.tuples(st.just("bytes"), st.lists(st.tuples(PLACES, BYTES), min_size=1, max_size=20)),
    st.tuples(st.just("header"), st.lists(st.tuples(st.integers(0, 99), BYTES), min_size=1, max_size=3)),
    st.tuples(st.just("page"), PLACES),
    st.tuples(st.just("cut"), PLACES),
    st.tuples(st.just("wal"), st.binary(max_size=5_000)),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with events, messages and records."""
    data = tmp_path_factory.mktemp("sound") / "data"

    async def fill() -> None:
        store = Store.open(data, CLOCK)
        await store.start()
        await store.streams.open(STREAM)
        await asyncio.gather(*(use(store, number) for number in range(60)))
        await store.close()

    asyncio.run(fill())
    return data


async def use(store: Store, number: int) -> None:
    now, size = CLOCK.now_us(), 37 * number
    event = AsyncEvent(request_id=f"r{number}", function="f", payload=b"x" * size, accepted_us=now, visible_us=now)
    await store.events.accept(event)
    await store.queues.send(QUEUE, [NewMessage(body="ä" * size)])
    await store.streams.put(STREAM, [(str(number), b"d" * 100, None)])


def spoil(path: Path, how: str, what: object) -> None:
    content = bytearray(path.read_bytes())
    if how == "wal":
        path.with_name(path.name + "-wal").write_bytes(what)  # type: ignore[arg-type]
    elif how in ("bytes", "header"):
        for place, data in what:  # type: ignore[attr-defined]
            at = place if how == "header" else int(place * len(content))
            content[at : at + len(data)] = data
    else:
        at = int(what * len(content))  # type: ignore[operator]
        if how == "cut":
            del content[at:]
        else:
            content[at // 4096 * 4096 : at // 4096 * 4096 + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


@fuzzed(25, name=FILES, way=WAYS)
def test_damage(sound: Path, name: str, way: tuple[str, object]) -> None:
    data = sound.with_name("spoiled")
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(sound, data)
    spoil(data / name, *way)
    before = (data / name).read_bytes()
    asyncio.run(live(data, name, before))


async def live(data: Path, name: str, before: bytes) -> None:
    with contextlib.suppress(StoreError), contextlib.closing(Reader(data)) as reader:  # a newer version's number, say
        reader.dlq_entries(["q"])
        reader.invocations()
    try:
        store = Store.open(data, CLOCK)
    except StoreError:
        return
    aside = [path for path in data.glob(f"{name}.damaged-*") if not path.name.endswith(("-wal", "-shm"))]
    assert bool(aside) == any(name in sentence and "set aside" in sentence for sentence in store.damage)
    assert all(path.stat().st_size >= len(before) // 4096 * 4096 for path in aside)
    with contextlib.suppress(StoreError):  # what no check at the start can see
        await store.start()
        await use(store, 1_000)
        await store.events.pending("f", CLOCK.now_us(), 1_000)
        await store.queues.receive(QUEUE, 10, 30.0)
        await store.tidy()
    with contextlib.suppress(StoreError):
        await store.close()

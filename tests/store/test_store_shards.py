"""The tree of a stream's shards: splits and merges as pure rules, and what the store makes of them."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatui.clock import MICROS, ManualClock, new_request_id
from lambdatui.config.model import StreamConfig
from lambdatui.errors import NotFound
from lambdatui.store.ids import pack_id
from lambdatui.store.records import Checkpoint
from lambdatui.store.shards import (
    HASH_SPACE,
    HashRanges,
    Resharding,
    Shard,
    ShardError,
    even_shards,
    hash_range,
    seq_text,
    shard_name,
)
from lambdatui.store.store import Store
from lambdatui.store.tables import STATE

STREAM = StreamConfig(name="clicks", logical_id="Clicks", shards=2)

# What a person may do: halve the n-th open shard, merge it with its neighbour, or scale.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("split"), st.integers(0, 99)),
        st.tuples(st.just("merge"), st.integers(0, 99)),
        st.tuples(st.just("uniform"), st.integers(1, 7)),
    ),
    max_size=8,
)


def step(shards: Resharding, kind: str, number: int) -> None:
    now = shards.open
    one = now[number % len(now)]
    if kind == "uniform":
        shards.uniform(number)
    elif kind == "split" and one.first < one.last:
        shards.split(one.id, (one.first + one.last + 1) // 2)
    elif kind == "merge" and len(now) > 1:
        at = number % (len(now) - 1)
        shards.merge(now[at].id, now[at + 1].id)


@given(st.integers(1, 5), STEPS, st.integers(0, HASH_SPACE - 1))
def test_open_shards_take_every_key_once_and_numbers_rise_down_the_tree(
    count: int, steps: list[tuple[str, int]], key: int
) -> None:
    shards = Resharding(even_shards(count, 7, 0), 7, 1)
    for kind, number in steps:
        step(shards, kind, number)
    now = shards.open
    assert (now[0].first, now[-1].last) == (0, HASH_SPACE - 1)
    assert all(left.last + 1 == right.first for left, right in itertools.pairwise(now))
    by_id = {shard.id: shard for shard in shards.shards}
    taking = by_id[HashRanges(shards.shards).shard_of(key)]
    assert taking.open and taking.first <= key <= taking.last
    for shard in shards.shards:
        for parent in (by_id[id] for id in shard.parents):
            assert parent.id < shard.id
            assert parent.end is not None and parent.end < shard.start <= shards.seq
            assert parent.first <= shard.last and shard.first <= parent.last
        assert shard.end is None or shard.start < shard.end


@given(st.integers(1, 5), STEPS, st.integers(1, 12))
def test_scaling_ends_with_even_shards(count: int, steps: list[tuple[str, int]], target: int) -> None:
    shards = Resharding(even_shards(count, 0, 0), 0, 1)
    for kind, number in steps:
        step(shards, kind, number)
    shards.uniform(target)
    ranges = [(shard.first, shard.last) for shard in shards.open]
    assert ranges == [hash_range(index, target) for index in range(target)]


def test_doubling_is_a_split_and_halving_a_merge_of_each() -> None:
    shards = Resharding(even_shards(2, 0, 0), 0, 1)
    shards.uniform(4)
    assert [shard.parents for shard in shards.open] == [(shard_name(0),)] * 2 + [(shard_name(1),)] * 2
    shards.uniform(2)
    assert len(shards.shards) == 8


def test_what_cannot_be_is_refused_and_says_why() -> None:
    shards = Resharding(even_shards(3, 0, 0), 0, 1)
    with pytest.raises(ShardError, match="adjacent"):
        shards.merge(shard_name(0), shard_name(2))
    with pytest.raises(ShardError, match="hash key"):
        shards.split(shard_name(0), 0)
    with pytest.raises(KeyError):
        shards.split(shard_name(3), 5)
    shards.split(shard_name(0), 5)
    with pytest.raises(ShardError, match="closed"):
        shards.split(shard_name(0), 7)


async def consumed(store: Store, name: str) -> dict[str, list[int]]:
    """Every record by key, as one gets them who reads each shard to its end before its children."""
    state = store.streams.state(name)
    assert state is not None
    found: dict[str, list[int]] = defaultdict(list)
    for shard in state.shards:  # ids rise from parents to children
        for record in await store.streams.read(name, shard.id, "", 100_000):
            found[record.partition_key].append(int(record.data))
    return found


@settings(max_examples=10)
@given(STEPS)
def test_puts_around_reshards_keep_every_record_in_its_keys_order(steps: list[tuple[str, int]]) -> None:
    folder = Path(tempfile.mkdtemp())

    async def scenario() -> None:
        clock = ManualClock()
        store = Store.open(folder / "data", clock)
        keys, number = [f"k{n}" for n in range(5)], 0
        await store.streams.open(STREAM)
        for kind, choice in steps:
            # Submitted together: some puts are placed before the reshard, some after, none by an old tree.
            before = [store.streams.put(STREAM, [(key, b"%d" % number, None) for key in keys])]
            after = [store.streams.put(STREAM, [(key, b"%d" % (number + 1), None) for key in keys])]
            change = store.streams.reshard("clicks", lambda shards, k=kind, c=choice: step(shards, k, c))  # type: ignore[misc]
            await asyncio.gather(*before, change, *after)
            number += 2
            if choice % 5 == 0:
                await store.close()
                store = Store.open(folder / "data", clock)
        assert await consumed(store, "clicks") == ({key: list(range(number)) for key in keys} if number else {})
        await store.close()

    try:
        asyncio.run(scenario())
    finally:
        shutil.rmtree(folder)


async def test_a_reshard_that_is_refused_changes_nothing(store: Store) -> None:
    before = await store.streams.open(STREAM)

    def twice(shards: Resharding) -> None:
        shards.uniform(4)
        shards.merge(shard_name(0), shard_name(1))

    with pytest.raises(ShardError):
        await store.streams.reshard("clicks", twice)
    assert store.streams.state("clicks") == before
    with pytest.raises(NotFound):
        await store.streams.reshard("none", twice)


async def test_another_declared_number_reshards_and_a_same_one_leaves_what_calls_made(store: Store) -> None:
    await store.streams.put(STREAM, [("k", b"1", None)])
    await store.streams.reshard("clicks", lambda shards: shards.uniform(3))
    assert len((await store.streams.open(STREAM)).open) == 3
    wider = StreamConfig(name="clicks", logical_id="Clicks", shards=5)
    assert len((await store.streams.open(wider)).open) == 5
    await store.streams.put(STREAM, [("k", b"2", None)])  # one who holds an old configuration takes nothing back
    state = store.streams.state("clicks")
    assert state is not None and len(state.open) == 5
    assert await consumed(store, "clicks") == {"k": [1, 2]}


async def test_closed_shards_go_when_their_records_have_gone(store: Store, clock: ManualClock) -> None:
    await store.streams.put(STREAM, [("k", b"1", 0)])
    clock.advance(10)
    await store.streams.reshard("clicks", lambda shards: shards.uniform(1))
    clock.advance(10)

    def ids() -> list[str]:
        state = store.streams.state("clicks")
        return [shard.id for shard in state.shards] if state else []

    assert await store.streams.trim("clicks", clock.now_us() - 15 * MICROS) == 1
    assert ids() == [shard_name(0), shard_name(1), shard_name(2)], "closed later than that"
    await store.streams.trim("clicks", clock.now_us())
    assert ids() == [shard_name(2)]
    await store.streams.reshard("clicks", lambda shards: shards.uniform(2))
    assert ids()[-1] == shard_name(4), "a number is never given twice"


async def test_a_dropped_stream_is_gone_but_its_numbers_are_not(store: Store) -> None:
    (old,) = await store.streams.put(STREAM, [("k", b"1", 0)])
    await store.streams.drop("clicks")
    assert store.streams.state("clicks") is None
    (new,) = await store.streams.put(STREAM, [("k", b"2", 0)])
    assert new.seq > old.seq
    assert [each.data for each in await store.streams.read("clicks", new.shard, "", 9)] == [b"2"]


# where a mapping begins


async def places(store: Store, position: int | str, mapping: str | None = None) -> list[str]:
    """Each shard's records that a mapping has before it, by their data."""
    state = store.streams.state("clicks")
    assert state is not None
    uuid = mapping or new_request_id()
    found = []
    for shard in state.shards:
        (checkpoint,) = await store.streams.begin(uuid, STREAM, shard.id, position)
        records = await store.streams.read("clicks", shard.id, checkpoint.seq, 99)
        found.append(b"".join(record.data for record in records).decode())
    return found


async def test_a_new_mapping_takes_its_place_in_all_shards_at_once(store: Store, clock: ManualClock) -> None:
    await store.streams.put(STREAM, [("k", b"a", 0), ("k", b"b", HASH_SPACE - 1)])
    clock.advance(1)
    time_us = clock.now_us()
    await store.streams.put(STREAM, [("k", b"c", 0), ("k", b"d", HASH_SPACE - 1)])
    clock.advance(1)
    await store.streams.reshard("clicks", lambda shards: shards.merge(shard_name(0), shard_name(1)))
    late = new_request_id()
    await store.streams.begin(late, STREAM, shard_name(2), "LATEST")
    await store.streams.put(STREAM, [("k", b"e", 0)])
    assert await places(store, "TRIM_HORIZON") == ["ac", "bd", "e"]
    assert await places(store, time_us) == ["c", "d", "e"]
    assert await places(store, "LATEST") == ["", "", ""]
    assert await places(store, "LATEST", late) == ["", "", "e"]


async def test_a_shard_that_came_up_later_is_read_from_its_beginning(store: Store) -> None:
    mapping = new_request_id()
    await store.streams.put(STREAM, [("k", b"a", 0)])
    assert await places(store, "LATEST", mapping) == ["", ""]
    await store.streams.reshard("clicks", lambda shards: shards.uniform(1))
    await store.streams.put(STREAM, [("k", b"b", 0)])
    assert await places(store, "LATEST", mapping) == ["", "", "b"]


# a database from before shards were kept


def old_state(path: Path, mapping: str) -> None:
    """Three shards with a record each, and a mapping that has read the first."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    for statement in STATE[0]:
        connection.execute(statement)
    connection.execute("INSERT INTO stream VALUES ('clicks', 3)")
    for index in range(3):
        connection.execute("INSERT INTO payload VALUES (?, ?, 1, ?)", (index, b"%d" % index, b"%d" % index))
        row: tuple[Any, ...] = ("clicks", shard_name(index), index + 1, 1, "k", index, 1)
        connection.execute("INSERT INTO record VALUES (?,?,?,?,?,?,?)", row)
    connection.execute(
        "INSERT INTO checkpoint(mapping, shard, seq, attempts) VALUES (?, ?, ?, 0)",
        (pack_id(mapping), shard_name(0), seq_text(1)),
    )
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()


async def test_streams_of_the_first_version_go_on(data: Path, clock: ManualClock) -> None:
    mapping = new_request_id()
    old_state(data / "state.db", mapping)
    store = Store.open(data, clock)
    assert store.streams.state("clicks") is None
    state = await store.streams.open(STREAM)
    assert [(shard.id, shard.open) for shard in state.shards] == [
        (shard_name(0), True),
        (shard_name(1), True),
        (shard_name(2), False),  # two are declared now: what is left in the third is read to its end
    ]
    assert {shard.start for shard in state.shards} == {0}, "before their records"
    (checkpoint,) = store.streams.checkpoints(mapping, shard_name(0))
    assert checkpoint == Checkpoint(mapping=mapping, shard=shard_name(0), seq=seq_text(1))
    assert await places(store, "LATEST", mapping) == ["", "1", "2"]
    (record,) = await store.streams.put(STREAM, [("k", b"new", 0)])
    assert record.shard == shard_name(0)
    assert record.seq > seq_text(3)
    await store.close()


def test_a_shard_of_one_key_cannot_be_split() -> None:
    shards = Resharding([Shard(id=shard_name(0), first=5, last=5)], 0, 0)
    with pytest.raises(ShardError):
        shards.split(shard_name(0), 5)

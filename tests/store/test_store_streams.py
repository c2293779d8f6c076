"""Kinesis semantics: shards by hash, rising sequence numbers, order within a shard, checkpoints."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatui.clock import ManualClock, new_request_id
from lambdatui.config.model import StreamConfig
from lambdatui.store.records import Checkpoint, NewMessage, Record
from lambdatui.store.shards import (
    HashRanges,
    even_shards,
    hash_key,
    hash_range,
    lane_of,
    seq_number,
    seq_text,
    shard_name,
)
from lambdatui.store.store import Store

STREAM = StreamConfig(name="clicks", logical_id="Clicks", shards=2)


@given(st.integers(1, 40), st.integers(0, 2**128 - 1))
def test_hash_ranges_cover_every_key_once(count: int, key: int) -> None:
    ranges = [hash_range(index, count) for index in range(count)]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 2**128 - 1
    assert all(left[1] + 1 == right[0] for left, right in itertools.pairwise(ranges))
    index = next(index for index, (low, high) in enumerate(ranges) if low <= key <= high)
    assert HashRanges(even_shards(count, 0, 0)).shard_of(key) == shard_name(index)
    assert hash_key("any", key) == hash_key("any", str(key)) == key


@given(st.text())
def test_a_partition_key_goes_by_its_md5(key: str) -> None:
    assert hash_key(key) == int(hashlib.md5(key.encode()).hexdigest(), 16)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_sequence_numbers_sort_as_they_count(a: int, b: int) -> None:
    assert len(seq_text(a)) == 56
    assert (seq_text(a) < seq_text(b)) == (a < b)
    assert seq_number(seq_text(a)) == a


def test_numbers_of_another_making_do_not_break() -> None:
    assert [seq_number(text) for text in ("", "abc", "5", "-3", "9" * 56, "9" * 99)] == [0, 0, 0, 0, 2**63 - 1, 0]


@settings(max_examples=6)
@given(st.lists(st.one_of(st.just("restart"), st.just("trim"), st.lists(st.text(max_size=3), max_size=6)), max_size=12))
def test_numbers_rise_and_order_holds_over_restarts_and_trims(steps: list[object]) -> None:
    folder = Path(tempfile.mkdtemp())

    async def scenario() -> None:
        clock = ManualClock()
        store = Store.open(folder / "data", clock)
        kept: dict[str, list[bytes]] = {shard_name(index): [] for index in range(2)}
        newest, number = "", 0
        for step in steps:
            clock.advance(1)
            if step == "restart":
                await store.close()
                store = Store.open(folder / "data", clock)
            elif step == "trim":
                await store.streams.trim("clicks", clock.now_us())
                kept = {name: [] for name in kept}
            else:
                assert isinstance(step, list)
                wanted = [(key, str(number + n).encode(), None) for n, key in enumerate(step)]
                number += len(step)
                for record in await store.streams.put(STREAM, wanted):
                    assert record.seq > newest
                    newest = record.seq
                    kept[record.shard].append(record.data)
            for shard, expected in kept.items():
                records = await store.streams.read("clicks", shard, "", 1000)
                assert [record.data for record in records] == expected
                for position, record in enumerate(records, start=1):
                    assert store.streams.backlog("clicks", shard, record.seq) == len(expected) - position
                assert store.streams.backlog("clicks", shard, "") == len(expected)
                assert store.streams.backlog("clicks", shard, store.streams.last_seq("clicks")) == 0
        await store.close()

    try:
        asyncio.run(scenario())
    finally:
        shutil.rmtree(folder)


async def test_reading_goes_on_after_a_number(store: Store) -> None:
    records = await store.streams.put(STREAM, [("k", str(n).encode(), 0) for n in range(10)])
    some = await store.streams.read("clicks", shard_name(0), records[3].seq, 4)
    assert [record.data for record in some] == [b"4", b"5", b"6", b"7"]
    assert some[0] == records[4]
    assert await store.streams.read("clicks", shard_name(1), "", 4) == []


async def test_a_lane_is_read_by_its_keys_and_tells_how_far_it_looked(store: Store) -> None:
    records = await store.streams.put(STREAM, [(f"key-{n}", b"%d" % n, 0) for n in range(30)])
    seen = []
    for lane in range(3):
        mine = [record for record in records if lane_of(record.partition_key, 3) == lane]
        read = store.streams.read_lane
        assert await read("clicks", shard_name(0), "", None, 99, (lane, 3)) == (mine, records[-1].seq)
        assert await read("clicks", shard_name(0), mine[0].seq, None, 1, (lane, 3)) == ([mine[1]], mine[1].seq)
        until = mine[-1].seq
        assert await read("clicks", shard_name(0), "", until, 99, (lane, 3)) == (mine, until), "as far as it may"
        assert await read("clicks", shard_name(0), until, until, 99, (lane, 3)) == ([], until)
        seen += mine
    assert len(seen) == 30
    places = ["", records[-1].seq, records[-1].seq]
    first = sum(lane_of(record.partition_key, 3) == 0 for record in records)
    assert store.streams.waiting("clicks", shard_name(0), places) == first
    assert store.streams.waiting("clicks", shard_name(0), [""]) == 30


async def test_lanes_take_the_place_of_those_before(store: Store) -> None:
    mapping = new_request_id()
    await store.streams.begin(mapping, STREAM, shard_name(0), "TRIM_HORIZON")
    lanes = [
        Checkpoint(mapping=mapping, shard=shard_name(0), lane=lane, lanes=3, seq=seq_text(lane), window=b"w")
        for lane in range(3)
    ]
    await store.streams.save_lanes(lanes)
    assert await store.streams.begin(mapping, STREAM, shard_name(0), "TRIM_HORIZON") == lanes
    await store.streams.save_lanes([Checkpoint(mapping=mapping, shard=shard_name(0), seq=seq_text(9))])
    assert [each.seq for each in store.streams.checkpoints(mapping, shard_name(0))] == [seq_text(9)]


async def test_latest_after_a_trim_is_not_the_beginning(store: Store, clock: ManualClock) -> None:
    assert store.streams.last_seq("clicks") == ""
    (record,) = await store.streams.put(STREAM, [("k", b"1", 0)])
    clock.advance(1)
    assert await store.streams.trim("clicks", clock.now_us()) == 1
    assert store.streams.last_seq("clicks") == record.seq


async def test_listeners_hear_of_a_put_after_it_is_there(store: Store) -> None:
    heard: list[tuple[str, list[bytes], int]] = []

    def hear(name: str, records: Sequence[Record]) -> None:
        heard.append((name, [record.data for record in records], store.streams.backlog(name, shard_name(0), "")))

    store.streams.add_listener(hear)
    await store.streams.put(STREAM, [("k", b"1", 0)])
    assert heard == [("clicks", [b"1"], 1)]


async def test_checkpoints_last_and_an_on_failure_record_comes_with_one(data: Path, clock: ManualClock) -> None:
    mapping, shard = new_request_id(), shard_name(0)
    store = Store.open(data, clock)
    assert store.streams.checkpoints(mapping, shard) == []
    failing = Checkpoint(
        mapping=mapping, shard=shard, seq="", attempts=2, failed_since_us=5, error="KeyError", batch_end=seq_text(9)
    )
    await store.streams.save(failing)
    assert store.streams.checkpoints(mapping, shard) == [failing]
    after = Checkpoint(mapping=mapping, shard=shard, seq=seq_text(9))
    await store.streams.save_and_send(after, "failed-clicks", NewMessage(body="{}"))
    await store.close()
    again = Store.open(data, clock)
    assert again.streams.checkpoints(mapping, shard) == [after]
    assert again.queues.depth("failed-clicks").visible == 1
    await again.close()

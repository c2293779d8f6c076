"""A mapping over shards that split and merge, and over a table's changes, on the real store."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.clock import MICROS
from lambdatui.config.model import Destination, Project, QueueConfig, StreamConfig, StreamMapping
from lambdatui.errors import UsageError
from lambdatui.sources.stream_rules import ready
from lambdatui.store.records import NewMessage
from lambdatui.store.shards import Resharding, even_shards, shard_name
from tests.sources.support import World, function, project
from tests.sources.test_stream_source import UUID, clicks, data, put

LOST = Destination(kind="queue", name="lost")

CHANGE = {
    "eventID": "1",
    "eventName": "MODIFY",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "us-east-1",
    "dynamodb": {
        "ApproximateCreationDateTime": 1_700_000_000,
        "Keys": {"id": {"S": "a"}},
        "NewImage": {"id": {"S": "a"}, "n": {"N": "2"}},
        "OldImage": {"id": {"S": "a"}, "n": {"N": "1"}},
        "SequenceNumber": "100000000000000000001",
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
}
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"


async def scale(world: World, count: int) -> None:
    await world.store.streams.reshard("clicks", lambda shards: shards.uniform(count))


def rows(world: World) -> list[Any]:
    return world.manager.snapshot().streams[0].shards


@given(st.lists(st.integers(1, 5), max_size=5), st.data())
def test_shards_become_ready_when_their_parents_are_done_with_and_in_the_end_all_were(
    counts: list[int], choices: st.DataObject
) -> None:
    shards = Resharding(even_shards(2, 0, 0), 0, 1)
    for count in counts:
        shards.uniform(count)
    by_id = {shard.id: shard for shard in shards.shards}
    drained: set[str] = set()
    while now := [id for id in ready(shards.shards, drained) if not by_id[id].open]:
        assert all(parent in drained for id in now for parent in by_id[id].parents)
        drained.add(choices.draw(st.sampled_from(now)))
    assert {id for id in by_id if id not in drained} == {shard.id for shard in shards.open}


def test_parents_that_retention_took_hold_nothing_up() -> None:
    shards = Resharding(even_shards(1, 0, 0), 0, 1)
    shards.uniform(2)
    assert ready(shards.shards[1:], ()) == [shard_name(1), shard_name(2)]


async def test_splits_under_load_lose_nothing_and_keep_each_keys_order(world: Any) -> None:
    here = await world(clicks(shards=2, batch_size=7), work=lambda event: asyncio.sleep(0))
    keys = [f"key-{number}" for number in range(8)]
    for number, count in enumerate([3, 5, 1, 4, 2, 6]):
        sends = [put(here, *(str(number * 5 + n) for n in range(5)), key=key) for key in keys]
        await asyncio.gather(*sends[:4], scale(here, count), *sends[4:])
    await here.settle(lambda: all(row.backlog == 0 for row in rows(here)))
    got: dict[str, list[int]] = defaultdict(list)
    for event in here.engine.events("work"):
        for record, text in zip(event["Records"], data(event), strict=True):
            got[record["kinesis"]["partitionKey"]].append(int(text))
    assert got == {key: list(range(30)) for key in keys}


async def test_a_blocked_parent_holds_its_children_up_and_nobody_else(world: Any) -> None:
    broken = True

    def fail(event: Any) -> None:
        if broken and "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(shards=2), work=fail)
    streams, stream = here.store.streams, here.engine.project.streams[0]
    await streams.put(stream, [("k", b"bad", 0)])
    await here.settle(lambda: bool(here.engine.requests))
    await streams.reshard("clicks", lambda shards: shards.split(shard_name(0), 9))
    await streams.put(stream, [("k", b"child", 0), ("k", b"other", 2**127)])
    await here.settle(lambda: data(here.engine.events("work")[-1]) == ["other"])
    parent, other, child, _ = rows(here)
    assert (parent.blocked, parent.closed, parent.backlog) == (True, True, 1)
    assert (child.backlog, child.blocked, other.backlog) == (1, False, 0)
    broken = False
    here.manager.retry_now("work")
    await here.settle(lambda: data(here.engine.events("work")[-1]) == ["child"])
    assert sum(row.backlog for row in rows(here)) == 0


async def test_a_restart_between_parent_and_children_repeats_and_skips_nothing(world: Any) -> None:
    rules = clicks(batch_size=1)
    here = await world(rules, work=lambda event: None)
    await put(here, "a", "b")
    await here.settle(lambda: len(here.engine.requests) == 2)
    await scale(here, 2)
    await here.settle()
    here = await world(rules, start=False)
    await put(here, "c")
    await scale(here, 1)
    await put(here, "d")
    here = await world(rules, work=lambda event: None)
    await here.settle(lambda: len(here.engine.requests) == 2)
    assert [data(event) for event in here.engine.events("work")] == [["c"], ["d"]]


async def test_records_of_a_shard_that_is_no_longer_declared_are_read_after_a_restart(world: Any) -> None:
    here = await world(clicks(shards=3), start=False)
    streams, three = here.store.streams, here.engine.project.streams[0]
    await streams.put(three, [("k", b"last", 2**128 - 1)])
    here = await world(clicks(shards=1), work=lambda event: None)
    await here.settle(lambda: bool(here.engine.requests))
    assert data(here.engine.events("work")[0]) == ["last"]


async def test_a_latest_mapping_reads_the_children_of_its_shards_from_their_beginning(world: Any) -> None:
    here = await world(clicks(), start=False)
    await put(here, "old")
    await scale(here, 2)
    await put(here, "older than the mapping")
    rules = clicks(starting_position="LATEST")
    here = await world(rules, work=lambda event: None)
    await here.settle()
    here = await world(rules, start=False)
    await scale(here, 4)
    await put(here, "new")
    here = await world(rules, work=lambda event: None)
    await here.settle(lambda: bool(here.engine.requests))
    assert [data(event) for event in here.engine.events("work")] == [["new"]]


async def test_a_mapping_may_begin_at_a_time(world: Any) -> None:
    here = await world(clicks(shards=2), start=False)
    await put(here, "early", key="a")
    here.clock.advance(60)
    since = here.clock.now_us() / MICROS
    await put(here, "late", key="b")
    rules = clicks(shards=2, starting_position="AT_TIMESTAMP", starting_timestamp=since)
    here = await world(rules, work=lambda event: None)
    await here.settle(lambda: bool(here.engine.requests))
    assert [data(event) for event in here.engine.events("work")] == [["late"]]


async def test_a_pause_holds_through_a_reshard(world: Any) -> None:
    here = await world(clicks(), work=lambda event: None)
    await here.manager.pause("clicks")
    await put(here, "a")
    await scale(here, 2)
    await put(here, "b")
    await here.settle()
    assert not here.engine.requests
    assert sum(row.backlog for row in rows(here)) == 2
    await here.manager.resume("clicks")
    await here.settle(lambda: len(here.engine.requests) == 2)
    assert [data(event) for event in here.engine.events("work")] == [["a"], ["b"]]


async def test_closed_shards_leave_the_screen_after_the_retention(world: Any) -> None:
    here = await world(clicks(hours=1), work=lambda event: None)
    await put(here, "a")
    await scale(here, 2)
    await here.settle(lambda: all(row.backlog == 0 for row in rows(here)))
    assert [(row.id, row.closed) for row in rows(here)] == [
        (shard_name(0), True),
        (shard_name(1), False),
        (shard_name(2), False),
    ]
    await here.advance(3800, step=65)
    assert [row.id for row in rows(here)] == [shard_name(1), shard_name(2)]
    await put(here, "b")
    await here.settle(lambda: len(here.engine.requests) == 2)


async def test_a_stream_that_comes_up_later_is_trimmed_too(world: Any) -> None:
    here = await world(project(functions=(function(),)), work=lambda event: None)
    await here.engine.reload(clicks(hours=1))
    await put(here, "a")
    await here.advance(3800, step=65)
    assert await here.store.streams.read("clicks", shard_name(0), "", 9) == []


async def test_a_stream_without_a_reader_shows_its_shards(world: Any) -> None:
    alone = project(streams=(StreamConfig(name="clicks", logical_id="Clicks", shards=2),))
    here = await world(alone)
    assert [row.id for row in rows(here)] == [shard_name(0), shard_name(1)]


# tables


def table(**settings: Any) -> Project:
    settings = {"starting_position": "TRIM_HORIZON"} | settings
    return project(
        functions=(function(),),
        streams=(StreamConfig(name="orders/stream", logical_id="Orders", table="orders"),),
        queues=(QueueConfig(name="lost", logical_id="Lost"),),
        mappings=(StreamMapping(uuid=UUID, function="work", stream="orders/stream", **settings),),
    )


async def change(world: World, count: int = 1) -> list[str]:
    stream = world.engine.project.streams[0]
    rows = [('{"id":{"S":"a"}}', json.dumps(CHANGE).encode(), None)] * count
    return [record.seq for record in await world.store.streams.put(stream, rows)]


async def test_a_tables_changes_have_dynamodbs_form(world: Any) -> None:
    here = await world(table(), work=lambda event: None)
    (seq,) = await change(here)
    await here.settle(lambda: bool(here.engine.requests))
    (event,) = here.engine.events("work")
    expected = CHANGE | {
        "eventSourceARN": TABLE_ARN,
        "dynamodb": CHANGE["dynamodb"] | {"SequenceNumber": seq},  # type: ignore[operator]
    }
    assert event == {"Records": [expected]}


async def test_a_reported_change_is_found_by_the_sequence_number_of_its_event(world: Any) -> None:
    def report(event: Any) -> Any:
        records = event["Records"]
        return {
            "batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}] * (len(records) > 1)
        }

    here = await world(table(report_batch_item_failures=True), start=False, work=report)
    await change(here, 3)
    here = await world(table(report_batch_item_failures=True), work=report)
    await here.advance(2)
    sizes = [len(event["Records"]) for event in here.engine.events("work")]
    assert sizes[:2] == [3, 2]


async def test_changes_that_were_given_up_leave_dynamodbs_record_and_can_be_replayed(world: Any) -> None:
    broken = True

    def fail(event: Any) -> None:
        if broken:
            raise ValueError("poison")

    here = await world(table(maximum_retry_attempts=0, on_failure=LOST), work=fail)
    (seq,) = await change(here)
    await here.settle(lambda: bool(here.engine.reader.dlq_entries(["lost"])))
    [entry] = here.engine.reader.dlq_entries(["lost"])
    record = json.loads(entry.event)
    assert "KinesisBatchInfo" not in record
    assert record["DDBStreamBatchInfo"]["streamArn"] == TABLE_ARN
    assert record["DDBStreamBatchInfo"]["startSequenceNumber"] == seq
    broken = False
    assert (await here.manager.replay_entry(entry.id)).status == "ok"
    first, again = here.engine.events("work")
    assert again == first


async def test_a_tables_filters_are_about_the_change(world: Any) -> None:
    new = '{"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"n": {"N": ["2"]}}}}'
    here = await world(table(filters=(new,)), work=lambda event: None)
    await change(here)
    await here.settle(lambda: bool(here.engine.requests))
    await here.engine.reload(table(filters=('{"eventName": ["REMOVE"]}',)))
    await change(here)
    await here.settle(lambda: sum(row.backlog for row in rows(here)) == 0)
    assert len(here.engine.requests) == 1


async def test_nobody_sends_to_a_tables_stream(world: Any) -> None:
    here = await world(table(), work=lambda event: None)
    with pytest.raises(UsageError, match="write to the table"):
        await here.manager.send("orders/stream", [NewMessage(body="x")])

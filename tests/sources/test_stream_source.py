"""A stream's mapping at work, on the real store and a clock that the test moves."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import msgspec

from lambdatui.config.model import Destination, Project, QueueConfig, StreamConfig, StreamMapping
from lambdatui.store.records import NewMessage
from tests.sources.support import Throttle, World, function, project

LOST = Destination(kind="queue", name="lost")

UUID = "22222222-2222-4222-8222-222222222222"


def clicks(shards: int = 1, hours: int = 24, **mapping: Any) -> Project:
    settings: dict[str, Any] = {"starting_position": "TRIM_HORIZON"} | mapping
    return project(
        functions=(function(),),
        streams=(StreamConfig(name="clicks", logical_id="Clicks", shards=shards, retention_hours=hours),),
        queues=(QueueConfig(name="lost", logical_id="Lost"),),
        mappings=(StreamMapping(uuid=UUID, function="work", stream="clicks", **settings),),
    )


def data(event: Any) -> list[str]:
    return [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]


async def put(world: World, *texts: str, key: str = "k") -> list[str]:
    return await world.manager.send("clicks", [NewMessage(body=text) for text in texts], partition_key=key)


def shard(world: World) -> Any:
    return world.manager.snapshot().streams[0].shards[0]


async def test_records_arrive_in_order_and_once(world: Any) -> None:
    here = await world(clicks(), work=lambda event: None)
    seqs = await put(here, "a", "b", "c")
    await here.settle(lambda: bool(here.engine.requests))
    [event] = here.engine.events("work")
    assert data(event) == ["a", "b", "c"]
    assert [record["kinesis"]["sequenceNumber"] for record in event["Records"]] == seqs
    assert here.engine.requests[0].source == "stream:clicks"
    row = shard(here)
    assert (row.backlog, row.blocked, row.iterator_age_ms) == (0, False, 0.0)


async def test_a_failing_batch_blocks_its_shard_and_its_age_rises(world: Any) -> None:
    broken = True

    def fail(event: Any) -> None:
        if broken and "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(), work=fail)
    await put(here, "bad")
    await here.settle(lambda: bool(here.engine.requests))
    await put(here, "good")
    await here.advance(5)
    row = shard(here)
    assert (row.blocked, row.backlog, row.error) == (True, 2, "ValueError: poison")
    assert row.attempts >= 3
    assert row.iterator_age_ms == 5000
    assert all(data(event) == ["bad"] for event in here.engine.events("work"))
    ages = [ms for _, name, ms in here.engine.telemetry.metrics.measured if name == "IteratorAge"]
    assert ages == [0.0, 1000.0, 3000.0], "the age of the batch's last record, at each time it was sent"
    broken = False
    here.manager.retry_now("work")
    await here.settle(lambda: data(here.engine.events("work")[-1]) == ["good"])
    assert not shard(here).blocked
    assert here.engine.telemetry.kinds().count("stream") == 2


async def test_one_shards_failure_does_not_hold_the_other_up(world: Any) -> None:
    def fail(event: Any) -> None:
        if "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(shards=2), work=fail)
    await here.manager.send("clicks", [NewMessage(body="bad")], partition_key="k")
    for number in range(12):
        await here.manager.send("clicks", [NewMessage(body="good")], partition_key=str(number))
    await here.advance(2)
    rows = here.manager.snapshot().streams[0].shards
    assert sorted(row.blocked for row in rows) == [False, True]
    assert next(row for row in rows if not row.blocked).backlog == 0


async def test_exhausted_retries_leave_a_record_and_the_shard_goes_on(world: Any) -> None:
    def fail(event: Any) -> None:
        if "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(maximum_retry_attempts=1, on_failure=LOST, batch_size=1), work=fail)
    seqs = await put(here, "bad", "good")
    await here.advance(2)
    assert data(here.engine.events("work")[-1]) == ["good"]
    [entry] = here.engine.reader.dlq_entries(["lost"])
    record = json.loads(entry.event)
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert (
        record["KinesisBatchInfo"]["startSequenceNumber"] == seqs[0] == record["KinesisBatchInfo"]["endSequenceNumber"]
    )
    assert (entry.function, entry.error_code, entry.attempts) == ("work", "ValueError", 2)


async def test_records_past_their_age_leave_a_record_without_a_response(world: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("poison")

    here = await world(clicks(maximum_record_age=60, on_failure=LOST), work=fail)
    await put(here, "bad")
    await here.advance(72, step=5)
    [entry] = here.engine.reader.dlq_entries(["lost"])
    assert json.loads(entry.event)["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in json.loads(entry.event)
    assert shard(here).backlog == 0


async def test_without_a_destination_giving_up_is_at_least_said(world: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("poison")

    here = await world(clicks(maximum_retry_attempts=0), work=fail)
    await put(here, "bad")
    await here.settle(lambda: shard(here).backlog == 0)
    assert any("gave up a record (a failed try)" in text for _, _, text in here.engine.telemetry.said)


async def test_bisecting_finds_the_poison_alone(world: Any) -> None:
    def fail(event: Any) -> None:
        if "5" in data(event):
            raise ValueError("poison")

    here = await world(
        clicks(bisect_on_error=True, maximum_retry_attempts=1, on_failure=LOST),
        work=fail,
    )
    await put(here, *"12345678")
    await here.advance(40, step=1)
    [entry] = here.engine.reader.dlq_entries(["lost"])
    assert json.loads(entry.event)["KinesisBatchInfo"]["batchSize"] == 1
    done = [text for request in here.engine.events("work") if "5" not in data(request) for text in data(request)]
    assert sorted(done) == list("1234678")


async def test_a_batch_ends_at_its_size_and_at_six_megabytes(world: Any) -> None:
    here = await world(clicks(batch_size=3), work=lambda event: None)
    await here.manager.pause("clicks")
    await put(here, *"abcd")
    await here.manager.resume("clicks")
    await here.settle(lambda: shard(here).backlog == 0)
    await here.manager.pause("clicks")
    large = "x" * 1_000_000
    for _ in range(6):
        await put(here, large)
    await here.manager.resume("clicks")
    await here.settle(lambda: shard(here).backlog == 0)
    assert [len(event["Records"]) for event in here.engine.events("work")] == [3, 1, 3, 3]


async def test_latest_begins_at_the_mappings_first_start_and_survives_a_restart(world: Any) -> None:
    project_ = clicks(starting_position="LATEST")
    here = await world(clicks(), start=False)
    await put(here, "old")
    here = await world(project_, work=lambda event: None)
    assert not here.engine.requests
    here = await world(project_, start=False)
    await put(here, "while down")
    here = await world(project_, work=lambda event: None)
    await here.settle(lambda: bool(here.engine.requests))
    assert [data(event) for event in here.engine.events("work")] == [["while down"]]


async def test_a_restart_keeps_the_count_of_tries(world: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("poison")

    rules = clicks(maximum_retry_attempts=2, on_failure=LOST)
    here = await world(rules, work=fail)
    await put(here, "bad")
    await here.settle(lambda: bool(here.engine.requests))
    here = await world(rules, work=fail)
    await here.advance(5)
    assert len(here.engine.requests) == 2
    [entry] = here.engine.reader.dlq_entries(["lost"])
    assert entry.attempts == 3


async def test_a_batch_cut_short_by_the_engines_end_counts_no_try(world: Any) -> None:
    async def cut(event: Any) -> None:
        here.engine.stopping = True
        raise RuntimeError("killed")

    here = await world(clicks(maximum_retry_attempts=0, on_failure=LOST), work=cut)
    await put(here, "a")
    await here.settle(lambda: bool(here.engine.requests))
    assert here.engine.reader.dlq_entries(["lost"]) == []
    assert shard(here).backlog == 1


async def test_what_is_past_retention_goes(world: Any) -> None:
    here = await world(clicks(hours=1), work=lambda event: None)
    await put(here, "a")
    await here.settle(lambda: bool(here.engine.requests))
    await here.advance(3720, step=65)
    assert await here.store.streams.read("clicks", "shardId-000000000000", "", 10) == []


async def test_a_reload_keeps_the_reader_and_its_batch_in_flight(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    here = await world(clicks(batch_size=1), work=wait)
    await put(here, "a", "b")
    await here.timer.parked(1, lambda: here.engine.running == 1)
    changed = clicks(batch_size=1, shards=2)
    changed = msgspec.structs.replace(changed, functions=(function(memory=512),))
    await here.engine.reload(changed)
    assert here.engine.running == 1
    gate.set()
    await here.settle(lambda: len(here.engine.requests) == 2)
    assert [data(event) for event in here.engine.events("work")] == [["a"], ["b"]]
    assert [row.closed for row in here.manager.snapshot().streams[0].shards] == [True, False, False]


# filters, versions and figures


def counted(world: World, name: str) -> int:
    return world.engine.telemetry.metrics.counted[UUID, name]


async def test_filtered_records_move_the_checkpoint_and_are_counted_once(world: Any) -> None:
    broken = True

    def fail(event: Any) -> None:
        if broken:
            raise ValueError("not yet")

    rules = clicks(filters=('{"data": {"kind": ["wanted"]}}',))
    here = await world(rules, work=fail)
    await put(here, '{"kind": "other"}', "no JSON")
    await here.settle(lambda: shard(here).backlog == 0)
    assert not here.engine.requests
    await here.manager.pause("clicks")
    await put(here, '{"kind": "other"}', '{"kind": "wanted"}', '{"kind": "other"}')
    await here.manager.resume("clicks")
    await here.advance(3, step=1)
    broken = False
    await here.advance(5, step=1)
    assert shard(here).backlog == 0
    assert {tuple(data(event)) for event in here.engine.events("work")} == {('{"kind": "wanted"}',)}
    assert (counted(here, "PolledEventCount"), counted(here, "FilteredOutEventCount")) == (5, 4)
    here = await world(rules, work=lambda event: None)
    await here.settle()
    assert not here.engine.requests
    assert counted(here, "PolledEventCount") == 0, "what was dropped is not read again"


async def test_filters_see_a_records_metadata(world: Any) -> None:
    here = await world(clicks(filters=('{"partitionKey": ["vip"]}',)), work=lambda event: None)
    await put(here, "a", key="vip")
    await put(here, "b", key="other")
    await here.settle(lambda: shard(here).backlog == 0)
    assert [data(event) for event in here.engine.events("work")] == [["a"]]


async def test_a_batch_is_filled_with_what_the_filters_leave(world: Any) -> None:
    here = await world(clicks(batch_size=2, filters=('{"data": {"n": [{"exists": true}]}}',)), work=lambda event: None)
    await here.manager.pause("clicks")
    await put(here, '{"n": 1}', "{}", "{}", '{"n": 2}', '{"n": 3}')
    await here.manager.resume("clicks")
    await here.settle(lambda: shard(here).backlog == 0)
    assert [data(event) for event in here.engine.events("work")] == [['{"n": 1}', '{"n": 2}'], ['{"n": 3}']]


async def test_a_new_filter_releases_a_blocked_shard(world: Any) -> None:
    def fail(event: Any) -> None:
        if "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(), work=fail)
    await put(here, "bad")
    await here.settle(lambda: shard(here).blocked)
    await here.engine.reload(clicks(filters=('{"data": {"n": [1]}}',)))
    await put(here, '{"n": 1}')
    await here.advance(5)
    assert data(here.engine.events("work")[-1]) == ['{"n": 1}']
    assert not shard(here).blocked


async def test_the_mappings_qualifier_is_what_is_invoked(world: Any) -> None:
    here = await world(clicks(qualifier="live"), work=lambda event: None)
    await put(here, "a")
    await here.settle(lambda: bool(here.engine.requests))
    assert here.engine.requests[0].qualifier == "live"


async def test_the_mappings_figures_count_events_and_tries(world: Any) -> None:
    def fail(event: Any) -> None:
        if "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(batch_size=2, maximum_retry_attempts=1), work=fail)
    await here.manager.pause("clicks")
    await put(here, "bad", "with it", "good")
    await here.manager.resume("clicks")
    await here.advance(3, step=1)
    assert {name: count for (mapping, name), count in here.engine.telemetry.metrics.counted.items() if mapping} == {
        "PolledEventCount": 3,
        "InvokedEventCount": 5,
        "FailedInvokeEventCount": 4,
        "DroppedEventCount": 2,
    }


async def test_each_throttled_try_counts_its_events_as_invoked_and_failed(world: Any) -> None:
    def throttle(event: Any) -> None:
        if len(here.engine.requests) <= 2:
            raise Throttle

    here = await world(clicks(metrics=True), work=throttle)
    await put(here, "a", "b")
    await here.advance(4)
    counted = {name: count for (mapping, name), count in here.engine.telemetry.metrics.counted.items() if mapping}
    assert counted == {"PolledEventCount": 2, "InvokedEventCount": 6, "FailedInvokeEventCount": 4}
    assert counted == here.engine.telemetry.metrics.stored, "CloudWatch was asked to know"


async def test_the_last_result_is_in_awss_words(world: Any) -> None:
    def fail(event: Any) -> None:
        if "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(), work=fail)
    assert here.manager.last_result(UUID) is None
    await put(here, "good")
    await here.settle(lambda: bool(here.engine.requests))
    assert here.manager.last_result(UUID) == "OK"
    await put(here, "bad")
    await here.settle(lambda: shard(here).blocked)
    assert here.manager.last_result(UUID) == "PROBLEM: Function call failed"

"""What sources are called, what they look like, and what a reload does to them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from lambdatui.config.model import (
    Destination,
    Project,
    QueueConfig,
    QueueMapping,
    RouteConfig,
    StreamConfig,
    StreamMapping,
)
from lambdatui.errors import NotFound, UsageError
from lambdatui.sources.timer import SystemTimer
from lambdatui.store.records import NewMessage
from tests.sources.support import ManualClock, function, project

LOST = Destination(kind="queue", name="lost")

QUEUE, STREAM = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def shop() -> Project:
    return project(
        functions=(
            function(dead_letter_queue="work-dlq", on_failure=LOST),
            function("legacy", unserved="it needs Java"),
        ),
        queues=(
            QueueConfig(name="orders", logical_id="Orders", redrive_queue="orders-dlq", max_receive_count=3),
            QueueConfig(name="orders-dlq", logical_id="OrdersDlq"),
            QueueConfig(name="work-dlq", logical_id="WorkDlq"),
            QueueConfig(name="lost", logical_id="Lost"),
            QueueConfig(name="plain.fifo", logical_id="Plain", fifo=True),
            QueueConfig(name="old", logical_id="Old"),
        ),
        streams=(
            StreamConfig(name="clicks", logical_id="Clicks", shards=2),
            StreamConfig(name="idle", logical_id="Idle"),
        ),
        mappings=(
            QueueMapping(uuid=QUEUE, function="work", queue="orders"),
            QueueMapping(uuid="33333333-3333-4333-8333-333333333333", function="legacy", queue="old"),
            QueueMapping(uuid="44444444-4444-4444-8444-444444444444", function="work", queue="not declared"),
            StreamMapping(uuid=STREAM, function="work", stream="clicks", on_failure=LOST),
        ),
        routes=(RouteConfig(id="r1", function="work", kind="http", method="GET", path="/orders"),),
    )


@pytest.mark.parametrize(
    "name",
    ["orders", "Orders", "arn:aws:sqs:us-east-1:000000000000:orders", "http://127.0.0.1:3001/000000000000/orders"],
)
async def test_a_queue_answers_to_name_logical_id_arn_and_url(world: Any, name: str) -> None:
    here = await world(shop())
    assert here.manager.queue(name).name == "orders"


async def test_a_stream_answers_to_its_arn_and_a_queue_does_not_answer_to_a_streams(world: Any) -> None:
    here = await world(shop())
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
    assert here.manager.stream(arn).logical_id == "Clicks"
    with pytest.raises(NotFound):
        here.manager.queue(arn)


async def test_a_wrong_name_names_the_nearest(world: Any) -> None:
    here = await world(shop())
    with pytest.raises(NotFound, match=r"ordrs.*orders"):
        here.manager.queue("ordrs")
    with pytest.raises(NotFound, match=r"nope\. There are: (?=.*orders)(?=.*clicks)"):
        await here.manager.send("nope", [NewMessage(body="x")])
    with pytest.raises(NotFound, match="clicks"):
        await here.manager.send("click", [NewMessage(body="x")])
    with pytest.raises(NotFound, match=r"Sources: .*orders"):
        await here.manager.pause("nothing")


async def test_dead_letter_queues_are_those_of_functions_redrives_and_destinations(world: Any) -> None:
    here = await world(shop())
    assert sorted(here.manager.dlq_names()) == ["lost", "orders-dlq", "work-dlq"]


async def test_the_snapshot_shows_every_queue_stream_and_route(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    here.manager.route_served("r1", 200)
    here.manager.route_served("r1", 502)
    await here.manager.send("lost", [NewMessage(body="x")])
    here.clock.advance(3)
    rows = here.manager.snapshot()
    queues = {row.name: row for row in rows.queues}
    assert queues["orders"].consumer == "work"
    assert queues["orders"].mapping == QUEUE
    assert (queues["lost"].dlq, queues["lost"].visible, queues["lost"].oldest_s) == (True, 1, 3.0)
    assert queues["old"].paused, "its function cannot run, so nothing polls"
    assert [(row.name, row.consumer, len(row.shards)) for row in rows.streams] == [
        ("clicks", "work", 2),
        ("idle", None, 1),
    ]
    assert (rows.routes[0].requests, rows.routes[0].errors, rows.routes[0].last_status) == (2, 1, 502)


async def test_sending_to_a_fifo_queue_needs_a_group_and_an_id(world: Any) -> None:
    here = await world(shop())
    with pytest.raises(UsageError, match="--group-id"):
        await here.manager.send("plain.fifo", [NewMessage(body="x")])
    with pytest.raises(UsageError, match="--dedup-id"):
        await here.manager.send("plain.fifo", [NewMessage(body="x", group_id="g")])
    assert await here.manager.send("plain.fifo", [NewMessage(body="x", group_id="g", dedup_id="d")])


async def test_nothing_polls_in_an_engine_for_one_call(world: Any) -> None:
    from lambdatui.sources.manager import SourceManager

    here = await world(shop(), start=False, work=lambda event: None)
    here.manager = SourceManager(here.engine, paused_all=True, timer=here.timer)
    await here.manager.start()
    await here.manager.send("orders", [NewMessage(body="x")])
    await here.settle()
    assert not here.engine.requests
    assert all(row.paused for row in here.manager.snapshot().queues if row.consumer)


async def test_a_mapping_that_leaves_the_template_stops_and_one_that_comes_back_goes_on(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    await here.engine.reload(msgspec.structs.replace(shop(), mappings=()))
    await here.manager.send("orders", [NewMessage(body="x")])
    await here.settle()
    assert not here.engine.requests
    await here.engine.reload(shop())
    await here.settle(lambda: len(here.engine.requests) == 1)


async def test_a_mapping_that_comes_back_waits_for_its_predecessors_batch(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    here = await world(shop(), work=wait)
    await here.manager.send("clicks", [NewMessage(body="1")], partition_key="k")
    await here.timer.parked(1, lambda: here.engine.running == 1)
    await here.engine.reload(msgspec.structs.replace(shop(), mappings=()))
    await here.engine.reload(shop())
    await here.manager.send("clicks", [NewMessage(body="2")], partition_key="k")
    await here.timer.parked(1)
    assert here.engine.peak == 1
    gate.set()
    await here.settle(lambda: len(here.engine.requests) == 2)
    assert here.engine.peak == 1, "the order of a shard holds over a reload"


async def test_what_a_person_paused_stays_paused_over_a_reload(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    await here.manager.pause(QUEUE)
    await here.engine.reload(msgspec.structs.replace(shop(), functions=(function(memory=512),)))
    assert next(row for row in here.manager.snapshot().queues if row.name == "orders").paused


async def test_purging_deletes_dead_letters_only(world: Any) -> None:
    here = await world(shop(), start=False)
    [dead] = await here.manager.send("lost", [NewMessage(body="x")])
    [alive] = await here.manager.send("orders", [NewMessage(body="x")])
    assert await here.manager.purge([dead, alive, "unknown"]) == 1


async def test_the_timer_ends_by_wake_up_and_by_time() -> None:
    clock = ManualClock()
    timer, wake = SystemTimer(clock), asyncio.Event()
    await timer.wait(wake, clock.now_us())
    await timer.wait(wake, clock.now_us() + 1000)
    wake.set()
    await timer.wait(wake, None)

"""Batches that wait for the machine, and those whose environment went with the spawner: nobody else is to get their
messages meanwhile, and the function is not to blame."""

from __future__ import annotations

import asyncio
from typing import Any

from lambdatui.config.model import Project, QueueConfig, QueueMapping
from tests.sources.support import Lost, World, batches_running, function, project
from tests.sources.test_queue_source import bodies, messages, total
from tests.sources.test_stream_source import clicks, data, put

UUID = "22222222-2222-4222-8222-222222222222"


def shop() -> Project:
    return project(
        functions=(function(),),
        queues=(
            QueueConfig(
                name="orders", logical_id="Orders", visibility_timeout=10, redrive_queue="dead", max_receive_count=1
            ),
            QueueConfig(name="dead", logical_id="Dead"),
        ),
        mappings=(QueueMapping(uuid=UUID, function="work", queue="orders"),),
    )


async def without_room(world: Any, work: Any) -> World:
    """A batch of two messages has been received, and there is no room to run it."""
    here: World = await world(shop(), work=work)
    here.engine.room.clear()
    await here.manager.send("orders", messages("a", "b"))
    await here.timer.parked(here.sources, lambda: bool(here.engine.requests))
    return here


async def pass_time(here: World, seconds: float, step: float) -> None:
    for _ in range(round(seconds / step)):
        here.timer.move(step)
        await here.timer.parked(here.sources)


async def test_messages_stay_hidden_while_their_batch_waits_for_the_machine(world: Any) -> None:
    here = await without_room(world, lambda event: None)
    await pass_time(here, 35, 2.5)
    here.engine.room.set()
    await here.settle(lambda: not batches_running())
    assert [text for event in here.engine.events("work") for text in bodies(event)] == ["a", "b"]
    assert (total(here), total(here, "dead")) == (0, 0)


async def test_a_batch_that_begins_late_has_its_whole_visibility_timeout(world: Any) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def work(event: Any) -> None:
        begun.set()
        await done.wait()

    here = await without_room(world, work)
    await pass_time(here, 4, 4)  # six of ten seconds are left
    here.engine.room.set()
    await here.timer.parked(here.sources, begun.is_set)
    await pass_time(here, 8, 4)
    done.set()
    await here.settle(lambda: not batches_running())
    assert len(here.engine.requests) == 1
    assert (total(here), total(here, "dead")) == (0, 0)


async def test_a_batch_whose_messages_were_given_back_meanwhile_does_not_run(world: Any) -> None:
    here = await without_room(world, lambda event: None)
    here.clock.advance(11)  # the computer has slept
    here.engine.room.set()
    await here.settle(lambda: not batches_running())
    await here.advance(1)
    assert here.engine.telemetry.metrics.counted[UUID, "DeletedEventCount"] == 0
    assert total(here, "dead") == 2, "as on AWS: they were received as often as they may be"


async def test_a_batch_of_a_stream_that_went_with_the_spawner_has_not_been_tried(world: Any) -> None:
    tries = iter(range(10))

    def work(event: Any) -> None:
        if next(tries) < 2:
            raise Lost

    here = await world(clicks(maximum_retry_attempts=0), work=work)
    await put(here, "a")
    await here.settle(lambda: len(here.engine.requests) >= 3)
    assert [data(event) for event in here.engine.events("work")] == [["a"]] * 3
    assert not [what for kind, _, what in here.engine.telemetry.said if "gave up" in what]


async def test_a_batch_that_kills_the_spawner_each_time_is_given_up_after_all(world: Any) -> None:
    def work(event: Any) -> None:
        raise Lost

    here = await world(clicks(maximum_retry_attempts=0), work=work)
    await put(here, "a")
    await here.settle(lambda: any("gave up" in what for _, _, what in here.engine.telemetry.said))
    assert len(here.engine.requests) == 4

"""Message move tasks: their pace, what they leave, and what they pick up after a restart."""

from __future__ import annotations

import pytest

from lambdatui.config.model import QueueConfig
from lambdatui.sources.moves import STEP, portion
from lambdatui.store.records import NewMessage
from tests.sources.conftest import Make
from tests.sources.support import World, project

DEAD = QueueConfig(name="dead", logical_id="Dead")
SOURCE = QueueConfig(name="source", logical_id="Source", redrive_queue="dead", max_receive_count=1)
PROJECT = project(queues=(SOURCE, DEAD))


@pytest.mark.parametrize("rate", [1, 3, 9, 10, 11, 99, 500])
def test_no_second_moves_more_than_its_rate(rate: int) -> None:
    limit, pause_us = portion(rate)
    assert limit * 1_000_000 <= rate * pause_us
    assert limit * 1_000_000 > 0.99 * rate * (pause_us - 1), "and none is wasted"


def test_without_a_rate_steps_follow_at_once() -> None:
    assert portion(None) == (STEP, 0)


async def filled(world: Make, count: int) -> World:
    here = await world(PROJECT)
    await here.store.queues.send(DEAD, [NewMessage(body=str(number)) for number in range(count)])
    return here


async def test_a_rate_is_kept_over_time(world: Make) -> None:
    here = await filled(world, 50)
    await here.store.moves.start("dead", "source", 10)
    await here.settle()
    assert here.store.queues.depth("source").visible == 1
    await here.advance(2, step=0.1)
    assert here.store.queues.depth("source").visible == 21
    await here.advance(3, step=0.1)
    assert here.store.queues.depth("source").visible == 50
    assert [move.status for move in here.store.moves.of("dead")] == ["COMPLETED"]
    assert ("dlq", None, "50 messages of dead moved to source") in here.engine.telemetry.said


async def test_what_comes_later_and_what_is_held_stays(world: Make) -> None:
    here = await filled(world, 3)
    (held,) = await here.store.queues.receive(DEAD, 1, 30)
    await here.store.moves.start("dead", "source", 10)
    await here.store.queues.send(DEAD, [NewMessage(body="later")])
    await here.advance(1, step=0.1)
    (move,) = here.store.moves.of("dead")
    assert (move.status, move.moved, move.to_move) == ("COMPLETED", 2, 3)
    assert {row.body for row in here.engine.reader.peek("dead", 10)} == {held.body, "later"}


async def test_a_cancelled_move_says_nothing_and_a_new_one_may_begin(world: Make) -> None:
    here = await filled(world, 30)
    move = await here.store.moves.start("dead", "source", 1)
    assert move is not None
    await here.settle()
    cancelled = await here.store.moves.cancel(move.id)
    assert cancelled is not None and cancelled.moved == 1
    await here.advance(3)
    assert here.store.queues.depth("source").visible == 1
    assert "dlq" not in here.engine.telemetry.kinds()
    assert await here.store.moves.start("dead", "source", None) is not None
    await here.settle()
    assert here.store.queues.depth("source").visible == 30


async def test_a_move_that_an_earlier_engine_began_goes_on(world: Make) -> None:
    here = await filled(world, 5)
    await here.manager.stop(0)
    await here.store.moves.start("dead", "source", None)
    again = await world(PROJECT)
    assert again.store.queues.depth("source").visible == 5


async def test_only_the_newest_tasks_of_a_queue_are_kept(world: Make) -> None:
    here = await filled(world, 0)
    for _ in range(12):
        await here.store.moves.start("dead", "source", None)
        here.clock.advance(1)
        await here.settle()
    kept = here.store.moves.of("dead")
    assert len(kept) == 10
    assert kept == sorted(kept, key=lambda move: -move.started_us)

"""Schedules: due times, what is not made up, and clocks that jump."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lambdatui.clock import MICROS
from lambdatui.config.model import Project, ScheduleConfig
from lambdatui.config.schedules import parse
from lambdatui.sources.schedule_source import following
from tests.sources.helpers import accepts
from tests.sources.support import World, function, project


def ticks(expression: str = "every 1s", **more: Any) -> Project:
    return project(
        functions=(function(),),
        schedules=(ScheduleConfig(id="Tick", function="work", expression=expression, **more),),
    )


def row(world: World) -> Any:
    return world.manager.snapshot().schedules[0]


async def test_a_schedule_sends_one_asynchronous_event_each_time_it_is_due(world: Any) -> None:
    here = await world(ticks())
    await here.advance(3)
    assert [source for _, _, source in here.engine.accepted] == ["schedule:Tick"] * 3
    event = json.loads(here.engine.accepted[0][1])
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert row(here).last_at is not None


async def test_eventbridge_schedulers_event_is_its_own(world: Any) -> None:
    here = await world(ticks(scheduler=True))
    await here.advance(1)
    event = json.loads(here.engine.accepted[0][1])
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/Tick"]


async def test_an_input_replaces_the_scheduled_event(world: Any) -> None:
    here = await world(ticks(input='{"a": 1}'))
    await here.advance(1)
    assert here.engine.accepted == [("work", b'{"a": 1}', "schedule:Tick")]


async def test_a_schedule_of_an_alias_invokes_the_alias(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = await world(ticks(qualifier="live"))
    asked = accepts(here, monkeypatch)
    await here.advance(1)
    assert asked == [("work", "live")]


async def test_a_one_time_schedule_fires_once(world: Any) -> None:
    here = await world(ticks())
    at = datetime.fromtimestamp(here.clock.now_us() // MICROS + 2, UTC).strftime("at(%Y-%m-%dT%H:%M:%S)")
    await here.engine.reload(ticks(at))
    await here.advance(60)
    assert [source for _, _, source in here.engine.accepted] == ["schedule:Tick"]
    assert row(here).next_at is None


async def test_a_sleeping_computer_gets_one_event_not_a_flood(world: Any) -> None:
    here = await world(ticks())
    await here.advance(2)
    here.timer.move(3600)
    await here.settle(lambda: len(here.engine.accepted) > 2)
    assert len(here.engine.accepted) == 3
    await here.advance(1)
    assert len(here.engine.accepted) == 4


async def test_a_pause_is_not_made_up(world: Any) -> None:
    here = await world(ticks())
    await here.manager.pause("Tick")
    await here.advance(5)
    assert here.engine.accepted == []
    assert row(here).next_at is None
    await here.manager.resume("Tick")
    await here.advance(1)
    assert len(here.engine.accepted) == 1


async def test_a_disabled_schedule_waits_until_it_is_resumed_or_enabled(world: Any) -> None:
    here = await world(ticks(enabled=False))
    await here.advance(2)
    assert here.engine.accepted == []
    await here.engine.reload(ticks())
    await here.advance(1)
    assert len(here.engine.accepted) == 1


async def test_a_changed_expression_holds_from_the_reload_on(world: Any) -> None:
    here = await world(ticks("rate(5 minutes)"))
    await here.settle()
    await here.engine.reload(ticks("every 1s"))
    await here.advance(1)
    assert len(here.engine.accepted) == 1


async def test_an_expression_that_makes_no_sense_is_shown_and_does_not_run(world: Any) -> None:
    here = await world(ticks("rate(0 minutes)"), start=False)
    await here.manager.start()
    assert (row(here).paused, row(here).next_at) == (True, None)
    await here.engine.reload(msgspec.structs.replace(ticks(), schedules=()))
    assert here.manager.snapshot().schedules == []


def test_a_clock_put_back_takes_the_due_time_along() -> None:
    schedule = parse("rate(1 minute)")
    due = 1_000_000 * 60 * MICROS
    assert following(schedule, due, due - 10 * MICROS) == due
    back = due - 3600 * MICROS - 10 * MICROS
    assert following(schedule, due, back) == due - 3600 * MICROS


def test_a_due_time_that_passed_stays_due() -> None:
    schedule = parse("rate(1 minute)")
    due = 1_000_000 * 60 * MICROS
    assert following(schedule, due, due + 10 * MICROS) == due

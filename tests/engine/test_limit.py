"""Time that is the engine's own does not count toward an invocation's timeout."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lambdatui.engine.limit import Alarm, Limit
from tests.engine.conftest import Start, call, eventually
from tests.engine.test_installer import gated


async def test_a_limit_stands_still_while_it_is_held() -> None:
    over = asyncio.Event()
    limit = Limit(Alarm(over.set), 0.05)
    with limit.held():
        with limit.held():
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
        assert not over.is_set()
    await asyncio.wait_for(over.wait(), 60)


async def test_a_limit_that_ended_stays_so() -> None:
    over = asyncio.Event()
    limit = Limit(Alarm(over.set), 0.01)
    with limit.held():
        limit.end()
    await asyncio.sleep(0.05)
    assert not over.is_set()


async def test_an_alarm_rings_by_what_was_set_last() -> None:
    rung: list[float] = []
    loop = asyncio.get_running_loop()
    alarm = Alarm(lambda: rung.append(loop.time()))
    began = loop.time()
    for seconds in (0.02, 5.0, 0.1):  # later, then sooner than what the loop has armed
        alarm.set(seconds)
    async with asyncio.timeout(60):
        while not rung:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert len(rung) == 1
    assert rung[0] - began >= 0.1


async def test_an_alarm_that_was_cleared_stays_silent_until_it_is_set_again() -> None:
    rung = asyncio.Event()
    alarm = Alarm(rung.set)
    alarm.set(0.3)
    assert 0 < alarm.clear() <= 0.3
    await asyncio.sleep(0.4)
    assert not rung.is_set()
    alarm.set(0.01)
    await asyncio.wait_for(rung.wait(), 60)
    assert alarm.clear() == 0.0


async def test_a_limit_that_is_still_held_does_not_touch_the_next_ones_time() -> None:
    over = asyncio.Event()
    alarm = Alarm(over.set)
    first = Limit(alarm, 5)
    with first.held():
        first.end()
        Limit(alarm, 0.02)
    await asyncio.wait_for(over.wait(), 60)


async def test_a_function_does_not_time_out_on_time_that_is_not_its_own(start: Start, tmp_path: Path) -> None:
    code = """
import os, time

def handler(folder, context):
    with open(folder + "/header.partial", "w") as file:
        file.write(os.environ["_X_AMZN_TRACE_ID"])
    os.rename(folder + "/header.partial", folder + "/header")
    while not os.path.exists(folder + "/go"):
        time.sleep(0.01)
    return "in time"
"""
    settings = "[functions.waits]\nhandler = 'waits.handler'\ncode = 'fns'\ntimeout = 3"
    engine = await start({"fns/waits.py": code, "lambdatui.toml": settings})
    running = asyncio.ensure_future(call(engine, "waits", str(tmp_path)))
    await eventually(lambda: (tmp_path / "header").exists() or running.done())
    with engine.untimed((tmp_path / "header").read_text()):
        await asyncio.sleep(3.2)
        (tmp_path / "go").touch()
    result = await running
    assert (result.status, result.payload) == ("ok", b'"in time"')


async def test_packages_are_waited_for_from_the_engine_s_first_moment(start: Start, tmp_path: Path) -> None:
    """Even before it is known what the function needs."""
    engine = await start(gated(tmp_path))
    waiting = asyncio.ensure_future(engine.provisioned("fn"))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    (tmp_path / "gate").unlink()
    await waiting
    assert "installing" not in engine.function("fn").packages

"""Asynchronous events in a real engine: on disk first, retried, dead-lettered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psutil

from lambdatui.engine.engine import Engine
from tests.engine.conftest import Start, call, eventually, running

FAILS = "def handler(event, context):\n    raise ValueError('no ' + str(event['n']))\n"
TOML = "[functions.job]\nhandler = 'job.handler'\ncode = 'fns'\n%s\n[queues.dead]\n"


def project(code: str, more: str = "dead_letter_queue = 'dead'") -> dict[str, str]:
    return {"fns/job.py": code, "lambdatui.toml": TOML % more}


def letters(engine: Engine) -> int:
    return engine.store.queues.depth("dead").visible


async def test_a_failing_event_is_tried_three_times_and_then_stands_in_the_dlq(start: Start) -> None:
    engine = await start(project(FAILS), retry_delays=(0.05, 0.05))
    request_id = await engine.accept("job", b'{"n":  7}')
    await eventually(lambda: letters(engine) == 1)
    await engine.store.history.flush()
    (entry,) = engine.reader.dlq_entries(["dead"])
    assert (entry.event, entry.request_id, entry.attempts) == ('{"n":  7}', request_id, 3)
    assert (entry.function, entry.error_code, entry.error_message) == ("job", "ValueError", "no 7")
    rows = engine.reader.invocations(function="job")
    assert [(row.request_id, row.attempt) for row in rows] == [(request_id, 3), (request_id, 2), (request_id, 1)]
    assert engine.store.events.count() == 0


async def test_an_event_that_succeeds_at_last_leaves_nothing(start: Start, tmp_path: Path) -> None:
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    if not os.path.exists(event['file']):\n"
        "        open(event['file'], 'w').close()\n"
        "        raise RuntimeError('first time')\n"
    )
    engine = await start(project(code), retry_delays=(0.05,))
    await engine.accept("job", json.dumps({"file": str(tmp_path / "tried")}).encode())
    await eventually(lambda: engine.store.events.count() == 0)
    assert letters(engine) == 0


async def test_without_retries_the_first_failure_is_a_dead_letter(start: Start) -> None:
    engine = await start(project(FAILS, "dead_letter_queue='dead'\nmaximum_retry_attempts=0"))
    await engine.accept("job", b'{"n":1}')
    await eventually(lambda: letters(engine) == 1)


async def test_with_a_reserve_of_zero_the_event_goes_straight_to_the_dlq(start: Start) -> None:
    engine = await start(project(FAILS, "dead_letter_queue='dead'\nreserved_concurrency=0"))
    await engine.accept("job", b'{"n":1}')
    await eventually(lambda: letters(engine) == 1)
    assert engine.telemetry.metrics.figures("job").invocations == 0


async def test_events_beyond_the_reserve_all_run_in_the_end(start: Start) -> None:
    code = "def handler(event, context):\n    return event\n"
    engine = await start(project(code, "reserved_concurrency=1"))
    for number in range(20):
        await engine.accept("job", json.dumps({"n": number}).encode())
    await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    assert len(engine.reader.invocations(function="job", status="ok")) == 20


async def test_what_was_accepted_runs_after_a_restart(tmp_path: Path) -> None:
    for name, text in project("def handler(event, context):\n    return event\n").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    async with running(tmp_path, one_shot=True) as engine:
        request_id = await engine.accept("job", b"{}")
        assert engine.store.events.count() == 1
    async with running(tmp_path) as engine:
        await eventually(lambda: engine.store.events.count() == 0)
        await engine.store.history.flush()
        assert [row.request_id for row in engine.reader.invocations(function="job")] == [request_id]


async def test_one_functions_backlog_does_not_keep_another_waiting(start: Start) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(1)\n"
    engine = await start(
        {
            "fns/slow.py": slow,
            "fns/quick.py": "def handler(event, context): return 1\n",
            "lambdatui.toml": (
                "[functions.slow]\nhandler='slow.handler'\ncode='fns'\nreserved_concurrency=1\n"
                "[functions.quick]\nhandler='quick.handler'\ncode='fns'\n"
            ),
        }
    )
    for _ in range(5):
        await engine.accept("slow", b"{}")
    await engine.accept("quick", b"{}")
    await eventually(lambda: engine.telemetry.metrics.figures("quick").invocations == 1)
    assert engine.store.events.count() >= 3
    assert (await call(engine, "quick")).status == "ok"


async def test_an_attempt_that_the_engines_end_cut_short_counts_for_nothing(tmp_path: Path) -> None:
    code = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    for name, text in project(code, "dead_letter_queue='dead'\nmaximum_retry_attempts=0\ntimeout=90").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    async with running(tmp_path) as engine:
        await engine.accept("job", b"{}")
        await eventually(lambda: any(row.state == "busy" for row in engine.environment_rows()))
    async with running(tmp_path, one_shot=True) as engine:
        (event,) = await engine.store.events.pending(engine.clock.now_us(), 10)
        assert event.attempt == 1
        assert letters(engine) == 0


async def test_a_backlog_larger_than_a_round_hides_nobody_elses_events(start: Start) -> None:
    engine = await start(
        {
            "fns/slow.py": "import time\ndef handler(event, context):\n    time.sleep(5)\n",
            "fns/quick.py": "def handler(event, context): return 1\n",
            "lambdatui.toml": (
                "[functions.slow]\nhandler='slow.handler'\ncode='fns'\nreserved_concurrency=1\ntimeout=20\n"
                "[functions.quick]\nhandler='quick.handler'\ncode='fns'\n"
            ),
        }
    )
    await asyncio.gather(*(engine.accept("slow", b"{}") for _ in range(700)))
    await engine.accept("quick", b"{}")
    await eventually(lambda: engine.telemetry.metrics.figures("quick").invocations == 1)


async def test_a_dead_spawner_costs_an_event_no_attempt(start: Start) -> None:
    code = "import time\ndef handler(event, context):\n    time.sleep(1)\n"
    engine = await start(project(code, "dead_letter_queue='dead'\nmaximum_retry_attempts=0\ntimeout=20"))
    await engine.accept("job", b"{}")
    await eventually(lambda: any(row.state == "busy" for row in engine.environment_rows()))
    psutil.Process(engine.spawner.pid).kill()
    await eventually(lambda: engine.store.events.count() == 0)
    assert letters(engine) == 0

"""Asynchronous events in a real engine: on disk first, retried, dead-lettered."""

from __future__ import annotations

import asyncio
import errno
import json
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from lambdatui.clock import new_request_id
from lambdatui.config.model import Destination
from lambdatui.engine import events, retry
from lambdatui.engine.destinations import Delivery
from lambdatui.engine.engine import Engine
from lambdatui.engine.event_invoke import EventInvoke
from lambdatui.errors import NotFound, StoreError
from lambdatui.store.records import AsyncEvent
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
    slow = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    engine = await start(
        {
            "fns/slow.py": slow,
            "fns/quick.py": "def handler(event, context): return 1\n",
            "lambdatui.toml": (
                "[functions.slow]\nhandler='slow.handler'\ncode='fns'\nreserved_concurrency=1\ntimeout=90\n"
                "[functions.quick]\nhandler='quick.handler'\ncode='fns'\n"
            ),
        }
    )
    for _ in range(5):
        await engine.accept("slow", b"{}")
    await engine.accept("quick", b"{}")
    await eventually(lambda: engine.telemetry.metrics.figures("quick").invocations == 1)
    assert engine.store.events.count() >= 5
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
        (event,), _ = await engine.store.events.pending("job", engine.clock.now_us(), 10)
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
    one_try = "dead_letter_queue='dead'\nmaximum_retry_attempts=0\ntimeout=20"
    # A mark of its own: the sweep after a spawner's death must not meet another run of the same test.
    engine = await start(project(code, one_try), engine_mark=new_request_id())
    await engine.accept("job", b"{}")
    await eventually(lambda: any(row.state == "busy" for row in engine.environment_rows()))
    psutil.Process(engine.spawner.pid).kill()
    await eventually(lambda: engine.store.events.count() == 0)
    assert letters(engine) == 0


def failing(work: Any, times: int, error: Exception) -> Any:
    """`work`, that raises `error` the first `times` times."""
    calls = iter(range(times))

    async def once_broken(*args: Any, **more: Any) -> Any:
        if next(calls, None) is not None:
            raise error
        return await work(*args, **more)

    return once_broken


async def orphan(engine: Engine) -> None:
    """An event of a function that is not in the project any more."""
    now = engine.clock.now_us()
    await engine.store.events.accept(
        AsyncEvent(request_id=new_request_id(), function="gone", payload=b"{}", accepted_us=now, visible_us=now)
    )


async def test_events_that_wait_for_their_function_put_off_no_others_retry(start: Start) -> None:
    engine = await start(project(FAILS), retry_delays=(0.2, 0.2))
    await asyncio.gather(*(orphan(engine) for _ in range(1200)))
    await engine.accept("job", b'{"n":1}')
    await eventually(lambda: letters(engine) == 1)


async def test_no_fault_of_ours_ends_the_dispatching_or_loses_the_event(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_STORE_PAUSE", 0.05)
    engine = await start(project("def handler(event, context):\n    return 1\n"))
    monkeypatch.setattr(engine, "invoke", failing(engine.invoke, 1, RuntimeError("a bug")))
    monkeypatch.setattr(engine.store.events, "pending", failing(engine.store.events.pending, 1, ValueError("a bug")))
    await engine.accept("job", b"{}")
    await eventually(lambda: engine.store.events.count() == 0)
    said = [one.message for one in engine.telemetry.happenings_after(0) if one.kind == "notice"]
    assert "asynchronous events wait: ValueError: a bug" in said
    assert "an event waits: RuntimeError: a bug" in said


async def test_what_has_succeeded_does_not_run_again_because_the_disk_refuses(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_STORE_PAUSE", 0.05)
    engine = await start(project("def handler(event, context):\n    return 1\n"))
    full = StoreError("the disk is full")
    monkeypatch.setattr(engine.store.events, "finish", failing(engine.store.events.finish, 3, full))
    with monkeypatch.context() as patch:
        patch.setattr(engine.store.history, "flush", failing(engine.store.history.flush, 1000, full))
        await engine.accept("job", b"{}")
        await engine.accept("job", b"{}")
        await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    assert [row.attempt for row in engine.reader.invocations(function="job")] == [1, 1]
    said = [one.message for one in engine.telemetry.happenings_after(0)]
    assert said.count("history waits in memory: the disk is full") == 1


async def test_a_failed_attempt_counts_once_though_the_disk_refuses_its_outcome(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_STORE_PAUSE", 0.05)
    engine = await start(project(FAILS), retry_delays=(0.05, 0.05))
    full = StoreError("the disk is full")
    for name in ("retry", "finish"):
        monkeypatch.setattr(engine.store.events, name, failing(getattr(engine.store.events, name), 2, full))
    await engine.accept("job", b'{"n":1}')
    await eventually(lambda: letters(engine) == 1)
    await engine.store.history.flush()
    assert [row.attempt for row in engine.reader.invocations(function="job")] == [3, 2, 1]


async def test_an_environment_is_started_when_the_spawner_is_back(start: Start) -> None:
    engine = await start(project("def handler(event, context):\n    return 1\n"), engine_mark=new_request_id())
    psutil.Process(engine.spawner.pid).kill()
    async with asyncio.timeout(60):
        while engine.spawner.present:  # looked at in every turn of the loop: its successor comes within milliseconds
            await asyncio.sleep(0)
    assert (await call(engine, "job")).status == "ok"
    assert (engine.spawner.present, engine.spawner.deaths) == (True, 1)


def told(engine: Engine, error: Exception | None = None) -> list[Delivery]:
    """What goes to destinations that are no queues; with `error` none of it arrives."""
    heard: list[Delivery] = []

    async def deliver(delivery: Delivery) -> None:
        heard.append(delivery)
        if error is not None:
            raise error

    engine.deliver = deliver
    return heard


def settings(engine: Engine, **changes: Any) -> Any:
    return engine.event_invoke.put(engine.function("job"), "$LATEST", EventInvoke(**changes))


async def test_a_success_is_told_to_its_destination_with_event_and_result(start: Start) -> None:
    engine = await start(project("def handler(event, context):\n    return 'done'\n"))
    heard = told(engine)
    await settings(engine, on_success=Destination(kind="function", name="next"))
    request_id = await engine.accept("job", b'{"n":1}')
    await eventually(lambda: engine.store.events.count() == 0)
    (delivery,) = heard
    record = json.loads(delivery.body)
    assert (delivery.succeeded, record["requestPayload"], record["responsePayload"]) == (True, {"n": 1}, "done")
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:job:$LATEST",
        "condition": "Success",
        "approximateInvokeCount": 1,
    }


async def test_a_failure_goes_to_destination_and_dead_letter_queue(start: Start) -> None:
    engine = await start(project(FAILS + "\n", "dead_letter_queue = 'dead'\n[queues.failed]"))
    await settings(engine, maximum_retry_attempts=0, on_failure=Destination(kind="queue", name="failed"))
    request_id = await engine.accept("job", b'{"n":1}')
    await eventually(lambda: engine.store.events.count() == 0)
    failed, dead = engine.reader.dlq_entries(["failed"]), engine.reader.dlq_entries(["dead"])
    assert json.loads(failed[0].event)["requestContext"]["condition"] == "RetriesExhausted"
    assert (failed[0].request_id, failed[0].error_message, failed[0].attempts) == (request_id, "no 1", 1)
    assert dead[0].event == '{"n":1}'


async def test_a_topic_for_dead_letters_gets_the_event_with_awss_attributes(start: Start) -> None:
    engine = await start(project(FAILS, "maximum_retry_attempts = 0"))
    heard = told(engine)
    function = engine.function("job")
    function.config = msgspec.structs.replace(function.config, dead_letter_topic="alarms")
    request_id = await engine.accept("job", b'{"n":1}')
    await eventually(lambda: engine.store.events.count() == 0)
    (delivery,) = heard
    assert (delivery.destination, delivery.body) == (Destination(kind="topic", name="alarms"), b'{"n":1}')
    assert delivery.attributes["RequestID"]["StringValue"] == request_id
    assert delivery.attributes["ErrorMessage"]["StringValue"] == "no 1"


async def test_what_cannot_be_delivered_is_counted_and_the_event_goes(start: Start) -> None:
    engine = await start(project(FAILS))
    told(engine, NotFound("there is no function next"))
    await settings(engine, maximum_retry_attempts=0, on_failure=Destination(kind="function", name="next"))
    await engine.accept("job", b'{"n":1}')
    await eventually(lambda: letters(engine) == 1)
    said = [one.message for one in engine.telemetry.happenings_after(0) if one.kind == "notice"]
    assert "a record of an event could not be delivered: there is no function next" in said


async def test_a_queue_that_is_gone_is_told_nothing_and_nobody_says_so(start: Start) -> None:
    engine = await start(project(FAILS))
    function = engine.function("job")
    function.config = msgspec.structs.replace(function.config, dead_letter_queue="gone", on_failure=None)
    await settings(engine, maximum_retry_attempts=0, on_failure=Destination(kind="queue", name="away"))
    await engine.accept("job", b'{"n":1}')
    dropped = ("error", "event dropped after 1 attempt: nothing took its record")
    await eventually(lambda: dropped in [(one.kind, one.message) for one in engine.telemetry.happenings_after(0)])
    (life,) = [one for one in engine.telemetry.metrics.lives() if "DeadLetterErrors" in one.counts]
    assert (life.counts["DeadLetterErrors"], life.counts["DestinationDeliveryFailures"]) == (1, 1)
    assert engine.reader.dlq_entries(["gone", "away"]) == []
    assert not any(one.kind == "dlq" for one in engine.telemetry.happenings_after(0))
    assert not any("DLQ →" in line.message for line in engine.telemetry.logs.after(0)[0])


async def test_a_delivery_that_may_work_later_is_tried_again_before_the_event_goes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_STORE_PAUSE", 0.05)
    engine = await start(project("def handler(event, context):\n    return 1\n"))
    heard = told(engine)
    monkeypatch.setattr(engine, "deliver", failing(engine.deliver, 2, StoreError("the disk is full")))
    await settings(engine, on_success=Destination(kind="topic", name="news"))
    await engine.accept("job", b"{}")
    await eventually(lambda: engine.store.events.count() == 0)
    assert len(heard) == 1
    await engine.store.history.flush()
    assert len(engine.reader.invocations(function="job")) == 1


async def test_settings_by_api_outlive_a_restart_and_give_way_to_an_edit_of_the_file(tmp_path: Path) -> None:
    for name, text in project("def handler(event, context):\n    return 1\n").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    async with running(tmp_path) as engine:
        await settings(engine, maximum_retry_attempts=1)
    async with running(tmp_path) as engine:
        assert engine.event_invoke.of(engine.function("job"), None).retries == 1
    (tmp_path / "lambdatui.toml").write_text(TOML % "maximum_retry_attempts = 0")
    async with running(tmp_path) as engine:
        assert engine.event_invoke.of(engine.function("job"), None).retries == 0


async def test_a_fault_of_a_delivery_is_counted_and_does_not_hold_the_event(start: Start) -> None:
    engine = await start(project("def handler(event, context):\n    return 1\n"))
    told(engine, ValueError("a bug"))
    await settings(engine, on_success=Destination(kind="topic", name="news"))
    await engine.accept("job", b"{}")
    await eventually(lambda: engine.store.events.count() == 0)
    said = [one.message for one in engine.telemetry.happenings_after(0) if one.kind == "notice"]
    assert "a record of an event could not be delivered: ValueError: a bug" in said


async def test_settings_that_cannot_be_read_leave_what_the_files_say(start: Start) -> None:
    engine = await start(project("def handler(event, context):\n    return 1\n", "maximum_retry_attempts = 1"))
    await settings(engine, maximum_retry_attempts=0)
    row = engine.store.made.get("event-invoke", "job:$LATEST")
    await engine.store.made.put(msgspec.structs.replace(row, config={"settings": 7}))
    assert engine.event_invoke.of(engine.function("job"), None).retries == 1


async def test_an_event_whose_environment_the_machine_refuses_waits_and_spends_no_attempt(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start(project("def handler(event, context):\n    return 1\n"), retry_delays=(0.05,))
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(retry, "THROTTLE_BACKOFF_FIRST", 0.01)
    monkeypatch.setattr(engine.pool, "lease", failing(engine.pool.lease, 5, full))
    await engine.accept("job", b"{}")
    await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    rows = engine.reader.invocations(function="job")
    assert [(row.status, row.attempt) for row in rows] == [("ok", 1), *[("error", 1)] * 5]
    assert letters(engine) == 0


async def test_databases_that_turn_read_only_refuse_with_the_next_step_lose_nothing_and_run_nothing_twice(
    start: Start, tmp_path: Path
) -> None:
    """SQLite answers as it does on a file system that went read-only; the kernel lets nobody do that to open files."""
    ran, go = tmp_path / "ran", tmp_path / "go"
    code = (
        "import os, time\n"
        "def handler(event, context):\n"
        f"    with open({str(ran)!r}, 'a') as file:\n"
        "        file.write('x')\n"
        f"    while not os.path.exists({str(go)!r}):\n"
        "        time.sleep(0.01)\n"
    )
    engine = await start(project(code, "timeout=60"))

    def writable(yes: bool) -> None:
        for writer in (engine.store._state, engine.store._history):
            writer._connection.execute(f"PRAGMA query_only={not yes}").fetchall()

    await engine.accept("job", b"{}")
    await eventually(ran.exists)
    writable(False)
    with pytest.raises(StoreError, match=r"state\.db cannot be written .* make its folder writable"):
        await engine.accept("job", b"{}")
    assert "make its folder writable" in (engine.store.refusal() or "")
    go.touch()
    assert (await call(engine, "job")).status == "ok"
    await eventually(lambda: any("outcome waits" in each.message for each in engine.telemetry.happenings_after(0)))
    assert engine.store.events.count() == 1
    writable(True)
    await eventually(lambda: engine.store.events.count() == 0)
    await eventually(lambda: engine.store.refusal() is None)
    await engine.accept("job", b"{}")
    await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    assert [row.status for row in engine.reader.invocations(function="job")] == ["ok"] * 3
    assert ran.read_text() == "xxx"

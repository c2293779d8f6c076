"""One invocation through the door, in a real environment."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from lambdatui import wire
from lambdatui.api.jsoncheck import json_problem
from lambdatui.engine.model import InvokeRequest
from tests.engine.conftest import Start, call, eventually

ECHO = "def handler(event, context):\n    print('seen', event)\n    return {'event': event}\n"


def toml(function: str) -> dict[str, str]:
    return {"lambdatui.toml": function}


async def test_a_result_comes_back_and_the_environment_is_reused(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    first = await call(engine, "echo", {"a": 1})
    second = await call(engine, "echo", {"a": 2})
    assert (first.status, json.loads(first.payload)) == ("ok", {"event": {"a": 1}})
    assert first.record is not None and first.record.cold
    assert second.record is not None and not second.record.cold
    assert first.record.environment == second.record.environment


async def test_the_log_has_start_lines_end_and_report_in_order(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    result = await call(engine, "echo", {"a": 1})
    lines = [line.message for line in engine.telemetry.logs.after(0)[0]]
    assert lines[0].startswith("INIT_START Runtime Version: python:")
    assert lines[1] == f"START RequestId: {result.request_id} Version: $LATEST"
    assert lines[2] == "seen {'a': 1}"
    assert lines[3] == f"END RequestId: {result.request_id}"
    assert lines[4].startswith(f"REPORT RequestId: {result.request_id}\tDuration: ")
    assert result.log_tail.startswith(b"START ") and b"seen {'a': 1}\n" in result.log_tail


async def test_what_a_prompt_call_leaves_behind_comes_before_what_follows_it(start: Start) -> None:
    """It is written down by the next invocation while its handler runs, or for whoever asks, or in a moment."""
    engine = await start({"echo.py": ECHO})
    ids = [(await call(engine, "echo", {"a": number}, prompt=True)).request_id for number in range(2)]
    assert engine.telemetry.metrics.figures("echo").invocations == 1
    engine.settle_accounts()
    assert engine.telemetry.metrics.figures("echo").invocations == 2
    lines = [line.message.split()[:3] for line in engine.telemetry.logs.after(0)[0] if "RequestId" in line.message]
    assert lines == [[word, "RequestId:", each] for each in ids for word in ("START", "END", "REPORT")]
    await call(engine, "echo", prompt=True)
    await eventually(lambda: engine.telemetry.metrics.figures("echo").invocations == 3)


async def test_what_cannot_be_written_down_is_told_and_fails_nobody_else(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start({"echo.py": ECHO})
    with monkeypatch.context() as broken:
        broken.setattr(engine.telemetry, "invocation", lambda record: 1 / 0)
        await call(engine, "echo", prompt=True)
        engine.settle_accounts()
    assert (await call(engine, "echo")).status == "ok"
    told = [one.message for one in engine.telemetry.happenings_after(0) if one.kind == "notice"]
    assert told[-1] == "an invocation could not be written down: division by zero"


async def test_a_throttle_is_written_down_behind_what_was_answered_before(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    await call(engine, "echo", prompt=True)
    await engine.set_reserved_concurrency("echo", 0)
    assert (await call(engine, "echo")).status == "throttled"
    figures = engine.telemetry.metrics.figures("echo")
    assert (figures.invocations, figures.throttles) == (1, 1)


async def test_an_environments_lines_are_in_its_stream_and_others_in_none(start: Start) -> None:
    engine = await start({"echo.py": f"print('from the init')\n{ECHO}"})
    for number in range(2):
        await call(engine, "echo", {"a": number})
    engine.telemetry.log_lines("echo", None, engine.clock.now_us(), [("PLATFORM", "DLQ → dead")])
    lines = engine.telemetry.logs.after(0)[0]
    (environment,) = engine.pool
    assert {line.stream for line in lines} == {environment.launch.log_stream.name, None}
    assert [line.message for line in lines if line.stream is None] == ["DLQ → dead"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", environment.launch.log_stream.name)
    assert environment.launch.log_stream.group == "/aws/lambda/echo"


@pytest.mark.parametrize(("group", "named"), [("/aws/lambda/echo", ""), ("/shop/all", "echo")])
async def test_streams_of_a_custom_group_name_their_function(start: Start, group: str, named: str) -> None:
    code = "def handler(event, context): return context.log_stream_name\n"
    toml = f"[functions.echo]\nhandler='echo.handler'\nlogging={{ format = 'JSON', group = '{group}' }}\n"
    engine = await start({"echo.py": code, "lambdatui.toml": toml})
    result = await call(engine, "echo")
    (environment,) = engine.pool
    stream = environment.launch.log_stream
    assert (stream.group, json.loads(result.payload)) == (group, stream.name)
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{named}\[\$LATEST\][0-9a-f]{{32}}", stream.name)
    first = json.loads(engine.telemetry.logs.after(0)[0][0].message)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/echo\[\$LATEST\][0-9a-f]{32}", first["record"]["instanceId"])


async def test_a_failed_init_is_reported_before_its_invocation(start: Start) -> None:
    engine = await start({"early.py": "import nothing_of_that_name\ndef handler(event, context): pass\n"})
    await call(engine, "early")
    lines = [line.message for line in engine.telemetry.logs.after(0)[0]]
    reports = [line for line in lines if line.startswith("INIT_REPORT Init Duration: ")]
    assert reports[0].endswith("\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError")
    assert lines[0].startswith("INIT_START")
    starts = [n for n, line in enumerate(lines) if line.startswith("START RequestId: ")]
    assert len(starts) == 1 and starts[0] > lines.index(reports[0])


async def test_no_line_is_lost_or_attributed_to_another_request(start: Start) -> None:
    code = "def handler(event, context):\n    for n in range(300): print(event['id'], n)\n    print('last', end='')\n"
    engine = await start({"chatty.py": code})
    results = await asyncio.gather(*(call(engine, "chatty", {"id": n}) for n in range(4)))
    lines, dropped = engine.telemetry.logs.after(0)
    assert dropped == 0
    for number, result in enumerate(results):
        mine = [line.message for line in lines if line.request_id == result.request_id and line.level == "PRINT"]
        assert mine == [f"{number} {n}" for n in range(300)] + ["last"]


async def test_an_exception_is_an_answer_with_its_traceback(start: Start) -> None:
    engine = await start(
        {"bad.py": "def handler(event, context):\n    colour = 'blue'\n    return event['postcode']\n"}
    )
    result = await call(engine, "bad", {})
    body = json.loads(result.payload)
    assert (result.status, result.function_error) == ("error", "Unhandled")
    assert (body["errorType"], body["errorMessage"]) == ("KeyError", "'postcode'")
    await engine.store.history.flush()
    detail = engine.reader.invocation(result.request_id)
    assert detail is not None and detail.error is not None
    assert "event['postcode']" in detail.error
    assert detail.frames[-1].locals["colour"] == "'blue'"
    assert detail.event == b"{}"


async def test_a_timeout_kills_the_process_and_its_children(start: Start, tmp_path: Path) -> None:
    code = (
        "import subprocess, time\n"
        "def handler(event, context):\n"
        "    child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "    open(event['file'], 'w').write(str(child.pid))\n"
        "    time.sleep(60)\n"
    )
    engine = await start(
        {"fns/slow.py": code, **toml("[functions.slow]\nhandler='slow.handler'\ncode='fns'\ntimeout=3\n")}
    )
    result = await call(engine, "slow", {"file": str(tmp_path / "pid")})
    assert result.status == "timeout"
    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 3.00 seconds",
    }
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert engine.environment_rows() == []


async def test_a_handler_that_exits_is_reported_as_lambda_does(start: Start) -> None:
    engine = await start({"leaves.py": "import os\ndef handler(event, context):\n    os._exit(event['status'])\n"})
    silent, loud = await call(engine, "leaves", {"status": 0}), await call(engine, "leaves", {"status": 127})
    assert json.loads(silent.payload)["errorMessage"].endswith("Error: Runtime exited without providing a reason")
    assert json.loads(loud.payload)["errorMessage"].endswith("Error: Runtime exited with error: exit status 127")
    assert silent.error_type == loud.error_type == "Runtime.ExitError"
    assert loud.record is not None
    assert loud.record.max_memory_mb is not None
    assert loud.record.max_memory_mb >= 5


async def test_the_memory_that_is_told_is_the_most_of_all_invocations_of_the_environment(start: Start) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, "Max Memory Used"."""
    code = "def handler(event, context):\n    bytearray(event)\n    if event == 1:\n        raise ValueError\n"
    engine = await start({"grows.py": code})
    small, large, failed = [await call(engine, "grows", size) for size in (0, 50_000_000, 1)]
    told = [each.record.max_memory_mb or 0 for each in (small, large, failed) if each.record is not None]
    assert 5 <= told[0] < 48 <= told[1] == told[2], told


async def test_memory_over_the_limit_ends_the_invocation(start: Start) -> None:
    code = (
        "import time\n"
        "def handler(event, context):\n"
        "    hog = []\n"
        "    while True:\n"
        "        hog.append(b'x' * 5_000_000)\n"
        "        time.sleep(0.01)\n"
    )
    engine = await start(
        {"fns/hog.py": code, **toml("[functions.hog]\nhandler='hog.handler'\ncode='fns'\nmemory=128\ntimeout=30\n")}
    )
    result = await call(engine, "hog")
    assert (result.status, result.error_type) == ("error", "Runtime.OutOfMemory")


async def test_nothing_of_the_users_aws_configuration_is_inherited(start: Start, monkeypatch: object) -> None:
    os.environ["AWS_PROFILE"] = "production"
    os.environ["MY_SECRET"] = "1"
    try:
        engine = await start({"seen.py": "import os\ndef handler(event, context):\n    return dict(os.environ)\n"})
        seen = json.loads((await call(engine, "seen")).payload)
    finally:
        del os.environ["AWS_PROFILE"], os.environ["MY_SECRET"]
    assert "AWS_PROFILE" not in seen and "MY_SECRET" not in seen
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "seen"
    assert seen["AWS_ENDPOINT_URL"] == engine.options.url
    assert seen["TZ"] == ":UTC"
    assert seen["AWS_CONFIG_FILE"] == seen["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert seen["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"  # else StartSyncExecution looks for sync-127.0.0.1


async def test_at_the_reserve_a_call_is_throttled_and_counted_as_nothing_else(start: Start) -> None:
    code = "import time\ndef handler(event, context):\n    time.sleep(0.5)\n"
    engine = await start(
        {"fns/one.py": code, **toml("[functions.one]\nhandler='one.handler'\ncode='fns'\nreserved_concurrency=1\n")}
    )
    results = await asyncio.gather(*(call(engine, "one") for _ in range(3)))
    assert sorted(result.status for result in results) == ["ok", "throttled", "throttled"]
    figures = engine.telemetry.metrics.figures("one")
    assert (figures.invocations, figures.errors, figures.throttles) == (1, 0, 2)
    assert engine.in_flight() == 0


async def test_a_reserve_of_zero_stops_a_function_and_is_remembered(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    await engine.set_reserved_concurrency("echo", 0)
    assert (await call(engine, "echo")).status == "throttled"
    assert engine.function("echo").state == "stopped"
    assert engine.function("echo").overrides == {"reserved_concurrency": "0"}
    await engine.reset_override("echo", "reserved_concurrency")
    assert (await call(engine, "echo")).status == "ok"


async def test_between_invocations_no_code_runs(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    await call(engine, "echo")
    await eventually(lambda: [row.state for row in engine.environment_rows()] == ["frozen"])
    (row,) = engine.environment_rows()
    await eventually(lambda: psutil.Process(row.pid).status() == psutil.STATUS_STOPPED)


async def test_an_import_that_fails_is_a_problem_with_its_remedy(start: Start) -> None:
    engine = await start({"needs.py": "import surely_not_there\ndef handler(event, context): ...\n"})
    result = await call(engine, "needs")
    assert result.error_type == "Runtime.ImportModuleError"
    (problem,) = [one for one in engine.problems_of(engine.function("needs")) if one.severity == "error"]
    assert "surely_not_there" in problem.message
    assert problem.remedy.startswith("write surely_not_there into ")


async def test_above_the_machines_limit_an_idle_environment_makes_room(start: Start) -> None:
    engine = await start({"a.py": ECHO, "b.py": ECHO}, max_environments=1)
    assert (await call(engine, "a")).status == "ok"
    assert (await call(engine, "b")).status == "ok"
    await eventually(lambda: [row.function for row in engine.environment_rows()] == ["b"])


async def test_every_process_carries_the_mark_that_a_later_start_sweeps(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    await call(engine, "echo")
    (row,) = engine.environment_rows()
    assert psutil.Process(row.pid).environ()[wire.MARK_ENGINE] == engine.options.engine_mark


async def test_a_dead_spawner_is_replaced(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    await call(engine, "echo")
    (row,) = engine.environment_rows()
    before = engine.spawner.pid
    psutil.Process(before).kill()
    await eventually(lambda: engine.spawner.pid != before)
    assert (await call(engine, "echo")).status == "ok"
    await eventually(lambda: not psutil.pid_exists(row.pid))


async def test_what_happened_tells_an_error_once_and_that_new_code_mended_it(start: Start, tmp_path: Path) -> None:
    engine = await start({"moody.py": "def handler(event, context):\n    return 1 / event['n']\n"})
    for number in (0, 1, 0, 1, 0):
        await call(engine, "moody", {"n": number})
    (tmp_path / "moody.py").write_text("def handler(event, context):\n    return 7\n")
    await eventually(lambda: any(one.kind == "reload" for one in engine.telemetry.happenings_after(0)))
    await call(engine, "moody", {"n": 0})
    told = [(one.kind, one.message) for one in engine.telemetry.happenings_after(0) if one.kind in ("error", "ok")]
    assert told == [("error", "ZeroDivisionError: division by zero"), ("ok", "succeeds with the new code")]


async def test_a_message_that_is_no_utf8_ends_the_runtime_as_on_lambda(start: Start) -> None:
    engine = await start(
        {
            "odd.py": "def handler(event, context):\n    raise ValueError('caf\\udce9.txt')\n",
            "early.py": "raise ValueError('caf\\udce9.txt')\ndef handler(event, context): pass\n",
        }
    )
    for function in ("odd", "early"):
        result = await call(engine, function)
        assert (result.status, result.error_type) == ("error", "Runtime.ExitError")
        assert json.loads(result.payload)["errorMessage"].endswith("Runtime exited with error: exit status 1")
        assert b"UnicodeEncodeError: 'utf-8' codec can't encode character '\\udce9'" in result.log_tail


async def test_an_answer_that_cannot_be_read_is_an_error_at_once(start: Start) -> None:
    code = (
        "import gc, uuid\n"
        "def handler(event, context):\n"
        "    channel = next(each for each in gc.get_objects() if type(each).__name__ == 'Channel')\n"
        f"    channel.write({wire.ERROR}, {{}}, b'\\xff', uuid.UUID(context.aws_request_id).bytes)\n"
    )
    engine = await start({"forger.py": code})
    result = await call(engine, "forger")
    assert result.status == "error"
    assert "could not be read" in (result.error_message or "")


async def test_a_time_that_nothing_can_hold_is_an_error_and_its_row_is_kept(start: Start) -> None:
    code = (
        "import gc, uuid\n"
        "def handler(event, context):\n"
        "    channel = next(each for each in gc.get_objects() if type(each).__name__ == 'Channel')\n"
        f"    channel.write({wire.RESULT}, {{'duration_us': 10**30}}, b'1', uuid.UUID(context.aws_request_id).bytes)\n"
    )
    engine = await start({"forger.py": code})
    result = await call(engine, "forger")
    assert (result.status, "could not be read" in (result.error_message or "")) == ("error", True)
    await engine.store.history.flush()
    assert engine.reader.invocation(result.request_id) is not None


async def test_a_stopped_spawner_holds_neither_the_call_under_way_nor_the_next(start: Start, tmp_path: Path) -> None:
    """As a handler can stop it where no kernel keeps it apart."""
    wait = "import time\ndef handler(event, context):\n    open(event, 'w').close()\n    time.sleep(60)\n"
    toml_text = (
        "[functions.waits]\nhandler='waits.handler'\ncode='fns'\ntimeout=2\n[functions.echo]\nhandler='echo.handler'\n"
    )
    engine = await start({"fns/waits.py": wait, "echo.py": ECHO, **toml(toml_text)})
    async with asyncio.timeout(60):
        waiting = asyncio.create_task(call(engine, "waits", str(tmp_path / "began")))
        await eventually((tmp_path / "began").exists)
        os.kill(engine.spawner.pid, signal.SIGSTOP)
        assert (await waiting).status == "timeout"
        os.kill(engine.spawner.pid, signal.SIGSTOP)
        assert (await call(engine, "echo")).status == "ok"
        os.kill(engine.spawner.pid, signal.SIGSTOP)
        await engine.pool.close()
    assert not list(engine.store.data.glob("tmp/*"))


async def test_memory_over_the_limit_ends_the_init(start: Start) -> None:
    code = (
        "import time\nhog = []\n"
        "for _ in range(200):\n    hog.append(b'x' * 5_000_000)\n    time.sleep(0.02)\n"
        "def handler(event, context): pass\n"
    )
    engine = await start(
        {"fns/hog.py": code, **toml("[functions.hog]\nhandler='hog.handler'\ncode='fns'\nmemory=128\ntimeout=30\n")}
    )
    assert (await call(engine, "hog")).error_type == "Runtime.OutOfMemory"


async def test_a_folder_that_cannot_be_made_is_an_error_and_no_exception(start: Start) -> None:
    inline = (  # such a function runs in a folder of its environment's own
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  echo:\n    Type: AWS::Serverless::Function\n"
        '    Properties: {Runtime: python3.11, Handler: index.handler, InlineCode: "def handler(e, c): return e"}\n'
    )
    engine = await start({"template.yaml": inline})
    (engine.store.data / "tmp").write_text("in the way")
    result = await call(engine, "echo")
    assert (result.status, result.error_type) == ("error", "Runtime.InvalidEntrypoint")
    (engine.store.data / "tmp").unlink()
    assert (await call(engine, "echo")).status == "ok"


async def test_a_room_that_comes_in_the_moment_of_giving_up_goes_to_the_next(start: Start) -> None:
    engine = await start({"echo.py": ECHO})
    first = asyncio.create_task(engine.pool._wait(None))
    second = asyncio.create_task(engine.pool._wait(None))
    await asyncio.sleep(0)
    engine.pool._wake()
    first.cancel()
    async with asyncio.timeout(60):
        await second


COUNT = "def handler(event, context):\n    print('ran')\n    return len(event)\n"


def unchecked(payload: bytes) -> InvokeRequest:
    return InvokeRequest(function="count", payload=payload, check=json_problem)


async def test_an_event_that_is_parsed_ahead_runs_as_any_other(start: Start) -> None:
    engine = await start({"count.py": COUNT})
    for _ in range(2):  # cold and warm
        result = await engine.invoke(unchecked(b"[1, 2, 3]"))
        assert (result.status, result.payload) == ("ok", b"3")
        assert result.record is not None and result.record.event == b"[1, 2, 3]"
    assert (await call(engine, "count", [1])).payload == b"1"


@pytest.mark.parametrize("payload", [b"[1, 2", b"[NaN]", b'["\xff"]', b"[1] [2]", b"\xef\xbb\xbf[]"])
async def test_what_is_no_json_runs_nothing_and_leaves_the_environment_as_it_was(start: Start, payload: bytes) -> None:
    engine = await start({"count.py": COUNT})
    assert (await engine.invoke(unchecked(payload))).problem is not None
    assert len(engine.pool) == 0
    await call(engine, "count", [1])
    lines = engine.telemetry.logs.newest_id
    refused = await engine.invoke(unchecked(payload))
    assert refused.problem is not None and refused.record is None
    assert engine.telemetry.logs.newest_id == lines
    again = await call(engine, "count", [1])
    assert again.payload == b"1" and again.record is not None and not again.record.cold


async def test_json_that_python_cannot_read_fails_in_the_handlers_runtime(start: Start) -> None:
    engine = await start({"count.py": COUNT})
    await call(engine, "count", [1])
    result = await engine.invoke(unchecked(b"[" + b"9" * 5000 + b"]"))
    assert result.problem is None
    assert result.error_type == "Runtime.UnmarshalError"


async def test_an_environment_that_dies_over_an_event_fails_the_invocation(start: Start) -> None:
    engine = await start({"count.py": COUNT})
    await call(engine, "count", [1])
    (environment,) = engine.pool
    os.kill(environment.pid, signal.SIGSTOP)
    running = asyncio.ensure_future(engine.invoke(unchecked(b"[" + b"1, " * 200_000 + b"1]")))
    os.kill(environment.pid, signal.SIGKILL)
    result = await running
    assert (result.status, result.error_type) == ("error", "Runtime.ExitError")
    assert (await call(engine, "count", [1])).payload == b"1"

"""What the engine's rows tell of asynchronous events, provisioned concurrency and calls that spilled over."""

from __future__ import annotations

from pathlib import Path

from lambdatui.config.model import Destination
from lambdatui.engine.event_invoke import EventInvoke
from tests.engine.conftest import Start, call, eventually

CODE = "def handler(event, context):\n    return context.function_version\n"


SAM = """Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      {FunctionName: f, CodeUri: ., Handler: f.handler, Runtime: python3.11, AutoPublishAlias: live,
       EventInvokeConfig: {MaximumRetryAttempts: 0}}
"""


async def test_settings_that_the_files_give_to_an_alias_stand_beside_those_of_latest(start: Start) -> None:
    engine = await start({"f.py": CODE, "template.yaml": SAM})
    [row] = engine.function_rows()
    assert [(one.qualifier, one.maximum_retry_attempts) for one in row.asynchronous] == [("$LATEST", 2), ("live", 0)]


async def test_asynchronous_settings_stand_apart_only_where_they_differ(start: Start) -> None:
    engine = await start({"f.py": CODE})
    function = engine.function("f")
    await engine.versions.publish(function)
    await engine.versions.put_alias(function, "live", "1", {}, "")
    [row] = engine.function_rows()
    assert [(one.qualifier, one.maximum_retry_attempts) for one in row.asynchronous] == [("$LATEST", 2)]
    audit = Destination(kind="function", name="f", qualifier="live")
    await engine.event_invoke.put(function, "live", EventInvoke(maximum_retry_attempts=0, on_failure=audit))
    [row] = engine.function_rows()
    assert [(one.qualifier, one.maximum_retry_attempts, one.on_failure) for one in row.asynchronous] == [
        ("$LATEST", 2, None),
        ("live", 0, "function f:live"),
    ]


async def test_provisioned_concurrency_is_told_by_function_and_environment(start: Start) -> None:
    engine = await start({"f.py": CODE})
    function = engine.function("f")
    await engine.versions.publish(function)
    await engine.versions.put_alias(function, "live", "1", {}, "")
    await engine.provisioner.put("f", "live", 1)
    await eventually(lambda: engine.function_rows()[0].provisioned[0].status == "READY")
    await call(engine, "f", qualifier="live")
    [row], [bars], [environment] = engine.function_rows(), engine.concurrency_rows(), engine.environment_rows()
    assert (row.provisioned[0].allocated, row.provisioned[0].spillover, row.versions[0].invocations) == (1, 0, 1)
    assert (bars.provisioned, bars.provisioned_used) == (1, 0)
    assert (environment.start, environment.version) == ("provisioned", "1")


QUEUED = """[functions.f]
handler = "f.handler"
memory = {memory}
[[functions.f.events]]
type = "queue"
queue = "{queue}"
[queues.{queue}]
"""


async def test_a_row_follows_its_files_and_what_the_api_changes(start: Start, tmp_path: Path) -> None:
    engine = await start({"f.py": CODE, "lambdatui.toml": QUEUED.format(memory=256, queue="orders")})
    [row] = engine.function_rows()
    assert (row.memory, row.triggers[0].split()[1], row.reserved_concurrency) == (256, "orders", None)
    (tmp_path / "lambdatui.toml").write_text(QUEUED.format(memory=512, queue="bills"))
    await engine.reload_project()
    await engine.set_reserved_concurrency("f", 3)
    [row] = engine.function_rows()
    assert (row.memory, row.triggers[0].split()[1], row.reserved_concurrency) == (512, "bills", 3)
    await engine.reset_override("f", "reserved_concurrency")
    assert engine.function_rows()[0].reserved_concurrency is None


async def test_asynchronous_settings_are_those_of_the_files_again_once_the_apis_are_reset(start: Start) -> None:
    engine = await start({"f.py": CODE})
    function = engine.function("f")
    await engine.event_invoke.put(function, "$LATEST", EventInvoke(maximum_retry_attempts=1))
    [row] = engine.function_rows()
    assert (row.asynchronous[0].maximum_retry_attempts, list(row.overrides)) == (1, ["event_invoke_config"])
    await engine.event_invoke.reset(function)
    [row] = engine.function_rows()
    assert (row.asynchronous[0].maximum_retry_attempts, row.overrides) == (2, {})


async def test_problems_of_the_files_stand_with_their_function(start: Start, tmp_path: Path) -> None:
    engine = await start({"f.py": CODE, "g.py": CODE, "lambdatui.toml": 'functions.f.handler = "f.handler"\n'})
    functions = '[functions.f]\nhandler = "f.handler"\nmemory = 20000\n[functions.g]\nhandler = "g.handler"\n'
    (tmp_path / "lambdatui.toml").write_text(functions + "[queues.q]\nx = 1\n")
    await engine.reload_project()
    told = {row.name: [problem.message for problem in row.problems] for row in engine.function_rows()}
    assert "20000" in told["f"][0]
    assert told["g"] == []
    assert any("no key x" in problem.message for problem in engine.project_problems())

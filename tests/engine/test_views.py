"""What the engine's rows tell of asynchronous events, provisioned concurrency and calls that spilled over."""

from __future__ import annotations

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

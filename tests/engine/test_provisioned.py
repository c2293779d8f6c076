"""Provisioned concurrency: environments that are there before the calls are."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine.engine import Engine
from lambdatui.engine.provisioned import shares
from lambdatui.engine.provisioner import Standing
from lambdatui.errors import UsageError
from tests.engine.conftest import Start, call, eventually

WHO = """
import os, time, uuid
ME = uuid.uuid4().hex
def handler(event, context):
    if event == "die":
        os._exit(1)
    if event == "wait":
        time.sleep(60)
    return {"me": ME, "init": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""


@pytest.mark.parametrize(
    ("requested", "weights", "expected"),
    [
        (5, {}, {"1": 5}),
        (10, {"2": 0.25}, {"1": 8, "2": 2}),
        (1, {"2": 0.9}, {"2": 1}),
        (3, {"2": 0.0}, {"1": 3}),
    ],
)
def test_an_alias_shares_its_environments_by_weight(
    requested: int, weights: dict[str, float], expected: dict[str, int]
) -> None:
    assert shares(requested, "1", weights) == expected


def test_shares_add_up_to_what_is_asked_for() -> None:
    assert all(
        sum(shares(count, "1", {"2": weight / 20}).values()) == count for count in range(1, 40) for weight in range(21)
    )


def standing(engine: Engine, qualifier: str = "live") -> Standing:
    found = engine.provisioner.standing("f", qualifier)
    assert found is not None
    return found


async def published(engine: Engine, count: int, qualifier: str = "live") -> None:
    """One version, an alias to it, and provisioned concurrency that is ready."""
    function = engine.function("f")
    await engine.versions.publish(function)
    await engine.versions.put_alias(function, "live", "1", {}, "")
    first = await engine.provisioner.put("f", qualifier, count)
    assert (first.status, first.ready) == ("IN_PROGRESS", 0)
    await eventually(lambda: standing(engine, qualifier).status == "READY")


async def told(engine: Engine, **request: Any) -> tuple[str, bool, bool]:
    """Init type, whether it was counted as provisioned, and whether it was a cold start."""
    result = await call(engine, "f", **request)
    assert result.record is not None and result.status == "ok"
    init = "provisioned" if b"provisioned-concurrency" in result.payload else "on demand"
    return init, result.record.provisioned, result.record.cold


async def test_calls_of_the_alias_find_an_environment_that_is_there(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await published(engine, 1)
    assert await told(engine, qualifier="live") == ("provisioned", True, False)
    assert await told(engine, qualifier="1") == ("on demand", False, True)
    assert await told(engine) == ("on demand", False, True)


async def test_a_versions_own_serves_every_alias_of_it(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await published(engine, 1, qualifier="1")
    assert await told(engine, qualifier="1") == ("provisioned", True, False)
    assert await told(engine, qualifier="live") == ("provisioned", True, False)


async def test_an_environment_that_dies_is_replaced(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await published(engine, 1)
    [first] = [one for one in engine.pool if one.provisioned]
    await call(engine, "f", "die", qualifier="live")
    await eventually(lambda: [one for one in engine.pool if one.provisioned and one is not first and one.init_us])
    await eventually(lambda: standing(engine).status == "READY")
    assert await told(engine, qualifier="live") == ("provisioned", True, False)


async def test_they_follow_their_alias_to_another_version(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await published(engine, 1)
    [first] = [one for one in engine.pool if one.provisioned]
    await start_second_version(engine)
    await eventually(lambda: [one.launch.version for one in engine.pool if one.provisioned] == ["2"])
    await eventually(lambda: first.gone and standing(engine).status == "READY")
    assert await told(engine, qualifier="live") == ("provisioned", True, False)


async def start_second_version(engine: Engine) -> None:
    function = engine.function("f")
    Path(function.config.code_root, "f.py").write_text(WHO + "# 2\n")
    version, new = await engine.versions.publish(function)
    assert new
    await engine.versions.put_alias(function, "live", version.version, {}, "")


async def test_without_room_on_the_machine_it_fails_and_says_why(start: Start) -> None:
    engine = await start({"f.py": WHO}, max_environments=2)
    function = engine.function("f")
    await engine.versions.publish(function)
    await engine.provisioner.put("f", "1", 2)
    found = await eventually(lambda: standing(engine, "1") if standing(engine, "1").status == "FAILED" else None)
    assert found.ready == 1
    assert "--max-environments" in found.reason


async def test_a_quarter_of_the_machine_is_left_to_calls_on_demand(start: Start) -> None:
    engine = await start({"f.py": WHO}, max_environments=4)
    await engine.versions.publish(engine.function("f"))
    await engine.provisioner.put("f", "1", 10)
    found = await eventually(lambda: standing(engine, "1") if standing(engine, "1").status == "FAILED" else None)
    assert found.ready == 3
    assert await told(engine) == ("on demand", False, True)


async def test_the_only_environment_of_a_machine_is_for_every_call(start: Start) -> None:
    engine = await start({"f.py": WHO}, max_environments=1)
    await engine.versions.publish(engine.function("f"))
    await engine.provisioner.put("f", "1", 1)
    await eventually(lambda: standing(engine, "1").status == "FAILED")
    assert await told(engine) == ("on demand", False, True)
    assert await told(engine, qualifier="1") == ("on demand", False, True)


async def test_idle_environments_that_die_leave_their_room_to_their_successors(start: Start) -> None:
    engine = await start({"f.py": WHO}, max_environments=4)
    await published(engine, 3)
    first, *_ = [one for one in engine.pool if one.provisioned]
    os.kill(first.pid, signal.SIGKILL)
    await eventually(lambda: first.gone and standing(engine).status == "READY")
    assert await told(engine, qualifier="live") == ("provisioned", True, False)


async def test_events_of_an_alias_run_at_once_in_all_of_it_though_nothing_is_left_on_demand(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await engine.set_reserved_concurrency("f", 2)
    await published(engine, 2)
    for _ in range(2):
        await engine.accept("f", b'"wait"', qualifier="live")
    await eventually(lambda: standing(engine).in_use == 2)
    assert engine.telemetry.metrics.figures("f").throttles == 0


async def test_an_init_that_fails_is_the_reason(start: Start) -> None:
    engine = await start({"f.py": "def handler(event, context): pass\nraise RuntimeError('no database')\n"})
    function = engine.function("f")
    await engine.versions.publish(function)
    await engine.provisioner.put("f", "1", 1)
    found = await eventually(lambda: standing(engine, "1") if standing(engine, "1").status == "FAILED" else None)
    assert found.reason == "FUNCTION_ERROR_INIT_FAILURE: no database"


async def test_what_does_not_fit_the_reserve_is_refused(start: Start) -> None:
    engine = await start({"f.py": WHO})
    function = engine.function("f")
    await engine.versions.publish(function)
    await engine.set_reserved_concurrency("f", 1)
    with pytest.raises(UsageError, match="should not be greater than the reservedConcurrentExecution"):
        await engine.provisioner.put("f", "1", 2)
    assert engine.provisioner.standings("f") == []


async def test_deleting_it_ends_its_environments_and_forgets_it(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await published(engine, 1)
    await engine.provisioner.delete("f", "live")
    await eventually(lambda: not len(engine.pool))
    assert engine.provisioner.standing("f", "live") is None
    assert [row for row in engine.store.made.all() if row.kind == "provisioned"] == []
    assert await told(engine, qualifier="live") == ("on demand", False, True)


async def test_an_alias_that_is_deleted_takes_its_provisioned_concurrency_along(start: Start) -> None:
    engine = await start({"f.py": WHO})
    await published(engine, 1)
    await engine.versions.delete_alias(engine.function("f"), "live")
    await eventually(lambda: not [row for row in engine.store.made.all() if row.kind == "provisioned"])
    await eventually(lambda: not len(engine.pool))


async def test_what_an_alias_declares_is_there_from_the_start(start: Start) -> None:
    template = """
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: f
      CodeUri: .
      Handler: f.handler
      Runtime: python3.11
      AutoPublishAlias: live
      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}
"""
    engine = await start({"f.py": WHO, "template.yaml": template})
    await eventually(lambda: [one.status for one in engine.provisioner.standings("f")] == ["READY"])
    assert await told(engine, qualifier="live") == ("provisioned", True, False)
    await engine.provisioner.delete("f", "live")
    assert engine.provisioner.standings("f") == [], "the API's word holds until the declaration is edited"

"""Where an invocation's time went, as the engine keeps it, and profiles through the one door."""

from __future__ import annotations

import json
import sys

import pytest

from lambdatui import wire
from lambdatui.engine.engine import Engine
from lambdatui.engine.environment import Outcome
from lambdatui.engine.measured import InitParts, init_parts
from lambdatui.engine.model import InvokeRequest, InvokeResult, Profiling
from tests.engine.conftest import Start, call
from tests.engine.test_forked import anew, prepared

SLOW = (
    "import time\nimport lib\ntime.sleep(0.04)\ndef handler(event, context):\n    time.sleep(0.05)\n    return event\n"
)


async def profiled(engine: Engine, function: str, *, cold: bool = False) -> InvokeResult:
    request = InvokeRequest(function=function, payload=b"{}", source="profile", profiling=Profiling(1000, cold))
    return await engine.invoke(request)


def phases(result: InvokeResult) -> list[str]:
    return [json.loads(each)["phase"] for each in result.profiles]


async def test_the_parts_of_an_invocation_are_its_whole_time(start: Start) -> None:
    engine = await start({"slow/app.py": SLOW, "slow/lib.py": "import csv\n"})
    before = engine.clock.now_us()
    cold = (await call(engine, "slow", {})).record
    spent = engine.clock.now_us() - before
    assert cold is not None
    parts = [cold.queued_us, cold.runtime_us, cold.libraries_us, cold.own_us, cold.duration_us, cold.overhead_us]
    assert all(part is not None for part in parts)
    assert spent // 2 < sum(part or 0 for part in parts) <= spent
    assert (cold.own_us or 0) >= 40_000
    assert (cold.runtime_us or 0) + (cold.libraries_us or 0) + (cold.own_us or 0) >= (cold.init_us or 0)
    warm = (await call(engine, "slow", {})).record
    assert warm is not None
    assert (warm.runtime_us, warm.libraries_us, warm.own_us) == (None, None, None)
    assert warm.overhead_us is not None


async def test_the_last_fresh_init_is_kept_with_its_imports(start: Start) -> None:
    engine = await start({"slow/app.py": SLOW, "slow/lib.py": "import csv\n"})
    await call(engine, "slow", {})
    await engine.store.history.flush()
    found = engine.reader.last_init("slow")
    assert found is not None
    record, tree, spent = found
    names = [node.module for node in tree.nodes]
    assert names[:2] == ["app", "lib"]
    assert record.init_us > 0
    assert spent.cold_starts == 1


async def test_a_failed_init_takes_the_place_of_none(start: Start) -> None:
    engine = await start({"bad.py": "import csv\nraise ValueError('no')\ndef handler(event, context): pass\n"})
    result = await call(engine, "bad", {})
    assert result.status == "error"
    await engine.store.history.flush()
    assert engine.reader.last_init("bad") is None


async def test_a_profile_is_of_that_invocation_alone_and_a_cold_one_of_a_fresh_environment(start: Start) -> None:
    engine = await start({"slow/app.py": SLOW, "slow/lib.py": ""})
    first = await call(engine, "slow", {})
    warm = await profiled(engine, "slow")
    cold = await profiled(engine, "slow", cold=True)
    last = await call(engine, "slow", {})
    assert (phases(first), phases(warm), phases(cold), phases(last)) == ([], ["handler"], ["init", "handler"], [])
    assert first.record is not None and warm.record is not None and cold.record is not None
    assert warm.record.environment == first.record.environment != cold.record.environment
    assert cold.record.cold and cold.record.source == "profile"


async def test_a_timeout_still_gives_what_was_seen(start: Start) -> None:
    files = {
        "sleepy.py": "import time\ndef handler(event, context): time.sleep(20)\n",
        "lambdatui.toml": "[functions.sleepy]\nhandler = 'sleepy.handler'\ntimeout = 1\n",
    }
    engine = await start(files)
    result = await profiled(engine, "sleepy")
    assert result.status == "timeout"
    assert phases(result) == ["handler"]


def test_parts_are_never_negative_and_forged_ones_are_none() -> None:
    told = Outcome(kind="result", start_us=10, measured={wire.IMPORTS: (b'{"libraries_us": 50, "own_us": 5}', b"")})
    assert init_parts(told) == InitParts(0, 50, 5)
    forged = Outcome(kind="result", start_us=10, measured={wire.IMPORTS: (b"\xff", b"")})
    assert init_parts(forged) is None
    assert init_parts(Outcome(kind="result", start_us=10)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="there are zygotes on Linux only")
async def test_a_forked_init_says_so_and_leaves_the_last_fresh_one(start: Start) -> None:
    engine = await start({"app.py": "import csv\ndef handler(event, context):\n    return 1\n"}, fresh=False)
    await prepared(engine)
    await engine.store.history.flush()
    fresh = engine.reader.last_init("app")
    await anew(engine)
    await engine.store.history.flush()
    newest, first = engine.reader.invocations(function="app")
    assert (newest.forked, first.forked) == (True, False)
    assert newest.init_libraries_ms is not None and first.init_libraries_ms is not None
    kept = engine.reader.last_init("app")
    assert fresh is not None and kept is not None
    assert kept[:2] == fresh[:2]
    assert "csv" in [node.module for node in kept[1].nodes]
    cold = await profiled(engine, "app", cold=True)
    assert cold.record is not None and not cold.record.forked

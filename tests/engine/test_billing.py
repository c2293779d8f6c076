"""What invocations of a real engine are billed: in the row, in the log, in history, by resource."""

from __future__ import annotations

import math
import re

import pytest

from lambdatui.store.metric_minutes import Wanted
from lambdatui.telemetry import cost
from tests.engine.conftest import Start, call

TOML = "[functions.f]\nmemory = 256\nhandler = 'f.handler'\n"


async def test_an_invocation_is_billed_with_its_init_and_by_the_classic_rule_without(start: Start) -> None:
    engine = await start({"f.py": "def handler(event, context): ...\n", "lambdatui.toml": TOML})
    first = (await call(engine, "f")).record
    assert first is not None and first.duration_us is not None and first.init_us is not None
    assert first.billed_ms is not None and first.cost_usd is not None
    assert first.billed_ms == math.ceil((first.duration_us + first.init_us) / 1000)
    assert first.cost_usd == pytest.approx(cost.dollars(first.billed_ms, 256))
    engine.telemetry.billing = "classic"
    second = await call(engine, "f")
    assert second.record is not None and second.record.billed_ms is not None
    assert second.record.billed_ms > 0 and second.record.billed_ms % 100 == 0
    assert re.search(rb"Billed Duration: %d ms" % second.record.billed_ms, second.log_tail)
    total = first.cost_usd + cost.dollars(second.record.billed_ms, 256)

    await engine.store.history.flush()
    stored = engine.reader.invocations()
    assert [row.cost_usd for row in stored] == [second.record.cost_usd, first.cost_usd]
    assert engine.reader.stats()["f"].CostUSD == pytest.approx(total)
    [row] = engine.function_rows()
    assert (row.billed_ms, row.cost_usd) == (first.billed_ms + second.record.billed_ms, pytest.approx(total))
    assert row.monthly_usd is not None and row.monthly_usd > 0
    assert engine.header().cost_usd == pytest.approx(total)
    assert engine.header().monthly_usd == 0, "two calls are within the free tier"


async def test_cloudwatchs_figures_are_those_of_the_calls(start: Start) -> None:
    engine = await start({"f.py": "def handler(event, context):\n    return 1 / event['by']\n"})
    for by in (1, 2, 0):
        await call(engine, "f", {"by": by})
    await engine.store.history.flush()
    whole, resource = {"FunctionName": "f"}, {"FunctionName": "f", "Resource": "f"}
    wanted = [
        Wanted("Invocations", whole), Wanted("Errors", resource), Wanted("Duration", whole),
        Wanted("ConcurrentExecutions", whole), Wanted("ConcurrentExecutions", resource),
        Wanted("ConcurrentExecutions", {}),
    ]  # fmt: skip
    found = [list(minutes.values()) for minutes in engine.reader.metric_minutes(wanted, 0, 10**9)]
    calls, errors, durations = ([sum(s.count for s in each), sum(s.sum for s in each)] for each in found[:3])
    assert (calls, errors) == ([3, 3.0], [3, 1.0])
    assert durations[0] == 3 and durations[1] > 0
    assert [max(samples.most for samples in each) for each in found[3:]] == [1, 1, 1]

"""Figures by CloudWatch's definitions, on a clock that tests move."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.clock import ManualClock
from lambdatui.schema import SERIES_SECONDS
from lambdatui.store.records import InvocationRecord
from lambdatui.telemetry.histogram import Histogram
from lambdatui.telemetry.metrics import Metrics

VALUES = st.lists(st.floats(0.001, 1e7), min_size=1, max_size=200)


def billed(function: str, ms: int, gb_seconds: float, usd: float, **more: Any) -> InvocationRecord:
    values: dict[str, Any] = {
        "id": 1, "request_id": "r", "version": "$LATEST", "type": "RequestResponse", "source": "api", "status": "ok",
        "started_us": 0, **more,
    }  # fmt: skip
    return InvocationRecord(function=function, billed_ms=ms, gb_seconds=gb_seconds, cost_usd=usd, **values)


def nearest_rank(values: list[float], q: float) -> float:
    return sorted(values)[max(1, math.ceil(q * len(values))) - 1]


@given(VALUES, st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_quantiles_are_within_one_percent(values: list[float], q: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    assert histogram.quantile(q) == pytest.approx(nearest_rank(values, q), rel=0.0101)
    assert (histogram.max, histogram.last, histogram.count) == (max(values), values[-1], len(values))
    found = histogram.quantile(q)
    assert found is not None
    assert found <= histogram.max


@given(VALUES, VALUES)
def test_merging_is_adding_all(a: list[float], b: list[float]) -> None:
    left, right, both = Histogram(), Histogram(), Histogram()
    for value in a:
        left.add(value)
        both.add(value)
    for value in b:
        right.add(value)
        both.add(value)
    left.merge(right)
    assert (left.counts, left.count, left.max, left.last) == (both.counts, both.count, both.max, both.last)
    again = Histogram.from_dict(both.to_dict(), both.max, both.last)
    assert again.quantiles((0.5, 0.9)) == both.quantiles((0.5, 0.9))


def test_zero_is_zero_and_nothing_is_none() -> None:
    histogram = Histogram()
    assert histogram.quantile(0.5) is None
    histogram.add(0)
    histogram.add(0.0000001)
    assert histogram.quantile(0.5) == 0


def test_figures_are_the_lifes_sums_and_the_last_seconds_rates() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    clock.advance(1000)
    for second in range(100):
        metrics.count("f", "Invocations", 2)
        metrics.measure("f", "Duration", 10 if second < 95 else 1000)
        if second >= 90:
            metrics.count("f", "Errors")
        clock.advance(1)
    metrics.count("f", "Throttles", 7)
    metrics.measure("f", "IteratorAge", 250)
    metrics.level("f", "ConcurrentExecutions", 3)
    figures = metrics.figures("f")
    assert (figures.invocations, figures.errors, figures.throttles) == (200, 10, 7)
    assert figures.p50_ms == pytest.approx(10, rel=0.01)
    assert (figures.iterator_age_ms, figures.concurrency) == (250, 3)
    assert figures.line60 == [2] * 59 + [0]
    assert figures.rate == pytest.approx(1.8)
    assert figures.error_rate == pytest.approx(10 / 118)
    assert (figures.errors60, figures.throttles60) == (10, 7)
    clock.advance(300)
    later = metrics.figures("f")
    assert (later.invocations, later.rate, later.line60, later.iterator_age_ms) == (200, 0, [0] * 60, None)
    assert (later.errors, later.errors60, later.throttles, later.throttles60) == (10, 0, 7, 0)


def test_the_rate_of_a_young_engine_is_over_its_age() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    metrics.count("f", "Invocations", 4)
    assert metrics.figures("f").rate == 4
    clock.advance(1)
    assert metrics.figures("f").rate == 2


def test_a_function_that_never_ran_has_empty_figures() -> None:
    figures = Metrics(ManualClock()).figures("f")
    assert (figures.invocations, figures.p50_ms, figures.line60) == (0, None, [0] * 60)


def test_series_are_one_value_a_second_oldest_first() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    for second in range(SERIES_SECONDS + 30):
        clock.advance(1)
        metrics.count("f", "Invocations", second)
        if second % 2:
            metrics.measure("f", "Duration", second)
    series = metrics.series("f")
    assert series.end == clock.now_us() // 1_000_000
    assert series.invocations == list(range(30, SERIES_SECONDS + 30))
    assert len(series.errors) == len(series.p95_ms) == len(series.iterator_age_ms) == SERIES_SECONDS
    assert series.p50_ms[0] is None
    assert series.p50_ms[-1] == pytest.approx(149, rel=0.01)
    clock.advance(5)
    assert metrics.series("f").invocations[-6:] == [149, 0, 0, 0, 0, 0]


def test_the_account_sums_up_functions_and_their_concurrency() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    metrics.count("a", "Invocations", 3)
    metrics.count("b", "Invocations", 4)
    metrics.level("a", "ConcurrentExecutions", 2)
    metrics.level("b", "ConcurrentExecutions", 5)
    metrics.level("a", "ConcurrentExecutions", 0)
    assert metrics.figures().invocations == 7
    assert metrics.figures().concurrency == 5
    deltas = {(delta.function, delta.name): delta for delta in metrics.drain()}
    assert deltas["_account", "ConcurrentExecutions"].max == 7
    assert ("_account", "Invocations") not in deltas


def test_a_drain_gives_each_gain_once_and_by_minute() -> None:
    clock = ManualClock(now_us=59_000_000)
    metrics = Metrics(clock)
    metrics.count("f", "Invocations")
    metrics.measure("f", "Duration", 5)
    clock.advance(2)
    metrics.measure("f", "Duration", 7)
    deltas = {(delta.minute, delta.name): delta for delta in metrics.drain()}
    assert set(deltas) == {(0, "Invocations"), (0, "Duration"), (1, "Duration")}
    assert (deltas[1, "Duration"].sum, deltas[1, "Duration"].max, deltas[1, "Duration"].last) == (7, 7, 7)
    assert sum(deltas[0, "Duration"].histogram.values()) == 1
    assert metrics.drain() == []
    assert not metrics.pending


def test_memory_is_bounded_and_a_clock_set_back_does_no_harm() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    for _ in range(3 * SERIES_SECONDS):
        clock.advance(1)
        metrics.count("f", "Invocations")
        metrics.measure("f", "Duration", 7)
    seconds = metrics._functions["f"].seconds
    assert len(seconds) == SERIES_SECONDS
    assert [at for at, second in seconds.items() if second.durations is not None] == [max(seconds)], "of one, 10 KB"
    assert metrics.series("f").p95_ms == pytest.approx([7] * SERIES_SECONDS, rel=0.01)
    clock.advance(-1000)
    metrics.count("f", "Invocations")
    assert metrics.series("f").invocations[-1] == 1
    assert metrics.figures("f").line60[-1] == 1


def kept(metrics: Metrics) -> dict[tuple[str, str, str, str], tuple[float, float, float, int]]:
    """{(name, resource, version, mapping): (sum, min, max, count)} of what is to be stored."""
    return {(d.name, d.resource, d.version, d.mapping): (d.sum, d.min, d.max, d.count) for d in metrics.drain()}


def test_what_is_counted_belongs_to_its_resource_alone() -> None:
    metrics = Metrics(ManualClock())
    metrics.count("f", "Invocations", version="$LATEST")
    metrics.count("f", "Invocations", 2, qualifier="live", version="3")
    metrics.count("f", "Invocations", qualifier="3", version="3")
    metrics.count("f", "Invocations", qualifier="$LATEST", version="$LATEST")
    metrics.count("f", "PolledEventCount", 10, mapping="uuid")
    assert kept(metrics) == {
        ("Invocations", "f", "", ""): (1, 1, 1, 1),
        ("Invocations", "f:live", "3", ""): (2, 1, 1, 2),
        ("Invocations", "f:3", "", ""): (1, 1, 1, 1),
        ("Invocations", "f:$LATEST", "", ""): (1, 1, 1, 1),
        ("PolledEventCount", "", "", "uuid"): (10, 1, 1, 10),
    }
    assert (metrics.figures("f").invocations, metrics.figures().invocations) == (5, 5)


def test_a_level_that_stands_is_a_sample_of_each_minute() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    metrics.level("f", "ConcurrentExecutions", 2)
    assert kept(metrics)["ConcurrentExecutions", "", "", ""][2] == 2
    assert not metrics.pending
    clock.advance(60)
    assert metrics.pending
    assert kept(metrics) == {("ConcurrentExecutions", "", "", ""): (2, 2, 2, 1)}
    metrics.level("f", "ConcurrentExecutions", 0)
    clock.advance(60)
    metrics.drain()
    clock.advance(60)
    assert kept(metrics) == {}


def test_the_accounts_levels_are_sums_of_functions_and_never_of_shares() -> None:
    metrics = Metrics(ManualClock())
    metrics.level("f", "ProvisionedConcurrencyUtilization", 0.5, qualifier="live")
    metrics.level("f", "ProvisionedConcurrencyUtilization", 0.5)
    metrics.level("f", "ConcurrentExecutions", 2)
    metrics.level("g", "ConcurrentExecutions", 3)
    metrics.running("f", 1, used=2, unreserved=4, claimed=6, qualifier="live", version="3")
    account = {d.name: d.max for d in metrics.drain() if d.function == "_account"}
    assert account == {
        "ConcurrentExecutions": 5, "UnreservedConcurrentExecutions": 4, "ClaimedAccountConcurrency": 6,
    }  # fmt: skip


@given(st.lists(st.sampled_from(["", "live", "3"]), max_size=30))
def test_what_runs_comes_back_to_nothing(calls: list[str]) -> None:
    metrics = Metrics(ManualClock())
    for change in (1, -1):
        for qualifier in calls:
            metrics.running("f", change, used=0, unreserved=0, claimed=0, qualifier=qualifier or None, version="3")
    assert all(level == 0 for life in metrics.lives() for level in life.levels.values())


def test_what_is_billed_is_the_functions_and_of_the_last_minute() -> None:
    clock = ManualClock()
    metrics = Metrics(clock)
    clock.advance(100)
    metrics.invoked(billed("f", 1000, 0.5, 0.25))
    metrics.invoked(billed("f", 500, 0.25, 0.125, provisioned=True, qualifier="live", version="3"))
    figures = metrics.figures("f")
    assert (figures.billed_ms, figures.cost_usd) == (1500, 0.375)
    assert figures.spent is not None
    assert (figures.spent.requests, figures.spent.compute, figures.spent.provisioned_compute) == (2, 0.5, 0.25)
    assert kept(metrics)["CostUSD", "f:live", "3", ""][0] == 0.125
    clock.advance(61)
    assert metrics.figures("f").spent is None
    assert metrics.figures("f").cost_usd == 0.375


def test_what_is_not_stored_is_known_to_this_life_alone() -> None:
    metrics = Metrics(ManualClock())
    metrics.count("work", "PolledEventCount", 3, mapping="m", stored=False)
    assert metrics.drain() == []
    metrics.count("work", "PolledEventCount", 2, mapping="m")
    assert [each.sum for each in metrics.drain()] == [2]
    assert [life.counts for life in metrics.lives()] == [{"PolledEventCount": 5}]

"""The OpenMetrics text against the grammar of its specification: order, types, suffixes, labels, buckets."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.metrics import exposition
from lambdatui.clock import ManualClock
from lambdatui.schema import FunctionRow, Header
from lambdatui.store.metric_names import METRICS
from lambdatui.telemetry.metrics import Metrics

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|Inf|NaN)"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{((?:{_LABEL})(?:,{_LABEL})*)?\}})? ({_NUMBER})")
_META = re.compile(rf"# (TYPE|UNIT|HELP) ({_NAME}) (.*)")
_SUFFIXES = {"counter": {"_total"}, "gauge": {""}, "histogram": {"_bucket", "_count", "_sum"}}

Samples = dict[str, list[tuple[dict[str, str], float]]]


def parse(text: str) -> dict[str, Samples]:
    """{family: {suffix: [(labels, value)]}}; AssertionError for whatever the specification forbids."""
    *lines, end, nothing = text.split("\n")
    assert (end, nothing) == ("# EOF", "")
    families: dict[str, Samples] = {}
    kinds: dict[str, str] = {}
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    family, begun = "", False
    for line in lines:
        meta = _META.fullmatch(line)
        if meta is not None:
            what, name, rest = meta.groups()
            if name != family:
                assert what == "TYPE", "TYPE comes first here"
                assert name not in families, f"{name} is told in two places"
                family, begun, families[name], kinds[name] = name, False, defaultdict(list), rest
                assert rest in _SUFFIXES
            assert not begun, f"{name}: metadata after samples"
            assert what != "UNIT" or name.endswith(f"_{rest}"), f"{name} does not end with its unit {rest}"
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample is not None, line
        name, written, number = sample.groups()
        assert name.startswith(family), f"{name} stands under {family}"
        suffix, begun = name[len(family) :], True
        assert suffix in _SUFFIXES[kinds[family]], f"{name} is no sample of a {kinds[family]}"
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', written or "")
        labels = dict(pairs)
        assert len(labels) == len(pairs), "a label twice"
        key = (name, frozenset(labels.items()))
        assert key not in seen, f"{line} is told twice"
        seen.add(key)
        assert kinds[family] == "gauge" or float(number) >= 0
        families[family][suffix].append((labels, float(number)))
    for name, kind in kinds.items():
        if kind == "histogram":
            check_histogram(families[name])
    return families


def check_histogram(samples: Samples) -> None:
    series: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = defaultdict(list)
    for labels, value in samples["_bucket"]:
        bound = labels.pop("le")
        series[frozenset(labels.items())].append((float(bound), value))
    counts = {frozenset(labels.items()): value for labels, value in samples["_count"]}
    assert series.keys() == counts.keys() == {frozenset(labels.items()) for labels, _ in samples["_sum"]}
    for key, buckets in series.items():
        assert buckets == sorted(buckets)
        assert [value for _, value in buckets] == sorted(value for _, value in buckets), "not cumulative"
        assert buckets[-1] == (float("inf"), counts[key])


def row(name: str) -> FunctionRow:
    return FunctionRow(
        name=name, handler="a.b", runtime="python3.12", memory=128, timeout=3, reserved_concurrency=5, state="idle",
        monthly_usd=1.25,
    )  # fmt: skip


def read(metrics: Metrics, *names: str) -> dict[str, Samples]:
    text = exposition([row(name) for name in names], Header(project="p", root="/p"), metrics.lives())
    return parse(text.decode())


def test_every_cloudwatch_metric_is_there_in_its_kind() -> None:
    metrics = Metrics(ManualClock())
    for metric in METRICS.values():
        whose = {"mapping": "uuid"} if metric.scope == "mapping" else {"qualifier": "live", "version": "3"}
        if metric.kind == "sum":
            metrics.count("f", metric.name, 2, **whose)
        elif metric.kind == "distribution":
            metrics.measure("f", metric.name, 12.5, **whose)
        elif metric.scope == "account":
            metrics.level("_account", metric.name, 4)
        else:
            metrics.level("f", metric.name, 4, **whose)
    found = read(metrics, "f")
    live = {"function": "f", "qualifier": "live", "version": "3"}
    assert found["lambdatui_invocations"]["_total"] == [(live, 2)]
    assert found["lambdatui_polled_event_count"]["_total"] == [({"function": "f", "mapping": "uuid"}, 2)]
    assert found["lambdatui_claimed_account_concurrency"][""] == [({}, 4)]
    assert (live, 4) in found["lambdatui_provisioned_concurrent_executions"][""]
    assert found["lambdatui_async_event_age_milliseconds"]["_sum"] == [(live, 12.5)]
    told = sum(len(samples) > 0 for name, samples in found.items())
    assert told >= len(METRICS)


def test_buckets_count_what_is_not_longer_than_their_bound() -> None:
    metrics = Metrics(ManualClock())
    for ms in (0, 0.5, 3, 70, 70, 40_000, 10**9):
        metrics.measure("f", "Duration", ms)
    buckets = {}
    text = exposition([], Header(project="p", root="/p"), metrics.lives()).decode()
    for line in text.splitlines():
        if line.startswith("lambdatui_duration_milliseconds_bucket"):
            bound, count = re.findall(r'le="([^"]+)"\} (\d+)', line)[0]
            buckets[bound] = int(count)
    assert [buckets[le] for le in ("1.0", "5.0", "100.0", "30000.0", "60000.0", "86400000.0", "+Inf")] == [
        2, 3, 5, 5, 6, 6, 7,
    ]  # fmt: skip


def test_functions_that_nobody_called_stand_at_zero() -> None:
    found = read(Metrics(ManualClock()), "quiet")
    assert found["lambdatui_invocations"]["_total"] == [({"function": "quiet"}, 0)]
    assert found["lambdatui_concurrent_executions"][""] == [({"function": "quiet"}, 0)]
    assert found["lambdatui_monthly_cost_usd"][""] == [({"function": "quiet"}, 1.25)]


def test_the_functions_own_level_and_its_resources_are_told_apart() -> None:
    metrics = Metrics(ManualClock())
    metrics.running("f", 1, used=1, unreserved=1, claimed=1)
    metrics.running("f", 1, used=2, unreserved=2, claimed=2, qualifier="7")
    metrics.running("f", 1, used=3, unreserved=3, claimed=3, qualifier="7")
    assert read(metrics, "f")["lambdatui_concurrent_executions"][""] == [
        ({"function": "f"}, 3), ({"function": "f", "qualifier": "7"}, 2),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.text(min_size=1), st.floats(0, 1e12)), max_size=8))
def test_any_names_and_values_are_valid(measured: list[tuple[str, float]]) -> None:
    metrics = Metrics(ManualClock())
    for name, ms in measured:
        metrics.measure(name, "Duration", ms)
        metrics.count(name, "Invocations")
        metrics.charge(name, 1e-9, qualifier="1")
    read(metrics, *{name for name, _ in measured})


@pytest.mark.parametrize(
    "text", ["lambdatui_x 1\n", "# TYPE a counter\na 1\n# EOF\n", "# TYPE a gauge\na 1\na 1\n# EOF\n",
             "# TYPE a histogram\na_bucket{le=\"1\"} 2\n# EOF\n", "# TYPE a gauge\na{b=\"\n\"} 1\n# EOF\n"],
)  # fmt: skip
def test_the_parser_is_strict(text: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        parse(text)

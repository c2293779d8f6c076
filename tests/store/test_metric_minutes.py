"""The metric table as data points: zeros, percentiles, migration from the table that had functions alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.store import history_rows, metric_minutes, tables
from lambdatui.store.buckets import bucket_of
from lambdatui.store.database import open_writable
from lambdatui.store.metric_minutes import Samples, Wanted
from lambdatui.store.reader import Reader
from lambdatui.store.records import MetricDelta

ORDERS = {"FunctionName": "orders"}


@pytest.fixture
def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None)
    for statements in tables.HISTORY:
        for statement in statements:
            made.execute(statement)
    return made


def put(connection: sqlite3.Connection, name: str, minute: int = 5, **more: object) -> None:
    more = {"function": "orders", "resource": "orders", **more}
    history_rows.merge_metric(connection, MetricDelta(minute=minute, name=name, **more))  # type: ignore[arg-type]


def one(connection: sqlite3.Connection, name: str, dimensions: dict[str, str] = ORDERS) -> dict[int, Samples]:
    return metric_minutes.read(connection, [Wanted(name, dimensions)], 0, 1000)[0]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6))
def test_errors_never_outnumber_invocations_and_average_to_their_rate(minutes: list[tuple[int, int]]) -> None:
    with sqlite3.connect(":memory:", isolation_level=None) as made:
        for statements in tables.HISTORY:
            for statement in statements:
                made.execute(statement)
        for minute, (good, bad) in enumerate(minutes):
            if good + bad:
                put(made, "Invocations", minute, sum=good + bad, count=good + bad, min=1, max=1)
            if bad:
                put(made, "Errors", minute, sum=bad, count=bad, min=1, max=1)
        found = one(made, "Errors")
    for minute, (good, bad) in enumerate(minutes):
        if good + bad:
            samples = found[minute]
            assert (samples.count, samples.sum) == (good + bad, bad)
            assert samples.statistic("Average") == pytest.approx(bad / (good + bad))
            assert samples.least == (0 if good else 1)
            assert samples.most == (1 if bad else 0)
        else:
            assert minute not in found


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=100), st.sampled_from(["p0", "p50", "p99.9", "p100"]))
def test_percentiles_are_within_a_percent_and_between_the_extremes(values: list[float], name: str) -> None:
    samples = Samples()
    for value in values:
        packed = msgspec.msgpack.encode({bucket_of(value): 1})
        samples.add(1, value, value, value, packed)
    found = samples.statistic(name)
    assert found is not None
    assert min(values) <= found <= max(values)
    if name == "p100":
        assert found == pytest.approx(max(values), rel=0.0101)


def test_percentiles_of_counts_are_zeros_and_ones_and_of_maxima_unknown() -> None:
    samples = Samples()
    samples.add(10, 3, 0, 1)
    assert [samples.statistic(name) for name in ("p50", "p70", "p71", "p99")] == [0, 0, 1, 1]
    level = Samples()
    level.add(3, 9, 1, 5)
    assert level.statistic("p50") is None
    assert (level.statistic("Maximum"), level.statistic("Average")) == (5, 3)


def test_minutes_that_became_hours_keep_their_samples(connection: sqlite3.Connection) -> None:
    for minute in (61, 62, 120):
        put(connection, "Duration", minute, sum=30.0, count=2, min=minute, max=100 + minute, histogram={7: 2})
    rows = connection.execute("SELECT * FROM metric WHERE minute < 120").fetchall()
    assert history_rows.merge_rows(connection, rows) == 2
    found = one(connection, "Duration")
    assert sorted(found) == [60, 120]
    hour = found[60]
    assert (hour.count, hour.sum, hour.least, hour.most, hour.counts) == (4, 60.0, 61, 162, {7: 4})


def test_a_table_of_functions_alone_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    old, _ = open_writable(path, tables.HISTORY[:1], full=False)
    packed = msgspec.msgpack.encode({bucket_of(10.0): 3})
    old.executemany(
        "INSERT INTO metric VALUES (?,?,?,?,?,?,?)",
        [
            (5, "orders", "Invocations", 3, 0, None, None),
            (5, "orders", "Duration", 30, 10, 10, packed),
            (5, "orders", "ConcurrentExecutions", 0, 2, 1, None),
            (5, "_account", "ConcurrentExecutions", 0, 4, 1, None),
        ],
    )
    reader = Reader(tmp_path)
    before = reader.stats()
    assert before["orders"].Invocations == 3
    assert reader.invocations() == []
    reader.close()
    old.close()
    new, _ = open_writable(path, tables.HISTORY, full=False)
    assert one(new, "Invocations")[5].statistic("SampleCount") == 3
    assert one(new, "Invocations", {**ORDERS, "Resource": "orders"})[5].sum == 3
    assert one(new, "Duration")[5].statistic("Average") == 10
    assert one(new, "Errors")[5].statistic("Average") == 0
    assert one(new, "ConcurrentExecutions")[5].statistic("Maximum") == 2
    assert one(new, "ConcurrentExecutions", {})[5].statistic("Maximum") == 4
    reader = Reader(tmp_path)
    assert reader.stats() == before
    reader.close()
    new.close()

"""The metric table as CloudWatch's data points: samples of a minute, for the dimensions that a request names."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from lambdatui.store.buckets import quantiles
from lambdatui.store.history_rows import add_histogram
from lambdatui.store.metric_names import ERRORS, INVOCATIONS, METRICS, THROTTLES
from lambdatui.store.reader_stats import ACCOUNT

FUNCTION, RESOURCE, VERSION, MAPPING = "FunctionName", "Resource", "ExecutedVersion", "EventSourceMappingUUID"
# Each invocation is a sample of these, 0 where nothing went wrong: that is how their average is a rate.
_OF_EACH_INVOCATION = (ERRORS, THROTTLES)

Dimensions = dict[str, str]


class Samples:
    """What was measured in some time. `counts` is a histogram where the metric has one."""

    __slots__ = ("count", "counts", "least", "most", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.least = float("inf")
        self.most = float("-inf")
        self.counts: dict[int, int] = {}

    def add(self, count: int, total: float, least: float, most: float, packed: bytes | None = None) -> None:
        if count:
            self.count += count
            self.sum += total
            self.least = min(self.least, least)
            self.most = max(self.most, most)
        if packed is not None:
            add_histogram(self.counts, packed)

    def merge(self, other: Samples) -> None:
        self.add(other.count, other.sum, other.least, other.most)
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    def statistic(self, name: str) -> float | None:
        """Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p99.9; None where it is not known."""
        match name:
            case "SampleCount":
                return float(self.count)
            case "Sum":
                return self.sum
            case "Average":
                return self.sum / self.count
            case "Minimum":
                return self.least
            case "Maximum":
                return self.most
            case _:
                return self._percentile(float(name[1:]) / 100)

    def _percentile(self, q: float) -> float | None:
        if self.counts:
            found = quantiles(self.counts, (q,), self.most)[0]
            return None if found is None else max(found, self.least)
        if self.least == self.most:
            return self.most
        if (self.least, self.most) == (0, 1):  # a sum's samples: `sum` ones, the rest zeros
            return 1.0 if q * self.count > self.count - self.sum else 0.0
        return None


class Wanted(msgspec.Struct, frozen=True):
    """A metric, by its name and dimensions."""

    name: str
    dimensions: Dimensions

    def takes(self, function: str, resource: str, version: str, mapping: str) -> bool:
        """Whether a row of that metric belongs to it."""
        asked, metric = self.dimensions, METRICS[self.name]
        if metric.scope == "mapping":
            return set(asked) == {MAPPING} and asked[MAPPING] == mapping
        if not asked:
            return function == ACCOUNT if metric.kind == "maximum" else function != ACCOUNT
        if asked.get(FUNCTION) != function or function == ACCOUNT:
            return False
        match sorted(asked.keys() - {FUNCTION}):
            case []:
                return metric.kind != "maximum" or not resource
            case ["Resource"]:
                return asked[RESOURCE] == resource
            case ["ExecutedVersion", "Resource"]:
                return (asked[RESOURCE], asked[VERSION]) == (resource, version)
            case _:
                return False


def read(connection: sqlite3.Connection, wanted: Sequence[Wanted], begin: int, end: int) -> list[dict[int, Samples]]:
    """For each that is wanted {minute: samples}, from minute `begin` up to `end`. Unknown metrics have none."""
    found: list[dict[int, Samples]] = [{} for _ in wanted]
    takers: dict[str, list[tuple[Wanted, dict[int, Samples]]]] = defaultdict(list)
    invoked: list[tuple[Wanted, dict[int, Samples], dict[int, int]]] = []
    for one, minutes in zip(wanted, found, strict=True):
        if one.name in METRICS:
            takers[one.name].append((one, minutes))
        if one.name in _OF_EACH_INVOCATION:
            invoked.append((one, minutes, {}))
    names = [*takers, *((INVOCATIONS,) if invoked and INVOCATIONS not in takers else ())]
    rows = connection.execute(
        "SELECT minute, function, name, resource, version, mapping, sum, least, max, samples, histogram FROM metric"
        f" WHERE minute >= ? AND minute < ? AND name IN ({','.join('?' * len(names))})",
        (begin, end, *names),
    )
    for minute, function, name, resource, version, mapping, total, least, most, samples, packed in rows:
        whose = (function, resource, version, mapping)
        count = _count(samples, total, packed)
        for one, minutes in takers.get(name, ()):
            if one.takes(*whose):
                minutes.setdefault(minute, Samples()).add(count, total, _least(least, name, most), most, packed)
        if name == INVOCATIONS:
            for one, _, counts in invoked:
                if one.takes(*whose):
                    counts[minute] = counts.get(minute, 0) + count
    for one, minutes, counts in invoked:
        for minute, count in counts.items():
            samples = minutes.setdefault(minute, Samples())
            samples.add(max(0, count - samples.count) if one.name == ERRORS else count, 0.0, 0.0, 0.0)
    return found


def _count(samples: int | None, total: float, packed: bytes | None) -> int:
    """Rows of before samples were kept: a histogram's counts, or each event was one."""
    if samples is not None:
        return samples
    if packed is None:
        return max(1, round(total))
    counts: dict[int, int] = {}
    add_histogram(counts, packed)
    return sum(counts.values())


def _least(least: float | None, name: str, most: float) -> float:
    if least is not None:
        return least
    return 1.0 if METRICS[name].kind == "sum" else most


def series(connection: sqlite3.Connection, since_minute: int) -> Iterator[Wanted]:
    """Every metric that has data since then, with each of its sets of dimensions, in a fixed order."""
    rows = connection.execute(
        "SELECT DISTINCT name, function, resource, version, mapping FROM metric WHERE minute >= ?", (since_minute,)
    )
    found: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for name, *whose in rows:
        names = (name, *_OF_EACH_INVOCATION) if name == INVOCATIONS else (name,)
        for each in names:
            if each in METRICS:
                found.update((each, tuple(dimensions.items())) for dimensions in _sets(each, *whose))
    return (Wanted(name, dict(dimensions)) for name, dimensions in sorted(found, key=lambda one: (one[1], one[0])))


def _sets(name: str, function: str, resource: str, version: str, mapping: str) -> Iterator[Dimensions]:
    metric = METRICS[name]
    if metric.scope == "mapping":
        yield {MAPPING: mapping}
        return
    if function == ACCOUNT:
        yield {}
        return
    if metric.kind != "maximum":
        yield {}
    if metric.kind != "maximum" or not resource:
        yield {FUNCTION: function}
    if resource:
        yield {FUNCTION: function, RESOURCE: resource}
    if version:
        yield {FUNCTION: function, RESOURCE: resource, VERSION: version}

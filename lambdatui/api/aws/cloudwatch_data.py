"""GetMetricData: queries and expressions become series, and series become pages. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambdatui.api.aws.cbor import Moment
from lambdatui.api.aws.errors import AwsError
from lambdatui.store.metric_minutes import Samples, Wanted
from lambdatui.store.metric_names import METRICS
from lambdatui.telemetry import metric_math
from lambdatui.telemetry.metric_math import MathError, Series

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
SHORT_PERIODS = (1, 5, 10, 20, 30)
MAX_DATAPOINTS = 100_800
_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One of a request: a metric's statistic, or an expression."""

    id: str
    label: str
    returned: bool = True
    expression: str | None = None
    wanted: Wanted | None = None
    unit: str | None = None
    statistic: str = ""
    period: int = 0


class Result(msgspec.Struct, frozen=True):
    """One series of the answer, oldest first."""

    id: str
    label: str
    points: list[tuple[int, float]]


def is_period(period: int) -> bool:
    return period in SHORT_PERIODS or (period > 0 and period % 60 == 0)


def is_statistic(text: str) -> bool:
    return text in STATISTICS or is_percentile(text)


def is_percentile(text: str) -> bool:
    return _PERCENTILE.fullmatch(text) is not None


def periods(minutes: Mapping[int, Samples], start: int, period: int) -> dict[int, Samples]:
    """{time: samples} in seconds: periods begin at `start`, those without samples are absent."""
    found: dict[int, Samples] = {}
    for minute, samples in minutes.items():
        at = start + (minute * 60 - start) // period * period
        found.setdefault(at, Samples()).merge(samples)
    return {at: found[at] for at in sorted(found) if found[at].count}


def series(query: Query, minutes: Mapping[int, Samples], start: int) -> Series:
    """A statistic by time; nothing where another unit was asked for than the metric has."""
    assert query.wanted is not None
    metric = METRICS.get(query.wanted.name)
    if metric is None or query.unit not in (None, metric.unit):
        return {}
    values = {at: each.statistic(query.statistic) for at, each in periods(minutes, start, query.period).items()}
    return {at: value for at, value in values.items() if value is not None}


class Evaluation:
    """The queries of a request over what their metrics have measured."""

    def __init__(self, queries: Sequence[Query], measured: Mapping[str, Series], start: int, end: int) -> None:
        self._queries = {query.id: query for query in queries}
        self._measured = measured
        self._start, self._end = start, end
        self._values: dict[str, metric_math.Value] = dict(measured)
        self._running: list[str] = []

    def results(self) -> list[Result]:
        """Those that are to be returned, in the request's order. Raises ValidationError."""
        return [result for query in self._queries.values() if query.returned for result in self._result(query)]

    def _result(self, query: Query) -> list[Result]:
        value = self._value(query)
        if isinstance(value, float):
            raise _invalid(query, "it comes to a single number, not to a time series")
        rows = value if isinstance(value, list) else [value]
        return [Result(query.id, query.label, self._inside(row)) for row in rows]

    def _inside(self, row: Series) -> list[tuple[int, float]]:
        return [(at, value) for at, value in sorted(row.items()) if math.isfinite(value)]

    def _value(self, query: Query) -> metric_math.Value:
        if query.id in self._values:
            return self._values[query.id]
        assert query.expression is not None
        if query.id in self._running:
            raise _invalid(query, "it depends on itself")
        self._running.append(query.id)
        try:
            used = [self._queries[name] for name in metric_math.names(query.expression) if name in self._queries]
            known = {each.id: self._value(each) for each in used}
            period = self._period(query)
            times = range(self._start, self._end, period)
            value = metric_math.evaluate(query.expression, known, list(self._measured.values()), period, times)
        except MathError as error:
            raise _invalid(query, str(error)) from None
        self._running.pop()
        self._values[query.id] = value
        return value

    def _period(self, query: Query) -> int:
        """An expression's own, else the longest of what it is made of."""
        if query.period:
            return query.period
        assert query.expression is not None
        used = [self._queries[name] for name in metric_math.names(query.expression) if name in self._queries]
        if not used:
            used = [each for each in self._queries.values() if each.wanted is not None]
        return max((self._period(each) for each in used), default=60)


def _invalid(query: Query, why: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression '{query.id}': {why}.")


def page(
    results: Sequence[Result], most: int, *, ascending: bool, offset: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Results with at most so many points after the first `offset`; where the next page begins, None: it is the last.

    A result is told again on each page that has some of its points, `PartialData` until its last.
    """
    total = sum(len(result.points) for result in results)
    last = offset + most >= total
    told: list[dict[str, Any]] = []
    seen = 0
    for result in results:
        points = result.points if ascending else result.points[::-1]
        begin, end = offset - seen, offset - seen + most
        seen += len(points)
        here = begin < len(points) and end > 0 if points else begin <= 0 and (end > 0 or last)
        if not here:
            continue
        shown = points[max(0, begin) : end]
        told.append({
            "Id": result.id,
            "Label": result.label,
            "Timestamps": [Moment(at) for at, _ in shown],
            "Values": [float(value) for _, value in shown],
            "StatusCode": "PartialData" if end < len(points) else "Complete",
        })  # fmt: skip
    return told, None if last else offset + most


def token(request: Any, offset: int) -> str:
    """Names the next page of this request and of no other."""
    return base64.urlsafe_b64encode(f"{offset}.{_digest(request)}".encode()).decode()


def offset_of(request: Any, text: str | None) -> int:
    """Raises InvalidNextToken."""
    if text is None:
        return 0
    try:
        number, _, digest = base64.urlsafe_b64decode(text.encode()).decode().partition(".")
        if digest == _digest(request) and number.isascii() and number.isdigit() and len(number) < 12:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise AwsError("InvalidNextToken", "The next token is not one of this request.")


def _digest(request: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()[:16]

"""GET /metrics in the OpenMetrics text format: this engine's life, by function, qualifier and version.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from lambdatui.schema import FunctionRow, Header
from lambdatui.store.buckets import value_of
from lambdatui.store.metric_names import (
    BILLED_GB_SECONDS,
    BILLED_MS,
    CONCURRENT,
    COST_USD,
    ERRORS,
    INVOCATIONS,
    METRICS,
    THROTTLES,
    Metric,
)
from lambdatui.store.reader_stats import ACCOUNT
from lambdatui.telemetry.histogram import Histogram
from lambdatui.telemetry.metrics import Dimensions, Life

CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"

# Upper bounds of histograms, in milliseconds: up to Lambda's longest timeout, and a day for ages.
BOUNDS = (
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 10e3, 30e3, 60e3, 300e3, 900e3, 3600e3,
    86400e3,
)  # fmt: skip
_ALWAYS = (INVOCATIONS, ERRORS, THROTTLES, CONCURRENT)  # 0 for a function that nobody has called
_OURS = (
    (BILLED_MS, "billed_duration_milliseconds", "milliseconds", "Billed duration."),
    (BILLED_GB_SECONDS, "billed_gb_seconds", "seconds", "Billed compute: seconds by configured memory in GB."),
    (COST_USD, "cost_usd", "", "List price of the invocations, without the free tier."),
)
_GAUGES: list[tuple[str, str, Callable[[FunctionRow], float | None]]] = [
    ("reserved_concurrency", "Reserved concurrency, where it is set.", lambda row: row.reserved_concurrency),
    ("last_iterator_age_milliseconds", "Age of the last batch's last record.", lambda row: row.iterator_age_ms),
    ("dead_letters", "Messages in the function's dead-letter queue.", lambda row: row.dlq_depth),
    ("monthly_cost_usd", "List price of a month at the present rate.", lambda row: row.monthly_usd),
]

Labels = dict[str, str]


def exposition(rows: Sequence[FunctionRow], header: Header, lives: Iterable[Life]) -> bytes:
    """The whole text, its EOF mark included."""
    known = list(lives)
    lines: list[str] = []
    for metric in METRICS.values():
        lines += _metric(metric, known, [row.name for row in rows])
    for key, name, unit, text in _OURS:
        lines += _family(name, "counter", text, unit)
        lines += [
            _sample(f"{name}_total", labels_of(life.dimensions), life.counts[key])
            for life in known
            if key in life.counts
        ]
    for name, text, value in _GAUGES:
        lines += _family(name, "gauge", text)
        figures = ((row.name, value(row)) for row in rows)
        lines += [_sample(name, {"function": whose}, figure) for whose, figure in figures if figure is not None]
    for name, text, figure in (
        ("concurrency_limit", "The account's concurrency.", header.concurrency_limit),
        ("pending_events", "Asynchronous events that wait.", header.pending_events),
        ("host_wait", "Calls that wait for a process slot of this machine.", header.host_wait),
    ):
        lines += [*_family(name, "gauge", text), _sample(name, {}, figure)]
    return ("\n".join(lines) + "\n# EOF\n").encode()


def labels_of(dimensions: Dimensions) -> Labels:
    """`function`, and `qualifier`, `version` (that an alias ran) and `mapping` where there is one."""
    found = {} if dimensions.function == ACCOUNT else {"function": dimensions.function}
    qualifier = dimensions.resource[len(dimensions.function) + 1 :]
    more = {"qualifier": qualifier, "version": dimensions.version, "mapping": dimensions.mapping}
    return found | {name: value for name, value in more.items() if value}


def _metric(metric: Metric, lives: list[Life], functions: list[str]) -> Iterator[str]:
    """A metric's lines: sums are counters, distributions histograms, maxima gauges of how high they stand now."""
    name = _snake(metric.name)
    if metric.kind == "distribution":
        name += "_milliseconds"
        yield from _family(name, "histogram", metric.help, "milliseconds")
        for life in lives:
            if metric.name in life.distributions:
                yield from _histogram(name, labels_of(life.dimensions), life.distributions[metric.name])
        return
    counter = metric.kind == "sum"
    yield from _family(name, "counter" if counter else "gauge", metric.help)
    silent = set(functions) if metric.name in _ALWAYS else set()
    for life in lives:
        values = life.counts if counter else life.levels
        if metric.name in values and (counter or _stands(metric, life.dimensions)):
            silent.discard(life.dimensions.function)
            yield _sample(f"{name}_total" if counter else name, labels_of(life.dimensions), values[metric.name])
    for function in sorted(silent):
        yield _sample(f"{name}_total" if counter else name, {"function": function}, 0)


def _stands(metric: Metric, dimensions: Dimensions) -> bool:
    """Whether a level is told: the account's where it is no sum of the functions', a resource's where it has a name."""
    if dimensions.function == ACCOUNT:
        return metric.scope == "account"
    return dimensions.resource != dimensions.function


def _histogram(name: str, labels: Labels, histogram: Histogram) -> Iterator[str]:
    """Cumulative counts; values are known to 1 %, their sum and number exactly."""
    left = sorted(histogram.counts.items(), reverse=True)
    seen = 0
    for bound in BOUNDS:
        while left and value_of(left[-1][0]) <= bound:
            seen += left.pop()[1]
        yield _sample(f"{name}_bucket", {**labels, "le": repr(bound)}, seen)
    yield _sample(f"{name}_bucket", {**labels, "le": "+Inf"}, histogram.count)
    yield _sample(f"{name}_count", labels, histogram.count)
    yield _sample(f"{name}_sum", labels, histogram.sum)


def _family(name: str, kind: str, text: str, unit: str = "") -> list[str]:
    units = [f"# UNIT lambdatui_{name} {unit}"] if unit else []
    return [f"# TYPE lambdatui_{name} {kind}", *units, f"# HELP lambdatui_{name} {_escaped(text)}"]


def _sample(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    number = int(value) if value == int(value) else value
    return f"lambdatui_{name}{{{told}}} {number}" if told else f"lambdatui_{name} {number}"


def _snake(name: str) -> str:
    """`ConcurrentExecutions` -> `concurrent_executions`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""GET /metrics in the OpenMetrics text format: this engine's life, by function.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

from collections.abc import Callable

from lambdatui.schema import FunctionRow, Header

CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"

Value = float | int | None
_COUNTERS: list[tuple[str, str, Callable[[FunctionRow], Value]]] = [
    ("lambdatui_invocations", "Invocations, failed ones included, throttled ones not.", lambda row: row.invocations),
    ("lambdatui_errors", "Invocations that failed.", lambda row: row.errors),
    ("lambdatui_throttles", "Calls refused for lack of concurrency.", lambda row: row.throttles),
]
_GAUGES: list[tuple[str, str, Callable[[FunctionRow], Value]]] = [
    ("lambdatui_concurrent_executions", "Invocations that run now.", lambda row: row.concurrency),
    (
        "lambdatui_reserved_concurrency",
        "Reserved concurrency, where it is set.",
        lambda row: row.reserved_concurrency,
    ),
    ("lambdatui_iterator_age_milliseconds", "Age of the last batch's last record.", lambda row: row.iterator_age_ms),
    ("lambdatui_dead_letters", "Messages in the function's dead-letter queue.", lambda row: row.dlq_depth),
]


def exposition(rows: list[FunctionRow], header: Header) -> bytes:
    """The whole text, its EOF mark included."""
    lines: list[str] = []
    for name, text, value in _COUNTERS:
        lines += [f"# TYPE {name} counter", f"# HELP {name} {text}"]
        lines += [f'{name}_total{{function="{_label(row.name)}"}} {value(row) or 0}' for row in rows]
    for name, text, value in _GAUGES:
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {text}"]
        lines += [
            f'{name}{{function="{_label(row.name)}"}} {figure}' for row in rows if (figure := value(row)) is not None
        ]
    lines += _durations(rows)
    for name, text, figure in (
        ("lambdatui_concurrency_limit", "The account's concurrency.", header.concurrency_limit),
        ("lambdatui_pending_events", "Asynchronous events that wait.", header.pending_events),
        ("lambdatui_host_wait", "Calls that wait for a process slot of this machine.", header.host_wait),
    ):
        lines += [f"# TYPE {name} gauge", f"# HELP {name} {text}", f"{name} {figure}"]
    return ("\n".join(lines) + "\n# EOF\n").encode()


def _durations(rows: list[FunctionRow]) -> list[str]:
    name = "lambdatui_duration_milliseconds"
    lines = [f"# TYPE {name} gauge", f"# HELP {name} Percentiles of the handlers' duration."]
    for row in rows:
        for quantile, figure in (("0.5", row.p50_ms), ("0.95", row.p95_ms)):
            if figure is not None:
                lines.append(f'{name}{{function="{_label(row.name)}",quantile="{quantile}"}} {figure}')
    return lines


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

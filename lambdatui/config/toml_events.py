"""`[[functions.NAME.events]]` of lambdatui.toml: queues, streams, schedules and routes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Literal

from lambdatui.config.apis import normal_method, normal_path
from lambdatui.config.declared import Declared
from lambdatui.config.destinations import STREAM_FAILURE
from lambdatui.config.filters import Source
from lambdatui.config.model import ApiConfig, QueueMapping, RouteConfig, ScheduleConfig, StreamMapping
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.schedules import expression_problem, timezone_problem
from lambdatui.config.settings import batching, filters_served, parallel_batches
from lambdatui.config.toml_destinations import destination
from lambdatui.config.toml_table import Table

Position = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
QUEUE_EVENT = (
    "type",
    "queue",
    "batch_size",
    "batching_window",
    "report_batch_item_failures",
    "enabled",
    "maximum_concurrency",
    "filters",
    "metrics",
    "qualifier",
)
STREAM_EVENT = (
    "type",
    "stream",
    "batch_size",
    "batching_window",
    "starting_position",
    "starting_timestamp",
    "maximum_retry_attempts",
    "maximum_record_age",
    "bisect_on_error",
    "report_batch_item_failures",
    "parallelization_factor",
    "tumbling_window",
    "on_failure",
    "enabled",
    "filters",
    "metrics",
    "qualifier",
)
SCHEDULE_EVENT = ("type", "every", "rate", "cron", "timezone", "input", "enabled", "qualifier")
HTTP_EVENT = ("type", "method", "path", "api", "qualifier")


class TomlEvents:
    """Adds the events of one function."""

    def __init__(self, into: Declared, problems: Problems, function: str) -> None:
        self.into = into
        self.problems = problems
        self.function = function

    def add(self, index: int, table: Table) -> None:
        """Add one `[[functions.NAME.events]]`."""
        kind = table.text("type")
        makers = {
            "queue": self._from_queue,
            "stream": self._from_stream,
            "schedule": self._schedule,
            "http": self._http,
        }
        if kind not in makers:
            message = f"there is no event type {kind}" if kind else "it has no type"
            remedy = did_you_mean(kind or "", makers, "Known are: " + ", ".join(makers) + ".")
            table.warn("type", message, remedy)
            return
        makers[kind](index, table)

    def _source(self, table: Table, key: str) -> str | None:
        source = table.text(key)
        if not source:
            table.warn(None, f"it names no {key}", f'Write {key} = "…".')
        return source

    def _filters(self, table: Table, source: Source) -> tuple[str, ...] | None:
        """Patterns as tables or JSON texts; None where one cannot be served, so that the mapping has to wait."""
        if "filters" not in table:
            return ()
        patterns = [one if isinstance(one, str) else json.dumps(one, default=str) for one in table.list("filters")]
        return tuple(patterns) if filters_served(table, "filters", patterns, source) else None

    def _from_queue(self, index: int, table: Table) -> None:
        table.only(QUEUE_EVENT)
        source = self._source(table, "queue")
        if not source:
            return
        queue = self.into.need_queue(source, self.problems, table.line("queue"), self.function)
        batch, window = batching(table, "batch_size", "batching_window", fifo=self.into.queues[queue].fifo)
        filters = self._filters(table, "sqs")
        self.into.mappings.append(
            QueueMapping(
                uuid=self.into.mapping_uuid(f"{self.function}-queue-{queue}"),
                function=self.function,
                queue=queue,
                batch_size=batch,
                batching_window=window,
                report_batch_item_failures=table.flag("report_batch_item_failures") or False,
                enabled=table.flag("enabled") is not False and filters is not None,
                maximum_concurrency=table.integer("maximum_concurrency", 2, 1000),
                qualifier=table.text("qualifier"),
                filters=filters or (),
                metrics=table.flag("metrics") or False,
            )
        )

    def _from_stream(self, index: int, table: Table) -> None:
        table.only(STREAM_EVENT)
        source = self._source(table, "stream")
        if not source:
            return
        stream = self.into.need_stream(source, self.problems, table.line("stream"), self.function)
        change_stream = self.into.streams[stream].table is not None
        factor, tumbling = parallel_batches(table, "parallelization_factor", "tumbling_window")
        position, since = _position(table, change_stream=change_stream)
        filters = self._filters(table, "dynamodb" if change_stream else "kinesis")
        attempts = table.integer("maximum_retry_attempts", -1, 10_000)
        age = table.integer("maximum_record_age", -1, 604_800)
        self.into.mappings.append(
            StreamMapping(
                uuid=self.into.mapping_uuid(f"{self.function}-stream-{stream}"),
                function=self.function,
                stream=stream,
                batch_size=table.integer("batch_size", 1, 10_000) or 100,
                batching_window=table.number("batching_window", 0, 300) or 0,
                starting_position=position,
                starting_timestamp=since,
                maximum_retry_attempts=-1 if attempts is None else attempts,
                maximum_record_age=-1 if age is None else age,
                bisect_on_error=table.flag("bisect_on_error") or False,
                report_batch_item_failures=table.flag("report_batch_item_failures") or False,
                parallelization_factor=factor,
                tumbling_window=tumbling,
                on_failure=destination(self.into, self.function, table, "on_failure", STREAM_FAILURE),
                enabled=table.flag("enabled") is not False and filters is not None,
                qualifier=table.text("qualifier"),
                filters=filters or (),
                metrics=table.flag("metrics") or False,
            )
        )

    def _schedule(self, index: int, table: Table) -> None:
        table.only(SCHEDULE_EVENT)
        given = [key for key in ("every", "rate", "cron") if key in table]
        text = table.text(given[0]) if len(given) == 1 else None
        if len(given) != 1:
            table.warn(None, "exactly one of every, rate and cron is needed", 'Write every = "1s".')
        if text is None:
            return
        key = given[0]
        if key == "every":
            expression = text if text.startswith("every ") else f"every {text}"
        else:
            expression = text if text.startswith(f"{key}(") else f"{key}({text})"
        problem = expression_problem(expression, finer=key == "every")
        if problem:
            table.warn(key, problem, 'Write every = "1s", rate = "5 minutes" or cron = "0 12 * * ? *".')
            return
        zone = table.text("timezone")
        if zone is not None and (unknown := timezone_problem(zone)):
            table.warn("timezone", f"{unknown}; UTC is used", 'Write timezone = "Europe/Vienna".')
            zone = None
        self.into.schedules.append(
            ScheduleConfig(
                id=f"{self.function}-schedule-{index}" if index else f"{self.function}-schedule",
                function=self.function,
                expression=expression,
                input=table.text("input"),
                enabled=table.flag("enabled") is not False,
                qualifier=table.text("qualifier"),
                timezone=zone,
            )
        )

    def _http(self, index: int, table: Table) -> None:
        table.only(HTTP_EVENT)
        api = table.text("api") or "http"
        if api not in {"http", "rest"}:
            table.warn("api", f"there is no api {api}", 'Write api = "http" (payload 2.0) or "rest" (1.0).')
        path = table.text("path")
        if not path:
            table.warn(None, "it names no path", 'Write path = "/orders/{id}".')
            return
        kind: Literal["rest", "http"] = "rest" if api == "rest" else "http"
        stage = "Prod" if kind == "rest" else "$default"
        self.into.apis.setdefault(kind, ApiConfig(id=kind, kind=kind, stage=stage, file=self.problems.file))
        self.into.routes.append(
            RouteConfig(
                id=f"{self.function}-http-{index}" if index else f"{self.function}-http",
                function=self.function,
                kind=kind,
                method=normal_method(table.text("method")),
                path=normal_path(path),
                api=kind,
                line=table.line("path"),
                qualifier=table.text("qualifier"),
            )
        )


def _position(table: Table, *, change_stream: bool) -> tuple[Position, float]:
    """Where it begins, and the time in seconds for AT_TIMESTAMP, which streams of tables do not know."""
    written = (table.text("starting_position") or "TRIM_HORIZON").upper()
    if written not in {"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"}:
        table.warn("starting_position", f"there is no {written}", "Write TRIM_HORIZON, LATEST or AT_TIMESTAMP.")
    if written != "AT_TIMESTAMP":
        return ("LATEST" if written == "LATEST" else "TRIM_HORIZON"), 0
    if change_stream:
        message = "AT_TIMESTAMP is not supported for DynamoDB streams; TRIM_HORIZON is used"
        table.warn("starting_position", message, "Write TRIM_HORIZON or LATEST.")
        return "TRIM_HORIZON", 0
    when = table.values.get("starting_timestamp")
    if isinstance(when, datetime):
        return "AT_TIMESTAMP", (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    since = table.number("starting_timestamp", 0, 1e11)
    if since is None:
        message = "AT_TIMESTAMP needs a starting_timestamp; TRIM_HORIZON is used"
        table.warn("starting_position", message, "Write starting_timestamp = 2026-01-31T08:00:00Z, or seconds.")
        return "TRIM_HORIZON", 0
    return "AT_TIMESTAMP", float(since)

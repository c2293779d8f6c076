"""`[[functions.NAME.events]]` of lambdatui.toml: queues, streams, schedules and routes."""

from __future__ import annotations

from typing import Literal

from lambdatui.config.apis import normal_method, normal_path
from lambdatui.config.declared import Declared
from lambdatui.config.model import ApiConfig, Destination, QueueMapping, RouteConfig, ScheduleConfig, StreamMapping
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.schedules import expression_problem
from lambdatui.config.toml_table import Table

QUEUE_EVENT = (
    "type",
    "queue",
    "batch_size",
    "batching_window",
    "report_batch_item_failures",
    "enabled",
    "maximum_concurrency",
)
STREAM_EVENT = (
    "type",
    "stream",
    "batch_size",
    "batching_window",
    "starting_position",
    "maximum_retry_attempts",
    "maximum_record_age",
    "bisect_on_error",
    "report_batch_item_failures",
    "on_failure",
    "enabled",
)
SCHEDULE_EVENT = ("type", "every", "rate", "cron", "input", "enabled")
HTTP_EVENT = ("type", "method", "path", "api")


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

    def _from_queue(self, index: int, table: Table) -> None:
        table.only(QUEUE_EVENT)
        source = self._source(table, "queue")
        if not source:
            return
        queue = self.into.need_queue(source, self.problems, table.line("queue"), self.function)
        window = table.number("batching_window", 0, 300) or 0
        batch = table.integer("batch_size", 1, 10 if self.into.queues[queue].fifo else 10_000) or 10
        if batch > 10 and window < 1:
            table.warn(
                "batch_size",
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
                "Set batching_window = 1; 1 is used.",
            )
            window = 1
        self.into.mappings.append(
            QueueMapping(
                uuid=self.into.mapping_uuid(f"{self.function}-queue-{queue}"),
                function=self.function,
                queue=queue,
                batch_size=batch,
                batching_window=window,
                report_batch_item_failures=table.flag("report_batch_item_failures") or False,
                enabled=table.flag("enabled") is not False,
                maximum_concurrency=table.integer("maximum_concurrency", 2, 1000),
            )
        )

    def _from_stream(self, index: int, table: Table) -> None:
        table.only(STREAM_EVENT)
        source = self._source(table, "stream")
        if not source:
            return
        stream = self.into.need_stream(source, self.problems, table.line("stream"), self.function)
        position = (table.text("starting_position") or "TRIM_HORIZON").upper()
        if position not in {"TRIM_HORIZON", "LATEST"}:
            table.warn("starting_position", f"there is no {position}", "Write TRIM_HORIZON or LATEST.")
        attempts = table.integer("maximum_retry_attempts", -1, 10_000)
        age = table.integer("maximum_record_age", -1, 604_800)
        failures = table.text("on_failure")
        self.into.mappings.append(
            StreamMapping(
                uuid=self.into.mapping_uuid(f"{self.function}-stream-{stream}"),
                function=self.function,
                stream=stream,
                batch_size=table.integer("batch_size", 1, 10_000) or 100,
                batching_window=table.number("batching_window", 0, 300) or 0,
                starting_position="LATEST" if position == "LATEST" else "TRIM_HORIZON",
                maximum_retry_attempts=-1 if attempts is None else attempts,
                maximum_record_age=-1 if age is None else age,
                bisect_on_error=table.flag("bisect_on_error") or False,
                report_batch_item_failures=table.flag("report_batch_item_failures") or False,
                on_failure=Destination(
                    kind="queue",
                    name=self.into.need_queue(failures, self.problems, table.line("on_failure"), self.function),
                )
                if failures
                else None,
                enabled=table.flag("enabled") is not False,
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
        self.into.schedules.append(
            ScheduleConfig(
                id=f"{self.function}-schedule-{index}" if index else f"{self.function}-schedule",
                function=self.function,
                expression=expression,
                input=table.text("input"),
                enabled=table.flag("enabled") is not False,
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
            )
        )

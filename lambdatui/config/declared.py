"""What has been declared so far: loaders add to it and override it, `loader` turns it into a Project."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lambdatui.config.model import (
    ApiConfig,
    FunctionConfig,
    LoadOptions,
    Problem,
    PushTrigger,
    QueueConfig,
    QueueMapping,
    ResourceConfig,
    RouteConfig,
    ScheduleConfig,
    StreamConfig,
    StreamMapping,
)
from lambdatui.config.problems import Problems

# The root of all mapping ids: a fixed value, so that checkpoints find their mapping again after every load.
_NAMESPACE = uuid.UUID("5f0a2a52-6a2c-5d3e-9f0b-1a3d8c5b7e10")
_STAND_INS = {"AWS::S3::Bucket": "bucket", "AWS::SNS::Topic": "topic", "AWS::Events::EventBus": "event bus"}


@dataclass
class Declared:
    """One project under construction. Functions, queues and streams are keyed by their names."""

    root: Path
    stack: str
    options: LoadOptions
    data: Path
    functions: dict[str, FunctionConfig] = field(default_factory=dict)
    queues: dict[str, QueueConfig] = field(default_factory=dict)
    streams: dict[str, StreamConfig] = field(default_factory=dict)
    mappings: list[QueueMapping | StreamMapping] = field(default_factory=list)
    schedules: list[ScheduleConfig] = field(default_factory=list)
    apis: dict[str, ApiConfig] = field(default_factory=dict)
    routes: list[RouteConfig] = field(default_factory=list)
    route_places: dict[tuple[str, ...], list[int]] = field(default_factory=dict)  # in `routes`; of `apis.add_route`
    pushes: list[PushTrigger] = field(default_factory=list)
    resources: list[ResourceConfig] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    broken: bool = False

    def shown(self, path: Path) -> str:
        """The path relative to the project where it lies inside."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)

    def mapping_uuid(self, logical_id: str) -> str:
        """The id of an event source mapping: the same for the same stack and logical id, always."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.stack}/{logical_id}"))

    def function_named(self, reference: str) -> FunctionConfig | None:
        """By name, logical id or ARN (with or without a qualifier)."""
        name = reference.split(":function:", 1)[-1].split(":")[0]
        if name in self.functions:
            return self.functions[name]
        by_other_names = (one for one in self.functions.values() if name == one.logical_id or name in one.aliases)
        return next(by_other_names, None)

    def queue_named(self, reference: str) -> QueueConfig | None:
        """By name, logical id, ARN or URL."""
        name = resource_name(reference)
        return self.queues.get(name) or next((q for q in self.queues.values() if q.logical_id == name), None)

    def stream_named(self, reference: str) -> StreamConfig | None:
        """By name, logical id or ARN (a consumer's too)."""
        name = resource_name(reference)
        return self.streams.get(name) or next((s for s in self.streams.values() if s.logical_id == name), None)

    def need_queue(self, reference: str, problems: Problems, line: int | None, function: str | None) -> str:
        """The name of the queue; one that is declared elsewhere gets an empty local stand-in, which is said
        (but not beside a template that could not be read: that may declare it)."""
        queue = self.queue_named(reference)
        if queue is None:
            name = resource_name(reference)
            queue = QueueConfig(name=name, logical_id=name, fifo=name.endswith(".fifo"), file=problems.file, line=line)
            self.queues[name] = queue
            if not self.broken:
                problems.notice(
                    f"the queue {name} is not declared in this project: a local one stands in for it",
                    f"Nothing needs to be done; fill it with: lambdatui send {name}",
                    line=line,
                    function=function,
                )
        return queue.name

    def need_stream(self, reference: str, problems: Problems, line: int | None, function: str | None) -> str:
        """As `need_queue`, of a stream."""
        stream = self.stream_named(reference)
        if stream is None:
            name = resource_name(reference)
            table = name.removesuffix("/stream") if name.endswith("/stream") else None
            stream = StreamConfig(name=name, logical_id=name, table=table, file=problems.file, line=line)
            self.streams[name] = stream
            if not self.broken:
                problems.notice(
                    f"the stream {name} is not declared in this project: a local one stands in for it",
                    f"Nothing needs to be done; fill it with: lambdatui send {name}",
                    line=line,
                    function=function,
                )
        return stream.name

    def need_resource(
        self, kind: str, name: str, problems: Problems, line: int | None, function: str | None = None
    ) -> None:
        """A bucket, topic or event bus that is declared elsewhere gets a stand-in in the local AWS, which is said."""
        if any(one.type == kind and one.name == name for one in self.resources):
            return
        self.resources.append(ResourceConfig(type=kind, logical_id=name, name=name, file=problems.file, line=line))
        problems.notice(
            f"the {_STAND_INS[kind]} {name} is not declared in this project: the local AWS gets one that stands in "
            "for it",
            "Nothing needs to be done.",
            line=line,
            function=function,
        )

    def update_function(self, name: str, **changes: object) -> None:
        """Replace fields of one function."""
        self.functions[name] = msgspec.structs.replace(self.functions[name], **changes)


def table_stream(table: str) -> str:
    """The name under which the change stream of a table stands among the streams; no Kinesis stream can have it."""
    return f"{table}/stream"


def qualifier_of(reference: str) -> str | None:
    """The version or alias that a function's ARN or `name:qualifier` names; None for $LATEST, which is the same."""
    qualifier = reference.split(":function:", 1)[-1].partition(":")[2]
    return qualifier if qualifier and qualifier != "$LATEST" else None


def resource_name(reference: str) -> str:
    """The name in an ARN (`arn:aws:sqs:…:orders`, `…:stream/clicks/consumer/…`, a table's stream), a queue URL, or
    the name itself."""
    reference = reference.strip()
    if reference.startswith("arn:"):
        last = reference.split(":", 5)[-1]
        if last.startswith("stream/"):
            return last.split("/")[1]
        if last.startswith("table/") and "/stream/" in last:
            return table_stream(last.split("/")[1])
        if last.startswith("function:"):
            return last.split(":")[1]
        return last
    if "://" in reference:
        return reference.rstrip("/").rpartition("/")[2]
    return reference


def partition(region: str) -> str:
    """`aws`, `aws-cn` or `aws-us-gov`."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"

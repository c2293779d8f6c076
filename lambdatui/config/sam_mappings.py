"""Event source mappings of a template: SQS, Kinesis and DynamoDB events of SAM functions, and the resource itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import qualifier_of
from lambdatui.config.filters import Source
from lambdatui.config.model import QueueMapping, StreamMapping
from lambdatui.config.push_targets import entries
from lambdatui.config.sam_destinations import stream_failure
from lambdatui.config.settings import batching, chosen, filters_served, parallel_batches
from lambdatui.config.support import EVENT_PROPERTIES
from lambdatui.config.template import Template
from lambdatui.config.values import Reader

Position = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
_RESPONSE_TYPE = "ReportBatchItemFailures"
EVENT_METRICS = "EventCount"


def declare_mapping(template: Template, resource: Resource) -> None:
    """AWS::Lambda::EventSourceMapping of a queue, a Kinesis stream or a table's stream."""
    reader = template.reader(resource)
    named = reader.text("FunctionName") or ""
    function = template.into.function_named(named)
    source = reader.text("EventSourceArn")
    if function is None:
        reader.warn("FunctionName", "it names no function of the template", "Name one by !Ref.")
        return
    reader.function = function.name
    service = source.split(":")[2] if source and source.count(":") >= 5 else ""
    if service == "sqs":
        add_queue_mapping(template, resource.logical_id, function.name, reader, "EventSourceArn", qualifier_of(named))
    elif service in {"kinesis", "dynamodb"}:
        add_stream_mapping(template, resource.logical_id, function.name, reader, "EventSourceArn", qualifier_of(named))
    else:
        what = f"event sources of {service}" if service else "event sources without an EventSourceArn"
        reader.warn("EventSourceArn", f"{what} are not served", "Invoke the function with a sample event.")


def add_queue_mapping(
    template: Template, logical_id: str, function: str, reader: Reader, key: str, qualifier: str | None
) -> None:
    """A mapping from the queue that `key` names."""
    source = _source(reader, key)
    if source is None:
        return
    queue = template.into.need_queue(source, template.problems, reader.line(key), function)
    fifo = template.into.queues[queue].fifo
    batch, window = batching(reader, "BatchSize", "MaximumBatchingWindowInSeconds", fifo=fifo)
    say_unserved(reader, "SQS")
    scaling = reader.child("ScalingConfig") if "ScalingConfig" in reader else None
    filters = _filters(reader, "sqs")
    template.into.mappings.append(
        QueueMapping(
            uuid=template.into.mapping_uuid(logical_id),
            function=function,
            queue=queue,
            batch_size=batch,
            batching_window=window,
            report_batch_item_failures=_reports(reader),
            enabled=reader.flag("Enabled") is not False and filters is not None,
            maximum_concurrency=scaling.integer("MaximumConcurrency", 2, 1000) if scaling else None,
            qualifier=qualifier,
            filters=filters or (),
            metrics=_metrics(reader),
        )
    )


def add_stream_mapping(
    template: Template, logical_id: str, function: str, reader: Reader, key: str, qualifier: str | None
) -> None:
    """A mapping from the stream that `key` names."""
    source = _source(reader, key)
    if source is None:
        return
    stream = template.into.need_stream(source, template.problems, reader.line(key), function)
    say_unserved(reader, "Kinesis")
    attempts = reader.integer("MaximumRetryAttempts", -1, 10_000)
    age = reader.integer("MaximumRecordAgeInSeconds", -1, 604_800)
    if age is not None and 0 <= age < 60:
        message = "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)"
        reader.warn("MaximumRecordAgeInSeconds", message, "Set 60 or more; 60 counts.")
        age = 60
    factor, tumbling = parallel_batches(reader, "ParallelizationFactor", "TumblingWindowInSeconds")
    table = template.into.streams[stream].table is not None
    position, since = _position(reader, source, table=table)
    filters = _filters(reader, "dynamodb" if table else "kinesis")
    template.into.mappings.append(
        StreamMapping(
            uuid=template.into.mapping_uuid(logical_id),
            function=function,
            stream=stream,
            batch_size=reader.integer("BatchSize", 1, 10_000) or 100,
            batching_window=reader.number("MaximumBatchingWindowInSeconds", 0, 300) or 0,
            starting_position=position,
            starting_timestamp=since,
            maximum_retry_attempts=-1 if attempts is None else attempts,
            maximum_record_age=-1 if age is None else age,
            bisect_on_error=reader.flag("BisectBatchOnFunctionError") or False,
            report_batch_item_failures=_reports(reader),
            parallelization_factor=factor,
            tumbling_window=tumbling,
            on_failure=stream_failure(template, reader),
            enabled=reader.flag("Enabled") is not False and filters is not None,
            qualifier=qualifier,
            filters=filters or (),
            metrics=_metrics(reader),
        )
    )


def say_unserved(reader: Reader, kind: str) -> None:
    """Which properties of an event of that type are not served."""
    for key, support in EVENT_PROPERTIES[kind].items():
        if support.status == "not served" and key in reader and reader.resolved(key) is not None:
            reader.warn(key, support.note, support.remedy)


def _source(reader: Reader, key: str) -> str | None:
    source = reader.text(key)
    if source is None and key not in reader:
        reader.warn(key, f"{key} is missing", f"Name it: {key}: !GetAtt X.Arn.")
    return source or None


def _reports(reader: Reader) -> bool:
    types = reader.texts("FunctionResponseTypes")
    for unknown in set(types) - {_RESPONSE_TYPE}:
        reader.warn(
            "FunctionResponseTypes",
            f"Value '[{unknown}]' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy "
            f"constraint: [Member must satisfy enum value set: [{_RESPONSE_TYPE}]]",
            f"Write {_RESPONSE_TYPE}, or leave it out.",
        )
    return _RESPONSE_TYPE in types


def _metrics(reader: Reader) -> bool:
    """MetricsConfig; the other kinds of metrics are Kafka's."""
    if reader.resolved("MetricsConfig") is None:
        return False
    kinds = reader.child("MetricsConfig").texts("Metrics")
    for unknown in set(kinds) - {EVENT_METRICS}:
        reader.warn(
            "MetricsConfig",
            f"Unsupported MetricsConfig parameter for given event source mapping type: {unknown[:100]}",
            f"Write {EVENT_METRICS}, or leave it out.",
        )
    return EVENT_METRICS in kinds


def _filters(reader: Reader, source: Source) -> tuple[str, ...] | None:
    """FilterCriteria's patterns; None where one cannot be served, so that the mapping has to wait."""
    if reader.resolved("FilterCriteria") is None:
        return ()
    inner = reader.child("FilterCriteria")
    patterns = [entry.text("Pattern") for entry in entries(inner, "Filters")]
    served = filters_served(inner, "Filters", patterns, source)
    return tuple(pattern for pattern in patterns if pattern is not None) if served else None


def _position(reader: Reader, source: str, *, table: bool) -> tuple[Position, float]:
    """Where it begins, and the time in seconds for AT_TIMESTAMP, which streams of tables do not know."""
    position = chosen(reader, "StartingPosition", ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"))
    if position == "LATEST":
        return "LATEST", 0
    if position == "AT_TIMESTAMP" and table:
        reader.warn(
            "StartingPosition",
            f"Unsupported starting position for arn type: {source}",
            "Set it to TRIM_HORIZON or LATEST; TRIM_HORIZON is used.",
        )
    elif position == "AT_TIMESTAMP":
        since = _timestamp(reader)
        if since is not None:
            return "AT_TIMESTAMP", since
        if "StartingPositionTimestamp" not in reader:
            reader.warn(
                "StartingPosition",
                "StartingPosition is AT_TIMESTAMP without a StartingPositionTimestamp; TRIM_HORIZON is used",
                "Set StartingPositionTimestamp in seconds.",
            )
    elif position is None and "StartingPosition" not in reader:
        remedy = "Set it to TRIM_HORIZON, LATEST, or AT_TIMESTAMP with a StartingPositionTimestamp in seconds."
        reader.warn("StartingPosition", "StartingPosition is missing; TRIM_HORIZON is used", remedy)
    return "TRIM_HORIZON", 0


def _timestamp(reader: Reader) -> float | None:
    """StartingPositionTimestamp in seconds. A date as people write it counts too, and is said: AWS takes a number."""
    key = "StartingPositionTimestamp"
    text = reader.text(key)
    if text is None or re.fullmatch(r"[-+]?[0-9.]+", text.strip()):
        return reader.number(key, 0, 1e11)
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        reader.warn(key, f"{key} must be a number, not {text[:60]!r}", "Write it in seconds since 1970.")
        return None
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    reader.warn(key, f"{key} is a number of seconds on AWS", f"Write {seconds:.0f}.")
    return seconds

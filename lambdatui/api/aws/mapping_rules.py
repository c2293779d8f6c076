"""What a request may say of an event source mapping, in AWS's words where it says too much: pure.

Requests become changes: fields of the model's QueueMapping or StreamMapping, and beside them what a mapping only keeps
(KEPT). https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

from typing import Any

from lambdatui.api.aws.constraints import Constraints
from lambdatui.api.aws.errors import AwsError
from lambdatui.config.destinations import STREAM_FAILURE, from_arn
from lambdatui.config.filters import MAX_FILTERS, MAX_PATTERN, Source, problem
from lambdatui.config.model import Destination, FunctionConfig, QueueConfig, QueueMapping, StreamMapping

KEPT = ("tags", "kms_key_arn", "pollers")
WITHOUT_WINDOW = 10  # messages that a batch holds at most without a batching window
LEAST_AGE = 60  # seconds
_SOURCES: dict[str, Source] = {"sqs": "sqs", "kinesis": "kinesis", "dynamodb": "dynamodb"}
_RESPONSE_TYPES = ("ReportBatchItemFailures",)
EVENT_METRICS = "EventCount"
_METRICS = ("EventCount", "ErrorCount", "KafkaMetrics")
_POSITIONS = ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")
_OF_QUEUES = ("ScalingConfig", "ProvisionedPollerConfig")
_OF_STREAMS = (
    "ParallelizationFactor",
    "BisectBatchOnFunctionError",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "DestinationConfig",
)
_OF_OTHERS = (
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "LoggingConfig",
)
_REGION = r"((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?"
_ARN = r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:" + _REGION + r":(\d{12})?:(.*)"
_DESTINATION = r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|" + _ARN
_KEY = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"


def arn(fields: Constraints) -> str | None:
    """EventSourceArn."""
    return fields.text("EventSourceArn", pattern=_ARN, high=10_000)


def source_of(arn: str | None) -> Source:
    """The kind of source that an EventSourceArn names."""
    service = arn.split(":")[2] if arn else ""
    if service in _SOURCES:
        return _SOURCES[service]
    served = "lambdatui reads SQS queues, Kinesis streams and DynamoDB streams"
    raise _refused("Unrecognized event source." + (f" {served}, not {service}." if service else ""))


def changes(fields: Constraints, source: Source) -> dict[str, Any]:
    """What Create and Update may both say. Raises InvalidParameterValueException, everything of it that is the shape's
    business in one.
    """
    found = {
        "batch_size": fields.number("BatchSize", 1, 10_000),
        "batching_window": fields.number("MaximumBatchingWindowInSeconds", 0, 300),
        "enabled": fields.flag("Enabled"),
        "report_batch_item_failures": _reports(fields),
        "filters": _filters(fields),
        "kms_key_arn": fields.text("KMSKeyArn", pattern=_KEY, high=10_000),
        "parallelization_factor": fields.number("ParallelizationFactor", 1, 10),
        "bisect_on_error": fields.flag("BisectBatchOnFunctionError"),
        "maximum_record_age": fields.number("MaximumRecordAgeInSeconds", -1, 604_800),
        "maximum_retry_attempts": fields.number("MaximumRetryAttempts", -1, 10_000),
        "tumbling_window": fields.number("TumblingWindowInSeconds", 0, 900),
    }
    failure, scaling = _on_failure(fields), fields.object("ScalingConfig")
    concurrency = scaling.number("MaximumConcurrency", 2, 1_000) if scaling else None
    pollers, metrics = _pollers(fields), _metrics(fields)
    fields.check()
    _check_source(fields, source)
    said: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    if scaling is not None:
        said["maximum_concurrency"] = concurrency
    if pollers is not None:
        said["pollers"] = pollers
    if failure is not None:
        said["on_failure"] = _destination(failure)
    _check_filters(said.get("filters", []), source)
    if metrics is not None:
        if not set(metrics) <= {EVENT_METRICS}:  # the others are Kafka's
            raise _unsupported("MetricsConfig")
        said["metrics"] = bool(metrics)
    return said


def position(fields: Constraints, source: Source, arn: str, now_s: float) -> dict[str, Any]:
    """Where a stream's mapping begins; nothing for a queue's, which has no position."""
    where = fields.choice("StartingPosition", _POSITIONS, required=source != "sqs")
    since = fields.decimal("StartingPositionTimestamp", -1e12, 1e12)
    fields.check()
    if source == "sqs":
        if where is not None or since is not None:
            raise _refused("StartingPosition is not valid for SQS event sources.")
        return {}
    if where != "AT_TIMESTAMP":
        if since is not None:
            raise _refused("Timestamp only valid with StartingPosition AT_TIMESTAMP")
        return {"starting_position": where}
    if source == "dynamodb":
        raise _refused(f"Unsupported starting position for arn type: {arn}")
    if since is None:
        raise _refused("Need to specify a timestamp")
    if since < 0:
        raise _refused(
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a "
            "Timestamp"
        )
    if since > now_s:
        raise _refused("StartingPositionTimestamp cannot be in the future.")
    return {"starting_position": where, "starting_timestamp": since}


def tags(fields: Constraints) -> dict[str, str]:
    """Tags of a new mapping."""
    given = fields.map("Tags")
    if given is not None and not all(isinstance(value, str) for value in given.values()):
        fields.fail("Tags", "Member must be a map of String")
    fields.check()
    return given or {}


def check_queue(mapping: QueueMapping, queue: QueueConfig, *, pollers: bool = False) -> None:
    """What settings of a queue's mapping do not go together."""
    if mapping.batch_size > WITHOUT_WINDOW and mapping.batching_window < 1:
        raise _refused(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if queue.fifo and mapping.batching_window > 0:
        raise _refused("Batching window is not supported for FIFO queues")
    if pollers and mapping.maximum_concurrency is not None:
        raise _refused(
            "Provisioned mode for SQS ESM does not support maximum concurrency feature. Use MaximumPollers as the "
            "control mechanism and remove maximum concurrency."
        )


def check_timeouts(queue: QueueConfig, function: FunctionConfig) -> None:
    """A message must stay hidden as long as the function may work on it."""
    if queue.visibility_timeout < function.timeout:
        raise _refused(
            f"Queue visibility timeout: {queue.visibility_timeout:g} seconds is less than "
            f"Function timeout: {function.timeout:g} seconds"
        )


def check_stream(mapping: StreamMapping) -> None:
    """What settings of a stream's mapping do not go together."""
    if mapping.maximum_record_age != -1 and mapping.maximum_record_age < LEAST_AGE:
        raise _refused("MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)")
    if mapping.tumbling_window and mapping.parallelization_factor > 1:
        raise _refused("ParallelizationFactor must be 1 for an event source mapping with a TumblingWindowInSeconds.")


def bad_destination(destination: str) -> AwsError:
    """The queue, topic or bucket for failures does not serve."""
    config = f"DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={destination}))"
    return _refused(f"The provided destination config {config} is invalid.")


def _reports(fields: Constraints) -> bool | None:
    types = fields.texts("FunctionResponseTypes", high=1)
    if types and not set(types) <= set(_RESPONSE_TYPES):
        _fail_members(fields, "FunctionResponseTypes", _RESPONSE_TYPES)
    return None if types is None else bool(types)


def _metrics(fields: Constraints) -> list[str] | None:
    inner = fields.object("MetricsConfig")
    if inner is None:
        return None
    names = inner.texts("Metrics", high=3) or []
    if not set(names) <= set(_METRICS):
        _fail_members(inner, "Metrics", _METRICS)
    return list(dict.fromkeys(names))


def _fail_members(fields: Constraints, name: str, choices: tuple[str, ...]) -> None:
    inner = f"Member must satisfy enum value set: [{', '.join(choices)}]"
    fields.fail(name, f"Member must satisfy constraint: [{inner}]")


def _filters(fields: Constraints) -> list[str] | None:
    criteria = fields.object("FilterCriteria")
    if criteria is None:
        return None
    return [each.text("Pattern", high=MAX_PATTERN) or "" for each in criteria.objects("Filters") or []]


def _check_filters(patterns: list[str], source: Source) -> None:
    if len(patterns) > MAX_FILTERS:
        raise _refused(f"An event source mapping has at most {MAX_FILTERS} filters: put alternatives into one pattern.")
    if any(problem(pattern, source) for pattern in patterns):
        raise _refused("Invalid filter pattern definition.")


def _pollers(fields: Constraints) -> dict[str, int] | None:
    config = fields.object("ProvisionedPollerConfig")
    if config is None:
        return None
    least, most = config.number("MinimumPollers", 1, 200), config.number("MaximumPollers", 1, 10_000)
    if least is not None and most is not None and least > most:
        raise _refused("MinimumPollers must not be greater than MaximumPollers.")
    asked = {"MinimumPollers": least, "MaximumPollers": most}
    return {name: value for name, value in asked.items() if value is not None}


def _on_failure(fields: Constraints) -> str | None:
    """The destination's ARN; "" where the request takes it away."""
    config = fields.object("DestinationConfig")
    if config is None:
        return None
    success, failure = config.object("OnSuccess"), config.object("OnFailure")
    if success is not None and success.has("Destination"):
        raise _unsupported("DestinationConfig")
    return (failure.text("Destination", pattern=_DESTINATION, high=350) if failure else None) or ""


def _destination(arn: str) -> Destination | None:
    if not arn:
        return None
    destination = from_arn(arn)
    if destination is None or destination.kind not in STREAM_FAILURE or arn.endswith(".fifo"):
        raise bad_destination(arn)
    return destination


def _check_source(fields: Constraints, source: Source) -> None:
    others = (*_OF_OTHERS, *(_OF_STREAMS if source == "sqs" else _OF_QUEUES))
    foreign = next((name for name in others if fields.has(name)), None)
    if foreign is not None:
        raise _unsupported(foreign)


def _unsupported(name: str) -> AwsError:
    return _refused(f"Unsupported {name} parameter for given event source mapping type.")


def _refused(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)

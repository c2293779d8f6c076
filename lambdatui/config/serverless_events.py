"""The events of a function of serverless.yml as SAM's events: queues, streams, schedules and what is pushed."""

from __future__ import annotations

from collections.abc import Callable

from lambdatui.config.intrinsics import Unresolved, as_written, is_intrinsic
from lambdatui.config.problems import did_you_mean
from lambdatui.config.serverless_http import alb_event, http_api_event, http_event
from lambdatui.config.serverless_service import (
    Service,
    alphanumeric,
    arn,
    function_id,
    json_text,
    listed,
    made,
    mapping,
    put,
    ref,
    renamed,
    source_name,
    text,
    truth,
)
from lambdatui.config.serverless_support import (
    CLOUDWATCH_EVENT,
    EVENT_BRIDGE,
    EVENTS,
    S3,
    SCHEDULE,
    SNS,
    SQS,
    STREAM,
)
from lambdatui.config.serverless_variables import Raw
from lambdatui.config.support import Table
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

Found = tuple[str, str, Map]  # the event's name within its function, SAM's type, its properties
_SQS = {
    "arn": "Queue",
    "batchSize": "BatchSize",
    "maximumBatchingWindow": "MaximumBatchingWindowInSeconds",
    "enabled": "Enabled",
}
_STREAM = {
    "arn": "Stream",
    "batchWindow": "MaximumBatchingWindowInSeconds",
    "bisectBatchOnFunctionError": "BisectBatchOnFunctionError",
    "enabled": "Enabled",
    "maximumRecordAgeInSeconds": "MaximumRecordAgeInSeconds",
    "maximumRetryAttempts": "MaximumRetryAttempts",
    "parallelizationFactor": "ParallelizationFactor",
    "startingPositionTimestamp": "StartingPositionTimestamp",
    "tumblingWindowInSeconds": "TumblingWindowInSeconds",
}
_DEFAULT_EVENT = "s3:ObjectCreated:*"


def function_events(service: Service, key: str, events: Seq) -> Map:
    """The Events of the function's SAM form; what SAM cannot say stands in `service`."""
    result = Map(events.line)
    counts: dict[str, int] = {}
    for event in events:
        kind, value, line = _opened(event, events.line)
        if kind is None:
            why = value.why if isinstance(value, Unresolved) else "an event is a mapping of its type"
            service.problems.warning(
                f"{key}: an event cannot be read: {why}", "Write it as - http: GET /orders.", line=line, function=key
            )
            continue
        support = EVENTS.get(kind)
        if support is None:
            remedy = did_you_mean(kind, EVENTS, "Use one of " + ", ".join(list(EVENTS)[:8]) + ".")
            service.problems.warning(f"{key}: there is no event type {kind}", remedy, line=line, function=key)
            continue
        if support.status == "not served":
            service.problems.warning(f"{key}: {support.note}", support.remedy, line=line, function=key)
            continue
        if isinstance(value, Unresolved):
            service.problems.warning(
                f"{key}, event {kind}: it cannot be resolved: {value.why}",
                "Give it a value for local runs: --parameter.",
                line=line,
                function=key,
            )
            continue
        counts[kind] = counts.get(kind, 0) + 1
        for name, sam, properties in _READERS[kind](service, key, value, line, counts[kind]):
            while name in result:
                name += "Again"
            put(result, name, made(line, Type=Text(sam, line), Properties=properties), line)
    return result


def _opened(event: Raw, line: int | None) -> tuple[str | None, Raw, int | None]:
    """(type, value, line) of `- http: …`, or of `- alexaSkill` alone; without a type the event as it is."""
    if isinstance(event, Text):
        return str(event), None, event.line
    if isinstance(event, Map) and event:
        kind = next(iter(event))
        return kind, event[kind], event.line_of(kind)
    return None, event, line


def _values(service: Service, key: str, kind: str, value: Value, short: str, table: Table, line: int | None) -> Map:
    """The long form of a value that may be written as a text alone; its keys are checked."""
    if isinstance(value, Map) and not is_intrinsic(value):
        service.check_keys(value, table, f"{key}, event {kind}", key)
        return value
    return made(line, **{short: value})


def _filters(values: Map) -> Map | None:
    patterns = values.get("filterPatterns")
    if patterns is None:
        return None
    line = values.line_of("filterPatterns")
    each = patterns if isinstance(patterns, Seq) else listed(line, patterns)
    return made(line, Filters=listed(line, *(made(line, Pattern=json_text(one, line)) for one in each)))


def _metrics(values: Map) -> Map | None:
    """A list of kinds, or `metrics:` with one."""
    written = values.get("metricsConfig")
    line = values.line_of("metricsConfig")
    if isinstance(written, Map) and not is_intrinsic(written):
        return renamed(written, {"metrics": "Metrics", "Metrics": "Metrics"})
    return None if written is None else made(line, Metrics=written)


def _report(values: Map) -> Seq | None:
    """One type, or a list of them as CloudFormation has it."""
    written = values.get("functionResponseType")
    return written if isinstance(written, Seq) or written is None else listed(values.line, written)


def _http(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    name = f"Http{number}"
    found = http_event(service, key, value, line, function_id(key) + name)
    return [(name, *found)] if found else []


def _http_api(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    return [(f"HttpApi{number}", *http_api_event(service, key, value, line))]


def _alb(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    alb_event(service, key, value, line, f"{function_id(key)}Alb{number}")
    return []


def _sqs(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = _values(service, key, "sqs", value, "arn", SQS, line)
    properties = renamed(values, _SQS)
    properties.line = line
    put(properties, "FunctionResponseTypes", _report(values), values.line_of("functionResponseType"))
    put(properties, "FilterCriteria", _filters(values), values.line_of("filterPatterns"))
    put(properties, "MetricsConfig", _metrics(values), values.line_of("metricsConfig"))
    if (most := values.get("maximumConcurrency")) is not None:
        put(properties, "ScalingConfig", made(line, MaximumConcurrency=most), values.line_of("maximumConcurrency"))
    return [(f"SQS{source_name(values.get('arn')) or number}", "SQS", properties)]


def _stream(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = _values(service, key, "stream", value, "arn", STREAM, line)
    source = values.get("arn")
    kind = (text(values, "type") or _stream_type(service, source)).lower()
    properties = renamed(values, _STREAM)
    properties.line = line
    # The framework's own defaults: ten records, from the oldest one.
    put(properties, "BatchSize", values.get("batchSize") or Text("10"), values.line_of("batchSize"))
    position = values.get("startingPosition") or Text("TRIM_HORIZON")
    put(properties, "StartingPosition", position, values.line_of("startingPosition"))
    put(properties, "FunctionResponseTypes", _report(values), values.line_of("functionResponseType"))
    put(properties, "FilterCriteria", _filters(values), values.line_of("filterPatterns"))
    put(properties, "MetricsConfig", _metrics(values), values.line_of("metricsConfig"))
    failed = mapping(values, "destinations").get("onFailure")
    if failed is not None:
        inner = failed if isinstance(failed, Map) and not is_intrinsic(failed) else made(line, arn=failed)
        target = made(line, Destination=inner.get("arn"))
        if (service_of := text(inner, "type")) is not None:
            put(target, "Type", Text(service_of.upper(), line), inner.line_of("type"))
        put(properties, "DestinationConfig", made(line, OnFailure=target), values.line_of("destinations"))
    sam = "DynamoDB" if kind == "dynamodb" else "Kinesis"
    return [(f"{sam}{source_name(source) or number}", sam, properties)]


def _stream_type(service: Service, source: Value) -> str:
    """What `type` would say: the service of the ARN, or the kind of the resource that it refers to."""
    if isinstance(source, str):
        return "dynamodb" if ":dynamodb:" in source else "kinesis"
    inner = source.get("Fn::GetAtt") if isinstance(source, Map) else None
    return "dynamodb" if isinstance(inner, Seq) and len(inner) == 2 and inner[1] == "StreamArn" else "kinesis"


def _schedule(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = _values(service, key, "schedule", value, "rate", SCHEDULE, line)
    rates = values.get("rate")
    zone = values.get("timezone")
    found: list[Found] = []
    for place, rate in enumerate(rates if isinstance(rates, Seq) else [rates]):
        name = f"Schedule{number}" if place == 0 else f"Schedule{number}n{place + 1}"
        second = zone is not None or text(values, "method") == "scheduler"
        properties = made(line, **{"ScheduleExpression" if second else "Schedule": rate})
        put(properties, "Input", _input(values), values.line_of("input"))
        if second:
            put(properties, "ScheduleExpressionTimezone", zone, values.line_of("timezone"))
            state = Text("DISABLED" if truth(values, "enabled") is False else "ENABLED", line)
            put(properties, "State", state, values.line_of("enabled"))
        else:
            put(properties, "Enabled", values.get("enabled"), values.line_of("enabled"))
        found.append((name, "ScheduleV2" if second else "Schedule", properties))
    return found


def _input(values: Map) -> Value:
    return json_text(values.get("input"), values.line_of("input"))


def _s3(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = _values(service, key, "s3", value, "bucket", S3, line)
    bucket = values.get("bucket")
    if isinstance(bucket, str):
        bucket = _bucket(service, as_written(bucket), line)
    rules = listed(values.line_of("rules"))
    written = values.get("rules")
    for rule in written if isinstance(written, Seq) else ():
        for name, word in rule.items() if isinstance(rule, Map) else ():
            rules.append(made(line, Name=Text(name, line), Value=word))
    properties = made(
        line,
        Bucket=bucket,
        Events=values.get("event") or Text(_DEFAULT_EVENT, line),
        Filter=made(line, S3Key=made(line, Rules=rules)) if rules else None,
    )
    return [(f"S3n{number}", "S3", properties)]


def _bucket(service: Service, name: str, line: int | None) -> Map:
    """A reference to the bucket: one of the file's resources, else one that the framework would make."""
    custom = mapping(mapping(service.provider, "s3"), name)
    name = text(custom, "name") or name
    known = _declared(service, "AWS::S3::Bucket", "BucketName", name)
    if known is None:
        known = f"S3Bucket{alphanumeric(name)}"
        service.add(known, "AWS::S3::Bucket", made(line, BucketName=Text(name, line)), line)
    return ref(known, line)


def _declared(service: Service, kind: str, name_key: str, name: str) -> str | None:
    """The logical id of the resource of that type with that name."""
    for logical_id, body in service.resources.items():
        if isinstance(body, Map) and body.get("Type") == kind and text(mapping(body, "Properties"), name_key) == name:
            return logical_id
    return None


def _sns(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = _values(service, key, "sns", value, "arn", SNS, line)
    topic = values.get("arn")
    name = text(values, "topicName")
    if isinstance(topic, str) and not topic.startswith("arn:"):
        name, topic = as_written(topic), None
    if topic is None and name is not None:
        known = _declared(service, "AWS::SNS::Topic", "TopicName", name) or f"SNSTopic{alphanumeric(name)}"
        service.add(known, "AWS::SNS::Topic", made(line, TopicName=Text(name, line)), line)
        topic = ref(known, line)
    properties = made(
        line,
        Topic=topic,
        FilterPolicy=values.get("filterPolicy"),
        FilterPolicyScope=values.get("filterPolicyScope"),
        RedrivePolicy=_redrive(values),
    )
    return [(f"SNS{number}", "SNS", properties)]


def _redrive(values: Map) -> Map | None:
    policy = mapping(values, "redrivePolicy")
    target = policy.get("deadLetterTargetArn")
    if (named := text(policy, "deadLetterTargetRef")) is not None:
        target = arn(named, policy.line)
    elif isinstance(imported := policy.get("deadLetterTargetImport"), Map):
        target = imported.get("arn")
    return None if target is None else made(policy.line, deadLetterTargetArn=target)


def _event_bridge(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = value if isinstance(value, Map) else Map(line)
    service.check_keys(values, EVENT_BRIDGE, f"{key}, event eventBridge", key)
    enabled = truth(values, "enabled") is not False
    if values.get("schedule") is not None:
        properties = made(
            line, Schedule=values["schedule"], Input=_input(values), Enabled=Text(str(enabled).lower(), line, True)
        )
        return [(f"EventBridge{number}", "Schedule", properties)]
    properties = _rule(values, values.get("pattern"), line)
    bus = values.get("eventBus")
    if isinstance(bus, str) and not bus.startswith("arn:") and bus != "default":
        known = _declared(service, "AWS::Events::EventBus", "Name", as_written(bus)) or f"EventBus{alphanumeric(bus)}"
        service.add(known, "AWS::Events::EventBus", made(line, Name=Text(as_written(bus), line)), line)
    put(properties, "EventBusName", bus, values.line_of("eventBus"))
    if (letters := values.get("deadLetterQueueArn")) is not None:
        put(properties, "DeadLetterConfig", made(line, Arn=letters), values.line_of("deadLetterQueueArn"))
    return [(f"EventBridge{number}", "EventBridgeRule", properties)]


def _cloudwatch_event(service: Service, key: str, value: Value, line: int | None, number: int) -> list[Found]:
    values = value if isinstance(value, Map) else Map(line)
    service.check_keys(values, CLOUDWATCH_EVENT, f"{key}, event cloudwatchEvent", key)
    return [(f"CloudWatchEvent{number}", "EventBridgeRule", _rule(values, values.get("event"), line))]


def _rule(values: Map, pattern: Value, line: int | None) -> Map:
    transformer = mapping(values, "inputTransformer")
    return made(
        line,
        Pattern=pattern,
        Input=_input(values),
        InputPath=values.get("inputPath"),
        InputTransformer=renamed(transformer, {"inputPathsMap": "InputPathsMap", "inputTemplate": "InputTemplate"})
        if transformer
        else None,
        State=Text("DISABLED", line) if truth(values, "enabled") is False else None,
    )


_READERS: dict[str, Callable[[Service, str, Value, int | None, int], list[Found]]] = {
    "http": _http,
    "httpApi": _http_api,
    "alb": _alb,
    "sqs": _sqs,
    "stream": _stream,
    "schedule": _schedule,
    "s3": _s3,
    "sns": _sns,
    "eventBridge": _event_bridge,
    "cloudwatchEvent": _cloudwatch_event,
}

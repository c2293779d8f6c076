"""What invokes the functions of a template: Events, FunctionUrlConfig, event source mappings and rules."""

from __future__ import annotations

from typing import Literal

from lambdatui.config.aws_names import Resource
from lambdatui.config.model import Destination, QueueMapping, ScheduleConfig, StreamMapping
from lambdatui.config.problems import did_you_mean
from lambdatui.config.sam_push import add_push_event
from lambdatui.config.sam_routes import add_event_route, add_url
from lambdatui.config.sam_rules import declare_pattern
from lambdatui.config.schedules import expression_problem
from lambdatui.config.support import EVENT_PROPERTIES, EVENTS
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map


def declare_events(template: Template, resource: Resource, function: str, values: Map) -> None:
    """The Events of a SAM function and its FunctionUrlConfig."""
    reader = template.read(values, resource.logical_id, function)
    if "FunctionUrlConfig" in reader and reader.mapping("FunctionUrlConfig") is not None:
        add_url(template, f"{resource.logical_id}Url", function, reader.child("FunctionUrlConfig"))
    events = reader.mapping("Events")
    for name, event in (events or Map()).items():
        line = events.line_of(name) if events else None
        where = f"{resource.logical_id}, event {name}"
        kind = event.get("Type") if isinstance(event, Map) else None
        if not isinstance(event, Map) or not isinstance(kind, str):
            template.problems.warning(f"{where}: it has no Type", "Give it one.", line=line, function=function)
            continue
        properties = event.get("Properties")
        inner = properties if isinstance(properties, Map) else Map(line)
        inner.line = inner.line or line
        _declare_event(template, f"{resource.logical_id}{name}", str(kind), template.read(inner, where, function), line)


def _declare_event(template: Template, logical_id: str, kind: str, reader: Reader, line: int | None) -> None:
    function = reader.function or ""
    _say_unknown(reader, kind)
    if kind == "SQS":
        _add_queue_mapping(template, logical_id, function, reader, "Queue")
    elif kind in {"Kinesis", "DynamoDB"}:
        _add_stream_mapping(template, logical_id, function, reader, "Stream")
    elif kind == "Schedule":
        _add_schedule(template, logical_id, function, reader, "Schedule")
    elif kind == "ScheduleV2":
        _add_schedule(template, logical_id, function, reader, "ScheduleExpression")
    elif kind in {"Api", "HttpApi"}:
        add_event_route(template, logical_id, function, reader, "rest" if kind == "Api" else "http")
    elif kind in {"S3", "SNS", "EventBridgeRule", "CloudWatchEvent"}:
        add_push_event(template, logical_id, kind, reader)
    elif kind in EVENTS:
        support = EVENTS[kind]
        template.problems.warning(f"{reader.where}: {support.note}", support.remedy, line=line, function=function)
    else:
        remedy = did_you_mean(kind, EVENTS, "Use one of " + ", ".join(list(EVENTS)[:8]) + ".")
        template.problems.warning(
            f"{reader.where}: there is no event type {kind}", remedy, line=line, function=function
        )


def _say_unknown(reader: Reader, kind: str) -> None:
    known = EVENT_PROPERTIES.get(kind)
    for key in reader.values if known else ():
        if known and key not in known and not key.startswith("Fn::"):
            remedy = did_you_mean(key, known, f"Remove it, or see the properties of an event of type {kind}.")
            message = f"{reader.where}: an event of type {kind} has no property {key}"
            reader.problems.notice(message, remedy, line=reader.line(key), function=reader.function)


def _say_unserved(reader: Reader, kind: str) -> None:
    for key, support in EVENT_PROPERTIES[kind].items():
        if support.status == "not served" and key in reader and reader.resolved(key) is not None:
            reader.warn(key, support.note, support.remedy)


# event source mappings


def declare_mapping(template: Template, resource: Resource) -> None:
    """AWS::Lambda::EventSourceMapping of a queue, a Kinesis stream or a table's stream."""
    reader = template.reader(resource)
    function = template.into.function_named(reader.text("FunctionName") or "")
    source = reader.text("EventSourceArn")
    if function is None:
        reader.warn("FunctionName", "it names no function of the template", "Name one by !Ref.")
        return
    reader.function = function.name
    service = source.split(":")[2] if source and source.count(":") >= 5 else ""
    if service == "sqs":
        _add_queue_mapping(template, resource.logical_id, function.name, reader, "EventSourceArn")
    elif service in {"kinesis", "dynamodb"}:
        _add_stream_mapping(template, resource.logical_id, function.name, reader, "EventSourceArn")
    else:
        what = f"event sources of {service}" if service else "event sources without an EventSourceArn"
        reader.warn("EventSourceArn", f"{what} are not served", "Invoke the function with a sample event.")


def _source(reader: Reader, key: str) -> str | None:
    source = reader.text(key)
    if source is None and key not in reader:
        reader.warn(key, f"{key} is missing", f"Name it: {key}: !GetAtt X.Arn.")
    return source or None


def _add_queue_mapping(template: Template, logical_id: str, function: str, reader: Reader, key: str) -> None:
    source = _source(reader, key)
    if source is None:
        return
    queue = template.into.need_queue(source, template.problems, reader.line(key), function)
    fifo = template.into.queues[queue].fifo
    window = reader.number("MaximumBatchingWindowInSeconds", 0, 300) or 0
    batch = reader.integer("BatchSize", 1, 10 if fifo else 10_000) or 10
    if batch > 10 and window < 1:
        reader.warn(
            "BatchSize",
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            "Set MaximumBatchingWindowInSeconds: 1; 1 is used.",
        )
        window = 1
    _say_unserved(reader, "SQS")
    scaling = reader.child("ScalingConfig") if "ScalingConfig" in reader else None
    enabled = reader.flag("Enabled")
    template.into.mappings.append(
        QueueMapping(
            uuid=template.into.mapping_uuid(logical_id),
            function=function,
            queue=queue,
            batch_size=batch,
            batching_window=window,
            report_batch_item_failures="ReportBatchItemFailures" in reader.texts("FunctionResponseTypes"),
            enabled=enabled is not False,
            maximum_concurrency=scaling.integer("MaximumConcurrency", 2, 1000) if scaling else None,
        )
    )


def _add_stream_mapping(template: Template, logical_id: str, function: str, reader: Reader, key: str) -> None:
    source = _source(reader, key)
    if source is None:
        return
    stream = template.into.need_stream(source, template.problems, reader.line(key), function)
    _say_unserved(reader, "Kinesis")
    if (reader.integer("ParallelizationFactor", 1, 10) or 1) > 1:
        reader.warn("ParallelizationFactor", "it is served as 1: one batch a shard at a time", "Nothing to be done.")
    attempts = reader.integer("MaximumRetryAttempts", -1, 10_000)
    age = reader.integer("MaximumRecordAgeInSeconds", -1, 604_800)
    enabled = reader.flag("Enabled")
    position, since = _position(reader)
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
            report_batch_item_failures="ReportBatchItemFailures" in reader.texts("FunctionResponseTypes"),
            on_failure=_stream_failures(template, reader, function),
            enabled=enabled is not False,
        )
    )


def _position(reader: Reader) -> tuple[Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"], float]:
    """Where it begins, and the time in seconds for AT_TIMESTAMP."""
    position = reader.text("StartingPosition")
    since = reader.number("StartingPositionTimestamp", 0, 1e11)
    if position == "LATEST":
        return "LATEST", 0
    if position == "AT_TIMESTAMP" and since is not None:
        return "AT_TIMESTAMP", since
    if position != "TRIM_HORIZON":
        what = f"StartingPosition is {position}" if position else "StartingPosition is missing"
        if position == "AT_TIMESTAMP":
            what += " without a StartingPositionTimestamp"
        remedy = "Set it to TRIM_HORIZON, LATEST, or AT_TIMESTAMP with a StartingPositionTimestamp in seconds."
        reader.warn("StartingPosition", f"{what}; TRIM_HORIZON is used", remedy)
    return "TRIM_HORIZON", 0


def _stream_failures(template: Template, reader: Reader, function: str) -> Destination | None:
    if "DestinationConfig" not in reader:
        return None
    inner = reader.child("DestinationConfig").child("OnFailure")
    target = inner.text("Destination")
    if target is None:
        return None
    service = target.split(":")[2] if target.startswith("arn:") and target.count(":") >= 5 else "sqs"
    if service != "sqs" or inner.text("Type") not in {None, "SQS"}:
        inner.warn("Destination", f"a destination of {service} is not served", "Use an SQS queue for local runs.")
        return None
    queue = template.into.need_queue(target, template.problems, inner.line("Destination"), function)
    return Destination(kind="queue", name=queue)


# schedules


def _add_schedule(template: Template, logical_id: str, function: str, reader: Reader, key: str) -> None:
    expression = reader.text(key)
    if expression is None:
        if key not in reader:
            reader.warn(key, f"{key} is missing", f"Set {key}: rate(5 minutes).")
        return
    problem = expression_problem(expression)
    if problem:
        reader.warn(key, problem, "Write it as AWS does, e.g. rate(5 minutes) or cron(0 12 * * ? *).")
        return
    _say_unserved(reader, "ScheduleV2")
    zone = reader.text("ScheduleExpressionTimezone")
    if zone not in {None, "UTC"}:
        reader.warn("ScheduleExpressionTimezone", f"the time zone {zone} is not served; UTC is", "Write it in UTC.")
    state, enabled = reader.text("State"), reader.flag("Enabled")
    template.into.schedules.append(
        ScheduleConfig(
            id=logical_id,
            function=function,
            expression=expression.strip(),
            input=reader.text("Input"),
            enabled=state != "DISABLED" and enabled is not False,
        )
    )


def declare_rule(template: Template, resource: Resource) -> None:
    """AWS::Events::Rule: its pattern, its schedule or both."""
    reader = template.reader(resource)
    if "EventPattern" in reader:
        declare_pattern(template, resource)
    if "ScheduleExpression" not in reader:
        return
    for number, target in enumerate(reader.items("Targets")):
        inner = reader.inside(target) if isinstance(target, Map) else None
        arn = inner.text("Arn") if inner else None
        function = template.into.function_named(arn) if arn else None
        if function is None or inner is None:
            reader.warn("Targets", "a target that is no function of the template is not served", "Nothing to be done.")
            continue
        values = Map(resource.line)
        for source in (resource.properties, inner.values):
            for key in ("ScheduleExpression", "State", "Input"):
                if key in source:
                    values[key], values.lines[key] = source[key], source.line_of(key) or 1
        logical_id = resource.logical_id if number == 0 else f"{resource.logical_id}{number}"
        own = template.read(values, resource.logical_id, function.name)
        _add_schedule(template, logical_id, function.name, own, "ScheduleExpression")

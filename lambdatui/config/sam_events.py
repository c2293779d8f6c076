"""What invokes the SAM functions of a template: their Events and FunctionUrlConfig."""

from __future__ import annotations

from lambdatui.config.aws_names import Resource
from lambdatui.config.problems import did_you_mean
from lambdatui.config.sam_mappings import add_queue_mapping, add_stream_mapping
from lambdatui.config.sam_push import add_push_event
from lambdatui.config.sam_routes import add_event_route, add_url
from lambdatui.config.sam_schedules import add_schedule
from lambdatui.config.support import EVENT_PROPERTIES, EVENTS
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map


def declare_events(template: Template, resource: Resource, function: str, values: Map) -> None:
    """The Events of a SAM function and its FunctionUrlConfig."""
    reader = template.read(values, resource.logical_id, function)
    if "FunctionUrlConfig" in reader and reader.mapping("FunctionUrlConfig") is not None:
        url = reader.child("FunctionUrlConfig")
        add_url(template, f"{resource.logical_id}Url", function, url, template.published.get(function))
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
        add_queue_mapping(template, logical_id, function, reader, "Queue", template.published.get(function))
    elif kind in {"Kinesis", "DynamoDB"}:
        add_stream_mapping(template, logical_id, function, reader, "Stream", template.published.get(function))
    elif kind == "Schedule":
        add_schedule(template, logical_id, function, reader, "Schedule", template.published.get(function))
    elif kind == "ScheduleV2":
        behind = template.published.get(function)
        add_schedule(template, logical_id, function, reader, "ScheduleExpression", behind, scheduler=True)
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

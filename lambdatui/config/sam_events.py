"""What invokes the functions of a template: Events, FunctionUrlConfig, schedules and rules."""

from __future__ import annotations

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import qualifier_of
from lambdatui.config.model import ScheduleConfig
from lambdatui.config.problems import did_you_mean
from lambdatui.config.sam_mappings import add_queue_mapping, add_stream_mapping, say_unserved
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
        _add_schedule(template, logical_id, function, reader, "Schedule", template.published.get(function))
    elif kind == "ScheduleV2":
        _add_schedule(template, logical_id, function, reader, "ScheduleExpression", template.published.get(function))
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


# schedules


def _add_schedule(
    template: Template, logical_id: str, function: str, reader: Reader, key: str, qualifier: str | None
) -> None:
    expression = reader.text(key)
    if expression is None:
        if key not in reader:
            reader.warn(key, f"{key} is missing", f"Set {key}: rate(5 minutes).")
        return
    problem = expression_problem(expression)
    if problem:
        reader.warn(key, problem, "Write it as AWS does, e.g. rate(5 minutes) or cron(0 12 * * ? *).")
        return
    say_unserved(reader, "ScheduleV2")
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
            qualifier=qualifier,
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
        if function is None or inner is None or arn is None:
            reader.warn("Targets", "a target that is no function of the template is not served", "Nothing to be done.")
            continue
        values = Map(resource.line)
        for source in (resource.properties, inner.values):
            for key in ("ScheduleExpression", "State", "Input"):
                if key in source:
                    values[key], values.lines[key] = source[key], source.line_of(key) or 1
        logical_id = resource.logical_id if number == 0 else f"{resource.logical_id}{number}"
        own = template.read(values, resource.logical_id, function.name)
        _add_schedule(template, logical_id, function.name, own, "ScheduleExpression", qualifier_of(arn))

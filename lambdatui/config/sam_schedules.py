"""Schedules of a template: SAM's Schedule and ScheduleV2 events, AWS::Events::Rule and AWS::Scheduler::Schedule."""

from __future__ import annotations

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import qualifier_of
from lambdatui.config.model import ScheduleConfig
from lambdatui.config.sam_mappings import say_unserved
from lambdatui.config.sam_rules import declare_pattern
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map

# What AWS::Scheduler::Schedule has in common with SAM's ScheduleV2; `Input` stands in its Target.
_SCHEDULE = ("ScheduleExpression", "ScheduleExpressionTimezone", "State", "Input", "StartDate", "EndDate")


def add_schedule(
    template: Template,
    logical_id: str,
    function: str,
    reader: Reader,
    key: str,
    qualifier: str | None,
    *,
    scheduler: bool = False,
) -> None:
    """A schedule with the expression at `key`. `scheduler`: of EventBridge Scheduler, with at() and zones."""
    expression = reader.text(key)
    if expression is None:
        if key not in reader:
            reader.warn(key, f"{key} is missing", f"Set {key}: rate(5 minutes).")
        return
    from lambdatui.config.schedules import expression_problem, timezone_problem  # for those who have schedules

    problem = expression_problem(expression, once=scheduler)
    if problem:
        reader.warn(key, problem, "Write it as AWS does, e.g. rate(5 minutes) or cron(0 12 * * ? *).")
        return
    say_unserved(reader, "ScheduleV2")
    zone = reader.text("ScheduleExpressionTimezone") if scheduler else None
    if zone is not None and (unknown := timezone_problem(zone)):
        reader.warn("ScheduleExpressionTimezone", f"{unknown}; UTC is used", "Name one as Europe/Vienna.")
        zone = None
    state, enabled = reader.text("State"), reader.flag("Enabled")
    template.into.schedules.append(
        ScheduleConfig(
            id=logical_id,
            function=function,
            expression=expression.strip(),
            input=reader.text("Input"),
            enabled=state != "DISABLED" and enabled is not False,
            qualifier=qualifier,
            timezone=zone,
            scheduler=scheduler,
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
        add_schedule(template, logical_id, function.name, own, "ScheduleExpression", qualifier_of(arn))


def declare_schedule(template: Template, resource: Resource) -> None:
    """AWS::Scheduler::Schedule whose target is a function."""
    reader = template.reader(resource)
    target = reader.child("Target")
    arn = target.text("Arn")
    function = template.into.function_named(arn) if arn else None
    if function is None or arn is None:
        reader.warn("Target", "a target that is no function of the template is not served", "Nothing to be done.")
        return
    values = Map(resource.line)
    for source in (resource.properties, target.values):
        for key in _SCHEDULE:
            if key in source:
                values[key], values.lines[key] = source[key], source.line_of(key) or 1
    own = template.read(values, resource.logical_id, function.name)
    add_schedule(
        template, resource.logical_id, function.name, own, "ScheduleExpression", qualifier_of(arn), scheduler=True
    )

"""EventBridge rules with a pattern: SAM's EventBridgeRule and CloudWatchEvent events, AWS::Events::Rule."""

from __future__ import annotations

from lambdatui.config.aws_names import Resource
from lambdatui.config.intrinsics import plain
from lambdatui.config.model import EventRule, QueueConfig
from lambdatui.config.push_targets import Target, entries, json_text, need, own_target, target_of, understood
from lambdatui.config.template import Template
from lambdatui.config.values import Reader


def add_rule_event(template: Template, logical_id: str, reader: Reader) -> None:
    """An EventBridgeRule or CloudWatchEvent of a SAM function."""
    pattern = _pattern(reader, "Pattern")
    if pattern is None:
        return
    dead = None
    if "DeadLetterConfig" in reader:
        letters = reader.child("DeadLetterConfig")
        arn = letters.text("Arn")
        own = letters.text("QueueLogicalId") or f"{logical_id}Queue"  # SAM makes one
        if arn is None:
            template.into.queues.setdefault(own, QueueConfig(name=own, logical_id=own, file=template.problems.file))
        dead = template.into.need_queue(arn or own, template.problems, letters.line("Arn"), reader.function)
    on = reader.text("State") != "DISABLED" and reader.flag("Enabled") is not False
    _add_rule(template, reader, reader, logical_id, pattern, own_target(template, reader), dead, enabled=on)


def declare_pattern(template: Template, resource: Resource) -> None:
    """AWS::Events::Rule with an EventPattern: one rule for each of its targets."""
    reader = template.reader(resource)
    pattern = _pattern(reader, "EventPattern")
    if pattern is None:
        return
    on = reader.text("State") != "DISABLED"
    for number, entry in enumerate(entries(reader, "Targets")):
        target = target_of(template, entry, "Arn")
        if target is None:
            continue
        dead = None
        if "DeadLetterConfig" in entry and (arn := entry.child("DeadLetterConfig").text("Arn")):
            dead = template.into.need_queue(arn, template.problems, entry.line("DeadLetterConfig"), target.function)
        id = resource.logical_id if number == 0 else f"{resource.logical_id}{number}"
        _add_rule(template, reader, entry, id, pattern, target, dead, enabled=on)


def _add_rule(
    template: Template,
    rule: Reader,
    entry: Reader,
    id: str,
    pattern: str,
    target: Target,
    dead: str | None,
    *,
    enabled: bool,
) -> None:
    """`rule` names the bus, `entry` what the target gets."""
    bus = (rule.text("EventBusName") or "default").rpartition("event-bus/")[2]
    if bus != "default":
        need(template, "AWS::Events::EventBus", bus, rule)
    transformer = entry.child("InputTransformer") if "InputTransformer" in entry else None
    paths = plain(transformer.mapping("InputPathsMap")) if transformer else None
    group = entry.child("SqsParameters").text("MessageGroupId") if "SqsParameters" in entry else None
    template.into.pushes.append(
        EventRule(
            id=id,
            bus=bus,
            pattern=pattern,
            function=target.function,
            queue=target.queue,
            group_id=group,
            topic=target.topic,
            input=entry.text("Input"),
            input_path=entry.text("InputPath"),
            input_paths={name: str(path) for name, path in paths.items()} if isinstance(paths, dict) else {},
            input_template=transformer.text("InputTemplate") if transformer else None,
            dead_letter_queue=dead,
            enabled=enabled,
            qualifier=target.qualifier,
        )
    )


def _pattern(reader: Reader, key: str) -> str | None:
    if key not in reader:
        reader.warn(key, f"{key} is missing", f'Set {key}: {{"source": ["…"]}}.')
        return None
    pattern = json_text(reader, key)
    return pattern if pattern is not None and understood(reader, key, pattern) else None

"""Subscriptions of functions and queues to topics: SAM's SNS events, AWS::SNS::Subscription, a topic's own list."""

from __future__ import annotations

from typing import Literal

import msgspec

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import resource_name
from lambdatui.config.model import QueueConfig, QueueMapping, TopicSubscription
from lambdatui.config.push_targets import Target, entries, json_text, need, own_target, required, target_of, understood
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map


def add_topic_event(template: Template, logical_id: str, reader: Reader) -> None:
    """An SNS event of a SAM function: a subscription, or with SqsSubscription one of a queue that it consumes."""
    topic = required(reader, "Topic", "Name it: Topic: !Ref X.")
    function = reader.function or ""
    if topic is None:
        return
    between = reader.resolved("SqsSubscription")
    wanted = isinstance(between, Map) or (isinstance(between, str) and between.lower() == "true")
    if not wanted:
        _add_subscription(template, reader, logical_id, topic, own_target(template, reader))
        return
    settings = reader.child("SqsSubscription") if isinstance(between, Map) else reader.inside(Map(reader.values.line))
    given = settings.text("QueueArn")
    if given is None:
        queue = f"{logical_id}Queue"  # SAM makes one
        template.into.queues[queue] = QueueConfig(name=queue, logical_id=queue, file=template.problems.file)
    else:
        queue = template.into.need_queue(given, template.problems, settings.line("QueueArn"), function)
    _add_subscription(template, reader, logical_id, topic, Target(queue=queue))
    template.into.mappings.append(
        QueueMapping(
            uuid=template.into.mapping_uuid(f"{logical_id}EventSourceMapping"),
            function=function,
            queue=queue,
            batch_size=settings.integer("BatchSize", 1, 10_000) or 10,
            enabled=settings.flag("Enabled") is not False,
            qualifier=template.published.get(function),
        )
    )


def declare_subscription(template: Template, resource: Resource) -> None:
    """AWS::SNS::Subscription."""
    reader = template.reader(resource)
    topic = required(reader, "TopicArn", "Name it: TopicArn: !Ref X.")
    if topic is not None:
        _subscribe(template, reader, resource.logical_id, topic)


def declare_topic(template: Template, resource: Resource) -> None:
    """The Subscription list of AWS::SNS::Topic."""
    reader = template.reader(resource)
    name = template.names.name(resource)
    if isinstance(name, str):
        for number, entry in enumerate(entries(reader, "Subscription")):
            _subscribe(template, entry, f"{resource.logical_id}Subscription{number}", name)


def _subscribe(template: Template, reader: Reader, id: str, topic: str) -> None:
    protocol = reader.text("Protocol")
    if protocol not in {"lambda", "sqs"}:
        template.problems.notice(
            f"{reader.where}: subscriptions of {protocol or 'no protocol'} are not served: nothing leaves this machine",
            "Subscribe a function or a queue to see the messages.",
            line=reader.line("Protocol"),
        )
        return
    target = target_of(template, reader, "Endpoint")
    if target is not None:
        _add_subscription(template, reader, id, topic, target)


def _add_subscription(template: Template, reader: Reader, id: str, topic: str, target: Target) -> None:
    name = resource_name(topic)
    policy = json_text(reader, "FilterPolicy")
    if policy is not None and not understood(reader, "FilterPolicy", policy):
        return
    scope = reader.text("FilterPolicyScope")
    chosen: Literal["MessageAttributes", "MessageBody"] = (
        "MessageBody" if scope == "MessageBody" else "MessageAttributes"
    )
    need(template, "AWS::SNS::Topic", name, reader)
    template.into.pushes.append(
        TopicSubscription(
            id=id,
            topic=name,
            function=target.function,
            queue=target.queue,
            filter_policy=policy,
            filter_scope=chosen,
            raw=reader.flag("RawMessageDelivery") or False,
            dead_letter_queue=_redrive(template, reader),
            qualifier=target.qualifier,
        )
    )


def _redrive(template: Template, reader: Reader) -> str | None:
    text = json_text(reader, "RedrivePolicy")
    policy = msgspec.json.decode(text) if text else None
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    if not isinstance(target, str):
        return None
    return template.into.need_queue(target, template.problems, reader.line("RedrivePolicy"), reader.function)

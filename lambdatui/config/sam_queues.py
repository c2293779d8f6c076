"""AWS::SQS::Queue and AWS::Kinesis::Stream."""

from __future__ import annotations

import re

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import resource_name
from lambdatui.config.intrinsics import Unresolved
from lambdatui.config.model import QueueConfig, StreamConfig
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY, Reader
from lambdatui.config.yaml_lines import Map, ParseError, parse_json

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]+")


def declare_queue(template: Template, resource: Resource) -> None:
    """Add the queue under its name, with its redrive policy."""
    reader = template.reader(resource)
    name = _name(template, resource, reader, "QueueName")
    fifo = reader.flag("FifoQueue") or False
    if fifo and not name.endswith(".fifo"):
        reader.warn("QueueName", f"the name of a FIFO queue ends in .fifo, {name} does not", f"Call it {name}.fifo.")
    if not fifo and name.endswith(".fifo"):
        reader.warn("QueueName", f"only a FIFO queue's name ends in .fifo: {name}", "Set FifoQueue: true.")
        fifo = True
    if len(name) > 80 or not _QUEUE_NAME.fullmatch(name.removesuffix(".fifo")):
        said = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        reader.warn("QueueName", f"the name {name[:100]!r} is refused on AWS: {said}", "Rename it.")
    if name in template.into.queues:
        other = template.into.queues[name].logical_id
        reader.warn("QueueName", f"the name {name} is already that of {other}: they are one queue here", "Rename one.")
    redrive, receives = _redrive(template, reader)
    visibility = reader.number("VisibilityTimeout", 0, 43_200)
    template.into.queues[name] = QueueConfig(
        name=name,
        logical_id=resource.logical_id,
        fifo=fifo,
        content_based_deduplication=reader.flag("ContentBasedDeduplication") or False,
        visibility_timeout=30 if visibility is None else visibility,
        delay=reader.number("DelaySeconds", 0, 900) or 0,
        retention=reader.integer("MessageRetentionPeriod", 60, 1_209_600) or 345_600,
        receive_wait=reader.number("ReceiveMessageWaitTimeSeconds", 0, 20) or 0,
        maximum_message=reader.integer("MaximumMessageSize", 1024, 1_048_576) or 1_048_576,
        deduplication_scope="messageGroup" if reader.text("DeduplicationScope") == "messageGroup" else "queue",
        redrive_queue=redrive,
        max_receive_count=receives,
        tags=_tags(reader),
        file=template.problems.file,
        line=resource.line,
    )


def _tags(reader: Reader) -> dict[str, str]:
    tags = [reader.inside(item) for item in reader.items("Tags") if isinstance(item, Map)]
    return {key: tag.text("Value") or "" for tag in tags if (key := tag.text("Key"))}


def _redrive(template: Template, reader: Reader) -> tuple[str | None, int]:
    """(dead-letter queue's name, max receives) of RedrivePolicy: a mapping, or a JSON text as the SQS API has it."""
    policy = reader.get("RedrivePolicy")
    if isinstance(policy, str):
        try:
            policy = parse_json(policy).value
        except ParseError:
            policy = None
    if not isinstance(policy, Map):
        if "RedrivePolicy" in reader and reader.resolved("RedrivePolicy") is not None:
            reader.warn(
                "RedrivePolicy",
                "RedrivePolicy must be a mapping with deadLetterTargetArn and maxReceiveCount",
                "Write both below RedrivePolicy.",
            )
        return None, 0
    inner = reader.inside(policy)
    target = inner.text("deadLetterTargetArn")
    receives = inner.integer("maxReceiveCount", 1, 1000)
    if target is None:
        inner.warn("deadLetterTargetArn", "RedrivePolicy has no deadLetterTargetArn", "Name the dead-letter queue.")
        return None, 0
    if receives is None:
        inner.warn("maxReceiveCount", "RedrivePolicy has no maxReceiveCount", "Give it; 10 is used.")
        receives = 10
    return resource_name(target), receives


def declare_stream(template: Template, resource: Resource) -> None:
    """Add the stream under its name."""
    reader = template.reader(resource)
    name = _name(template, resource, reader, "Name")
    shards = reader.integer("ShardCount", 1, 500)
    mode = reader.child("StreamModeDetails").text("StreamMode") if "StreamModeDetails" in reader else None
    template.into.streams[name] = StreamConfig(
        name=name,
        logical_id=resource.logical_id,
        shards=shards or (4 if mode == "ON_DEMAND" else 1),  # on demand begins with four
        retention_hours=reader.integer("RetentionPeriodHours", 24, 8_760) or 24,
        on_demand=mode == "ON_DEMAND",
        maximum_record=1024 * (reader.integer("MaxRecordSizeInKiB", 1024, 10_240) or 1024),
        tags=_tags(reader),
        file=template.problems.file,
        line=resource.line,
    )


def _name(template: Template, resource: Resource, reader: Reader, key: str) -> str:
    name = template.names.name(resource)
    if isinstance(name, Unresolved):
        reader.warn(key, f"{key} cannot be resolved: {name.why}", UNRESOLVED_REMEDY, line=name.line)
        return template.names.default_name(resource)
    return name

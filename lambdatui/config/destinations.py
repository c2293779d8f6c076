"""Destinations: as ARNs, which kinds may stand where, and what stands in for those of other projects."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from lambdatui.config.declared import Declared, partition
from lambdatui.config.model import Destination
from lambdatui.config.problems import Problems

Kinds = Collection[str]
ON_FAILURE: Kinds = ("queue", "topic", "function", "bus", "bucket")
ON_SUCCESS: Kinds = ("queue", "topic", "function", "bus")
STREAM_FAILURE: Kinds = ("queue", "topic", "bucket")
DEAD_LETTERS: Kinds = ("queue", "topic")
WORDS = {
    "queue": "an SQS queue",
    "topic": "an SNS topic",
    "function": "a function",
    "bus": "an event bus",
    "bucket": "an S3 bucket",
}

_SERVICES = {"queue": "sqs", "topic": "sns", "function": "lambda", "bus": "events", "bucket": "s3"}


def from_arn(arn: str) -> Destination | None:
    """The destination that an ARN of SQS, SNS, Lambda, EventBridge or S3 names; None for any other text."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[5]:
        return None
    service, rest = parts[2], parts[5]
    match service:
        case "sqs":
            return Destination(kind="queue", name=rest)
        case "sns":
            return Destination(kind="topic", name=rest)
        case "s3":
            return Destination(kind="bucket", name=rest.split("/")[0])
        case "events" if rest.startswith("event-bus/") and len(rest) > len("event-bus/"):
            return Destination(kind="bus", name=rest.removeprefix("event-bus/"))
        case "lambda" if rest.startswith("function:"):
            name, _, qualifier = rest.removeprefix("function:").partition(":")
            return Destination(kind="function", name=name, qualifier=qualifier or None) if name else None
    return None


def to_arn(destination: Destination, region: str, account: str) -> str:
    """The ARN of a destination in one region and account."""
    service = _SERVICES[destination.kind]
    start = f"arn:{partition(region)}:{service}"
    if destination.kind == "bucket":
        return f"{start}:::{destination.name}"
    prefix = {"function": "function:", "bus": "event-bus/"}.get(destination.kind, "")
    ending = f":{destination.qualifier}" if destination.qualifier else ""
    return f"{start}:{region}:{account}:{prefix}{destination.name}{ending}"


def shown(destination: Destination | None) -> str | None:
    """As a person reads it: "queue orders-failed", "function audit:live"."""
    if destination is None:
        return None
    return f"{destination.kind} {destination.name}" + (f":{destination.qualifier}" if destination.qualifier else "")


def known(
    into: Declared, wanted: Destination, problems: Problems, line: int | None, function: str | None
) -> Destination | None:
    """The destination by the name that the project knows it by. What is declared elsewhere gets a stand-in, which is
    said; None for a function of another project."""
    name = wanted.name
    match wanted.kind:
        case "queue":
            name = into.need_queue(name, problems, line, function)
            if into.queues[name].fifo:
                problems.warning(
                    f"{function}: the queue {name} is a FIFO queue, which takes no records or dead letters on AWS",
                    "Name a standard queue.",
                    line=line,
                    function=function,
                )
        case "topic":
            into.need_resource("AWS::SNS::Topic", name, problems, line, function)
        case "bucket":
            into.need_resource("AWS::S3::Bucket", name, problems, line, function)
        case "bus" if name != "default":
            into.need_resource("AWS::Events::EventBus", name, problems, line, function)
        case "function":
            found = into.function_named(name)
            if found is None:
                return None
            name = found.name
    return msgspec.structs.replace(wanted, name=name)

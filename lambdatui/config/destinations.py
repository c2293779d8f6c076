"""Destinations as ARNs, and back: pure."""

from __future__ import annotations

from lambdatui.config.aws_names import partition
from lambdatui.config.model import Destination

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

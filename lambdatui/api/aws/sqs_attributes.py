"""A queue's attributes in SQS's words: read into the fields of a QueueConfig, checked, and written back. Pure.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lambdatui.api.aws.errors import AwsError
from lambdatui.config.model import QueueConfig

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NUMBERS = {  # attribute -> (field, least, most)
    "VisibilityTimeout": ("visibility_timeout", 0, 43_200),
    "DelaySeconds": ("delay", 0, 900),
    "MessageRetentionPeriod": ("retention", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": ("receive_wait", 0, 20),
    "MaximumMessageSize": ("maximum_message", 1024, 1_048_576),
}
_FLAGS = {"true": True, "false": False}
_FIFO = {"ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
_KEPT = {"Policy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"}
COUNTED = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
_TOLD = {*COUNTED, "All", "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "FifoQueue", "RedrivePolicy"}
KNOWN = _TOLD | _FIFO | _KEPT | set(_NUMBERS)


def check_name(name: str, *, fifo: bool) -> None:
    """Raises what SQS says to a name that no queue may have."""
    if fifo and not (name.endswith(".fifo") and len(name) <= 80 and NAME.fullmatch(name[:-5])):
        raise _invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
            "with .fifo suffix and be 1 to 80 in length"
        )
    if not fifo and not NAME.fullmatch(name):
        raise _invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def read_attributes(values: Mapping[str, str], queue: QueueConfig, queues: Mapping[str, QueueConfig]) -> dict[str, Any]:
    """The fields of `queue` that SetQueueAttributes or CreateQueue asks for, as plain JSON values.

    `queues` are those that exist: a redrive policy has to name one of them. Raises SQS's own errors.
    """
    fields: dict[str, Any] = {}
    kept = dict(queue.attributes)
    for name, value in values.items():
        if name in _NUMBERS:
            field, least, most = _NUMBERS[name]
            fields[field] = _number(name, value, least, most)
        elif name == "RedrivePolicy":
            fields["redrive_queue"], fields["max_receive_count"] = _redrive(value, queue, queues)
        elif name in _KEPT:
            fields["attributes"] = kept = _keep(kept, name, value)
        elif name in _FIFO and queue.fifo:
            if name == "ContentBasedDeduplication":
                fields["content_based_deduplication"] = _flag(name, value)
            elif name == "DeduplicationScope":
                fields["deduplication_scope"] = _one_of(name, value, "queue", "messageGroup")
            else:
                kept = {**kept, name: _one_of(name, value, "perQueue", "perMessageGroupId")}
                fields["attributes"] = kept
        elif not (name == "FifoQueue" and queue.fifo and value == "true"):
            raise AwsError("InvalidAttributeName", f"Unknown Attribute {name}.")
    return fields


def differing(values: Mapping[str, str], queue: QueueConfig, queues: Mapping[str, QueueConfig]) -> str | None:
    """The first attribute that is not what `queue` has."""
    for name, value in values.items():
        for field, wanted in read_attributes({name: value}, queue, queues).items():
            if getattr(queue, field) != wanted:
                return name
    return None


def write_attributes(queue: QueueConfig, arn_prefix: str) -> dict[str, str]:
    """What GetQueueAttributes says of the queue's settings; `arn_prefix` is an ARN up to the queue's name."""
    told = {name: _text(getattr(queue, field)) for name, (field, _, _) in _NUMBERS.items()}
    told["QueueArn"] = arn_prefix + queue.name
    told["SqsManagedSseEnabled"] = "false"
    if queue.fifo:
        told["FifoQueue"] = "true"
        told["ContentBasedDeduplication"] = str(queue.content_based_deduplication).lower()
        told["DeduplicationScope"] = queue.deduplication_scope
        told["FifoThroughputLimit"] = "perQueue"
    if queue.redrive_queue is not None:
        policy = {"deadLetterTargetArn": arn_prefix + queue.redrive_queue, "maxReceiveCount": queue.max_receive_count}
        told["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
    return {**told, **queue.attributes}


def _text(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def _number(name: str, value: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise _wrong(name)
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value.lower() not in _FLAGS:
        raise _wrong(name)
    return _FLAGS[value.lower()]


def _one_of(name: str, value: str, *choice: str) -> str:
    if value not in choice:
        raise _wrong(name)
    return value


def _keep(kept: dict[str, str], name: str, value: str) -> dict[str, str]:
    """An attribute that changes nothing here, checked as far as SQS would; an empty one goes."""
    if not value:
        return {other: text for other, text in kept.items() if other != name}
    if name in ("Policy", "RedriveAllowPolicy"):
        _object(name, value)
    elif name == "SqsManagedSseEnabled":
        value = str(_flag(name, value)).lower()
    elif name == "KmsDataKeyReusePeriodSeconds":
        _number(name, value, 60, 86_400)
    return {**kept, name: value}


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _wrong(name)
    return found


def _redrive(value: str, queue: QueueConfig, queues: Mapping[str, QueueConfig]) -> tuple[str | None, int]:
    """(queue's name, receives); an empty policy ends the redrive."""
    if not value:
        return None, 0
    policy = _object("RedrivePolicy", value)
    if not policy:
        return None, 0

    def refusal(reason: str) -> AwsError:
        return _invalid(f"Value {value[:1000]} for parameter RedrivePolicy is invalid. Reason: {reason}")

    arn, receives = policy.get("deadLetterTargetArn"), policy.get("maxReceiveCount")
    if arn is None or receives is None:
        raise refusal("Redrive policy does not contain mandatory attribute: "
                      f"{'deadLetterTargetArn' if arn is None else 'maxReceiveCount'}.")  # fmt: skip
    if not re.fullmatch(r"[0-9]{1,4}", str(receives)) or not 1 <= int(receives) <= 1000:
        raise refusal("Invalid value for maxReceiveCount: must be between 1 and 1000.")
    target = queues.get(str(arn).rpartition(":")[2]) if str(arn).startswith("arn:") else None
    if target is None:
        raise refusal("Dead letter target does not exist.")
    if target.fifo != queue.fifo:
        raise refusal("Dead-letter queue must be same type of queue as the source.")
    return target.name, int(receives)


def _wrong(name: str) -> AwsError:
    return AwsError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def _invalid(sentence: str) -> AwsError:
    return AwsError("InvalidParameterValue", sentence)

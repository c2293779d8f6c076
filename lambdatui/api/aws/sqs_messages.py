"""A message as SQS checks it, hashes it and hands it out; knows no queue store and no wire.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.config.model import QueueConfig
from lambdatui.engine.tracing import SENT
from lambdatui.store.records import NewMessage

MAX_MESSAGE = 1_048_576  # bytes of body and attributes, of one message and of a batch
MAX_ATTRIBUTES = 10
MAX_DELAY_S = 900
TRACE_HEADER = "AWSTraceHeader"

_NOT_ALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z0-9_\-.]{1,256}")
_TYPE = re.compile(r"(String|Number|Binary)(\..{1,248})?")
_FIFO_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")

Attributes = dict[str, dict[str, str]]


def read_message(fields: Fields, queue: QueueConfig) -> NewMessage:
    """The message of a SendMessage request or of a batch entry; raises SQS's own errors."""
    body = fields.optional_text("MessageBody")
    if not body:
        raise fields.missing("MessageBody")
    if _NOT_ALLOWED.search(body):
        raise AwsError(
            "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD"
        )
    attributes = _attributes(fields)
    if size(body, attributes) > queue.maximum_message:
        raise fields.invalid(
            f"One or more parameters are invalid. Reason: Message must be shorter than {queue.maximum_message} bytes."
        )
    delay = fields.number("DelaySeconds", 0, MAX_DELAY_S)
    group, dedup = fields.optional_text("MessageGroupId"), fields.optional_text("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", dedup)):
        if value is not None:
            check_token(name, value)
    if queue.fifo:
        dedup = _fifo(fields, queue, body, group, dedup, delay)
    elif dedup is not None:
        raise fields.invalid(
            f"Value {dedup} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter "
            "that is not valid for this queue type."
        )
    return NewMessage(
        body=body,
        attributes=attributes,
        delay_s=delay,
        group_id=group,
        dedup_id=dedup,
        trace_header=_trace(fields) or SENT.get(),
    )


def check_token(name: str, value: str) -> None:
    """Raises what SQS says to a group, deduplication or attempt id that is none."""
    if not _FIFO_ID.fullmatch(value):
        raise AwsError(
            "InvalidParameterValue",
            f"Value {value[:128]} for parameter {name} is invalid. Reason: {name} can only include alphanumeric "
            "and punctuation characters. 1 to 128 in length.",
        )


def _trace(fields: Fields) -> str | None:
    """The one system attribute that may be sent; it does not count against the message's size."""
    named = fields.named("MessageSystemAttributes")
    unknown = next((name for name in named if name != TRACE_HEADER), None)
    if unknown is not None:
        raise fields.invalid(f"Message system attribute name '{unknown[:256]}' is invalid.")
    if TRACE_HEADER not in named:
        return None
    attribute = _attribute(TRACE_HEADER, named[TRACE_HEADER])
    if attribute["DataType"] != "String":
        raise fields.invalid(f"Message system attribute '{TRACE_HEADER}' must be of the type String.")
    return attribute["StringValue"]


def _fifo(
    fields: Fields, queue: QueueConfig, body: str, group: str | None, dedup: str | None, delay: int | None
) -> str:
    if group is None:
        raise fields.missing("MessageGroupId")
    if delay:
        raise fields.invalid(
            f"Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not "
            "valid for this queue type."
        )
    if dedup is not None:
        return dedup
    if not queue.content_based_deduplication:
        raise fields.invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )
    return hashlib.sha256(body.encode()).hexdigest()


def _attributes(fields: Fields) -> Attributes:
    named = fields.named("MessageAttributes")
    if len(named) > MAX_ATTRIBUTES:
        raise fields.invalid(
            f"Number of message attributes [{len(named)}] exceeds the allowed maximum [{MAX_ATTRIBUTES}]."
        )
    return {name: _attribute(_checked_name(name, fields), value) for name, value in named.items()}


def _checked_name(name: str, fields: Fields) -> str:
    dots = name.startswith(".") or name.endswith(".") or ".." in name
    if not _NAME.fullmatch(name) or dots or name.lower().startswith(("aws.", "amazon.")):
        raise fields.invalid(f"Message (user) attribute name '{name[:256]}' is invalid.")
    return name


def _attribute(name: str, fields: Fields) -> dict[str, str]:
    kind = fields.optional_text("DataType")
    if not kind:
        raise fields.invalid(f"The message attribute '{name}' must contain non-empty message attribute type.")
    if not _TYPE.fullmatch(kind):
        raise fields.invalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    member = "BinaryValue" if kind.startswith("Binary") else "StringValue"
    value = fields.optional_text(member)
    if not value:
        raise fields.invalid(
            f"The message attribute '{name}' must contain non-empty message attribute value for message"
        )
    if member == "BinaryValue":
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise fields.invalid(f"The message attribute '{name}' has a BinaryValue that is not base64.") from None
    elif _NOT_ALLOWED.search(value):
        raise AwsError("InvalidMessageContents", f"Invalid characters found in the message attribute '{name}'.")
    elif kind.startswith("Number"):
        try:
            float(value)
        except ValueError:
            raise fields.invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.") from None
    return {"DataType": kind, member: value}


def chosen_attributes(attributes: Attributes, names: list[str]) -> Attributes:
    """Those that a receive asks for: `All`, `.*`, a name, or a prefix as `foo.*`."""
    if not attributes or not names:
        return {}
    return {
        name: value
        for name, value in attributes.items()
        if any(w in ("All", ".*", name) or (w.endswith(".*") and name.startswith(w[:-2])) for w in names)
    }


def size(body: str, attributes: Attributes) -> int:
    """Bytes that count against SQS's limits: body, and each attribute's name, type and value."""
    total = len(body.encode())
    for name, value in attributes.items():
        total += len(name) + len(value["DataType"]) + len(_value(value))
    return total


def md5_of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Attributes) -> str | None:
    """Each name, type and value with its length before it, in the order of the names; None where there are none.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
    """
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        raw = _value(value)
        digest.update((b"\x02" if "BinaryValue" in value else b"\x01") + len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


def _value(attribute: dict[str, str]) -> bytes:
    if "BinaryValue" in attribute:
        return base64.b64decode(attribute["BinaryValue"])
    return attribute.get("StringValue", "").encode()

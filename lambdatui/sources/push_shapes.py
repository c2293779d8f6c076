"""What S3, SNS and EventBridge send, byte for byte in AWS's shape: pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html · ev-events.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html · .../sns/latest/dg/sns-message-and-json-formats.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import msgspec

from lambdatui.clock import MICROS, iso_millis, new_request_id
from lambdatui.config.declared import partition
from lambdatui.config.model import EventRule, Project

_PRINCIPAL = "AIDALOCALLAMBDATUI000"  # there are no principals here
_NAMESPACE = uuid.UUID("c1a1fb0e-54ab-5a52-8f5e-0f1a1a6a8d4f")
_encode = msgspec.json.encode


class ObjectChange(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an object. `event`: without its `s3:`; `etag` without quotes; None: not told."""

    bucket: str
    key: str
    event: str  # "ObjectCreated:Put", "ObjectRemoved:Delete", ...
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a topic has accepted. `attributes` as of a queue's message; binary values are base64."""

    topic: str  # name
    message: str
    id: str = msgspec.field(default_factory=new_request_id)
    subject: str | None = None
    by_protocol: bool = False  # MessageStructure json: the message holds one for each protocol
    attributes: dict[str, dict[str, str]] = {}
    group_id: str | None = None
    dedup_id: str | None = None


class BusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a bus has accepted."""

    bus: str
    source: str
    detail_type: str
    detail: Mapping[str, Any]
    resources: list[str] = []
    time_us: int | None = None  # None: now
    id: str = msgspec.field(default_factory=new_request_id)


def partitioned(project: Project, service: str, rest: str, *, place: bool = True) -> str:
    """An ARN in the project's region and account; `place` False: without them, as S3's."""
    where = f"{project.region}:{project.account}" if place else ":"
    return f"arn:{partition(project.region)}:{service}:{where}:{rest}"


# S3


def object_event(change: ObjectChange, trigger: str, project: Project, now_us: int) -> dict[str, Any]:
    """The notification about one object."""
    thing: dict[str, Any] = {"key": encoded_key(change.key)}
    if change.size is not None:
        thing["size"] = change.size
    if change.etag is not None:
        thing["eTag"] = change.etag
    if change.version_id is not None:
        thing["versionId"] = change.version_id
    thing["sequencer"] = f"{now_us:018X}"
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": project.region,
                "eventTime": iso_millis(now_us),
                "eventName": change.event,
                "userIdentity": {"principalId": f"AWS:{_PRINCIPAL}"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {
                    "x-amz-request-id": uuid.uuid4().hex[:16].upper(),
                    "x-amz-id-2": uuid.uuid4().hex + uuid.uuid4().hex,
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": trigger,
                    "bucket": {
                        "name": change.bucket,
                        "ownerIdentity": {"principalId": _PRINCIPAL},
                        "arn": partitioned(project, "s3", change.bucket, place=False),
                    },
                    "object": thing,
                },
            }
        ]
    }


def encoded_key(key: str) -> str:
    """`a b/ü.txt` -> `a+b/%C3%BC.txt`, as notifications write keys."""
    return quote_plus(key, safe="/*")


def object_on_bus(change: ObjectChange, project: Project, now_us: int) -> BusEvent:
    """The same for buckets that send to EventBridge."""
    created = change.event.startswith("ObjectCreated")
    kind = change.event.partition(":")[2]
    thing: dict[str, Any] = {"key": change.key}
    if created:
        thing |= {"size": change.size or 0, "etag": change.etag or ""}
    if change.version_id is not None:
        thing["version-id"] = change.version_id
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": change.bucket},
        "object": thing | {"sequencer": f"{now_us:018X}"},
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": project.account,
        "source-ip-address": "127.0.0.1",
        "reason": _REASONS.get(kind, "DeleteObject"),
    }
    if not created:
        marked = kind == "DeleteMarkerCreated"
        detail["deletion-type"] = "Delete Marker Created" if marked else "Permanently Deleted"
    return BusEvent(
        bus="default",
        source="aws.s3",
        detail_type="Object Created" if created else "Object Deleted",
        detail=detail,
        resources=[partitioned(project, "s3", change.bucket, place=False)],
        time_us=now_us,
    )


_REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}

# SNS


def topic_record(told: Publication, message: str, subscription: str, project: Project, now_us: int) -> dict[str, Any]:
    """The event that a function gets. `message`: the one for its protocol."""
    common = _notification(told, message, subscription, project, now_us)
    sns = common | {"Subject": told.subject, "MessageAttributes": _attributes(told)}
    sns |= {"SigningCertUrl": sns.pop("SigningCertURL"), "UnsubscribeUrl": sns.pop("UnsubscribeURL")}
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn(project, told.topic, subscription),
        "Sns": sns,
    }
    return {"Records": [record]}


def topic_envelope(told: Publication, message: str, subscription: str, project: Project, now_us: int) -> dict[str, Any]:
    """The body of a queue's message, unless delivery is raw."""
    body = _notification(told, message, subscription, project, now_us)
    if told.subject is not None:
        body["Subject"] = told.subject
    if told.attributes:
        body["MessageAttributes"] = _attributes(told)
    return body


def _notification(told: Publication, message: str, subscription: str, project: Project, now_us: int) -> dict[str, Any]:
    arn = subscription_arn(project, told.topic, subscription)
    service = f"https://sns.{project.region}.amazonaws.com/"
    return {
        "Type": "Notification",
        "MessageId": told.id,
        "TopicArn": partitioned(project, "sns", told.topic),
        "Message": message,
        "Timestamp": iso_millis(now_us),
        "SignatureVersion": "1",
        "Signature": "LOCAL",
        "SigningCertURL": f"{service}SimpleNotificationService-local.pem",
        "UnsubscribeURL": f"{service}?Action=Unsubscribe&SubscriptionArn={arn}",
    }


def subscription_arn(project: Project, topic: str, subscription: str) -> str:
    """The topic's ARN and an id that stays the same over restarts; of one made by API the ARN that it was given."""
    if subscription.startswith("arn:"):
        return subscription
    return f"{partitioned(project, 'sns', topic)}:{uuid.uuid5(_NAMESPACE, subscription)}"


def _attributes(told: Publication) -> dict[str, dict[str, str]]:
    return {
        name: {"Type": value.get("DataType", "String"), "Value": value.get("StringValue", value.get("BinaryValue", ""))}
        for name, value in told.attributes.items()
    }


# EventBridge


def bus_event(event: BusEvent, project: Project, now_us: int) -> dict[str, Any]:
    """The event as targets get it and patterns see it."""
    moment = datetime.fromtimestamp((event.time_us or now_us) // MICROS, UTC)
    return {
        "version": "0",
        "id": event.id,
        "detail-type": event.detail_type,
        "source": event.source,
        "account": project.account,
        "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "region": project.region,
        "resources": event.resources,
        "detail": event.detail,
    }


def target_input(rule: EventRule, event: dict[str, Any], project: Project, now_us: int) -> bytes:
    """What the rule's target gets: the event, a part of it, a constant or what a template makes of it."""
    if rule.input is not None:
        return rule.input.encode()
    if rule.input_path is not None:
        return _encode(json_path(event, rule.input_path))
    if rule.input_template is None:
        return _encode(event)
    name = rule.id
    values = {key: json_path(event, path) for key, path in rule.input_paths.items()} | {
        "aws.events.rule-arn": partitioned(project, "events", f"rule/{name}"),
        "aws.events.rule-name": name,
        "aws.events.event.ingestion-time": iso_millis(now_us),
        "aws.events.event": event,
        "aws.events.event.json": event,
    }
    filled = fill(rule.input_template, values)
    try:
        msgspec.json.decode(filled)
    except (msgspec.DecodeError, RecursionError):  # a template of plain text
        return _encode(filled)
    return filled.encode()


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")


def json_path(event: object, path: str) -> Any:
    """What `$.detail.items[0]` leads to; None where it leads nowhere."""
    found: Any = event
    for name, number, quoted in _STEP.findall(path.strip().removeprefix("$")):
        if number and isinstance(found, list) and int(number) < len(found):
            found = found[int(number)]
        elif not number and isinstance(found, Mapping) and (name or quoted) in found:
            found = found[name or quoted]
        else:
            return None
    return found


_PIECE = re.compile(r'\\.|"|<([A-Za-z0-9_.-]+)>', re.DOTALL)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """An InputTemplate with its `<name>`s filled in: as text inside of a JSON string, as JSON outside."""
    quoted = False

    def replace(match: re.Match[str]) -> str:
        nonlocal quoted
        if match[1] is None:
            quoted = quoted != (match[0] == '"')
            return match[0]
        if match[1] not in values:
            return match[0]
        value = values[match[1]]
        if not quoted:
            return _encode(value).decode()
        text = "" if value is None else value if isinstance(value, str) else _encode(value).decode()
        return _encode(text).decode()[1:-1]

    return _PIECE.sub(replace, template)

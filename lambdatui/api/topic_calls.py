"""SNS's calls in the query protocol, as the door sees them pass: what was published, and who subscribed. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import msgspec

from lambdatui.config import patterns
from lambdatui.config.declared import resource_name
from lambdatui.config.model import TopicSubscription
from lambdatui.sources.push_shapes import Publication

Form = dict[str, str]

_MESSAGE_ID = re.compile(r"<MessageId>([^<]+)</MessageId>")
_ENTRY = re.compile(r"<member>(.*?)</member>", re.DOTALL)
_ENTRY_ID = re.compile(r"<Id>([^<]*)</Id>")


def form_of(request: bytes) -> Form:
    """A request's fields."""
    fields = parse_qs(request.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def published(form: Form, answer: bytes) -> list[Publication]:
    """A Publish or PublishBatch: the messages that the answer names; [] for other actions."""
    said = answer.decode("utf-8", "replace")
    topic = (form.get("TopicArn") or form.get("TargetArn") or "").rpartition(":")[2]
    if form.get("Action") == "Publish" and topic and "/" not in topic:
        found = _MESSAGE_ID.search(said)
        return [_publication(topic, form, "", found[1])] if found else []
    if form.get("Action") != "PublishBatch":
        return []
    ids = {}
    for entry in _ENTRY.findall(said):
        entry_id, message_id = _ENTRY_ID.search(entry), _MESSAGE_ID.search(entry)
        if entry_id and message_id:
            ids[entry_id[1]] = message_id[1]
    told = []
    number = 1
    while (name := form.get(f"PublishBatchRequestEntries.member.{number}.Id")) is not None:
        if name in ids:
            told.append(_publication(topic, form, f"PublishBatchRequestEntries.member.{number}.", ids[name]))
        number += 1
    return told


def _publication(topic: str, form: Form, prefix: str, message_id: str) -> Publication:
    attributes: dict[str, dict[str, str]] = {}
    number = 1
    while (name := form.get(f"{prefix}MessageAttributes.entry.{number}.Name")) is not None:
        value = f"{prefix}MessageAttributes.entry.{number}.Value."
        kinds = ("DataType", "StringValue", "BinaryValue")
        attributes[name] = {kind: form[value + kind] for kind in kinds if value + kind in form}
        number += 1
    return Publication(
        topic=topic,
        message=form.get(f"{prefix}Message", ""),
        id=message_id,
        subject=form.get(f"{prefix}Subject"),
        by_protocol=form.get(f"{prefix}MessageStructure") == "json",
        attributes=attributes,
        group_id=form.get(f"{prefix}MessageGroupId"),
        dedup_id=form.get(f"{prefix}MessageDeduplicationId"),
    )


_SUBSCRIPTION_ARN = re.compile(rb"<SubscriptionArn>(arn:[^<]+)</SubscriptionArn>")


def subscription(form: Form, answer: bytes) -> TopicSubscription | None:
    """A Subscribe of a function or a queue; None for other protocols. Its id is the ARN that the answer gives."""
    found = _SUBSCRIPTION_ARN.search(answer)
    protocol, name = form.get("Protocol"), resource_name(form.get("Endpoint", ""))
    if found is None or protocol not in ("lambda", "sqs"):
        return None
    push = TopicSubscription(
        id=found[1].decode(),
        topic=form.get("TopicArn", "").rpartition(":")[2],
        function=name if protocol == "lambda" else None,
        queue=name if protocol == "sqs" else None,
    )
    number = 1
    while (key := form.get(f"Attributes.entry.{number}.key")) is not None:
        push = changed(push, key, form.get(f"Attributes.entry.{number}.value", ""))
        number += 1
    return push


def changed(push: TopicSubscription, name: str, value: str) -> TopicSubscription:
    """The subscription with one attribute set; one that means nothing here, or cannot be read, changes nothing."""
    if name == "RawMessageDelivery":
        return msgspec.structs.replace(push, raw=value.lower() == "true")
    if name == "FilterPolicyScope" and value in ("MessageAttributes", "MessageBody"):
        return msgspec.structs.replace(push, filter_scope=value)
    if name not in ("FilterPolicy", "RedrivePolicy"):
        return push
    try:
        policy = msgspec.json.decode(value or "{}")
    except msgspec.DecodeError:
        return push
    if name == "RedrivePolicy":
        target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
        return msgspec.structs.replace(push, dead_letter_queue=resource_name(target) if target else None)
    if policy == {}:
        return msgspec.structs.replace(push, filter_policy=None)
    return push if patterns.problem(policy) else msgspec.structs.replace(push, filter_policy=value)

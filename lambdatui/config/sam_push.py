"""Push triggers of a template: what buckets, topics and event rules send to functions, queues and topics.

Those of buckets stand here: SAM's S3 events, NotificationConfiguration, and CDK's custom resource for it.
"""

from __future__ import annotations

from collections.abc import Callable

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import resource_name
from lambdatui.config.intrinsics import Unresolved
from lambdatui.config.model import BucketTrigger
from lambdatui.config.push_targets import Target, entries, need, own_target, required, target_of
from lambdatui.config.sam_rules import add_rule_event
from lambdatui.config.sam_topics import add_topic_event, declare_subscription, declare_topic
from lambdatui.config.template import Template
from lambdatui.config.values import Reader

_SEEN = ("s3:ObjectCreated:", "s3:ObjectRemoved:", "s3:*")  # what passes the door and is no expiry, restore or the like


def add_push_event(template: Template, logical_id: str, kind: str, reader: Reader) -> None:
    """An event of a SAM function of type S3, SNS, EventBridgeRule or CloudWatchEvent."""
    if kind == "S3":
        _add_bucket_event(template, logical_id, reader)
    elif kind == "SNS":
        add_topic_event(template, logical_id, reader)
    else:
        add_rule_event(template, logical_id, reader)


def _add_bucket_event(template: Template, logical_id: str, reader: Reader) -> None:
    bucket = required(reader, "Bucket", "Name it: Bucket: !Ref X.")
    if bucket is None:
        return
    prefix, suffix = _key_filter(reader, "S3Key", "Rules")
    _add_bucket(
        template, reader, logical_id, bucket, _events(reader, "Events"), own_target(template, reader), prefix, suffix
    )


def declare_bucket(template: Template, resource: Resource) -> None:
    """NotificationConfiguration of AWS::S3::Bucket."""
    reader = template.reader(resource)
    name = template.names.name(resource)
    if "NotificationConfiguration" not in reader or isinstance(name, Unresolved):
        return
    inner = reader.child("NotificationConfiguration")
    for key, target in (("Lambda", "Function"), ("Queue", "Queue"), ("Topic", "Topic")):
        for number, entry in enumerate(entries(inner, f"{key}Configurations")):
            filters = _key_filter(entry, "S3Key", "Rules")
            id = f"{resource.logical_id}{key}{number}"
            _add_notification(template, entry, id, name, "Event", target, filters)
    if "EventBridgeConfiguration" in inner and inner.child("EventBridgeConfiguration").flag("EventBridgeEnabled") in {
        None,
        True,
    }:
        _add_to_bus(template, resource.logical_id, name)


def declare_notifications(template: Template, resource: Resource) -> None:
    """CDK's Custom::S3BucketNotifications: the parameters of S3's own call."""
    reader = template.reader(resource)
    bucket = required(reader, "BucketName", "Name the bucket.")
    if bucket is None or "NotificationConfiguration" not in reader:
        return
    inner = reader.child("NotificationConfiguration")
    for key, target in (("LambdaFunction", "LambdaFunctionArn"), ("Queue", "QueueArn"), ("Topic", "TopicArn")):
        for number, entry in enumerate(entries(inner, f"{key}Configurations")):
            filters = _key_filter(entry, "Key", "FilterRules")
            id = f"{resource.logical_id}{key}{number}"
            _add_notification(template, entry, id, bucket, "Events", target, filters)
    if "EventBridgeConfiguration" in inner:
        _add_to_bus(template, resource.logical_id, bucket)


def _add_notification(
    template: Template, entry: Reader, id: str, bucket: str, events: str, key: str, filters: tuple[str, str]
) -> None:
    target = target_of(template, entry, key)
    if target is not None:
        _add_bucket(template, entry, id, bucket, _events(entry, events), target, *filters)


def _add_bucket(
    template: Template,
    reader: Reader,
    id: str,
    bucket: str,
    events: tuple[str, ...],
    target: Target,
    prefix: str,
    suffix: str,
) -> None:
    bucket = resource_name(bucket)
    need(template, "AWS::S3::Bucket", bucket, reader)
    template.into.pushes.append(
        BucketTrigger(
            id=id,
            bucket=bucket,
            events=events,
            function=target.function,
            queue=target.queue,
            topic=target.topic,
            prefix=prefix,
            suffix=suffix,
            qualifier=target.qualifier,
        )
    )


def _add_to_bus(template: Template, logical_id: str, bucket: str) -> None:
    events = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    template.into.pushes.append(BucketTrigger(id=f"{logical_id}EventBridge", bucket=bucket, events=events, bus=True))


def _events(reader: Reader, key: str) -> tuple[str, ...]:
    events = tuple(reader.texts(key))
    if not events:
        reader.warn(key, f"{key} is missing", f"Set {key}: s3:ObjectCreated:*.")
    unseen = [event for event in events if not event.startswith(_SEEN)]
    if unseen:
        what = f"{', '.join(unseen)} never happens here: objects are only seen to be created and removed"
        reader.warn(key, what, "Invoke the function with a sample: lambdatui event lists them.")
    return events


def _key_filter(reader: Reader, outer: str, inner: str) -> tuple[str, str]:
    """(prefix, suffix) of a notification's filter rules."""
    found = {"prefix": "", "suffix": ""}
    if "Filter" in reader:
        for rule in entries(reader.child("Filter").child(outer), inner):
            name, value = (rule.text("Name") or "").lower(), rule.text("Value")
            if name in found:
                found[name] = value or ""
            else:
                rule.warn("Name", f"a filter rule is called prefix or suffix, not {name!r}", "Correct its Name.")
    return found["prefix"], found["suffix"]


# Resources that declare triggers.
PUSHING: dict[str, Callable[[Template, Resource], None]] = {
    "AWS::S3::Bucket": declare_bucket,
    "AWS::SNS::Topic": declare_topic,
    "AWS::SNS::Subscription": declare_subscription,
    "Custom::S3BucketNotifications": declare_notifications,
}

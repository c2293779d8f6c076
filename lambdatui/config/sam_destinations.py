"""Where a template sends the records of events and batches: EventInvokeConfig, dead letters, OnFailure of streams."""

from __future__ import annotations

import msgspec

from lambdatui.config.aws_names import Resource
from lambdatui.config.declared import qualifier_of, resource_name
from lambdatui.config.destinations import (
    DEAD_LETTERS,
    ON_FAILURE,
    ON_SUCCESS,
    STREAM_FAILURE,
    WORDS,
    Kinds,
    from_arn,
    known,
)
from lambdatui.config.model import Destination
from lambdatui.config.sam_versions import is_published
from lambdatui.config.template import Template
from lambdatui.config.values import Reader
from lambdatui.config.yaml_lines import Map

LATEST = "$LATEST"
# SAM's `Type`, in upper case.
_TYPES = {
    "SQS": "queue",
    "SNS": "topic",
    "LAMBDA": "function",
    "EVENTBRIDGE": "bus",
    "S3": "bucket",
    "S3BUCKET": "bucket",
}


def declare_invoke_config(template: Template, name: str, values: Map) -> None:
    """DeadLetterQueue, DeadLetterConfig and EventInvokeConfig, once all resources are known."""
    function = template.into.functions[name]
    reader = template.read(values, function.logical_id, name)
    for key in ("DeadLetterQueue", "DeadLetterConfig"):
        if key in reader:
            letters = destination(template, reader.child(key), "TargetArn", DEAD_LETTERS, key)
            if letters is not None:
                target = "dead_letter_topic" if letters.kind == "topic" else "dead_letter_queue"
                template.into.update_function(name, **{target: letters.name})
    if "EventInvokeConfig" in reader:
        _apply(template, name, reader.child("EventInvokeConfig"), template.published.get(name, LATEST))


def declare_invoke_config_resource(template: Template, resource: Resource) -> None:
    """AWS::Lambda::EventInvokeConfig. One of a version, whose number is known when it is published, counts for all."""
    reader = template.reader(resource)
    function = template.named_function(reader)
    if function is None:
        return
    written = reader.text("Qualifier") or LATEST
    qualifier = (qualifier_of(written) or LATEST) if ":" in written else written
    published = is_published(template, reader.values.get("Qualifier")) or qualifier.isdecimal()
    _apply(template, function.name, reader, None if published else qualifier)


def _apply(template: Template, name: str, reader: Reader, qualifier: str | None) -> None:
    """Each qualifier has settings of its own on AWS; `qualifier` None: they count for all."""
    changes: dict[str, object] = {"event_invoke_qualifier": qualifier}
    attempts = reader.integer("MaximumRetryAttempts", 0, 2)
    age = reader.integer("MaximumEventAgeInSeconds", 60, 21_600)
    if attempts is not None:
        changes["maximum_retry_attempts"] = attempts
    if age is not None:
        changes["maximum_event_age"] = age
    if "DestinationConfig" in reader:
        destinations = reader.child("DestinationConfig")
        for key, field, kinds in (("OnFailure", "on_failure", ON_FAILURE), ("OnSuccess", "on_success", ON_SUCCESS)):
            if key in destinations:
                inner = destinations.child(key)
                own = _sams_own(template, name, inner, key)
                changes[field] = own or destination(template, inner, "Destination", kinds, key)
    template.into.update_function(name, **changes)


def _sams_own(template: Template, name: str, reader: Reader, key: str) -> Destination | None:
    """The queue or topic that SAM adds where a Type stands without a Destination."""
    kind = reader.text("Type")
    if kind not in {"SQS", "SNS"} or "Destination" in reader:
        return None
    own = f"{template.into.functions[name].logical_id}EventInvokeConfig{key}{'Queue' if kind == 'SQS' else 'Topic'}"
    wanted = Destination(kind="queue" if kind == "SQS" else "topic", name=own)
    return known(template.into, wanted, template.problems, reader.line("Type"), name)


def stream_failure(template: Template, reader: Reader) -> Destination | None:
    """DestinationConfig of an event source mapping."""
    if "DestinationConfig" not in reader:
        return None
    inner = reader.child("DestinationConfig").child("OnFailure")
    if inner.resolved("Destination") is None:
        return None
    return destination(template, inner, "Destination", STREAM_FAILURE, "OnFailure")


def destination(template: Template, reader: Reader, key: str, kinds: Kinds, what: str) -> Destination | None:
    """The destination that `key` names, of the kind that its ARN or `Type` says; None, which is said, for others.

    `what` begins the sentence about it: "OnFailure".
    """
    target = reader.text(key)
    if not target:
        if key not in reader or target == "":
            reader.warn(key, f"{key} is missing", "Name a queue's ARN: !GetAtt Queue.Arn.")
        return None
    found = from_arn(target) or _by_name(reader, target)
    if found is None or found.kind not in kinds:
        is_one = WORDS[found.kind] if found else repr(target[:100])
        allowed = ", ".join(WORDS[kind] for kind in kinds)
        reader.warn(key, f"{what} takes {allowed}; it does not take {is_one}", f"Name the ARN of {allowed}.")
        return None
    here = known(template.into, found, template.problems, reader.line(key), reader.function)
    if here is None:
        reader.warn(key, f"the function {found.name} is not in this project: nothing is sent to it", "Name another.")
    return here


def _by_name(reader: Reader, target: str) -> Destination | None:
    """What is no ARN: a queue's name or URL, or the name of what `Type` says."""
    if target.startswith("arn:"):
        return None
    kind = _TYPES.get((reader.text("Type") or "SQS").upper())
    return msgspec.convert({"kind": kind, "name": resource_name(target)}, Destination) if kind else None

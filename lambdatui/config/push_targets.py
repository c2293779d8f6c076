"""What the readers of push triggers share: whom a trigger sends to, patterns, and stand-ins for what is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from lambdatui.config import patterns
from lambdatui.config.declared import qualifier_of, resource_name
from lambdatui.config.intrinsics import Unresolved, plain
from lambdatui.config.template import Template
from lambdatui.config.values import UNRESOLVED_REMEDY, Reader
from lambdatui.config.yaml_lines import Map, ParseError, Seq, parse_json


@dataclass(frozen=True)
class Target:
    """Where a trigger sends: one of the three."""

    function: str | None = None
    queue: str | None = None
    topic: str | None = None
    qualifier: str | None = None  # of the function


def required(reader: Reader, key: str, remedy: str) -> str | None:
    """A text that must be there; None where it is not, which is said."""
    value = reader.text(key)
    if value is None and key not in reader:
        reader.warn(key, f"{key} is missing", remedy)
    return value or None


def target_of(template: Template, reader: Reader, key: str) -> Target | None:
    """The function, queue or topic behind an ARN; None, which is said, where it is something else."""
    arn = required(reader, key, f"Name it: {key}: !GetAtt X.Arn.")
    if arn is None:
        return None
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service == "sqs":
        return Target(queue=template.into.need_queue(arn, template.problems, reader.line(key), reader.function))
    if service == "sns":
        need(template, "AWS::SNS::Topic", resource_name(arn), reader)
        return Target(topic=resource_name(arn))
    function = template.into.function_named(arn)
    if function is None:
        template.problems.notice(
            f"{reader.where}: {arn} gets nothing: it is no function, queue or topic of this project",
            "Name one of them to see what is sent.",
            line=reader.line(key),
        )
        return None
    return Target(function=function.name, qualifier=qualifier_of(arn))


def own_target(template: Template, reader: Reader) -> Target:
    """The SAM function whose event is read: its alias, where it publishes one."""
    function = reader.function or ""
    return Target(function=function, qualifier=template.published.get(function))


def need(template: Template, kind: str, name: str, reader: Reader) -> None:
    """What is declared elsewhere gets a stand-in in the local AWS, which is said."""
    template.into.need_resource(kind, name, template.problems, reader.values.line, reader.function)


def understood(reader: Reader, key: str, text: str) -> bool:
    said = patterns.problem(msgspec.json.decode(text))
    if said is not None:
        reader.warn(key, f"{key} is not served: {said}", "Correct it; until then nothing is sent.")
    return said is None


def json_text(reader: Reader, key: str) -> str | None:
    """A value that may be written as a mapping or as JSON text, as JSON text."""
    value = reader.get(key)
    if isinstance(value, str):
        try:
            parse_json(value)
        except ParseError as error:
            reader.warn(key, f"{key} is no JSON: {error.message}", "Correct it.")
            return None
        return str(value)
    if value is None:
        return None
    unknown = _unresolved(value)
    if unknown is not None:
        reader.warn(key, f"{key} cannot be resolved: {unknown.why}", UNRESOLVED_REMEDY, line=unknown.line)
        return None
    return msgspec.json.encode(plain(value)).decode()


def _unresolved(value: Any) -> Unresolved | None:
    """The first part of a value that only a deployment would know."""
    if isinstance(value, Unresolved):
        return value
    parts = value.values() if isinstance(value, Map) else value if isinstance(value, Seq) else ()
    return next((found for part in parts if (found := _unresolved(part)) is not None), None)


def entries(reader: Reader, key: str) -> list[Reader]:
    """A reader for each mapping of a list."""
    return [reader.inside(entry) for entry in reader.items(key) if isinstance(entry, Map)]

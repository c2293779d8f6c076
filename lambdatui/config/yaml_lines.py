"""Reads templates: YAML with CloudFormation's tags, and JSON, as text scalars that know their line.

Nothing is constructed from tags and no scalar is converted: `2012-10-17` stays that text, `010` and `1.10` are kept
as written, and whoever reads a value decides what it must be. Depth, size and the growth of aliases are limited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from lambdatui.config.files import MAX_BYTES

MAX_DEPTH = 100
MAX_NODES = 300_000  # counted with every alias written out
_NULLS = {"", "~", "null", "Null", "NULL"}
# The tags whose long form has no `Fn::` before it.
_PLAIN_TAGS = {"Ref", "Condition"}
_HALVES = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[dD][89a-fA-F][0-9a-fA-F]{2})+)")
# Not printable for YAML, or a line break to it; in JSON they can only stand inside of strings.
_RARE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Text(str):
    """A scalar as written. `plain`: without quotes, so that `true` and `3` may be meant as such."""

    __slots__ = ("line", "plain")
    line: int | None
    plain: bool

    def __new__(cls, value: str, line: int | None = None, plain: bool = False) -> Text:
        text = super().__new__(cls, value)
        text.line = line
        text.plain = plain
        return text


class Map(dict[str, "Value"]):
    """A mapping; `lines` gives the line of each key, `line` that of the mapping itself."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int | None:
        """The line of `key`, or of the mapping where the key is not written."""
        return self.lines.get(key, self.line)


class Seq(list["Value"]):
    """A list with the line that it begins on."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line


Value = None | str | Map | Seq


class ParseError(Exception):
    """The text cannot be read at all; `line` is where, from 1."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass
class Document:
    """What was read, and the keys that stood twice (the last one counts, as in CloudFormation)."""

    value: Value
    duplicates: list[tuple[str, int]] = field(default_factory=list)


def parse_yaml(text: str) -> Document:
    """Read YAML; ParseError where it is none, is too large, or grows through its aliases."""
    if len(text) > MAX_BYTES:
        raise ParseError(f"the file is larger than {MAX_BYTES // 1_000_000} MB", None)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise ParseError(_sentence(exc), mark.line + 1 if mark else None) from None
    except yaml.YAMLError as exc:
        raise ParseError(_reader_sentence(exc), _reader_line(text, exc)) from None
    except RecursionError:
        raise ParseError(f"it is nested more than {MAX_DEPTH} deep", None) from None


def parse_json(text: str) -> Document:
    """Read JSON with the same lines and limits; ParseError names json's own complaint."""
    if len(text) > MAX_BYTES:
        raise ParseError(f"the file is larger than {MAX_BYTES // 1_000_000} MB", None)
    try:
        json.loads(text)
    except json.JSONDecodeError as exc:
        raise ParseError(exc.msg, exc.lineno) from None
    except ValueError as exc:  # a number of thousands of digits
        raise ParseError(str(exc).partition(";")[0], None) from None
    except RecursionError:
        raise ParseError(f"it is nested more than {MAX_DEPTH} deep", None) from None
    # What YAML refuses of valid JSON: tabs, which stand between tokens there, characters written in two halves, and
    # rare ones that are not. (Keys of more than 1,000 characters it refuses as well, and nobody has them.)
    text = _HALVES.sub(_whole, text.replace("\t", " "))
    return parse_yaml(_RARE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _whole(match: re.Match[str]) -> str:
    slashes, escapes = match.groups()  # slashes: pairs, each an escaped backslash
    return slashes + str(json.loads(f'"{escapes}"')).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _sentence(exc: yaml.MarkedYAMLError) -> str:
    problem = exc.problem or exc.context or "it is not YAML"
    if "cannot start any token" in problem and "\\t" in problem:
        return "a tab where YAML wants spaces"
    return f"{problem} ({exc.context})" if exc.context and exc.context != problem else problem


def _reader_sentence(exc: yaml.YAMLError) -> str:
    return str(exc).splitlines()[0] if str(exc) else "it is not YAML"


def _reader_line(text: str, exc: yaml.YAMLError) -> int | None:
    position = getattr(exc, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else None


class _Composer:
    """Builds values from parser events; `weight` is what a value counts with its aliases written out."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events = events
        self.anchors: dict[str, tuple[Value, int]] = {}
        self.open: set[str] = set()
        self.total = 0
        self.duplicates: list[tuple[str, int]] = []

    def document(self) -> Document:
        result: Value = None
        seen = False
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise ParseError("it holds more than one document", _line(event))
                seen = True
                result = self._value(next(self.events), 0)
        return Document(result, self.duplicates)

    def _value(self, event: yaml.Event, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise ParseError(f"it is nested more than {MAX_DEPTH} deep", _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self.total
        self._count(1, event)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor:
            self.open.add(anchor)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, depth)
        else:
            value = self._mapping(event, depth)
        value = _tagged(event, value)
        if anchor:
            self.open.discard(anchor)
            self.anchors[anchor] = (value, self.total - before)
        return value

    def _count(self, weight: int, event: yaml.Event) -> None:
        self.total += weight
        if self.total > MAX_NODES:
            raise ParseError(f"it grows to more than {MAX_NODES:,} values", _line(event))

    def _alias(self, event: yaml.AliasEvent) -> Value:
        line = _line(event)
        if event.anchor in self.open:
            raise ParseError(f"the alias *{event.anchor} stands inside itself", line)
        if event.anchor not in self.anchors:
            raise ParseError(f"no anchor &{event.anchor} stands before the alias *{event.anchor}", line)
        value, weight = self.anchors[event.anchor]
        self._count(weight, event)
        return value

    def _sequence(self, event: yaml.Event, depth: int) -> Seq:
        result = Seq(_line(event))
        for item in self.events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            result.append(self._value(item, depth + 1))
        return result

    def _mapping(self, event: yaml.Event, depth: int) -> Map:
        result = Map(_line(event))
        merged: list[Value] = []
        for key_event in self.events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            line = _line(key_event)
            key = self._value(key_event, depth + 1)
            value = self._value(next(self.events), depth + 1)
            if not isinstance(key, str):
                key = "null" if key is None else ""
            if not key and not isinstance(key_event, yaml.ScalarEvent):
                raise ParseError("a key that is a list or a mapping", line)
            if key == "<<" and isinstance(key_event, yaml.ScalarEvent) and key_event.implicit[0]:
                merged.extend(value if isinstance(value, Seq) else [value])
                continue
            if key in result:
                self.duplicates.append((str(key), line))
            result[str(key)] = value
            result.lines[str(key)] = line
        for source in merged:
            _merge(result, source)
        return result


def _merge(target: Map, source: Value) -> None:
    """`<<`: the keys that are not written here come from there."""
    if isinstance(source, Map):
        for key, value in source.items():
            if key not in target:
                target[key] = value
                target.lines[key] = source.lines.get(key, target.line or 1)


def _scalar(event: yaml.ScalarEvent) -> Value:
    text, plain = event.value, bool(event.implicit[0])
    if plain and text in _NULLS:
        return None
    return Text(text, _line(event), plain)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _tagged(event: yaml.Event, value: Value) -> Value:
    """`!Sub x` as `{"Fn::Sub": x}`. YAML's own tags (`!!str`) change nothing; Python's are refused."""
    tag = getattr(event, "tag", None)
    if not tag or tag == "!":
        return value
    line = _line(event)
    if tag.startswith("tag:yaml.org,2002:"):
        if "python" in tag:
            raise ParseError(f"the tag !!{tag.removeprefix('tag:yaml.org,2002:')} is not CloudFormation's", line)
        return Text(value, line, False) if isinstance(value, str) and tag.endswith(":str") else value
    name = tag.lstrip("!")
    if name == "GetAtt" and isinstance(value, str):
        parts = Seq(line)
        resource, _, attribute = value.partition(".")
        parts.extend([Text(resource, line), Text(attribute, line)])
        value = parts
    result = Map(line)
    key = name if name in _PLAIN_TAGS or name.startswith("Fn::") else f"Fn::{name}"
    result[key] = value
    result.lines[key] = line
    return result

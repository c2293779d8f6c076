"""One serverless.yml while it is being translated, and the nodes that translations are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambdatui.config.intrinsics import Unresolved, as_written, is_intrinsic
from lambdatui.config.model import RouteConfig
from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.support import Table
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

_OTHER = re.compile(r"[^0-9A-Za-z]")


@dataclass
class Service:
    """`resources` are those of the template that is made of it, keyed by the framework's own logical ids."""

    name: str
    stage: str
    folder: Path
    provider: Map
    custom: Map
    plugins: set[str]
    functions: dict[str, Map]
    problems: Problems
    package: Map = field(default_factory=Map)  # of the whole service
    resources: Map = field(default_factory=Map)
    keys: dict[str, str] = field(default_factory=dict)  # logical id -> function key
    refused: dict[str, str] = field(default_factory=dict)  # route id -> why it answers with an error
    balanced: list[RouteConfig] = field(default_factory=list)  # routes of load balancers; `function` is the key
    requirements: dict[str, str] = field(default_factory=dict)  # function key -> file
    wsgi: dict[str, str] = field(default_factory=dict)  # function key -> what its handler reads of custom.wsgi

    @property
    def individually(self) -> bool:
        """Whether each function is a package of its own."""
        return truth(self.package, "individually") is True

    def full_name(self, key: str) -> str:
        """`service-stage-key`, as the framework calls functions and Lift its queues."""
        return f"{self.name}-{self.stage}-{key}"

    def add(self, logical_id: str, kind: str, properties: Map, line: int | None) -> Map:
        """Add a resource, unless the file's own resources override it later; its properties."""
        body = self.resources.get(logical_id)
        if isinstance(body, Map) and isinstance(existing := body.get("Properties"), Map):
            return existing
        put(self.resources, logical_id, made(line, Type=Text(kind, line), Properties=properties), line)
        return properties

    def check_keys(self, values: Map, known: Table, what: str, function: str | None = None) -> None:
        """Say which keys the framework does not know, and which are not served."""
        for key in values:
            support = known.get(key)
            if support is None:
                remedy = did_you_mean(key, known, "Remove it, or see the framework's documentation.")
                self.problems.notice(f"{what} has no key {key}", remedy, line=values.line_of(key), function=function)
            elif support.status == "not served":
                self.problems.warning(
                    f"{what}: {support.note}", support.remedy, line=values.line_of(key), function=function
                )


def made(line: int | None, **values: Value | Unresolved) -> Map:
    """A mapping on one line; what is None is left out."""
    result = Map(line)
    for key, value in values.items():
        put(result, key, value, line)
    return result


def put(target: Map, key: str, value: Value | Unresolved, line: int | None) -> None:
    """Set a key with its line; None sets nothing."""
    if value is None:
        return
    target[key] = value  # type: ignore[assignment]  # Unresolved leaves: readers ask for them
    target.lines[key] = line or target.line or 1


def listed(line: int | None, *items: Value) -> Seq:
    """A list on one line."""
    result = Seq(line)
    result.extend(items)
    return result


def texts(value: Value) -> list[str]:
    """The texts of a list; a single text is a list of one."""
    items = value if isinstance(value, Seq) else [value]
    return [as_written(item) for item in items if isinstance(item, str)]


def renamed(source: Map, names: Mapping[str, str]) -> Map:
    """The keys of `source` that `names` translates, with their lines; null ones are left out."""
    result = Map(source.line)
    for key, name in names.items():
        if source.get(key) is not None:
            put(result, name, source[key], source.line_of(key))
    return result


def copied(values: Map) -> Map:
    """One level of it, to be changed: resolved values are shared by all that refer to them."""
    result = Map(values.line)
    result.update(values)
    result.lines.update(values.lines)
    return result


def mapping(values: Map, key: str) -> Map:
    """The mapping below `key`; an empty one where there is none."""
    found = values.get(key)
    return found if isinstance(found, Map) else Map(values.line_of(key))


def text(values: Map, key: str) -> str | None:
    """The text at `key`."""
    found = values.get(key)
    return as_written(found) if isinstance(found, str) else None


def truth(values: Map, key: str) -> bool | None:
    """The boolean at `key`."""
    written = text(values, key)
    return None if written is None else written.lower() == "true"


def joined(base: Value, own: Value) -> Value:
    """Two mappings key by key, the latter's values first; lists one after the other."""
    if isinstance(base, Map) and isinstance(own, Map) and not (is_intrinsic(base) or is_intrinsic(own)):
        result = Map(own.line or base.line)
        for source in (base, own):
            for key, value in source.items():
                put(result, key, joined(result[key], value) if key in result else value, source.line_of(key))
        return result
    if isinstance(base, Seq) and isinstance(own, Seq):
        return listed(own.line, *base, *own)
    return base if own is None else own


def ref(logical_id: str, line: int | None) -> Map:
    """`!Ref`."""
    return made(line, Ref=Text(logical_id, line))


def arn(logical_id: str, line: int | None) -> Map:
    """`!GetAtt X.Arn`."""
    result = Map(line)
    put(result, "Fn::GetAtt", listed(line, Text(logical_id, line), Text("Arn", line)), line)
    return result


def json_text(value: Value, line: int | None) -> Value:
    """A mapping as the JSON text that CloudFormation wants; a text as it is."""
    if not isinstance(value, Map | Seq):
        return value
    result = Map(line)
    put(result, "Fn::ToJsonString", value, line)
    return result


def normalized(key: str) -> str:
    """A function's or layer's key within logical ids: `send-mail` -> `SendDashmail`."""
    name = key.replace("-", "Dash").replace("_", "Underscore")
    return name[:1].upper() + name[1:]


def alphanumeric(name: str) -> str:
    """A bucket's or topic's name within logical ids: `my-bucket` -> `Mybucket`."""
    name = _OTHER.sub("", name)
    return name[:1].upper() + name[1:]


def function_id(key: str) -> str:
    """The logical id of a function."""
    return f"{normalized(key)}LambdaFunction"


def source_name(value: Value) -> str:
    """What the framework calls an event source within a logical id: the resource that its ARN names."""
    if isinstance(value, Map):
        for key in ("Fn::GetAtt", "Ref", "Fn::ImportValue", "Fn::Join", "Fn::Sub"):
            inner = value.get(key)
            if isinstance(inner, Seq) and inner:
                inner = inner[0] if key in {"Fn::GetAtt", "Fn::Sub"} else inner[-1]
                inner = inner[-1] if isinstance(inner, Seq) and inner else inner
            if isinstance(inner, str):
                return source_name(Text(inner))
        return ""
    if not isinstance(value, str):
        return ""
    last = value.rpartition(":")[2]
    return alphanumeric(last.split("/")[1] if last.count("/") >= 1 else last)

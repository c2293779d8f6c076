"""CloudFormation's intrinsic functions, evaluated over one template. Knows no Lambda properties.

What cannot be known without an account becomes an `Unresolved` that says why; nothing here raises for what a
template says.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lambdatui.config.yaml_lines import Map, Seq, Text, Value

MAX_DEPTH = 60
MAX_TEXT = 1_000_000  # what one Join or Sub may grow to
MAX_GROWTH = 100_000_000  # characters of all that the intrinsics of a template give
_ITEM = 64  # what an item of a list counts, in characters
_REFERENCE = re.compile(r"\$\{(!?)([^{}]*)\}")
_DYNAMIC = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}")
_CONDITIONS = {"Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition"}


@dataclass(frozen=True)
class Unresolved:
    """A value that only a deployment would know; `why` completes "cannot be resolved: ..."."""

    why: str
    line: int | None = None


class _NoValue:
    """`AWS::NoValue`: the property is as if it were not written."""


NO_VALUE: Final = _NoValue()
Resolved = None | str | Map | Seq | Unresolved | _NoValue


class Names:
    """What references to resources mean; the template's reader supplies it. All may answer Unresolved."""

    def ref(self, logical_id: str) -> Resolved:
        """`Ref` of a resource; Unresolved where there is none."""
        return Unresolved(f"nothing in the template is called {logical_id}")

    def attribute(self, logical_id: str, name: str) -> Resolved:
        """`Fn::GetAtt`."""
        return Unresolved(f"nothing in the template is called {logical_id}")

    def dynamic(self, service: str, reference: str) -> Resolved:
        """The value behind `{{resolve:service:reference}}`; Unresolved where only an account knows it."""
        return Unresolved(f"nothing here holds {reference}")


class Resolver:
    """Evaluates values. `parameters` holds values by name, `pseudo` those of `AWS::Region` and its like."""

    def __init__(
        self, *, parameters: dict[str, Resolved], pseudo: dict[str, str], mappings: Map, conditions: Map
    ) -> None:
        self.parameters = parameters
        self.pseudo = pseudo
        self.mappings = mappings
        self.conditions = conditions
        self.names = Names()
        self.imports: dict[str, str] = {}  # values for Fn::ImportValue by export name, as a person gives them
        self.secrets: set[str] = set()  # values of parameters without echo and of dynamic references to secrets
        self.imported: set[str] = set()  # those of them that were asked for
        self.left: dict[str, int | None] = {}  # dynamic references that stayed as text, with their lines
        self._deciding: set[str] = set()
        self._decided: dict[str, bool | Unresolved] = {}
        self._depth = 0
        self._grown = 0

    def resolve(self, value: Value) -> Resolved:
        """The value with all that is known filled in; containers keep their lines, unknown leaves are Unresolved."""
        if self._depth > MAX_DEPTH:
            return Unresolved("it is nested too deep")
        self._depth += 1
        try:
            if isinstance(value, Map):
                name = _function_of(value)
                found = self._call(name, value[name], value.line) if name else self._map(value)
            else:
                found = self._seq(value) if isinstance(value, Seq) else value
            return self._dynamic(found) if isinstance(found, str) and "{{resolve:" in found else found
        finally:
            self._depth -= 1

    def _dynamic(self, text: str) -> Resolved:
        """Fill in the dynamic references whose values the template itself declares."""
        line = text.line if isinstance(text, Text) else None
        parts: list[str] = []
        end = 0
        for match in _DYNAMIC.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            found = self.names.dynamic(match[1], match[2])
            if isinstance(found, str) and "{{resolve:" not in found:
                parts.append(as_written(found))
                if match[1] != "ssm":
                    self.secrets.add(parts[-1])
                continue
            if not match[2].startswith("/aws/service/"):
                self.left.setdefault(match[0], line)
            parts.append(match[0])
        try:
            return Text(_joined("", [*parts, text[end:]]), line)
        except _Malformed as exc:
            return exc.unresolved("a dynamic reference", line)

    def condition(self, name: str) -> bool | Unresolved:
        """Whether a named condition holds with the parameters' values."""
        if name not in self.conditions:
            return Unresolved(f"there is no condition {name}")
        if name in self._decided:
            return self._decided[name]
        if name in self._deciding or len(self._deciding) > MAX_DEPTH:
            return Unresolved(f"the condition {name} depends on itself")
        self._deciding.add(name)
        try:
            self._decided[name] = self._truth(self.conditions[name])
        finally:
            self._deciding.discard(name)
        return self._decided[name]

    def _map(self, value: Map) -> Map:
        result = Map(value.line)
        for key, item in value.items():
            resolved = self.resolve(item)
            if not isinstance(resolved, _NoValue):
                result[key] = resolved  # type: ignore[assignment]  # Unresolved leaves: readers ask for them
                result.lines[key] = value.lines.get(key, value.line or 1)
        return result

    def _seq(self, value: Seq) -> Seq:
        result = Seq(value.line)
        for item in value:
            resolved = self.resolve(item)
            if not isinstance(resolved, _NoValue):
                result.append(resolved)  # type: ignore[arg-type]
        return result

    def _call(self, name: str, argument: Value, line: int | None) -> Resolved:
        if name in _CONDITIONS:
            truth = self._truth_of(name, argument)
            return truth if isinstance(truth, Unresolved) else Text("true" if truth else "false", line, True)
        method = _METHODS.get(name)
        if method is None:
            return Unresolved(f"{name} is not evaluated here", line)
        try:
            result: Resolved = method(self, argument)
        except (_Unknown, _Malformed) as exc:
            return exc.unresolved(name, line)
        if isinstance(result, Unresolved) and result.line is None:
            return Unresolved(result.why, line)
        self._grown += len(result) * (1 if isinstance(result, str) else _ITEM) if isinstance(result, str | Seq) else 0
        if self._grown > MAX_GROWTH:
            return Unresolved(f"the template's values grow beyond {MAX_GROWTH:,} characters", line)
        return Text(result, line) if isinstance(result, str) and not isinstance(result, Text) else result

    # references

    def _ref(self, argument: Value) -> Resolved:
        if not isinstance(argument, str):
            raise _Malformed("it takes a name")
        if argument == "AWS::NoValue":
            return NO_VALUE
        if argument in self.pseudo:
            return self.pseudo[argument]
        if argument in self.parameters:
            return self.parameters[argument]
        return self.names.ref(argument)

    def _get_att(self, argument: Value) -> Resolved:
        if isinstance(argument, str):
            resource, _, attribute = argument.partition(".")
        elif isinstance(argument, Seq) and len(argument) == 2:
            resource, attribute = self._text(argument[0]), self._text(argument[1])
        else:
            raise _Malformed("it takes a resource and an attribute")
        return self.names.attribute(resource, attribute)

    def _sub(self, argument: Value) -> Resolved:
        own = Map()
        if isinstance(argument, Seq) and len(argument) == 2 and isinstance(argument[1], Map):
            template, own = argument[0], argument[1]
        else:
            template = argument
        if not isinstance(template, str):
            raise _Malformed("it takes a text, or a list of a text and a mapping")
        parts: list[str] = []
        end = 0
        for match in _REFERENCE.finditer(template):
            parts.append(template[end : match.start()])
            end = match.end()
            name = match[2].strip()
            if match[1]:
                parts.append("${" + match[2] + "}")  # ${!Literal}
            elif name in own:
                parts.append(self._text(own[name]))
            else:
                found = self._get_att(name) if "." in name else self._ref(Text(name))
                parts.append(self._text_of(found))
        return _joined("", [*parts, template[end:]])

    def _import_value(self, argument: Value) -> Resolved:
        """Another stack's export: only a value that was given for its name is known here."""
        name = self._text(argument)
        if name in self.imports:
            self.imported.add(name)
            return self.imports[name]
        return Unresolved(f"the export {name} of another stack is only known in an account")

    def _transform(self, argument: Value) -> Resolved:
        name = argument.get("Name") if isinstance(argument, Map) else None
        return Unresolved(f"the transform {name or '(without a name)'} is not applied here")

    # text and lists

    def _join(self, argument: Value) -> Resolved:
        separator, items = self._pair(argument)
        return _joined(self._text(separator), [self._text_of(item) for item in self._list(items)])

    def _split(self, argument: Value) -> Resolved:
        separator, text = (self._text(part) for part in self._pair(argument))
        if not separator:
            raise _Malformed("the separator is empty")
        result = Seq()
        result.extend(Text(part) for part in text.split(separator))
        return result

    def _select(self, argument: Value) -> Resolved:
        index, items = self._pair(argument)
        position, found = self._text(index), self._list(items)
        if not position.isdecimal() or int(position) >= len(found):
            raise _Malformed(f"the list has no item {position}")
        return found[int(position)]

    def _find_in_map(self, argument: Value) -> Resolved:
        if not isinstance(argument, Seq) or len(argument) < 3:
            raise _Malformed("it takes a mapping's name and two keys")
        name, first, second = (self._text(part) for part in argument[:3])
        level: Value = self.mappings
        for key in (name, first, second):
            if not isinstance(level, Map) or key not in level:
                default = argument[3] if len(argument) > 3 else None
                if isinstance(default, Map) and "DefaultValue" in default:
                    return self.resolve(default["DefaultValue"])
                raise _Unknown(Unresolved(f"Mappings has no {name}.{first}.{second}"))
            level = level[key]
        return level  # texts and lists of them: a mapping holds no intrinsics

    def _if(self, argument: Value) -> Resolved:
        if not isinstance(argument, Seq) or len(argument) != 3 or not isinstance(argument[0], str):
            raise _Malformed("it takes a condition and two values")
        truth = self.condition(argument[0])
        if isinstance(truth, Unresolved):
            return truth
        return self.resolve(argument[1] if truth else argument[2])

    def _base64(self, argument: Value) -> Resolved:
        return base64.b64encode(self._text(argument).encode()).decode()

    def _length(self, argument: Value) -> Resolved:
        return str(len(self._list(argument)))

    def _to_json(self, argument: Value) -> Resolved:
        resolved = self.resolve(argument)
        if isinstance(resolved, Unresolved):
            return resolved
        return json.dumps(plain(resolved), separators=(",", ":"))

    def _zones(self, argument: Value) -> Resolved:
        result = Seq()
        result.extend(Text(self.pseudo.get("AWS::Region", "us-east-1") + letter) for letter in "abc")
        return result

    # conditions

    def _truth(self, value: Value) -> bool | Unresolved:
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        name = _function_of(value) if isinstance(value, Map) else None
        if not name or not isinstance(value, Map):
            return Unresolved("it is no condition")
        return self._truth_of(name, value[name])

    def _truth_of(self, name: str, argument: Value) -> bool | Unresolved:
        try:
            return self._decide(name, argument)
        except (_Unknown, _Malformed) as exc:
            return exc.unresolved(name, None)

    def _decide(self, name: str, argument: Value) -> bool | Unresolved:
        if name == "Condition" and isinstance(argument, str):
            return self.condition(argument)
        if name == "Fn::Equals":
            left, right = (self._text_of(self.resolve(part)) for part in self._pair(argument))
            return left == right
        if name not in {"Fn::Not", "Fn::And", "Fn::Or"} or not isinstance(argument, Seq) or not argument:
            return Unresolved(f"{name} is not evaluated as a condition")
        truths = [self._truth(part) for part in argument]
        if name == "Fn::Not":
            return truths[0] if isinstance(truths[0], Unresolved) else not truths[0]
        decisive = name == "Fn::Or"  # one true decides an Or, one false an And, whatever the others are
        if decisive in truths:
            return decisive
        return next((truth for truth in truths if isinstance(truth, Unresolved)), not decisive)

    # arguments

    def _pair(self, argument: Value) -> tuple[Value, Value]:
        if not isinstance(argument, Seq) or len(argument) != 2:
            raise _Malformed("it takes a list of two")
        return argument[0], argument[1]

    def _text(self, value: Value) -> str:
        return self._text_of(self.resolve(value))

    def _text_of(self, value: Resolved | Value) -> str:
        if isinstance(value, Unresolved):
            raise _Unknown(value)
        if isinstance(value, str):
            return as_written(value)
        if isinstance(value, Seq):
            return ",".join(self._text_of(item) for item in value)
        raise _Malformed("a text is needed there")

    def _list(self, value: Value) -> Seq:
        resolved = self.resolve(value)
        if isinstance(resolved, Unresolved):
            raise _Unknown(resolved)
        if isinstance(resolved, str):  # a CommaDelimitedList parameter
            result = Seq()
            result.extend(Text(part.strip()) for part in resolved.split(","))
            return result
        if not isinstance(resolved, Seq):
            raise _Malformed("a list is needed there")
        return resolved


class _Unknown(Exception):  # carried up to the intrinsic that needed it
    def __init__(self, value: Unresolved) -> None:
        super().__init__(value.why)
        self.value = value

    def unresolved(self, name: str, line: int | None) -> Unresolved:
        return self.value if self.value.line else Unresolved(self.value.why, line)


class _Malformed(Exception):
    def unresolved(self, name: str, line: int | None) -> Unresolved:
        return Unresolved(f"{name}: {self}", line)


_METHODS = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::ImportValue": Resolver._import_value,
    "Fn::Transform": Resolver._transform,
    "Fn::Join": Resolver._join,
    "Fn::Split": Resolver._split,
    "Fn::Select": Resolver._select,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::If": Resolver._if,
    "Fn::Base64": Resolver._base64,
    "Fn::Length": Resolver._length,
    "Fn::ToJsonString": Resolver._to_json,
    "Fn::GetAZs": Resolver._zones,
}


def _function_of(value: Map) -> str | None:
    """The intrinsic that a mapping of one key is, or None. `Condition` is one only with a text."""
    if len(value) != 1:
        return None
    name, argument = next(iter(value.items()))
    if name == "Condition":
        return name if isinstance(argument, str) else None
    return name if name == "Ref" or name.startswith("Fn::") else None


def is_intrinsic(value: Map) -> bool:
    """Whether a mapping is `Ref` or an `Fn::…`, to be evaluated as a whole."""
    return _function_of(value) not in {None, "Condition"}


def _joined(separator: str, parts: list[str]) -> str:
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_TEXT:
        raise _Malformed(f"it grows beyond {MAX_TEXT:,} characters")
    return separator.join(parts)


_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}


def as_written(text: str) -> str:
    """The text that AWS would hand on: YAML's booleans become `true` and `false`, numbers stay as written."""
    if isinstance(text, Text) and text.plain:
        lowered = text.lower()
        if lowered in _BOOLEANS and text in {lowered, lowered.capitalize(), lowered.upper()}:
            return _BOOLEANS[lowered]
    return str(text)


_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def plain(value: object, unknown: Callable[[Unresolved], object] = lambda value: None) -> object:
    """Ordinary JSON values, with the types that the unquoted scalars of YAML mean; `unknown` stands for what could
    not be resolved."""
    if isinstance(value, Map):
        return {key: plain(item, unknown) for key, item in value.items()}
    if isinstance(value, Seq):
        return [plain(item, unknown) for item in value]
    if isinstance(value, Unresolved):
        return unknown(value)
    if isinstance(value, Text) and value.plain:
        written = as_written(value)
        if written in {"true", "false"}:
            return written == "true"
        if _INTEGER.fullmatch(written):
            return int(written)
        if re.fullmatch(r"-?[0-9]{1,17}\.[0-9]{1,17}", written):
            return float(written)
    return str(value) if isinstance(value, str) else None

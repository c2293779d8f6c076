"""Fn::ForEach of AWS::LanguageExtensions, written out before anything else reads the template."""

from __future__ import annotations

import re

from lambdatui.config.intrinsics import Resolver, Unresolved, as_written
from lambdatui.config.problems import Problems
from lambdatui.config.yaml_lines import Map, Seq, Text, Value

PREFIX = "Fn::ForEach::"
MAX_VALUES = 200_000  # of all loops of a template, written out
_FORM = "Write it as [Identifier, [values], {…}]."


class Loops:
    """Writes loops out; `resolver` knows the parameters that a collection may name."""

    def __init__(self, resolver: Resolver, problems: Problems) -> None:
        self._resolver = resolver
        self._problems = problems
        self._count = 0

    def written_out(self, value: Value) -> Value:
        """The value without loops; one that has none as it is, for most have none and a copy takes its time."""
        return self._expand(value, {}) if _has_loops(value) else value

    def _expand(self, value: Value, names: dict[str, str]) -> Value:
        """The value without loops; `names` are the identifiers of the loops around it."""
        self._count += bool(names)
        if isinstance(value, Map):
            reference = value.get("Ref")
            if len(value) == 1 and isinstance(reference, str) and reference in names:
                return Text(names[reference], value.line)
            return self._map(value, names)
        if isinstance(value, Seq):
            items = Seq(value.line)
            items.extend(self._expand(item, names) for item in value)
            return items
        return _replaced(value, names) if isinstance(value, str) and names else value

    def _map(self, value: Map, names: dict[str, str]) -> Map:
        result = Map(value.line)
        for key, item in value.items():
            line = value.lines.get(key, value.line or 1)
            if key.startswith(PREFIX):
                for produced, body in self._loop(key, item, names, line):
                    result[produced] = body
                    result.lines[produced] = line
            else:
                written = str(_replaced(key, names)) if names else key
                result[written] = self._expand(item, names)
                result.lines[written] = line
        return result

    def _loop(self, key: str, item: Value, names: dict[str, str], line: int) -> list[tuple[str, Value]]:
        if not isinstance(item, Seq) or len(item) != 3:
            return self._refused(key, "it takes an identifier, a list and a mapping", _FORM, line)
        identifier, collection, template = item
        if not isinstance(identifier, str) or not isinstance(template, Map):
            return self._refused(key, "its identifier is no text, or what it repeats no mapping", _FORM, line)
        values = self._resolver.resolve(self._expand(collection, names))
        if isinstance(values, str):  # a text of several values, as a parameter may be
            words = [part.strip() for part in values.split(",")]
        elif isinstance(values, Seq) and all(isinstance(one, str) for one in values):
            words = [as_written(str(one) if not isinstance(one, Text) else one) for one in values]
        else:
            why = values.why if isinstance(values, Unresolved) else "its collection is no list of texts"
            return self._refused(key, why, "Name the values themselves.", line)
        result: list[tuple[str, Value]] = []
        for word in dict.fromkeys(words):
            if self._count > MAX_VALUES:
                return self._refused(key, f"the loops grow beyond {MAX_VALUES:,} values", "Write less out.", line)
            written = self._map(template, {**names, str(identifier): word})
            result.extend(written.items())
        return result

    def _refused(self, key: str, why: str, remedy: str, line: int) -> list[tuple[str, Value]]:
        self._problems.warning(f"{key} is not written out: {why}", remedy, line=line)
        return []


def _has_loops(value: Value) -> bool:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Map):
            if any(key.startswith(PREFIX) for key in value):
                return True
            waiting += value.values()
        elif isinstance(value, Seq):
            waiting += value
    return False


def _replaced(text: str, names: dict[str, str]) -> str:
    """`${Name}` gives the value, `&{Name}` its letters and digits alone, as keys need them."""
    if "{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        word = names.get(match[2])
        if word is None:
            return match[0]
        return word if match[1] == "$" else re.sub(r"[^A-Za-z0-9]", "", word)

    replaced = re.sub(r"([$&])\{([A-Za-z0-9]+)\}", value, text)
    return Text(replaced, text.line, text.plain) if isinstance(text, Text) else replaced

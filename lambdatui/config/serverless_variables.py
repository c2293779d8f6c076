"""Resolves the variables of a serverless.yml, lazily: only what is read is evaluated.

What cannot be known here becomes an `Unresolved` that says why; nothing raises for what a file says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambdatui.config.intrinsics import Unresolved, as_written
from lambdatui.config.serverless_grammar import Literal, Malformed, Parts, Source, Variable, parse
from lambdatui.config.yaml_lines import MAX_NODES, Map, Seq, Text, Value

MAX_DEPTH = 60
MAX_TEXT = 100_000  # what one text may grow to
Raw = Value | Unresolved  # as written: its own variables are not resolved yet


class Ask(Protocol):
    """One source. `parameters` and `address` are resolved texts; None where it has no such value."""

    def __call__(self, parameters: list[str], address: str, line: int | None) -> Raw: ...


class Variables:
    """Evaluates values over the document `root`; `sources` answers by type all but `self`."""

    def __init__(self, root: Map, sources: dict[str, Ask], default: Callable[[str], Text | None]) -> None:
        self.root = root
        self.default = default  # of an address that is not written: provider.stage and its like
        self.sources: dict[str, Ask] = {"self": self._own, **sources}
        self.change: Callable[[Text], Value] | None = None  # of each text, once it is resolved
        self._raw: dict[int, tuple[Text, Raw]] = {}  # by id of the text, which is kept alive beside its value
        self._whole: dict[int, tuple[Value, Raw]] = {}
        self._sizes: dict[int, tuple[int, int]] = {}  # of containers: values, and levels, with all that is shared
        self._open: set[int] = set()
        self._depth = 0

    def resolve(self, value: Value | Unresolved) -> Raw:
        """The value with every variable in it filled in; what cannot be is an Unresolved leaf."""
        if not isinstance(value, Map | Seq | Text):
            return value
        if id(value) in self._whole:
            return self._whole[id(value)][1]
        if id(value) in self._open or self._depth > MAX_DEPTH:
            return Unresolved("it contains itself" if id(value) in self._open else "it is nested too deep")
        self._open.add(id(value))
        self._depth += 1
        try:
            found = self._contents(value)
        finally:
            self._depth -= 1
            self._open.discard(id(value))
        self._whole[id(value)] = value, found
        return found

    def at(self, *keys: str) -> Raw:
        """The resolved value below the given keys; None where there is none."""
        return self.resolve(self._below(self.root, list(keys)))

    def forget(self) -> None:
        """Evaluate everything anew: a source has more values now."""
        self._raw.clear()
        self._whole.clear()
        self._sizes.clear()

    def text_at(self, *keys: str) -> str | None:
        """As `at`, where it is a text."""
        value = self.at(*keys)
        return as_written(value) if isinstance(value, str) else None

    def _contents(self, value: Value) -> Raw:
        if isinstance(value, Text):
            raw = self._shallow(value)
            if isinstance(raw, Map | Seq):
                return self.resolve(raw)
            return self.change(raw) if self.change is not None and isinstance(raw, Text) else raw
        weight, height = 1, 1
        result: Map | Seq
        if isinstance(value, Map):
            result = Map(value.line)
            result.lines.update(value.lines)
        elif isinstance(value, Seq):
            result = Seq(value.line)
        else:
            return value
        for key, item in value.items() if isinstance(value, Map) else enumerate(value):
            resolved = self.resolve(item)
            if isinstance(result, Map):
                result[str(key)] = resolved  # type: ignore[assignment]  # Unresolved leaves, as intrinsics.Resolver has them
            else:
                result.append(resolved)  # type: ignore[arg-type]
            inner = self._sizes.get(id(resolved), (1, 0))
            weight, height = weight + inner[0], max(height, inner[1] + 1)
        if weight > MAX_NODES:
            return Unresolved(f"it grows to more than {MAX_NODES:,} values", value.line)
        if height > MAX_DEPTH:
            return Unresolved("it is nested too deep", value.line)
        self._sizes[id(result)] = weight, height
        return result

    def _shallow(self, text: Text) -> Raw:
        """What a text stands for; the values in a mapping or list that it stands for are as written."""
        known = self._raw.get(id(text))
        if known is not None:
            return known[1]
        if -id(text) in self._open or self._depth > MAX_DEPTH:
            return Unresolved("a variable depends on itself" if -id(text) in self._open else "it is nested too deep")
        self._open.add(-id(text))
        self._depth += 1
        try:
            found = self._evaluated(text)
        finally:
            self._depth -= 1
            self._open.discard(-id(text))
        self._raw[id(text)] = text, found
        return found

    def _evaluated(self, text: Text) -> Raw:
        try:
            parts = parse(text)
            if all(isinstance(part, str) for part in parts):
                return text if "".join(map(str, parts)) == text else Text("".join(map(str, parts)), text.line)
            if len(parts) == 1 and isinstance(parts[0], Variable):
                value = self._value(parts[0], text.line)
                return Text(value, text.line, value.plain) if isinstance(value, Text) else value
            return Text(self._joined(parts, text.line), text.line)
        except Malformed as exc:
            return Unresolved(str(exc), text.line)
        except _Unknown as exc:
            return exc.value

    def _joined(self, parts: Parts, line: int | None) -> str:
        found: list[str] = []
        for part in parts:
            if isinstance(part, str):
                found.append(part)
                continue
            value = self._value(part, line)
            if isinstance(value, Unresolved):
                raise _Unknown(value)
            if not isinstance(value, str):
                what = "null" if value is None else "no text"
                raise _Unknown(Unresolved(f"{part.text} is {what}, and stands within a text", line))
            found.append(as_written(value))
        joined = "".join(found)
        if len(joined) > MAX_TEXT:
            raise _Unknown(Unresolved(f"it grows beyond {MAX_TEXT:,} characters", line))
        return joined

    def _value(self, variable: Variable, line: int | None) -> Raw:
        """The first source that has one; the first reason where none has."""
        reason: Unresolved | None = None
        for source in variable.sources:
            if isinstance(source, Literal):
                return source.value
            found = self._value(source, line) if isinstance(source, Variable) else self._asked(source, line)
            if isinstance(found, Text):
                found = self._shallow(found)
            if found is not None and not isinstance(found, Unresolved):
                return found
            if isinstance(found, Unresolved) and reason is None:
                reason = found
        if reason is not None:
            return reason if reason.line else Unresolved(reason.why, line)
        return Unresolved(f"{variable.text} has no value", line)

    def _asked(self, source: Source, line: int | None) -> Raw:
        ask = self.sources.get(source.type)
        if ask is None:
            return Unresolved(f"there is no source {source.type} of variables here", line)
        try:
            parameters = [self._joined(part, line) for part in source.parameters]
            return ask(parameters, self._joined(source.address, line), line)
        except _Unknown as exc:
            return exc.value

    def _own(self, parameters: list[str], address: str, line: int | None) -> Raw:
        keys = [key for key in address.split(".") if key] if address else []
        found = self._below(self.root, keys)
        if found is None:
            found = self.default(address)
        return Unresolved(f"there is no {address} in the file", line) if found is None else found

    def _below(self, value: Raw, keys: list[str]) -> Raw:
        """The value, as written, that `keys` lead to: variables on the way are resolved."""
        for key in keys:
            if isinstance(value, Text):
                value = self._shallow(value)
            if isinstance(value, Map):
                value = value.get(key)
            elif isinstance(value, Seq) and key.isdecimal() and len(key) < 7:
                value = value[int(key)] if int(key) < len(value) else None
            else:
                return value if isinstance(value, Unresolved) else None
        return value

    def below(self, value: Value, address: str) -> Raw:
        """As `self:` addresses, within another document."""
        return self._below(value, [key for key in address.split(".") if key])


class _Unknown(Exception):  # carried up to the text that needed it
    def __init__(self, value: Unresolved) -> None:
        super().__init__(value.why)
        self.value = value

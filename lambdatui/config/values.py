"""Reads a resource's properties as numbers, texts and lists; what does not fit becomes a problem with its line."""

from __future__ import annotations

import re

from lambdatui.config.intrinsics import NO_VALUE, Resolved, Resolver, Unresolved, as_written
from lambdatui.config.problems import Problems
from lambdatui.config.yaml_lines import Map, Seq, Value

UNRESOLVED_REMEDY = (
    "Give it a value for local runs: --parameter NAME=VALUE, [parameters] in lambdatui.toml, or --env-vars where it is "
    "a variable."
)


class Reader:
    """The properties in `values`. `where` begins its sentences: "Orders" or "Orders, event Queue"."""

    def __init__(
        self, values: Map, resolver: Resolver, problems: Problems, where: str, function: str | None = None
    ) -> None:
        self.values = values
        self.resolver = resolver
        self.problems = problems
        self.where = where
        self.function = function

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def line(self, key: str) -> int | None:
        """Where the key stands."""
        return self.values.line_of(key)

    def resolved(self, key: str) -> Resolved:
        """The value as it resolves, unresolvable ones included; None where it is absent or AWS::NoValue."""
        value = self.resolver.resolve(self.values.get(key))
        return None if value is NO_VALUE else value

    def get(self, key: str) -> Value:
        """The value; what cannot be resolved is a warning and None."""
        value = self.resolved(key)
        if isinstance(value, Unresolved):
            self.warn(key, f"{key} cannot be resolved: {value.why}", UNRESOLVED_REMEDY, line=value.line)
            return None
        return value  # type: ignore[return-value]  # NO_VALUE went above

    def warn(self, key: str, message: str, remedy: str, *, line: int | None = None) -> None:
        """A warning about one property."""
        line = line or self.line(key)
        self.problems.warning(f"{self.where}: {message}", remedy, line=line, function=self.function)

    def text(self, key: str) -> str | None:
        """A text, booleans as `true` and `false`."""
        value = self.get(key)
        if value is None or isinstance(value, str):
            return None if value is None else as_written(value)
        self.warn(key, f"{key} must be a text", f"Write {key} as a text.")
        return None

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number between the bounds; one beyond them is a warning in AWS's words and the nearer bound."""
        text = self.text(key)
        if text is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", text.strip()):
            self.warn(key, f"{key} must be a number, not {text!r}", f"Write {key} as a number.")
            return None
        value = float(text)
        if low <= value <= high:
            return value
        bound, words = (high, "less") if value > high else (low, "greater")
        self.warn(
            key,
            out_of_range(key, text, words, bound),
            f"{key} is between {low:g} and {high:g}; {bound:g} is used.",
        )
        return bound

    def integer(self, key: str, low: int, high: int) -> int | None:
        """As `number`, whole."""
        value = self.number(key, low, high)
        return None if value is None else int(value)

    def flag(self, key: str) -> bool | None:
        """A boolean."""
        text = self.text(key)
        if text is None:
            return None
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        self.warn(key, f"{key} must be true or false, not {text!r}", f"Write {key} as true or false.")
        return None

    def mapping(self, key: str) -> Map | None:
        """A mapping."""
        value = self.get(key)
        if value is None or isinstance(value, Map):
            return value
        self.warn(key, f"{key} must be a mapping", f"Write {key} with its properties below it.")
        return None

    def items(self, key: str) -> Seq:
        """A list; a single value is a list of one."""
        value = self.get(key)
        if isinstance(value, Seq):
            return value
        result = Seq(self.line(key))
        if value is not None:
            result.append(value)
        return result

    def texts(self, key: str) -> list[str]:
        """The texts of a list."""
        return [as_written(item) for item in self.items(key) if isinstance(item, str)]

    def child(self, key: str) -> Reader:
        """The properties below `key`; empty where there are none."""
        value = self.mapping(key)
        return self.inside(value if value is not None else Map(self.line(key)))

    def inside(self, values: Map) -> Reader:
        """A reader of other values that speaks of the same thing."""
        return Reader(values, self.resolver, self.problems, self.where, self.function)


def out_of_range(key: str, value: object, words: str, bound: float) -> str:
    """Lambda's own validation sentence."""
    member = key[:1].lower() + key[1:]
    return (
        f"Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have value {words} than or equal to {bound:g}"
    )

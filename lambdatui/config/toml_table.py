"""Reads tables of lambdatui.toml with the lines of their keys; what does not fit becomes a problem."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from lambdatui.config.problems import Problems, did_you_mean
from lambdatui.config.values import out_of_range

Path = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


class Float(float):
    """A decimal number that remembers how it was written, for variables."""

    text: str

    def __new__(cls, text: str) -> Float:
        value = super().__new__(cls, text)
        value.text = text
        return value


def parse(text: str) -> tuple[dict[str, Any], dict[Path, int]]:
    """The document and the line of each table and key; tomllib.TOMLDecodeError where it is none."""
    return tomllib.loads(text, parse_float=Float), _lines(text)


def error_line(error: tomllib.TOMLDecodeError) -> int | None:
    """The line that tomllib names in its message."""
    match = re.search(r"at line (\d+)", str(error))
    return int(match[1]) if match else None


def _lines(text: str) -> dict[Path, int]:
    """Found by reading line by line: near enough to point at, and never trusted for values."""
    result: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                index = counts.get(table, -1) + 1
                counts[table] = index
                result.setdefault(table, number)
                table = (*table, index)
            for end in range(1, len(table) + 1):  # `[functions.orders]` begins `functions` as well
                result.setdefault(table[:end], number)
        elif key := _KEY.match(line):
            result.setdefault((*table, *_split(key[1])), number)
    return result


def _split(dotted: str) -> Path:
    return tuple(next(group for group in match.groups() if group is not None) for match in _PART.finditer(dotted))


class Table:
    """One table; `path` is where it stands, `where` begins its sentences."""

    def __init__(
        self,
        values: dict[str, Any],
        path: Path,
        lines: dict[Path, int],
        problems: Problems,
        function: str | None = None,
    ) -> None:
        self.values = values
        self.path = path
        self.lines = lines
        self.problems = problems
        self.function = function
        self.where = ".".join(str(part) for part in path) or "lambdatui.toml"

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def line(self, key: str | None = None) -> int | None:
        """The line of the key, or of the nearest table around it that is written out."""
        path = (*self.path, key) if key is not None else self.path
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None

    def warn(self, key: str | None, message: str, remedy: str) -> None:
        """A warning about one key."""
        self.problems.warning(f"{self.where}: {message}", remedy, line=self.line(key), function=self.function)

    def only(self, known: Iterable[str]) -> None:
        """Warn about every other key, with the one that was probably meant."""
        known = list(known)
        for key in self.values:
            if key not in known:
                self.warn(key, f"there is no key {key}", did_you_mean(key, known, f"Known are: {', '.join(known)}."))

    def text(self, key: str) -> str | None:
        """A text."""
        value = self._typed(key, str, "a text")
        return value if isinstance(value, str) else None

    def flag(self, key: str) -> bool | None:
        """A boolean."""
        value = self._typed(key, bool, "true or false")
        return value if isinstance(value, bool) else None

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number; one beyond the bounds is a warning in AWS's words and the nearer bound."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            self.warn(key, f"{key} must be a number", f"Write {key} = {low:g}.")
            return None
        if low <= value <= high:
            return value if isinstance(value, int) else float(value)  # a Float cannot travel
        bound, words = (high, "less") if value > high else (low, "greater")
        self.warn(
            key, out_of_range(key, value, words, bound), f"{key} is between {low:g} and {high:g}; {bound:g} is used."
        )
        return bound

    def integer(self, key: str, low: int, high: int) -> int | None:
        """As `number`, whole."""
        value = self.number(key, low, high)
        return None if value is None else int(value)

    def table(self, key: str) -> Table:
        """The table below `key`; empty where there is none."""
        value = self._typed(key, dict, "a table")
        return Table(value or {}, (*self.path, key), self.lines, self.problems, self.function)

    def tables(self, key: str) -> list[Table]:
        """The tables of a list."""
        value = self._typed(key, list, f"a list of tables: [[{'.'.join(map(str, self.path))}.{key}]]") or []
        result = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                result.append(Table(item, (*self.path, key, index), self.lines, self.problems, self.function))
            else:
                self.warn(key, f"{key} must be a list of tables", f"Write [[{self.where}.{key}]].")
        return result

    def list(self, key: str) -> list[Any]:
        """The items of a list as they are."""
        return self._typed(key, list, "a list") or []

    def texts(self, key: str) -> dict[str, str]:
        """The variables of a table; booleans as `true` and `false`, numbers as written."""
        table = self.table(key)
        result: dict[str, str] = {}
        for name, value in table.values.items():
            if isinstance(value, bool):
                result[name] = "true" if value else "false"
            elif isinstance(value, Float):
                result[name] = value.text
            elif isinstance(value, str | int):
                result[name] = str(value)
            else:
                table.warn(name, f"{name} must be a text, a number or a boolean", "Write it as a text.")
        return result

    def _typed(self, key: str, kind: type[Any], words: str) -> Any:
        value = self.values.get(key)
        if value is None or isinstance(value, kind):
            return value
        self.warn(key, f"{key} must be {words}", f"Correct {key}.")
        return None

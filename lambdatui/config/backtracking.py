"""How long a regular expression that others wrote may take: Python's matcher tries every way, and holds everybody up.

An estimate from the expression alone. What it calls endless may well be quick; what it lets pass ends soon.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from re import _parser  # type: ignore[attr-defined]  # the only one who knows what an expression consists of
from typing import Any, NamedTuple

MOST_STEPS = 10_000_000  # about a second
_MANY = 20  # a repeat of up to so many is none
_BOUNDED_STEPS = 1_000_000  # 10 to 100 ms
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT"}  # a possessive one gives nothing back


def is_endless(pattern: str, length: int | None = None) -> bool:
    """Whether `pattern` may try more than MOST_STEPS ways on a text of `length` characters; None: a long one.

    On a long one only repeats within repeats count: every `.*a.*b` and `(a|b)+` would be refused.
    """
    repeats, choices, count = _nested(pattern)
    if length is None:
        return repeats > 1
    if length > math.log2(MOST_STEPS) and _ways(pattern).on(length) > MOST_STEPS:
        return True
    if repeats > 1 or choices > 1:
        return length > math.log2(MOST_STEPS)
    return count * math.log(max(1, length)) > math.log(MOST_STEPS)


def parse(pattern: str, flags: int = 0) -> Any:
    """What an expression consists of, as `re` itself reads it. re.error, OverflowError, RecursionError: it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _parser.parse(pattern, flags)


@functools.lru_cache(maxsize=256)
def _nested(pattern: str) -> tuple[int, int, int]:
    """How deep unbounded repeats are nested, how deep with the choices in them, and how many there are in all."""
    try:
        return _counted(parse(pattern))
    except (re.error, RecursionError, OverflowError):
        return 0, 0, 0  # it is no expression: whoever compiles it says so


def _counted(part: Any) -> tuple[int, int, int]:
    if not isinstance(part, _parser.SubPattern | list | tuple):
        return 0, 0, 0
    repeats = choices = count = 0
    for inner in map(_counted, part):
        repeats, choices, count = max(repeats, inner[0]), max(choices, inner[1]), count + inner[2]
    name = str(part[0]) if isinstance(part, tuple) and len(part) == 2 else ""
    if name in _REPEATS and int(part[1][1]) > _MANY:
        return repeats + 1, choices + 1, count + 1
    return repeats, choices + (name == "BRANCH"), count


class HeavyError(Exception):
    """A Bounded pattern has met a text on which it may take long."""


class Bounded:
    """A pattern that holds nobody up: `search` raises HeavyError where it may try more than _BOUNDED_STEPS ways.

    Python's matcher lets no other thread run meanwhile. A process that searches and does nothing else sets `limited`
    to False.
    """

    limited = True

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern, self.flags = pattern.pattern, pattern.flags
        self._search = pattern.search
        self._reach = _reach(pattern.pattern)

    def search(self, text: str) -> re.Match[str] | None:
        """As re.Pattern's."""
        if len(text) > self._reach and self.limited:
            raise HeavyError
        return self._search(text)


class _Ways(NamedTuple):
    """How many ways there are at most on n characters: `factor` * (n + 1) ** `power`."""

    factor: float
    power: float = 0.0

    def on(self, length: int) -> float:
        ways: float = self.factor * math.pow(length + 1, min(self.power, 20.0))
        return min(ways, _ENDLESS)

    def times(self, other: _Ways) -> _Ways:
        return _Ways(min(self.factor * other.factor, _ENDLESS), self.power + other.power)

    def or_else(self, other: _Ways) -> _Ways:
        return _Ways(min(self.factor + other.factor, _ENDLESS), max(self.power, other.power))


_ENDLESS = 1e18
_ONE, _NONE = _Ways(1.0), _Ways(0.0)


@functools.lru_cache(maxsize=256)
def _reach(pattern: str) -> int:
    """The longest text on which a search, which begins at every place in it, ends soon."""
    ways, reach = _ways(pattern), 1 << 32
    while reach and ways.on(reach) * reach > _BOUNDED_STEPS:
        reach //= 2
    return reach


@functools.lru_cache(maxsize=256)
def _ways(pattern: str) -> _Ways:
    try:
        return _ways_of(parse(pattern))
    except (re.error, OverflowError):
        return _ONE  # it is no expression: whoever compiles it says so
    except RecursionError:
        return _Ways(_ENDLESS)


def _ways_of(sequence: Any) -> _Ways:
    found = _ONE
    for operator, argument in sequence:
        name = str(operator)
        if name in _REPEATS or name == "POSSESSIVE_REPEAT":
            found = found.times(_repeated(*argument))
        elif name == "BRANCH":
            found = found.times(functools.reduce(_Ways.or_else, map(_ways_of, argument[1]), _NONE))
        elif name == "SUBPATTERN":
            found = found.times(_ways_of(argument[-1]))
        elif name == "ATOMIC_GROUP":
            found = found.times(_ways_of(argument))
        elif name in ("ASSERT", "ASSERT_NOT"):
            found = found.times(_ways_of(argument[1]))
        elif name == "GROUPREF_EXISTS":
            found = found.times(_ways_of(argument[1]).or_else(_ways_of(argument[2] or [])))
    return found


def _repeated(least: int, most: int, part: Any) -> _Ways:
    inner, most = _ways_of(part), int(most)
    if inner == _ONE:
        return _Ways(1.0, 1.0) if most > _MANY else _Ways(most - least + 1.0)
    if most > _MANY:
        return _Ways(_ENDLESS)
    found = _NONE
    for count in range(int(least), most + 1):
        each = _ONE
        for _ in range(count):
            each = each.times(inner)
        found = found.or_else(each)
    return found

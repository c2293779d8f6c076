"""How long a regular expression that others wrote may take: Python's matcher tries every way, and holds everybody up.

An estimate from the expression alone. What it calls endless may well be quick; what it lets pass ends soon.
"""

from __future__ import annotations

import functools
import math
import re
import warnings
from re import _parser  # type: ignore[attr-defined]  # the only one who knows what an expression consists of
from typing import Any

MOST_STEPS = 10_000_000  # about a second
_MANY = 20  # a repeat of up to so many is none
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT"}  # a possessive one gives nothing back


def is_endless(pattern: str, length: int | None = None) -> bool:
    """Whether `pattern` may try more than MOST_STEPS ways on a text of `length` characters; None: a long one.

    On a long one only repeats within repeats count: every `.*a.*b` and `(a|b)+` would be refused.
    """
    repeats, choices, count = _nested(pattern)
    if length is None:
        return repeats > 1
    if repeats > 1 or choices > 1:
        return length > math.log2(MOST_STEPS)
    return count * math.log(max(1, length)) > math.log(MOST_STEPS)


@functools.lru_cache(maxsize=256)
def _nested(pattern: str) -> tuple[int, int, int]:
    """How deep unbounded repeats are nested, how deep with the choices in them, and how many there are in all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _counted(_parser.parse(pattern))
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

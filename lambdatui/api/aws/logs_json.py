"""Filter patterns over JSON messages: `{ $.level = "ERROR" && ($.ms > 3 || $.tags[0] NOT EXISTS) }`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from lambdatui.api.aws.logs_syntax import Check, PatternError, Scanner

DEEPEST = 50  # parentheses
_STEP = re.compile(r"""\.?\[\s*(?:(\d{1,9})|'([^']*)'|"([^"]*)"|(\*))\s*\]|\.([\w-]+|\*)""")
_BARE = re.compile(r"""[^\s"%(){}&|,]+""")
_STATE = re.compile(r"(IS\s+NULL|IS\s+TRUE|IS\s+FALSE|NOT\s+EXISTS|EXISTS)\b", re.IGNORECASE)
_STATES: dict[str, Callable[[list[Any]], bool]] = {
    "ISNULL": lambda found: any(value is None for value in found),
    "ISTRUE": lambda found: any(value is True for value in found),
    "ISFALSE": lambda found: any(value is False for value in found),
    "NOTEXISTS": lambda found: not found,
    "EXISTS": bool,
}

Step = str | int | None  # a member, an element, all of them
Holds = Callable[[Any], bool]
_decode = msgspec.json.Decoder().decode


def compiled(text: str) -> Callable[[str], bool]:
    """Whether a message is JSON of which the expression holds. Raises PatternError."""
    scanner = Scanner(text)
    scanner.need("{")
    holds = _either(scanner, 0)
    scanner.need("}")
    scanner.end()

    def matches(message: str) -> bool:
        if message.lstrip()[:1] not in ("{", "["):
            return False
        try:
            value = _decode(message)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return False
        return holds(value)

    return matches


def _either(scanner: Scanner, depth: int) -> Holds:
    parts = [_both(scanner, depth)]
    while scanner.take("||"):
        parts.append(_both(scanner, depth))
    return parts[0] if len(parts) == 1 else lambda value: any(part(value) for part in parts)


def _both(scanner: Scanner, depth: int) -> Holds:
    parts = [_one(scanner, depth)]
    while scanner.take("&&"):
        parts.append(_one(scanner, depth))
    return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)


def _one(scanner: Scanner, depth: int) -> Holds:
    if scanner.take("("):
        if depth == DEEPEST:
            raise PatternError(f"Invalid filter pattern: it has more than {DEEPEST} parentheses in each other")
        inside = _either(scanner, depth + 1)
        scanner.need(")")
        return inside
    scanner.need("$")
    steps = _selector(scanner)
    state = scanner.match(_STATE)
    if state is not None:
        holds = _STATES[re.sub(r"\s+", "", state[1]).upper()]
        return lambda value: holds(_found(value, steps))
    check = scanner.comparison(_BARE)
    if check is None:
        raise scanner.wrong("a comparison is expected")
    return _compared(steps, check)


def _compared(steps: list[Step], check: Check) -> Holds:
    def holds(value: Any) -> bool:
        return any(_checked(found, check) for found in _found(value, steps))

    return holds


def _selector(scanner: Scanner) -> list[Step]:
    """`.name`, `[2]`, `['a.b']`, `[*]`, one after the other."""
    steps: list[Step] = []
    while (match := _STEP.match(scanner.text, scanner.at)) is not None:
        scanner.at = match.end()
        number, single, double, star, name = match.groups()
        if number is not None:
            steps.append(int(number))
        elif star is not None or name == "*":
            steps.append(None)
        else:
            steps.append(next(one for one in (single, double, name) if one is not None))
    if not steps:
        raise scanner.wrong("a selector such as $.name is expected")
    return steps


def _found(value: Any, steps: list[Step]) -> list[Any]:
    """The values that a selector means: none, one, or with `*` several."""
    values = [value]
    for step in steps:
        inside: list[Any] = []
        for each in values:
            match step, each:
                case None, list():
                    inside += each
                case None, dict():
                    inside += each.values()
                case str(), dict() if step in each:
                    inside.append(each[step])
                case int(), list() if step < len(each):
                    inside.append(each[step])
        values = inside
    return values


def _checked(value: Any, check: Check) -> bool:
    """Only strings, numbers and booleans compare: with objects, arrays and null neither `=` nor `!=` holds."""
    if isinstance(value, bool):
        return check("true" if value else "false", None)
    if isinstance(value, str):
        return check(value, None)
    if isinstance(value, int | float):
        try:
            return check(str(value), float(value))
        except (OverflowError, ValueError):  # an integer beyond every float, or too long to be written
            return False
    return False

"""The pattern language of EventBridge, which SNS's filter policies and event source mappings' filters share. Pure.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

from __future__ import annotations

import functools
import ipaddress
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from lambdatui.config.wildcards import any_between

MAX_DEPTH = 100  # of a pattern; matching one level takes three frames of the stack
_MISSING = object()
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS = ("prefix", "suffix", "anything-but", "numeric", "exists", "equals-ignore-case", "cidr", "wildcard")


def matches(pattern: Mapping[str, Any], event: object) -> bool:
    """Whether every field of the pattern holds for the event. A field's list is a choice; so is an event's list.

    `pattern` is one that `problem` found nothing wrong with.
    """
    if isinstance(event, list):  # objects in a list: one of them has to match as a whole
        return any(matches(pattern, each) for each in _flat(event))
    if not isinstance(event, Mapping):
        event = {}
    return all(
        _any_of(wanted, event) if is_or(key, wanted) else _field(wanted, event.get(key, _MISSING))
        for key, wanted in pattern.items()
    )


def _flat(values: list[Any]) -> Iterator[Any]:
    """What stands in a list and in lists inside of it, however deep."""
    levels = [iter(values)]
    while levels:
        for each in levels[-1]:
            if isinstance(each, list):
                levels.append(iter(each))
                break
            yield each
        else:
            levels.pop()


def problem(pattern: object, depth: int = 0) -> str | None:
    """What is wrong with a pattern, as the end of a sentence; None where nothing is."""
    if depth == MAX_DEPTH:
        return f"it is nested more than {MAX_DEPTH} deep"
    if not isinstance(pattern, Mapping):
        return "it must be an object"
    if not pattern:
        return "it is empty"
    for key, wanted in pattern.items():
        if is_or(key, wanted):
            found = next((said for each in wanted if (said := problem(each, depth + 1))), None)
        elif isinstance(wanted, Mapping):
            found = problem(wanted, depth + 1)
        elif isinstance(wanted, list):
            found = next((said for each in wanted if (said := _choice_problem(each))), None)
        else:
            found = "its value must be a list or an object"
        if found:
            return found if found.startswith("field ") else f"field {key}: {found}"
    return None


def attributes(given: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A message's attributes ({"DataType": …, "StringValue": …}) as what a filter policy is matched against."""
    return {name: _attribute(value) for name, value in given.items()}


def _attribute(value: Mapping[str, str]) -> object:
    kind, text = value.get("DataType", "String"), value.get("StringValue", "")
    if kind == "String.Array" or kind.startswith("Number"):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return text
    return text if kind.startswith("String") else _BINARY


_BINARY: dict[str, Any] = {"binary": True}  # there, and equal to nothing


def is_or(key: str, wanted: object) -> bool:
    """Whether a field of a pattern is `$or` with patterns as its choices; else `$or` is a field's name as any other."""
    return (
        key == "$or"
        and isinstance(wanted, list)
        and len(wanted) > 1
        and all(isinstance(each, Mapping) and not _is_operator(each) for each in wanted)
    )


def _is_operator(given: Mapping[str, Any]) -> bool:
    return len(given) == 1 and next(iter(given)) in _OPERATORS


def _any_of(patterns: list[Mapping[str, Any]], event: Mapping[str, Any]) -> bool:
    return any(matches(each, event) for each in patterns)


def _field(wanted: object, value: object) -> bool:
    if isinstance(wanted, Mapping):
        return matches(wanted, None if value is _MISSING else value)
    choices = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, list):
        if not value:  # as if it were not there; `[]` in a pattern means just that
            return not choices or any(_absent(choice) for choice in choices)
        return any(_choice(choice, each) for choice in choices for each in value)
    return any(_choice(choice, value) for choice in choices)


def _absent(choice: object) -> bool:
    return isinstance(choice, Mapping) and choice.get("exists") is False


def _choice(choice: object, value: object) -> bool:
    """Whether one entry of a pattern's list holds for one value (or for _MISSING)."""
    if isinstance(choice, Mapping):
        ((name, operand),) = choice.items()
        if name == "exists":
            return (value is not _MISSING) is operand
        return value is not _MISSING and _apply(name, operand, value)
    return value is not _MISSING and _equal(choice, value)


def _equal(wanted: object, value: object) -> bool:
    """JSON's equality: 300 and 300.0 are one number, true and 1 are not one value."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if isinstance(wanted, int | float) and isinstance(value, int | float):
        return wanted == value
    return type(wanted) is type(value) and wanted == value


def _apply(name: str, operand: Any, value: object) -> bool:
    if name == "anything-but":
        return not isinstance(value, Mapping) and not _excluded(operand, value)
    if name == "numeric":
        return (
            _is_number(value)
            and all(
                _COMPARE[sign](value, bound)  # type: ignore[arg-type]  # a number, just seen
                for sign, bound in zip(operand[::2], operand[1::2], strict=True)
            )
        )
    return isinstance(value, str) and _text(name, operand, value)


def _excluded(operand: Any, value: object) -> bool:
    """Whether `anything-but` names the value: a value, a list of them, or an operator over one or several texts."""
    if isinstance(operand, Mapping):
        ((name, texts),) = operand.items()
        listed = texts if isinstance(texts, list) else [texts]
        return isinstance(value, str) and any(_text(name, each, value) for each in listed)
    return any(_equal(each, value) for each in (operand if isinstance(operand, list) else [operand]))


def _text(name: str, operand: Any, value: str) -> bool:
    if isinstance(operand, Mapping):  # {"prefix": {"equals-ignore-case": "x"}}
        operand, value = str(operand["equals-ignore-case"]).casefold(), value.casefold()
    if name == "prefix":
        return value.startswith(operand)
    if name == "suffix":
        return value.endswith(operand)
    if name == "equals-ignore-case":
        return value.casefold() == str(operand).casefold()
    if name == "wildcard":
        return _wildcard(operand).fullmatch(value) is not None
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(operand, strict=False)
    except ValueError:
        return False


@functools.lru_cache(maxsize=256)
def _wildcard(pattern: str) -> re.Pattern[str]:
    r"""`*` stands for any characters, `\*` for itself."""
    parts = [""]
    for part in re.split(r"(\\.|\*)", pattern, flags=re.DOTALL):
        if part == "*":
            parts.append("")
        else:
            parts[-1] += re.escape(part[1:] if part[:1] == "\\" and len(part) == 2 else part)
    return re.compile(any_between(parts), re.DOTALL)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _choice_problem(choice: object) -> str | None:
    if isinstance(choice, list):
        return "a list must not stand in a list"
    if not isinstance(choice, Mapping):
        return None
    if len(choice) != 1:
        return "an operator is an object with one key"
    ((name, operand),) = choice.items()
    if name not in _OPERATORS:
        return f"there is no operator {name}"
    return None if _CHECKS[name](operand) else f"{name} does not take {operand!r}"


def _texts(operand: object) -> bool:
    return isinstance(operand, str) or (
        isinstance(operand, list) and bool(operand) and all(isinstance(each, str) for each in operand)
    )


def _affix(operand: object) -> bool:
    if isinstance(operand, Mapping):
        return list(operand) == ["equals-ignore-case"] and isinstance(operand["equals-ignore-case"], str)
    return isinstance(operand, str)


def _anything_but(operand: object) -> bool:
    if isinstance(operand, Mapping):
        known = {"prefix", "suffix", "equals-ignore-case", "wildcard"}
        return len(operand) == 1 and set(operand) <= known and all(_texts(each) for each in operand.values())
    listed = operand if isinstance(operand, list) else [operand]
    return bool(listed) and all(isinstance(each, str) or _is_number(each) for each in listed)


def _numeric(operand: object) -> bool:
    return (
        isinstance(operand, list)
        and len(operand) in (2, 4)
        and all(sign in _COMPARE for sign in operand[::2] if isinstance(sign, str))
        and all(isinstance(sign, str) for sign in operand[::2])
        and all(_is_number(bound) for bound in operand[1::2])
    )


def _cidr(operand: object) -> bool:
    try:
        return isinstance(operand, str) and bool(ipaddress.ip_network(operand, strict=False))
    except ValueError:
        return False


_CHECKS: dict[str, Callable[[object], bool]] = {
    "prefix": _affix,
    "suffix": _affix,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": lambda operand: isinstance(operand, bool),
    "equals-ignore-case": lambda operand: isinstance(operand, str),
    "cidr": _cidr,
    "wildcard": lambda operand: isinstance(operand, str),
}

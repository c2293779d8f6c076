"""An event source mapping's FilterCriteria: which events reach the function. Pure; patterns are decoded once.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html, its tables for SQS, Kinesis and DynamoDB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from lambdatui.config.filters import Source as Source
from lambdatui.config.filters import problem
from lambdatui.config.patterns import is_or, matches

_decode = msgspec.json.decode


def valid(text: str, source: Source) -> bool:
    """Whether AWS takes `text` as a pattern."""
    return problem(text, source) is None


class Filters:
    """The patterns of one mapping, one of which has to hold; without any, everything passes."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """`patterns` are valid ones."""
        self._patterns: list[Mapping[str, Any]] = [_decode(pattern) for pattern in patterns]
        self._data_alone = {
            key: all(_keys(pattern) <= {key} for pattern in self._patterns) for key in ("body", "data", "dynamodb")
        }

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def message(self, body: str, record: bytes) -> bool:
        """A queue's message. `record`, as it stands in an event, is read only where a pattern asks for more than the
        body. A pattern of JSON drops bodies of other text, and one of plain text drops JSON."""
        return self._pass("body", body, lambda: _decode(record))

    def data(self, data: bytes, record: bytes) -> bool:
        """A Kinesis record, as `message`. Its metadata (`partitionKey`, `eventSourceARN`, ...) stand beside `data`."""
        return self._pass("data", data, lambda: _flat(_decode(record)))

    def change(self, record: bytes) -> bool:
        """A table's change: rules are about `dynamodb` and about `eventName` and what else stands beside it."""
        if not self._patterns:
            return True
        view = _decode(record)
        return any(_holds(pattern, view, "dynamodb", is_json=True) for pattern in self._patterns)

    def _pass(self, key: str, data: str | bytes, whole: Callable[[], dict[str, Any]]) -> bool:
        if not self._patterns:
            return True
        value, is_json = _understood(data)
        view = {**({} if self._data_alone[key] else whole()), key: value}
        return any(_holds(pattern, view, key, is_json=is_json) for pattern in self._patterns)


def _understood(data: str | bytes) -> tuple[Any, bool]:
    """The value that rules are about, and whether it is JSON: an object or a list. All else is plain text."""
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        value = None
    if isinstance(value, dict | list):
        return value, True
    return data if isinstance(data, str) else data.decode("utf-8", "replace"), False


def _holds(pattern: Mapping[str, Any], view: Mapping[str, Any], data_key: str, *, is_json: bool) -> bool:
    for key, wanted in pattern.items():
        if is_or(key, wanted):
            held = any(_holds(each, view, data_key, is_json=is_json) for each in wanted)
        else:
            fits = key != data_key or isinstance(wanted, Mapping) == is_json
            held = fits and matches({key: wanted}, view)
        if not held:
            return False
    return True


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    inner: dict[str, Any] = record.pop("kinesis")
    return {**record, **inner}


def _keys(pattern: Mapping[str, Any]) -> set[str]:
    """The fields of an event that a pattern looks at."""
    keys: set[str] = set()
    for key, wanted in pattern.items():
        keys |= set().union(*map(_keys, wanted)) if is_or(key, wanted) else {key}
    return keys

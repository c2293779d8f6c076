"""What AWS asks of a filter pattern of an event source mapping. Pure; `sources/filters.py` applies them.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from lambdatui.config import patterns

Source = Literal["sqs", "kinesis", "dynamodb"]
DATA = {"sqs": "body", "kinesis": "data", "dynamodb": "dynamodb"}  # the key that stands for what a producer wrote
MAX_FILTERS = 5  # of a mapping; 10 on request
MAX_PATTERN = 4096  # characters; the service model's Pattern


def problem(text: str, source: Source) -> str | None:
    """Why AWS would refuse the pattern, as the end of a sentence; None where it takes it: an object of EventBridge's
    rules, none of them an empty list; for streams the rules about the data have to be an object too."""
    if len(text) > MAX_PATTERN:
        return f"it has more than {MAX_PATTERN} characters"
    try:
        pattern = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return "it is no JSON"
    if (said := patterns.problem(pattern)) is not None:
        return said
    if _has_empty_list(pattern):
        return "a list in it is empty"
    if source != "sqs" and not all(isinstance(wanted, Mapping) for wanted in _wanted_of(pattern, DATA[source])):
        return f"{DATA[source]} must be an object"
    return None


def _wanted_of(pattern: Mapping[str, Any], name: str) -> list[Any]:
    """Every rule of a pattern for one field."""
    found: list[Any] = []
    for key, wanted in pattern.items():
        if patterns.is_or(key, wanted):
            found += [rule for each in wanted for rule in _wanted_of(each, name)]
        elif key == name:
            found.append(wanted)
    return found


def _has_empty_list(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_empty_list, value.values()))
    return isinstance(value, list) and (not value or any(map(_has_empty_list, value)))

"""What a Lambda call may name a function by: name, name:qualifier, partial ARN or full ARN."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from lambdatui.api.aws.constraints import violated, violation
from lambdatui.api.aws.errors import AwsError

# NamespacedFunctionName of Lambda's service model.
_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
    r"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_NAME = re.compile(_PATTERN)
_NAME_GROUP, _QUALIFIER_GROUP = 11, 13
_QUALIFIER = re.compile(r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+")
_SIMPLE = re.compile(r"[a-zA-Z0-9-_]+")
MAX_NAME = 256


def parse(raw: bytes, qualifier: str | None = None) -> tuple[str, str | None]:
    """(name, qualifier) of a path's percent-encoded FunctionName and the query's Qualifier.

    Raises InvalidParameterValueException for what AWS's own pattern refuses, and for two qualifiers that differ.
    """
    text = (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8", "replace")
    if qualifier is None and len(text) <= MAX_NAME and _SIMPLE.fullmatch(text):
        return text, None
    match = _NAME.fullmatch(text) if len(text) <= MAX_NAME else None
    if match is None:
        raise _invalid(text, "functionName", f"Member must satisfy regular expression pattern: {_PATTERN}")
    if qualifier is not None and (len(qualifier) > 128 or not _QUALIFIER.fullmatch(qualifier)):
        raise _invalid(qualifier, "qualifier", r"Member must satisfy regular expression pattern: [a-zA-Z0-9$_-]+")
    own: str | None = match[_QUALIFIER_GROUP]
    if own is not None and qualifier is not None and own != qualifier:
        raise AwsError(
            "InvalidParameterValueException",
            f"The derived qualifier from the function name does not match the specified qualifier: {own}, {qualifier}",
        )
    return match[_NAME_GROUP], own or qualifier


def _invalid(value: str, field: str, constraint: str) -> AwsError:
    shown = value if len(value) <= 200 else value[:200] + "..."
    return violated(violation(f"'{shown}'", field, constraint))

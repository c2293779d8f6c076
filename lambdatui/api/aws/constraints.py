"""Reading a REST-JSON request by its model's constraints: all that is wrong, in one sentence of AWS's own words."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from lambdatui.api.aws.errors import AwsError

_KINDS: dict[type, str] = {
    bool: "Boolean",
    int: "Integer",
    float: "Double",
    str: "String",
    list: "List",
    dict: "Object",
}


class Constraints:
    """The members of a JSON object or of a query. Each method reads one, None where it is not given; what is
    wrong is kept until `check` raises it. Objects inside share the list, and name their members `outer.inner`.
    """

    def __init__(self, value: dict[str, Any], prefix: str = "", failures: list[str] | None = None) -> None:
        self._value = value
        self._prefix = prefix
        self._failures: list[str] = [] if failures is None else failures

    @classmethod
    def of_body(cls, body: bytes) -> Constraints:
        """An empty body is an object without members. Raises SerializationException for what is none."""
        try:
            value = msgspec.json.decode(body) if body.strip() else {}
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise _unreadable(str(error)) from None
        if not isinstance(value, dict):
            raise _unreadable("it is no object")
        return cls(value)

    @classmethod
    def of_query(cls, query: dict[str, str]) -> Constraints:
        return cls(query)

    def check(self) -> None:
        """Raises InvalidParameterValueException with everything that was found wrong so far."""
        if self._failures:
            raise violated(*self._failures)

    def fail(self, name: str, constraint: str) -> None:
        """Note that a member breaks a constraint ("Member must ...")."""
        value = self._value.get(name)
        shown = "null" if value is None else f"'{_shown(value)}'"
        self._failures.append(violation(shown, f"{self._prefix}{_lower(name)}", constraint))

    def has(self, name: str) -> bool:
        return self._value.get(name) is not None

    def given(self, name: str) -> bool:
        """Whether the member is there at all, null included (which resets a setting)."""
        return name in self._value

    def text(
        self, name: str, *, required: bool = False, pattern: str | None = None, low: int = 0, high: int | None = None
    ) -> str | None:
        """A string; `pattern` has to match all of it, `low` and `high` are lengths in characters."""
        value = self._typed(name, str, required=required)
        if value is None:
            return None
        if self._fits(name, len(value), low, high) and pattern is not None and not re.fullmatch(pattern, value):
            self.fail(name, f"Member must satisfy regular expression pattern: {pattern}")
        return str(value)

    def choice(self, name: str, choices: Collection[str], *, required: bool = False) -> str | None:
        """A string out of `choices`."""
        value: str | None = self._typed(name, str, required=required)
        if value is not None and value not in choices:
            self.fail(name, f"Member must satisfy enum value set: [{', '.join(choices)}]")
            return None
        return value

    def number(self, name: str, low: int, high: int, *, required: bool = False) -> int | None:
        """An integer within its limits, both included. In a query it is text."""
        value = self._value.get(name)
        if (isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value)) or (
            isinstance(value, float) and value.is_integer()
        ):
            value = int(value)
        if value is None or isinstance(value, bool) or not isinstance(value, int):
            self._typed(name, int, required=required)
            return None
        if value < low:
            self.fail(name, f"Member must have value greater than or equal to {low}")
        elif value > high:
            self.fail(name, f"Member must have value less than or equal to {high}")
        return value

    def decimal(self, name: str, low: float, high: float, *, required: bool = False) -> float | None:
        """A number, perhaps with a fraction."""
        value = self._value.get(name)
        if value is None or isinstance(value, bool) or not isinstance(value, int | float):
            self._typed(name, float, required=required)
            return None
        if not low <= value <= high:
            side = f"greater than or equal to {low:g}" if value < low else f"less than or equal to {high:g}"
            self.fail(name, f"Member must have value {side}")
        return float(value)

    def flag(self, name: str) -> bool | None:
        value: bool | None = self._typed(name, bool)
        return value

    def object(self, name: str, *, required: bool = False) -> Constraints | None:
        value = self._typed(name, dict, required=required)
        if value is None:
            return None
        return Constraints(value, f"{self._prefix}{_lower(name)}.", self._failures)

    def objects(self, name: str, *, low: int = 0, high: int | None = None) -> list[Constraints] | None:
        """A list of objects."""
        found = self._list(name, dict, low, high)
        if found is None:
            return None
        prefix = f"{self._prefix}{_lower(name)}"
        return [
            Constraints(each, f"{prefix}.{place}.member.", self._failures) for place, each in enumerate(found, start=1)
        ]

    def texts(self, name: str, *, low: int = 0, high: int | None = None) -> list[str] | None:
        """A list of strings."""
        return self._list(name, str, low, high)

    def map(self, name: str) -> dict[str, Any] | None:
        """A map, its values as they are."""
        value: dict[str, Any] | None = self._typed(name, dict)
        return value

    def _list(self, name: str, kind: type, low: int, high: int | None) -> list[Any] | None:
        value = self._typed(name, list)
        if value is None:
            return None
        if not self._fits(name, len(value), low, high):
            return None
        if not all(isinstance(each, kind) for each in value):
            self.fail(name, f"Member must be a list of {_KINDS[kind]}")
            return None
        return list(value)

    def _fits(self, name: str, length: int, low: int, high: int | None) -> bool:
        if length < low:
            self.fail(name, f"Member must have length greater than or equal to {low}")
        elif high is not None and length > high:
            self.fail(name, f"Member must have length less than or equal to {high}")
        else:
            return True
        return False

    def _typed(self, name: str, kind: type, *, required: bool = False) -> Any:
        value = self._value.get(name)
        if value is None:
            if required:
                self.fail(name, "Member must not be null")
        elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(name, f"Member must be of type {_KINDS[kind]}")
            return None
        return value


def violation(shown: str, member: str, constraint: str) -> str:
    """One broken constraint in AWS's words; `shown`: the value in its quotes, or null."""
    return f"Value {shown} at '{member}' failed to satisfy constraint: {constraint}"


def violated(*violations: str) -> AwsError:
    """The error of a request that breaks constraints."""
    count = len(violations)
    told = f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(violations)}"
    return AwsError("InvalidParameterValueException", told)


def _unreadable(why: str) -> AwsError:
    return AwsError("SerializationException", f"Could not parse request body into json: {why}")


def _lower(name: str) -> str:
    """`MaximumRetryAttempts` -> `maximumRetryAttempts`, as AWS writes members in these sentences."""
    return name[:1].lower() + name[1:]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8", "replace")
    return text if len(text) <= 256 else text[:256] + "…"

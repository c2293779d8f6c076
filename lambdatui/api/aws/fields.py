"""Reading the members of an AWS JSON request: each is what the model says, or the service's own error."""

from __future__ import annotations

from typing import Any

import msgspec

from lambdatui.api.aws.errors import AwsError
from lambdatui.clock import MICROS


def decoded(body: bytes) -> dict[str, Any]:
    """The object of an AWS JSON request's body; SerializationException where it is none."""
    try:
        value = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise AwsError("SerializationException", "The request's body is not valid JSON") from None
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "The request's body is not a JSON object")
    return value


class Fields:
    """A JSON object of a request. `missing` and `wrong` are the error types of the service that reads it."""

    def __init__(self, value: dict[str, Any], missing: str, wrong: str) -> None:
        self._value = value
        self._missing = missing
        self._wrong = wrong

    @classmethod
    def decode(cls, body: bytes, missing: str, wrong: str) -> Fields:
        """The object of a body; SerializationException where it is none."""
        return cls(decoded(body), missing, wrong)

    def has(self, name: str) -> bool:
        return self._value.get(name) is not None

    def text(self, name: str) -> str:
        """A member that has to be there."""
        value = self.optional_text(name)
        if value is None:
            raise self.missing(name)
        return value

    def optional_text(self, name: str) -> str | None:
        value = self._value.get(name)
        if value is not None and not isinstance(value, str):
            raise self.invalid(f"{name} must be a string.")
        return value

    def number(self, name: str, low: int, high: int) -> int | None:
        """An integer within its limits (both included), None where it is not given."""
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.invalid(f"{name} must be an integer.")
        if not low <= value <= high:
            raise self.invalid(
                f"Value {value} for parameter {name} is invalid. Reason: must be between {low} and {high}, if provided."
            )
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """As `number`, of a member that has to be there."""
        value = self.number(name, low, high)
        if value is None:
            raise self.missing(name)
        return value

    def moment(self, name: str) -> int | None:
        """A timestamp, which JSON has in seconds, in microseconds."""
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:
            raise self.invalid(f"{name} must be a timestamp in seconds.")
        return round(value * MICROS)

    def flag(self, name: str) -> bool:
        """A boolean; False where it is not given."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.invalid(f"{name} must be true or false.")
        return bool(value)

    def object(self, name: str) -> Fields | None:
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.invalid(f"{name} must be an object.")
        return Fields(value, self._missing, self._wrong)

    def text_map(self, name: str) -> dict[str, str]:
        """A map of strings."""
        value = self._value.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.invalid(f"{name} must be a map of strings.")
        return value

    def objects(self, name: str) -> list[Fields]:
        value = self._value.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.invalid(f"{name} must be a list of objects.")
        return [Fields(item, self._missing, self._wrong) for item in value]

    def texts(self, name: str) -> list[str]:
        value = self._value.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.invalid(f"{name} must be a list of strings.")
        return value

    def named(self, name: str) -> dict[str, Fields]:
        """A map of objects."""
        value = self._value.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
            raise self.invalid(f"{name} must be a map of objects.")
        return {key: Fields(item, self._missing, self._wrong) for key, item in value.items()}

    def missing(self, name: str) -> AwsError:
        return AwsError(self._missing, f"The request must contain the parameter {name}.")

    def invalid(self, sentence: str) -> AwsError:
        return AwsError(self._wrong, sentence)

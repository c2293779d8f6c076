"""Events in and results out, as Lambda's runtime client does it with simplejson, on the standard library's encoder.

A result of plain types goes through the C encoder. Anything else (Decimal, bytes, named tuples, subclasses) goes
through a slower encoder with simplejson's rules.
"""

from __future__ import annotations

import os
import sys
from marshal import dumps

from ..quickjson import decode, encoder, quote_ascii, quote_unicode
from .faults import Fault

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any, Callable

# As simplejson comes to its limit, which is that of the standard encoder in C.
_TOO_DEEP = "maximum recursion depth exceeded while " + (
    "calling a Python object" if sys.version_info >= (3, 12) else "encoding a JSON object"
)
_NOT_FINITE = (float("inf"), float("-inf"))


def keeps_unicode() -> bool:
    """Whether non-ASCII text stays as it is: from Lambda's Python 3.12 on."""
    name = os.environ.get("AWS_EXECUTION_ENV", "")
    prefix = "AWS_Lambda_python3."
    if name.startswith(prefix) and name[len(prefix) :].isdigit():
        return int(name[len(prefix) :]) >= 12
    return sys.version_info >= (3, 12)


def unmarshal(payload: bytes | bytearray) -> Any:
    """The event; {} for an empty payload; Fault Runtime.UnmarshalError where it is not JSON."""
    if not payload:
        return {}
    try:
        return decode(payload.decode())
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)


class Marshaller:
    """Encodes results and error payloads; `unicode` as `keeps_unicode` says."""

    def __init__(self, unicode: bool) -> None:
        self._fast = encoder(ascii=not unicode)
        self._text: Callable[[str], str] = quote_unicode if unicode else quote_ascii

    def marshal(self, result: Any) -> str | bytes:
        """The result's payload; bytes pass through; Fault Runtime.MarshalError where there is no JSON for it."""
        if isinstance(result, bytes):
            return result
        try:
            return self.encode(result)
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)

    def encode(self, value: Any) -> str:
        """JSON text; ValueError, TypeError, UnicodeError or RecursionError where there is none."""
        try:
            if _is_plain(value):
                try:
                    return self._fast(value)
                except (ValueError, TypeError):
                    pass  # not finite, circular, or not JSON: the slow way does it, or words it, as simplejson does
            return self._slow(value)
        except RecursionError:
            raise RecursionError(_TOO_DEEP) from None

    def _slow(self, value: Any) -> str:
        """Without recursion, as deep as the C encoders go: they take one level where Python code takes several."""
        pieces: list[str] = []
        out = pieces.append
        above: set[int] = set()  # ids of the containers that are open
        levels: list[list[Any]] = []  # of each open one: its rest, what separates, what ends it, its id
        deepest, tested = 0, 1024
        rest: Any = iter((("", value),))
        while True:
            for label, each in rest:
                out((levels[-1][1] if levels else "") + label)
                if levels:
                    levels[-1][1] = ", "
                text = self._scalar(each)
                if text is None:
                    levels.append(self._open(each, above))
                    break
                out(text)
            else:
                if not levels:
                    break
                _, separator, end, identity = levels.pop()
                out(end if separator == ", " else separator + end)
                above.discard(identity)
            deepest = max(deepest, len(levels))
            if deepest == tested:  # not only behind the last of a hundred thousand levels
                self._reach(deepest)
                tested *= 2
            rest = levels[-1][0] if levels else rest
        self._reach(deepest)
        return "".join(pieces)

    def _reach(self, depth: int) -> None:
        """RecursionError where the C encoder does not go so deep."""
        value: list[Any] = []
        for _ in range(depth):
            value = [value]
        self._fast(value)

    def _scalar(self, value: Any) -> str | None:
        """The JSON of what is no container; None for containers."""
        if value is None or value is True or value is False:
            return "null" if value is None else "true" if value else "false"
        if isinstance(value, (str, bytes)):
            return self._text(value if isinstance(value, str) else value.decode())
        if isinstance(value, int):
            return int.__repr__(value)
        if isinstance(value, float):
            return _float(value)
        if isinstance(value, (list, tuple, dict)) or callable(getattr(value, "_asdict", None)):
            return None
        number = _decimal(value)
        if number is None:
            raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
        return number

    def _open(self, value: Any, above: set[int]) -> list[Any]:
        if id(value) in above:
            raise ValueError("Circular reference detected")
        above.add(id(value))
        fields = value
        if callable(getattr(value, "_asdict", None)):
            fields = value._asdict()
            if not isinstance(fields, dict):
                raise TypeError("_asdict() must return a dict, not " + type(fields).__name__)
        if isinstance(fields, dict):
            return [((self._text(_key(key)) + ": ", each) for key, each in fields.items()), "{", "}", id(value)]
        return [(("", each) for each in fields), "[", "]", id(value)]


def _is_plain(value: Any) -> bool:
    """Whether the standard encoder writes `value` as simplejson does: exact built-in types all the way down.

    The interpreter's own marshal takes nothing else, and finds that out in C: in a tenth of the encoder's time for
    records, as the current format writes a key once. What it takes and JSON has not (bytes, sets, what contains itself)
    the standard encoder refuses.
    """
    try:
        dumps(value)
    except ValueError:
        return False
    return True


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode()
    if isinstance(key, float):
        return _float(key)
    if key is True or key is False or key is None:
        return "null" if key is None else "true" if key else "false"
    if isinstance(key, int):
        return int.__repr__(key)
    raise TypeError("keys must be str, int, float, bool or None, not " + type(key).__name__)


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in _NOT_FINITE:
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


def _decimal(value: Any) -> str | None:
    """A Decimal's JSON; None for any other object. Where nobody imported decimal, nothing is one."""
    module = sys.modules.get("decimal")
    if module is None or not isinstance(value, module.Decimal):
        return None
    return _float(float("nan")) if value.is_nan() else str(value)

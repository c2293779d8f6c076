"""Events in and results out, as Lambda's runtime client does it with simplejson, on the standard library's encoder.

A result of plain types goes through the C encoder. Anything else (Decimal, bytes, named tuples, subclasses) goes
through a slower encoder with simplejson's rules.
"""

from __future__ import annotations

import os
import sys

from .faults import Fault
from .quickjson import decode, encoder, quote_ascii, quote_unicode

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any, Callable

_ATOMS = frozenset((str, int, float, bool, type(None)))
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

    def marshal(self, result: Any) -> bytes:
        """The result's payload; bytes pass through; Fault Runtime.MarshalError where there is no JSON for it."""
        if isinstance(result, bytes):
            return result
        try:
            return self.encode(result).encode()
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)

    def encode(self, value: Any) -> str:
        """JSON text; ValueError, TypeError, UnicodeError or RecursionError where there is none."""
        if _is_plain(value):
            try:
                return self._fast(value)
            except ValueError:
                pass  # not finite, or circular: the slow way words it as simplejson does
        pieces: list[str] = []
        self._write(value, pieces.append, set())
        return "".join(pieces)

    def _write(self, value: Any, out: Callable[[str], None], above: set[int]) -> None:
        """Append the JSON of `value` by `out`; `above`: ids of the containers it stands in."""
        if value is None or value is True or value is False:
            out("null" if value is None else "true" if value else "false")
        elif isinstance(value, (str, bytes)):
            out(self._text(value if isinstance(value, str) else value.decode()))
        elif isinstance(value, int):
            out(int.__repr__(value))
        elif isinstance(value, float):
            out(_float(value))
        else:
            self._write_container(value, out, above)

    def _write_container(self, value: Any, out: Callable[[str], None], above: set[int]) -> None:
        if id(value) in above:
            raise ValueError("Circular reference detected")
        above.add(id(value))
        if callable(getattr(value, "_asdict", None)):
            fields = value._asdict()
            if not isinstance(fields, dict):
                raise TypeError("_asdict() must return a dict, not " + type(fields).__name__)
            self._write_dict(fields, out, above)
        elif isinstance(value, (list, tuple)):
            self._write_list(value, out, above)
        elif isinstance(value, dict):
            self._write_dict(value, out, above)
        else:
            number = _decimal(value)
            if number is None:
                raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
            out(number)
        above.discard(id(value))

    def _write_list(self, values: Any, out: Callable[[str], None], above: set[int]) -> None:
        separator = "["
        for value in values:
            out(separator)
            self._write(value, out, above)
            separator = ", "
        out("[]" if separator == "[" else "]")

    def _write_dict(self, values: Any, out: Callable[[str], None], above: set[int]) -> None:
        separator = "{"
        for key, value in values.items():
            out(separator)
            out(self._text(_key(key)))
            out(": ")
            self._write(value, out, above)
            separator = ", "
        out("{}" if separator == "{" else "}")


def _is_plain(value: Any) -> bool:
    """Whether the standard encoder writes `value` as simplejson does: exact built-in types all the way down."""
    rest = [value]
    seen: set[int] = set()
    while rest:
        each = rest.pop()
        kind = type(each)
        if kind in _ATOMS or id(each) in seen:
            continue
        seen.add(id(each))
        if kind is dict:
            if not _ATOMS.issuperset(map(type, each)):
                return False
            inside = each.values()
        elif kind is list or kind is tuple:
            inside = each
        else:
            return False
        if not _ATOMS.issuperset(map(type, inside)):
            rest.extend([one for one in inside if type(one) not in _ATOMS])
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
    if value != value or value in _NOT_FINITE:
        raise ValueError("Out of range float values are not JSON compliant: " + repr(value))
    return float.__repr__(value)


def _decimal(value: Any) -> str | None:
    """A Decimal's JSON; None for any other object. Where nobody imported decimal, nothing is one."""
    module = sys.modules.get("decimal")
    if module is None or not isinstance(value, module.Decimal):
        return None
    return _float(float("nan")) if value.is_nan() else str(value)

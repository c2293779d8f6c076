"""CBOR (RFC 8949) as AWS's rpc-v2-cbor protocol uses it: what JSON has, byte strings and times. Pure.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import math
import struct
from typing import Any

MAX_DEPTH = 64

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_BREAK = 0xFF
_INDEFINITE = 31
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLES: dict[int, Any] = {20: False, 21: True, 22: None, 23: None}
_EPOCH = 1  # tag of seconds since the epoch


class Moment(float):
    """A time in seconds since the epoch, told apart from other numbers."""


class CborError(ValueError):
    """It is no CBOR, or CBOR that no AWS request holds."""


def encode(value: Any) -> bytes:
    """The value as CBOR: None, bool, int, float, Moment, str, bytes, lists and dicts of them."""
    out = bytearray()
    _encode(out, value)
    return bytes(out)


def decode(data: bytes) -> Any:
    """The one value that `data` is. Raises CborError."""
    reader = _Reader(data)
    value = reader.item(0)
    if reader.at != len(data):
        raise CborError(f"{len(data) - reader.at} bytes follow the value")
    return value


def _encode(out: bytearray, value: Any) -> None:
    match value:
        case None:
            out.append(0xF6)
        case bool():
            out.append(0xF5 if value else 0xF4)
        case int():
            _head(out, *((_UINT, value) if value >= 0 else (_NEGATIVE, -1 - value)))
        case Moment():
            _head(out, _TAG, _EPOCH)
            whole = math.isfinite(value) and value.is_integer()
            _encode(out, int(value) if whole else float(value))
        case float():
            out.append(_SIMPLE << 5 | 27)
            out += struct.pack(">d", value)
        case str():
            data = value.encode()
            _head(out, _TEXT, len(data))
            out += data
        case bytes():
            _head(out, _BYTES, len(value))
            out += value
        case list() | tuple():
            _head(out, _ARRAY, len(value))
            for each in value:
                _encode(out, each)
        case dict():
            _head(out, _MAP, len(value))
            for name, each in value.items():
                _encode(out, name)
                _encode(out, each)
        case _:
            raise TypeError(f"CBOR has no {type(value).__name__}")


def _head(out: bytearray, major: int, number: int) -> None:
    if number < 24:
        out.append(major << 5 | number)
        return
    for code, size in _LENGTHS.items():
        if number < 1 << (8 * size):
            out.append(major << 5 | code)
            out += number.to_bytes(size, "big")
            return
    raise OverflowError(f"{number} has more than 64 bits")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CborError(f"it is nested deeper than {MAX_DEPTH}")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        match major:
            case 0:
                return self._number(info)
            case 1:
                return -1 - self._number(info)
            case 2:
                return self._string(major, info)
            case 3:
                return self._text(info)
            case 4:
                return [self.item(depth + 1) for _ in self._items(info)]
            case 5:
                return {self._key(): self.item(depth + 1) for _ in self._items(info)}
            case 6:
                return self._tagged(info, depth)
            case _:
                return self._simple(info)

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            raise CborError("it ends too early")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info not in _LENGTHS:
            raise CborError(f"{info} is no length")
        return int.from_bytes(self._take(_LENGTHS[info]), "big")

    def _items(self, info: int) -> Any:
        """As many turns as there are items; where no number is given, until the break."""
        if info != _INDEFINITE:
            count = self._number(info)
            if count > len(self._data) - self.at:  # each takes a byte at least
                raise CborError("it ends too early")
            yield from range(count)
            return
        while True:
            if self._take(1)[0] == _BREAK:
                return
            self.at -= 1
            yield None

    def _string(self, major: int, info: int) -> bytes:
        if info != _INDEFINITE:
            return self._take(self._number(info))
        pieces = []
        while (first := self._take(1)[0]) != _BREAK:
            if first >> 5 != major or first & 31 == _INDEFINITE:
                raise CborError("a string has pieces of another kind")
            pieces.append(self._take(self._number(first & 31)))
        return b"".join(pieces)

    def _text(self, info: int) -> str:
        try:
            return self._string(_TEXT, info).decode()
        except UnicodeDecodeError:
            raise CborError("a text is no UTF-8") from None

    def _key(self) -> str:
        first = self._take(1)[0]
        if first >> 5 != _TEXT:
            raise CborError("a key is no text")
        return self._text(first & 31)

    def _tagged(self, info: int, depth: int) -> Any:
        tag, value = self._number(info), self.item(depth + 1)
        if tag != _EPOCH or isinstance(value, bool) or not isinstance(value, int | float):
            raise CborError(f"tag {tag} is not served with this value")
        return Moment(value)

    def _simple(self, info: int) -> Any:
        if info in _SIMPLES:
            return _SIMPLES[info]
        if info not in _FLOATS:
            raise CborError(f"simple value {info} is not served")
        form = _FLOATS[info]
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

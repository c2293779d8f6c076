"""JSON by the interpreter's C functions alone: the `json` package imports `re`, a third of a bare cold start.

What these functions refuse goes through `json` itself, which words the error. Where an interpreter has no such
functions, everything does.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` would take as long
if TYPE_CHECKING:
    from typing import Any, Callable


def _by_package(text: str) -> Any:
    from json import JSONDecoder

    return JSONDecoder().decode(text)


def _strictly_by_package(text: str) -> Any:
    from json import JSONDecoder

    def refuse(name: str) -> Any:
        raise ValueError(name)

    return JSONDecoder(parse_constant=refuse).decode(text)


def _package_encoder(ascii: bool) -> Callable[[Any], str]:
    from json import JSONEncoder

    return JSONEncoder(ensure_ascii=ascii, allow_nan=False).encode


def _unserialisable(value: object) -> Any:
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


try:
    import _json

    class _Settings:
        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = {
            "-Infinity": float("-inf"),
            "Infinity": float("inf"),
            "NaN": float("nan"),
        }.__getitem__

    class _Strict(_Settings):
        @staticmethod
        def parse_constant(name: str) -> Any:
            raise ValueError(name)

    # SystemError: the scanner of some versions finds its own error only where somebody has imported json.decoder.
    _REFUSALS = (StopIteration, ValueError, SystemError)
    _scan = _json.make_scanner(_Settings)  # type: ignore[arg-type]
    _scan_strictly = _json.make_scanner(_Strict)  # type: ignore[arg-type]

    def decode(text: str) -> Any:
        """The value of a JSON text; ValueError (json.JSONDecodeError) where it is none."""
        inner = text.strip(" \t\n\r")
        try:
            value, end = _scan(inner, 0)
        except _REFUSALS:
            return _by_package(text)
        return value if end == len(inner) else _by_package(text)

    def decode_strictly(text: str) -> Any:
        """The same, with ValueError also for NaN and infinities, and without words."""
        inner = text.strip(" \t\n\r")
        try:
            value, end = _scan_strictly(inner, 0)
        except _REFUSALS:
            raise ValueError from None
        if end != len(inner):
            raise ValueError
        return value

    def encoder(ascii: bool) -> Callable[[Any], str]:
        """A function from plain values to JSON text; TypeError or ValueError where there is none (NaN too)."""
        quote = _json.encode_basestring_ascii if ascii else _json.encode_basestring

        def encode(value: Any) -> str:
            write = _json.make_encoder({}, _unserialisable, quote, None, ": ", ", ", False, False, False)
            return "".join(write(value, 0))

        return encode

    quote_ascii: Callable[[str], str] = _json.encode_basestring_ascii
    quote_unicode: Callable[[str], str] = _json.encode_basestring
    # An interpreter whose functions have changed must not be found out by somebody's event.
    if decode(' {"a": [1, 2.5, "\\u00e9"]}') != {"a": [1, 2.5, "\u00e9"]} or encoder(True)({"a": (1,)}) != '{"a": [1]}':
        raise ImportError("the C functions have changed")  # noqa: TRY301
except (ImportError, AttributeError, TypeError):
    decode = _by_package
    decode_strictly = _strictly_by_package
    encoder = _package_encoder

"""A function's result as an HTTP answer, and AWS's own answers where there is no good one. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal, NamedTuple

import msgspec

from lambdatui.engine.model import InvokeResult

Kind = Literal["rest", "http", "url", "alb"]
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OURS = {"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "date"}


class Reply(NamedTuple):
    """Status, headers in their order, body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def _json(status: int, text: str) -> Reply:
    return Reply(status, [(b"content-type", b"application/json")], text.encode())


def _plain(status: int, text: str) -> Reply:
    return Reply(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode())


# What callers get in place of an answer. https://docs.aws.amazon.com/apigateway/latest/developerguide/
# supported-gateway-response-types.html; throttles: REST 500, HTTP API 503, function URL Lambda's own 429.
FAILED: dict[Kind, Reply] = {
    "rest": _json(502, '{"message": "Internal server error"}'),
    "http": _json(500, '{"message":"Internal Server Error"}'),
    "url": _plain(502, "Internal Server Error"),
    "alb": _plain(502, "Bad Gateway"),
}
THROTTLED: dict[Kind, Reply] = {
    "rest": _json(500, '{"message": "Internal server error"}'),
    "http": _json(503, '{"message":"Service Unavailable"}'),
    "url": _json(429, '{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}'),
    "alb": _plain(502, "Bad Gateway"),
}
TOO_LARGE: dict[Kind, Reply] = {
    "rest": _json(413, '{"message": "Request Too Long"}'),
    "http": _json(413, '{"message":"Request Entity Too Large"}'),
    "url": _json(413, '{"message":"Request Entity Too Large"}'),
    "alb": _plain(413, "Request Entity Too Large"),
}
STOPPING = _json(503, '{"message":"Service Unavailable"}')
UNKNOWN = _json(404, '{"message":"Not Found"}')
UNKNOWN_REST = Reply(
    403,
    [(b"content-type", b"application/json"), (b"x-amzn-errortype", b"MissingAuthenticationTokenException")],
    b'{"message":"Missing Authentication Token"}',
)


class _Malformed(Exception):  # leaves only private functions
    pass


def reply(kind: Kind, result: InvokeResult) -> Reply:
    """The answer that API Gateway or a function URL would give for a result."""
    if result.status == "throttled":
        return THROTTLED[kind]
    if result.function_error is not None or result.status != "ok":
        return FAILED[kind]
    try:
        value = msgspec.json.decode(result.payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return FAILED[kind]
    if isinstance(value, dict) and "statusCode" in value:
        try:
            return _mapped(kind, value)
        except _Malformed:
            return FAILED[kind]
    if kind == "rest":
        return FAILED[kind]
    return Reply(200, [(b"content-type", b"application/json")], result.payload)


def _mapped(kind: Kind, value: dict[str, Any]) -> Reply:
    status = _status(value["statusCode"])
    headers = _headers(kind, value)
    body = _body(kind, value)
    if not any(name == b"content-type" for name, _ in headers):
        default = b"text/plain;charset=UTF-8" if kind == "http" else b"application/json"
        headers.append((b"content-type", default))
    return Reply(status, headers, b"" if status in (204, 304) else body)


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise _Malformed
    return value


def _headers(kind: Kind, value: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """`multiValueHeaders` (payload 1.0) stand beside `headers` and win; `cookies` (2.0) become Set-Cookie."""
    single = _mapping(value.get("headers"))
    several = _mapping(value.get("multiValueHeaders")) if kind == "rest" else {}
    over = {name.lower() for name in several}
    pairs = [(name, one) for name, one in single.items() if name.lower() not in over and one is not None]
    for name, values in several.items():
        if not isinstance(values, list):
            raise _Malformed
        pairs += [(name, one) for one in values]
    cookies = value.get("cookies") if kind != "rest" else None
    if cookies is not None:
        if not isinstance(cookies, list):
            raise _Malformed
        pairs += [("set-cookie", cookie) for cookie in cookies]
    return [_header(name, one) for name, one in pairs if name.lower() not in _OURS]


def _mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Malformed
    return value


def _header(name: str, value: Any) -> tuple[bytes, bytes]:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise _Malformed
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
        raise _Malformed
    return name.lower().encode("ascii"), text.encode("utf-8")


def _body(kind: Kind, value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        if kind == "rest" or isinstance(body, dict | list):
            raise _Malformed
        body = msgspec.json.encode(body).decode()
    if value.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise _Malformed from None
    return bytes(body.encode("utf-8", "surrogatepass"))

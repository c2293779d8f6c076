"""A function's result as an HTTP answer, and AWS's own answers where there is no good one. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal, NamedTuple

import msgspec

from lambdatui.engine.model import InvokeResult

Kind = Literal["rest", "http", "url", "alb"]
Headers = list[tuple[bytes, bytes]]
MAX_ALB_RESPONSE = 1024 * 1024
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OURS = {"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "date"}
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
_REMAPPED = {"authorization", "content-md5", "host", "server", "user-agent", "www-authenticate"}
_NAMES = {"rest": "a REST API", "http": "an HTTP API", "url": "a function URL", "alb": "a load balancer"}


class Reply(NamedTuple):
    """Status, headers in their order, body."""

    status: int
    headers: Headers
    body: bytes


class Form(NamedTuple):
    """What decides how a result is read. `payload`: of API Gateway's; `several`: a load balancer's multi-value headers.

    `decode`: base64 bodies become bytes; REST APIs do so for their binary media types alone.
    """

    kind: Kind
    payload: str = "2.0"
    several: bool = False
    decode: bool = True


def json_reply(status: int, text: str, error_type: str | None = None) -> Reply:
    """A JSON body as it stands, with the error's name where AWS sends one."""
    headers = [(b"content-type", b"application/json")]
    if error_type:
        headers.append((b"x-amzn-errortype", error_type.encode()))
    return Reply(status, headers, text.encode())


def _plain(status: int, text: str) -> Reply:
    return Reply(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode())


# What callers get in place of an answer. https://docs.aws.amazon.com/apigateway/latest/developerguide/
# supported-gateway-response-types.html; throttles: REST 500, HTTP API 503, function URL Lambda's own 429.
FAILED: dict[Kind, Reply] = {
    "rest": json_reply(502, '{"message": "Internal server error"}', "InternalServerErrorException"),
    "http": json_reply(500, '{"message":"Internal Server Error"}'),
    "url": _plain(502, "Internal Server Error"),
    "alb": _plain(502, "Bad Gateway"),
}
THROTTLED: dict[Kind, Reply] = {
    "rest": json_reply(500, '{"message": "Internal server error"}', "InternalServerErrorException"),
    "http": json_reply(503, '{"message":"Service Unavailable"}'),
    "url": json_reply(429, '{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}'),
    "alb": _plain(502, "Bad Gateway"),
}
TOO_LARGE: dict[Kind, Reply] = {
    "rest": json_reply(413, '{"message": "Request Too Long"}', "RequestTooLargeException"),
    "http": json_reply(413, '{"message":"Request Entity Too Large"}'),
    "url": json_reply(413, '{"message":"Request Entity Too Large"}'),
    "alb": _plain(413, "Request Entity Too Large"),
}
TIMED_OUT: dict[Kind, Reply] = {
    "rest": json_reply(504, '{"message": "Endpoint request timed out"}', "InternalServerErrorException"),
    "http": json_reply(503, '{"message":"Service Unavailable"}'),
    "url": _plain(502, "Internal Server Error"),
    "alb": _plain(504, "Gateway Timeout"),
}
REFUSED: dict[Kind, Reply] = {
    "rest": json_reply(500, '{"message": "Internal server error"}', "InternalServerErrorException"),
    "http": json_reply(500, '{"message":"Internal Server Error"}'),
    "url": json_reply(500, '{"message":"Internal Server Error"}'),
    "alb": _plain(500, "Internal Server Error"),
}
UNKNOWN: dict[Kind, Reply] = {
    "rest": json_reply(403, '{"message":"Missing Authentication Token"}', "MissingAuthenticationTokenException"),
    "http": json_reply(404, '{"message":"Not Found"}'),
    "url": json_reply(404, '{"message":"Not Found"}'),
    "alb": _plain(404, "Not Found"),
}
STOPPING = json_reply(503, '{"message":"Service Unavailable"}')


class _Malformed(Exception):  # its text is the sentence; leaves only private functions
    pass


def reply(form: Form, result: InvokeResult) -> tuple[Reply, str | None]:
    """The answer that AWS would give for a result, and what was wrong with a result that it would not take."""
    if result.status == "throttled":
        return THROTTLED[form.kind], None
    if result.function_error is not None or result.status != "ok":
        return FAILED[form.kind], None
    try:
        return _read(form, result.payload), None
    except _Malformed as malformed:
        return FAILED[form.kind], str(malformed)


def _read(form: Form, payload: bytes) -> Reply:
    free = form.kind == "url" or (form.kind == "http" and form.payload == "2.0")
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _Malformed("the result is no JSON that can be read") from None
    if isinstance(value, dict) and "statusCode" in value:
        return _mapped(form, value)
    if free:
        return Reply(200, [(b"content-type", b"application/json")], payload)
    what = "has no statusCode" if isinstance(value, dict) else f"is {_type(value)}"
    raise _Malformed(f'the result {what}: {_NAMES[form.kind]} needs {{"statusCode": 200, "body": "text"}}')


def _mapped(form: Form, value: dict[str, Any]) -> Reply:
    status = _status(value["statusCode"])
    headers = _headers(form, value)
    body = _body(form, value)
    if form.kind == "alb" and len(body) > MAX_ALB_RESPONSE:
        raise _Malformed(f"the body has {len(body)} bytes: a load balancer takes at most 1 MB")
    if not any(name == b"content-type" for name, _ in headers):
        default = b"text/plain;charset=UTF-8" if form.kind == "http" else b"application/json"
        headers.append((b"content-type", b"application/octet-stream" if form.kind == "alb" else default))
    return Reply(status, headers, b"" if status in (204, 304) else body)


def _status(value: Any) -> int:
    given = value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise _Malformed(f"statusCode is {_brief(given)}: a number from 200 to 599 is needed")
    return value


def _headers(form: Form, value: dict[str, Any]) -> Headers:
    """`multiValueHeaders` (payload 1.0) stand beside `headers` and win; `cookies` (2.0) become Set-Cookie. A load
    balancer reads one of the two, as its target group says."""
    versioned = form.kind == "rest" or (form.kind == "http" and form.payload == "1.0")
    single = {} if form.several else _mapping(value, "headers")
    several = _mapping(value, "multiValueHeaders") if versioned or form.several else {}
    over = {name.lower() for name in several}
    pairs = [(name, one) for name, one in single.items() if name.lower() not in over and one is not None]
    for name, values in several.items():
        if not isinstance(values, list):
            raise _Malformed(f"multiValueHeaders: {_brief(name)} is {_type(values)}: a list of texts is needed")
        pairs += [(name, one) for one in values]
    cookies = value.get("cookies") if form.kind in ("http", "url") and form.payload == "2.0" else None
    if cookies is not None:
        if not isinstance(cookies, list):
            raise _Malformed(f"cookies is {_type(cookies)}: a list of texts is needed")
        pairs += [("set-cookie", cookie) for cookie in cookies]
    headers = [_header(name, one) for name, one in pairs if name.lower() not in _OURS]
    if form.kind == "rest":
        headers = [(b"x-amzn-remapped-" + name if name.decode() in _REMAPPED else name, one) for name, one in headers]
    return headers


def _mapping(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _Malformed(f"{key} is {_type(found)}: an object of names and values is needed")
    return found


def _header(name: str, value: Any) -> tuple[bytes, bytes]:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise _Malformed(f"the header {_brief(name)} is {_type(value)}: a text is needed")
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
        raise _Malformed(f"the header {_brief(name)} has characters that no header may have")
    return name.lower().encode("ascii"), text.encode("utf-8", "replace")


def _body(form: Form, value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        if form.kind in ("rest", "alb") or isinstance(body, dict | list):
            raise _Malformed(f"the body is {_type(body)}: a text is needed, json.dumps makes one")
        body = msgspec.json.encode(body).decode()
    if value.get("isBase64Encoded") is True and form.decode:
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise _Malformed("isBase64Encoded is true and the body is no base64") from None
    return bytes(body.encode("utf-8", "surrogatepass"))


def _type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _brief(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"

"""CloudWatch's three wire forms, all of which SDKs speak: rpc-v2-cbor (current ones), AWS JSON 1.0, and forms with XML.

Requests become members as AWS JSON has them, times as seconds; answers hold times as `Moment`. Pure.
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from lambdatui.api.asgi import Headers, Scope
from lambdatui.api.aws import cbor, targets
from lambdatui.api.aws.cbor import CborError, Moment
from lambdatui.api.aws.errors import CLOUDWATCH, COMMON, AwsError
from lambdatui.api.aws.xml_text import escaped

Protocol = Literal["cbor", "json", "query"]
Members = dict[str, Any]

MAX_FIELDS = 20_000  # 500 queries with all their dimensions
_NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"
_NUMBERS = {"Period", "MaxDatapoints"}
_FLAGS = {"ReturnData", "IncludeLinkedAccounts"}
_TIMES = {"StartTime", "EndTime"}
_MAPS = {"ExtendedStatistics"}  # that answers hold; in requests it is a list


class Request(msgspec.Struct, frozen=True):
    """How a request is written, and its operation where that stands outside the body ("": in the form)."""

    protocol: Protocol
    operation: str = ""


def request_of(scope: Scope) -> Request | None:
    """None: none of the three forms."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    path = targets.CLOUDWATCH_PATH.fullmatch(scope["path"])
    if path is not None:
        return Request("cbor", path[1])
    prefix, _, operation = headers.get(b"x-amz-target", b"").decode("latin-1").partition(".")
    if prefix == targets.CLOUDWATCH and operation:
        return Request("json", operation)
    return Request("query") if headers.get(b"content-type", b"").startswith(targets.FORM) else None


def read(request: Request, body: bytes) -> tuple[str, Members]:
    """(operation, members). Raises AwsError."""
    match request.protocol:
        case "cbor":
            members = _from_cbor(body)
        case "json":
            members = _from_json(body)
        case _:
            return _from_form(body)
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "The request's body is not an object")
    return request.operation, members


def write(request: Request, operation: str, answer: Members, request_id: str) -> tuple[int, bytes, Headers]:
    """A good answer."""
    match request.protocol:
        case "cbor":
            body = cbor.encode(answer)
        case "json":
            body = msgspec.json.encode(_plain(answer))
        case _:
            result = _xml(f"{operation}Result", answer)
            metadata = _xml("ResponseMetadata", {"RequestId": request_id})
            body = f'<{operation}Response xmlns="{_NAMESPACE}">{result}{metadata}</{operation}Response>'.encode()
    return 200, body, _headers(request, request_id)


def write_error(request: Request, error: AwsError, request_id: str) -> tuple[int, bytes, Headers]:
    """The error; SDKs read its older name from a header, and from XML."""
    shape = CLOUDWATCH.get(error.type) or COMMON[error.type]
    code = shape.query_code or error.type
    side = "Sender" if shape.fault == "User" else "Receiver"
    headers = _headers(request, request_id)
    if request.protocol == "query":
        inner = _xml("Error", {"Type": side, "Code": code, "Message": error.message})
        told = _xml("RequestId", request_id)
        return shape.status, f'<ErrorResponse xmlns="{_NAMESPACE}">{inner}{told}</ErrorResponse>'.encode(), headers
    members = {"__type": f"com.amazonaws.cloudwatch#{error.type}", shape.key: error.message}
    body = cbor.encode(members) if request.protocol == "cbor" else msgspec.json.encode(members)
    return shape.status, body, [*headers, (b"x-amzn-query-error", f"{code};{side}".encode())]


def _headers(request: Request, request_id: str) -> Headers:
    told = (b"x-amzn-requestid", request_id.encode())
    match request.protocol:
        case "cbor":
            return [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor"), told]
        case "json":
            return [(b"content-type", b"application/x-amz-json-1.0"), told]
        case _:
            return [(b"content-type", b"text/xml"), told]


def _from_cbor(body: bytes) -> Any:
    try:
        return cbor.decode(body) if body else {}
    except CborError as error:
        raise AwsError("SerializationException", f"The request's body is not valid CBOR: {error}") from None


def _from_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise AwsError("SerializationException", "The request's body is not valid JSON") from None


def _from_form(body: bytes) -> tuple[str, Members]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise AwsError("SerializationException", "The request's body is not a form") from None
    tree: Members = {}
    for name, value in pairs:
        *above, last = name.split(".", 12)
        branch = tree
        for part in above:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise AwsError("SerializationException", f"{name[:100]} is given as a value and as a structure")
        branch[last] = value
    operation = tree.pop("Action", "")
    tree.pop("Version", None)
    if not isinstance(operation, str) or not operation:
        raise AwsError("MissingRequiredParameterException", "The request must contain the parameter Action.")
    return operation, {name: _from_text(name, value) for name, value in tree.items()}


def _from_text(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"member"} and isinstance(value["member"], dict):
            items = value["member"]
            return [_from_text("", items[key]) for key in sorted(items, key=lambda each: (len(each), each))]
        return {key: _from_text(key, each) for key, each in value.items()}
    if name in _NUMBERS and re.fullmatch(r"-?\d{1,15}", value):
        return int(value)
    if name in _FLAGS and value in ("true", "false"):
        return value == "true"
    return _seconds(name, value) if name in _TIMES else value


def _seconds(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AwsError("InvalidParameterValueException", f"{name} must be a timestamp.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _plain(value: Any) -> Any:
    """Times as JSON has them, in seconds; whole ones without a fraction."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, Moment) else value


def _xml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"<{name}>{''.join(_xml('member', each) for each in value)}</{name}>"
    if isinstance(value, dict) and name in _MAPS:
        entries = "".join(_xml("entry", {"key": key, "value": each}) for key, each in value.items())
        return f"<{name}>{entries}</{name}>"
    if isinstance(value, dict):
        return f"<{name}>{''.join(_xml(key, each) for key, each in value.items())}</{name}>"
    if isinstance(value, Moment):
        value = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escaped(text)}</{name}>"

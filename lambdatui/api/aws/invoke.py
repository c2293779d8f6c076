"""Lambda's Invoke: the hot path, from raw ASGI to the engine and back without a router or a model in between.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

import msgspec

from lambdatui.api.asgi import BodyTooLargeError, Headers, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws import event_stream, names
from lambdatui.api.aws.call import Door, query_of
from lambdatui.api.aws.constraints import violated, violation
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.jsoncheck import INLINE_LIMIT, json_problem
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import new_request_id
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.tracing import SENT
from lambdatui.errors import NotFound
from lambdatui.wire import MAX_EVENT_PAYLOAD, MAX_SYNC_REQUEST

PREFIX = b"/2015-03-31/functions/"
SUFFIX = b"/invocations"
MAX_CLIENT_CONTEXT = 3583  # characters of base64

STREAMING_PREFIX = b"/2021-11-15/functions/"
STREAMING_SUFFIX = b"/response-streaming-invocations"
PIECE = 65_536  # bytes of a streamed payload's chunk

_JSON = (b"content-type", b"application/json")
_LATEST = (b"x-amz-executed-version", b"$LATEST")
_TYPES = (b"RequestResponse", b"Event", b"DryRun")
_STREAMING_TYPES = (b"RequestResponse", b"DryRun")
_TENANT = re.compile(r"[a-zA-Z0-9._:/=+\-@ ]{1,256}")


async def invoke(door: Door, raw_name: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one Invoke; raises AwsError for what the caller did wrong."""
    call = _read(raw_name, scope, _TYPES)
    function = find(door, call.name, call.qualifier)
    if call.type == b"RequestResponse":
        payload = await _payload(receive, MAX_SYNC_REQUEST)
        await _answer(send, await _run(door, call, function, payload), tail=call.tail)
        return
    payload = await _checked_payload(receive, MAX_EVENT_PAYLOAD if call.type == b"Event" else MAX_SYNC_REQUEST)
    if call.type == b"Event":
        _, parent = door.engine.caller(call.trace)
        request_id = await door.engine.accept(
            function.config.name,
            payload,
            client_context=call.client_context,
            parent_id=parent,
            qualifier=call.qualifier,
        )
        await respond(send, 202, b"", [(b"x-amzn-requestid", request_id.encode())])
    else:
        await respond(send, 204, b"", [(b"x-amzn-requestid", new_request_id().encode())])


async def invoke_streaming(door: Door, raw_name: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """InvokeWithResponseStream. Python's runtime gives its result as a whole: it comes in pieces, then how it ended."""
    call = _read(raw_name, scope, _STREAMING_TYPES)
    function = find(door, call.name, call.qualifier)
    if call.type == b"DryRun":
        await _checked_payload(receive, MAX_SYNC_REQUEST)
        await respond(send, 204, b"", [(b"x-amzn-requestid", new_request_id().encode())])
        return
    payload = await _payload(receive, MAX_SYNC_REQUEST)
    await _stream(send, await _run(door, call, function, payload), tail=call.tail)


async def invoke_async(door: Door, raw_name: bytes, receive: Receive, send: Send) -> None:
    """The deprecated InvokeAsync: an Event invocation that is answered by its status alone."""
    try:
        name, qualifier = names.parse(raw_name)
    except AwsError as error:  # its model does not know InvalidParameterValueException
        raise AwsError("ValidationException", error.message) from None
    function = find(door, name, qualifier)
    payload = await _checked_payload(receive, MAX_EVENT_PAYLOAD)
    request_id = await door.engine.accept(function.config.name, payload, qualifier=qualifier)
    await respond(send, 202, b"", [_JSON, (b"x-amzn-requestid", request_id.encode())])


class _Call(NamedTuple):
    """What path, query and headers of an invocation say."""

    name: str
    qualifier: str | None
    type: bytes
    tail: bool
    client_context: str | None
    tenant_id: str | None
    trace: str


def _read(raw_name: bytes, scope: Scope, types: tuple[bytes, ...]) -> _Call:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    qualifier = query_of(scope["query_string"]).get("Qualifier") if scope["query_string"] else None
    name, qualifier = names.parse(raw_name, qualifier)
    tenant = headers.get(b"x-amz-tenant-id")
    if tenant is not None and not _TENANT.fullmatch(tenant.decode("latin-1")):
        raise _outside(tenant, "tenantId", f"Member must satisfy regular expression pattern: {_TENANT.pattern}")
    return _Call(
        name,
        qualifier,
        _choice(headers.get(b"x-amz-invocation-type"), types, "invocationType"),
        _choice(headers.get(b"x-amz-log-type"), (b"None", b"Tail"), "logType") == b"Tail",
        _client_context(headers.get(b"x-amz-client-context")),
        None if tenant is None else tenant.decode("latin-1"),
        headers.get(b"x-amzn-trace-id", b"").decode("latin-1"),
    )


def _choice(value: bytes | None, choices: tuple[bytes, ...], member: str) -> bytes:
    """One of `choices`, the first where none is given."""
    if not value:
        return choices[0]
    if value not in choices:
        listed = b", ".join(choices).decode()
        raise _outside(value, member, f"Member must satisfy enum value set: [{listed}]")
    return value


def _outside(value: bytes, member: str, constraint: str) -> AwsError:
    return violated(violation(f"'{value.decode('latin-1')}'", member, constraint))


async def _run(door: Door, call: _Call, function: FunctionPort, payload: bytes) -> InvokeResult:
    if len(payload) <= INLINE_LIMIT:
        await _check(payload)
    root, parent = door.engine.caller(call.trace)
    result = await door.engine.invoke(
        InvokeRequest(
            function=function.config.name,
            payload=payload,
            check=json_problem if len(payload) > INLINE_LIMIT else None,
            qualifier=call.qualifier,
            client_context=call.client_context,
            tenant_id=call.tenant_id,
            parent_id=parent,
            trace_root=root,
            trace_header=SENT.get(),
            prompt=not call.tail,
        )
    )
    if result.problem is not None:
        raise _not_json(result.problem)
    if result.recursive:
        raise AwsError("RecursiveInvocationException", result.error_message or "")
    if result.status == "throttled":
        reason = result.throttle_reason or "ConcurrentInvocationLimitExceeded"
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason)
    return result


def find(door: Door, name: str, qualifier: str | None) -> FunctionPort:
    """The function, or AWS's 404 with the ARN that was asked for."""
    try:
        return door.engine.function(name, qualifier)
    except NotFound:
        arn = f"arn:aws:lambda:{door.region}:{door.account}:function:{name}"
        raise AwsError(
            "ResourceNotFoundException", f"Function not found: {arn}" + (f":{qualifier}" if qualifier else "")
        ) from None


async def _payload(receive: Receive, limit: int) -> bytes:
    try:
        payload = await read_body(receive, limit)
    except BodyTooLargeError:
        raise AwsError(
            "RequestTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        ) from None
    return payload or b"{}"


async def _checked_payload(receive: Receive, limit: int) -> bytes:
    payload = await _payload(receive, limit)
    await _check(payload)
    return payload


async def _check(payload: bytes) -> None:
    problem = await json_problem(payload)
    if problem is not None:
        raise _not_json(problem)


def _not_json(problem: str) -> AwsError:
    return AwsError(
        "InvalidRequestContentException",
        f"Could not parse request body into json: Could not parse payload into json: {problem}",
    )


def _client_context(encoded: bytes | None) -> str | None:
    if not encoded:
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        valid = len(encoded) <= MAX_CLIENT_CONTEXT and isinstance(msgspec.json.decode(text), dict)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        valid = False
    if not valid:
        raise AwsError("InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
    return text


def _headers(result: InvokeResult, content_type: tuple[bytes, bytes]) -> Headers:
    version = result.executed_version
    return [
        content_type,
        (b"x-amzn-requestid", result.request_id.encode()),
        _LATEST if version == "$LATEST" else (b"x-amz-executed-version", version.encode()),
    ]


async def _answer(send: Send, result: InvokeResult, *, tail: bool) -> None:
    headers = _headers(result, _JSON)
    if result.function_error is not None:
        headers.append((b"x-amz-function-error", result.function_error.encode()))
    if tail:
        headers.append((b"x-amz-log-result", base64.b64encode(result.log_tail[-4096:])))
    await respond(send, 200, result.payload, headers)


async def _stream(send: Send, result: InvokeResult, *, tail: bool) -> None:
    """The payload in chunks and InvokeComplete, which tells of an error instead."""
    end: dict[str, str] = {}
    if result.function_error is not None:
        end = {"ErrorCode": result.function_error, "ErrorDetails": result.payload.decode("utf-8", "replace")}
    if tail:
        end["LogResult"] = base64.b64encode(result.log_tail[-4096:]).decode()
    headers = _headers(result, (b"content-type", event_stream.CONTENT_TYPE))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if result.function_error is None:
        for start in range(0, len(result.payload), PIECE):
            piece = result.payload[start : start + PIECE]
            chunk = event_stream.event(b"PayloadChunk", piece, b"application/octet-stream")
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    complete = event_stream.event(b"InvokeComplete", msgspec.json.encode(end), b"application/json")
    await send({"type": "http.response.body", "body": complete, "more_body": False})

"""Lambda's Invoke: the hot path, from raw ASGI to the engine and back without a router or a model in between.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from lambdatui.api.asgi import BodyTooLargeError, Headers, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws import names
from lambdatui.api.aws.call import Door, query_of
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.jsoncheck import json_problem
from lambdatui.api.ports import FunctionPort
from lambdatui.clock import new_request_id
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.errors import NotFound
from lambdatui.wire import MAX_EVENT_PAYLOAD, MAX_SYNC_PAYLOAD

PREFIX = b"/2015-03-31/functions/"
SUFFIX = b"/invocations"
MAX_CLIENT_CONTEXT = 3583  # characters of base64

_JSON = (b"content-type", b"application/json")
_LATEST = (b"x-amz-executed-version", b"$LATEST")
_TYPES = (b"RequestResponse", b"Event", b"DryRun")


async def invoke(door: Door, raw_name: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one Invoke; raises AwsError for what the caller did wrong."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    kind = headers.get(b"x-amz-invocation-type") or b"RequestResponse"
    if kind not in _TYPES:
        raise AwsError(
            "InvalidParameterValueException",
            f"1 validation error detected: Value '{kind.decode('latin-1')}' at 'invocationType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [RequestResponse, Event, DryRun]",
        )
    qualifier = query_of(scope["query_string"]).get("Qualifier") if scope["query_string"] else None
    name, qualifier = names.parse(raw_name, qualifier)
    function = find(door, name, qualifier)
    payload = await _payload(receive, MAX_EVENT_PAYLOAD if kind == b"Event" else MAX_SYNC_PAYLOAD)
    context = _client_context(headers.get(b"x-amz-client-context"))
    root, parent = door.engine.caller(headers.get(b"x-amzn-trace-id", b"").decode("latin-1"))
    if kind == b"RequestResponse":
        result = await door.engine.invoke(
            InvokeRequest(
                function=function.config.name,
                payload=payload,
                qualifier=qualifier,
                client_context=context,
                parent_id=parent,
                trace_root=root,
            )
        )
        tail = headers.get(b"x-amz-log-type") == b"Tail"
        await _answer(send, result, tail=tail)
    elif kind == b"Event":
        request_id = await door.engine.accept(
            function.config.name, payload, client_context=context, parent_id=parent, qualifier=qualifier
        )
        await respond(send, 202, b"", [(b"x-amzn-requestid", request_id.encode())])
    else:
        await respond(send, 204, b"", [(b"x-amzn-requestid", new_request_id().encode())])


async def invoke_async(door: Door, raw_name: bytes, receive: Receive, send: Send) -> None:
    """The deprecated InvokeAsync: an Event invocation that is answered by its status alone."""
    name, qualifier = names.parse(raw_name)
    function = find(door, name, qualifier)
    payload = await _payload(receive, MAX_EVENT_PAYLOAD)
    request_id = await door.engine.accept(function.config.name, payload, qualifier=qualifier)
    await respond(send, 202, b"", [_JSON, (b"x-amzn-requestid", request_id.encode())])


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
    if not payload:
        return b"{}"
    problem = await json_problem(payload)
    if problem is not None:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {problem}",
        )
    return payload


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


async def _answer(send: Send, result: InvokeResult, *, tail: bool) -> None:
    if result.status == "throttled":
        reason = result.throttle_reason or "ConcurrentInvocationLimitExceeded"
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason)
    version = result.executed_version
    headers: Headers = [
        _JSON,
        (b"x-amzn-requestid", result.request_id.encode()),
        _LATEST if version == "$LATEST" else (b"x-amz-executed-version", version.encode()),
    ]
    if result.function_error is not None:
        headers.append((b"x-amz-function-error", result.function_error.encode()))
    if tail:
        headers.append((b"x-amz-log-result", base64.b64encode(result.log_tail[-4096:])))
    await respond(send, 200, result.payload, headers)

"""Lambda's REST-JSON. Invocations are answered here; the table of the other operations is imported by its first one."""

from __future__ import annotations

import contextlib

from lambdatui.api.asgi import BodyTooLargeError, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws import invoke, names
from lambdatui.api.aws.call import Answer, Call, Door, Route, query_of
from lambdatui.api.aws.errors import AwsError
from lambdatui.clock import new_request_id
from lambdatui.errors import NotFound

MAX_REQUEST = 1 << 20


async def serve(door: Door, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one Lambda request; raises AwsError."""
    path: bytes = scope["raw_path"]
    method: str = scope["method"]
    if method == "POST":
        if path.startswith(invoke.PREFIX) and path.endswith(invoke.SUFFIX):
            await invoke.invoke(door, path[len(invoke.PREFIX) : -len(invoke.SUFFIX)], scope, receive, send)
            return
        if path.startswith(invoke.STREAMING_PREFIX) and path.endswith(invoke.STREAMING_SUFFIX):
            raw_name = path[len(invoke.STREAMING_PREFIX) : -len(invoke.STREAMING_SUFFIX)]
            await invoke.invoke_streaming(door, raw_name, scope, receive, send)
            return
        if path.startswith(b"/2014-11-13/functions/") and path.rstrip(b"/").endswith(b"/invoke-async"):
            await invoke.invoke_async(door, path.split(b"/")[3], receive, send)
            return
    route, inside = _find(method, path)
    query = query_of(scope["query_string"])
    name, qualifier = inside.pop("name", ""), query.get("Qualifier")
    if name:
        name, qualifier = names.parse(name.encode(), qualifier)
    try:
        body = await read_body(receive, MAX_REQUEST)
    except BodyTooLargeError:
        raise AwsError("RequestTooLargeException", f"Request must be smaller than {MAX_REQUEST} bytes") from None
    with contextlib.suppress(NotFound):  # the operation says which
        await door.engine.described(name or None)
    answer = route.operation(Call(door, name, qualifier, query, body, inside))
    if not isinstance(answer, Answer):
        answer = await answer
    headers = [(b"content-type", b"application/json"), (b"x-amzn-requestid", new_request_id().encode())]
    await respond(send, answer.status, answer.body, headers)


def _find(method: str, raw_path: bytes) -> tuple[Route, dict[str, str]]:
    from lambdatui.api.aws.lambda_table import TABLE

    path = raw_path.decode("latin-1")
    for route in TABLE:
        match = route.path.fullmatch(path) if route.method == method else None
        if match is not None:
            return route, match.groupdict()
    served = ", ".join(["Invoke", "InvokeWithResponseStream", "InvokeAsync", *(route.name for route in TABLE)])
    raise AwsError(
        "NotImplementedException",
        f"lambdatui does not serve {method} {path[:200]} yet. Of Lambda's operations it serves {served}.",
    )

"""Lambda's REST-JSON: one table of method and path -> operation."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lambdatui.api.asgi import BodyTooLargeError, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws import functions, invoke, names
from lambdatui.api.aws.call import Answer, Door, query_of
from lambdatui.api.aws.errors import AwsError
from lambdatui.clock import new_request_id

MAX_REQUEST = 1 << 20
LAMBDA_PATH = re.compile(rb"/20\d\d-\d\d-\d\d/(functions|account-settings|event-source-mappings|layers|tags)(/|$)")


class Call(NamedTuple):
    """What a table entry gets: the name and qualifier where the path has one, query and body."""

    door: Door
    name: str
    qualifier: str | None
    query: dict[str, str]
    body: bytes


Operation = Callable[[Call], Answer | Awaitable[Answer]]

# https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html; Invoke and InvokeAsync are answered before it.
_FUNCTION = r"/functions/(?P<name>[^/]+)"
TABLE: list[tuple[str, re.Pattern[str], str, Operation]] = [
    (method, re.compile(path), name, operation)
    for method, path, name, operation in (
        ("GET", r"/2015-03-31/functions/?", "ListFunctions", lambda c: functions.list_functions(c.door, c.query)),
        (
            "GET",
            rf"/2015-03-31{_FUNCTION}",
            "GetFunction",
            lambda c: functions.get_function(c.door, c.name, c.qualifier),
        ),
        (
            "GET",
            rf"/2015-03-31{_FUNCTION}/configuration",
            "GetFunctionConfiguration",
            lambda c: functions.get_configuration(c.door, c.name, c.qualifier),
        ),
        (
            "GET",
            r"/2016-08-19/account-settings/?",
            "GetAccountSettings",
            lambda c: functions.account_settings(c.door),
        ),
        (
            "PUT",
            rf"/2017-10-31{_FUNCTION}/concurrency",
            "PutFunctionConcurrency",
            lambda c: functions.put_concurrency(c.door, c.name, c.qualifier, c.body),
        ),
        (
            "GET",
            rf"/2019-09-30{_FUNCTION}/concurrency",
            "GetFunctionConcurrency",
            lambda c: functions.get_concurrency(c.door, c.name, c.qualifier),
        ),
        (
            "DELETE",
            rf"/2017-10-31{_FUNCTION}/concurrency",
            "DeleteFunctionConcurrency",
            lambda c: functions.delete_concurrency(c.door, c.name, c.qualifier),
        ),
    )
]


async def serve(door: Door, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one Lambda request; raises AwsError."""
    path: bytes = scope["raw_path"]
    method: str = scope["method"]
    if method == "POST":
        if path.startswith(invoke.PREFIX) and path.endswith(invoke.SUFFIX):
            await invoke.invoke(door, path[len(invoke.PREFIX) : -len(invoke.SUFFIX)], scope, receive, send)
            return
        if path.startswith(b"/2014-11-13/functions/") and path.rstrip(b"/").endswith(b"/invoke-async"):
            await invoke.invoke_async(door, path.split(b"/")[3], receive, send)
            return
    operation, name = _find(method, path)
    query = query_of(scope["query_string"])
    qualifier = query.get("Qualifier")
    if name is not None:
        name, qualifier = names.parse(name.encode(), qualifier)
    try:
        body = await read_body(receive, MAX_REQUEST)
    except BodyTooLargeError:
        raise AwsError("RequestTooLargeException", f"Request must be smaller than {MAX_REQUEST} bytes") from None
    answer = operation(Call(door, name or "", qualifier, query, body))
    if not isinstance(answer, Answer):
        answer = await answer
    headers = [(b"content-type", b"application/json"), (b"x-amzn-requestid", new_request_id().encode())]
    await respond(send, answer.status, answer.body, headers)


def _find(method: str, raw_path: bytes) -> tuple[Operation, str | None]:
    path = raw_path.decode("latin-1")
    for wanted, pattern, _, operation in TABLE:
        match = pattern.fullmatch(path) if wanted == method else None
        if match is not None:
            return operation, match.groupdict().get("name")
    served = ", ".join(["Invoke", "InvokeAsync", *(name for _, _, name, _ in TABLE)])
    raise AwsError(
        "NotImplementedException",
        f"lambdatui does not serve {method} {path[:200]} yet. Of Lambda's operations it serves {served}.",
    )

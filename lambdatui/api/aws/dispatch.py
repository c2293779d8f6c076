"""Which service a request on `url` is for, and its errors in that service's own shape."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from lambdatui.api.asgi import BodyTooLargeError, ClientGoneError, Message, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws import lambda_ops, targets
from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError, aws_json, rest_json, unanswered
from lambdatui.api.bodies import NoRoomError
from lambdatui.clock import new_request_id
from lambdatui.engine.tracing import answer_to

if TYPE_CHECKING:
    from lambdatui.api.aws.cloudwatch import CloudWatch
    from lambdatui.api.aws.kinesis import Kinesis
    from lambdatui.api.aws.logs import Logs
    from lambdatui.api.aws.sqs import Sqs
    from lambdatui.api.forward import Forwarder


_SCOPE = re.compile(r"Credential=[^/,\s]+/[^/]*/[^/]*/([A-Za-z0-9_.-]+)/aws4_request")
_QUERY_SCOPE = re.compile(r"X-Amz-Credential=[^&]*?(?:%2F|/)([A-Za-z0-9_.-]+)(?:%2F|/)aws4_request", re.IGNORECASE)
_TARGETS = {
    targets.SQS: "sqs",
    targets.KINESIS: "kinesis",
    targets.CLOUDWATCH: "monitoring",
    targets.LOGS: "logs",
}
_REST = {"lambda"}
# Those through which AWS counts a chain of calls:
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html#invocation-recursion-supported
_COUNTED = {"lambda", "sqs", "sns", "s3"}
SOON_S = 0.05  # how long an answer may take before it is looked whether its caller is still there

Answer = dict[str, Any]
JsonCall = Callable[[str, bytes, Scope, Receive], Awaitable[Answer]]  # operation and body of a request


def service_of(scope: Scope, headers: dict[bytes, bytes]) -> str | None:
    """`lambda`, `sqs`, `s3`, ... of an AWS request, "" where only its form says that it is AWS's; None: not AWS's.

    Signed requests name it in the credential scope; unsigned ones by `X-Amz-Target` or one of Lambda's paths.
    """
    authorization = headers.get(b"authorization", b"")
    if authorization.startswith((b"AWS4-", b"AWS ")):
        match = _SCOPE.search(authorization.decode("latin-1"))
        return match[1].lower() if match else ""
    query: bytes = scope["query_string"]
    if b"X-Amz-" in query or b"AWSAccessKeyId=" in query:
        match = _QUERY_SCOPE.search(query.decode("latin-1"))
        return match[1].lower() if match else ""
    target = headers.get(b"x-amz-target")
    if target is not None:
        prefix = target.decode("latin-1").partition(".")[0]
        return _TARGETS.get(prefix, "")
    if scope["method"] == "POST" and headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
        return "s3"  # an upload by form, as pages do it; its signature is one of the fields
    if targets.CLOUDWATCH_PATH.fullmatch(scope["path"]):
        return "monitoring"
    return "lambda" if targets.LAMBDA_PATH.match(scope["raw_path"]) else None


class Dispatcher:
    """Answers every AWS request: Lambda, SQS, Kinesis, CloudWatch and its Logs itself, the rest through the forwarder.

    A service is imported by its first request: together they would be a fifth of an engine's start.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    @cached_property
    def _forwarder(self) -> Forwarder:
        from lambdatui.api.forward import Forwarder

        return Forwarder(self._door)

    @cached_property
    def _sqs(self) -> Sqs:
        from lambdatui.api.aws.sqs import Sqs

        return Sqs(self._door)

    @cached_property
    def _kinesis(self) -> Kinesis:
        from lambdatui.api.aws.kinesis import Kinesis

        return Kinesis(self._door)

    @cached_property
    def _logs(self) -> Logs:
        from lambdatui.api.aws.logs import Logs

        return Logs(self._door)

    @cached_property
    def _cloudwatch(self) -> CloudWatch:
        from lambdatui.api.aws.cloudwatch import CloudWatch

        return CloudWatch(self._door, self._forwarder)

    async def lambda_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A Lambda request; anything that goes wrong is answered in Lambda's error shape."""
        try:
            self._refuse_when_stopping(scope, "ServiceUnavailableException")
            await lambda_ops.serve(self._door, scope, receive, send)
            return
        except NoRoomError as error:
            failure = AwsError("TooManyRequestsException", str(error), Reason="CallerRateLimitExceeded")
        except AwsError as error:
            failure = error
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 (the edge: whatever it is, the caller gets AWS's answer to it)
            failure = unanswered(error, "a Lambda", "ServiceException")
        await respond(send, *rest_json(failure, new_request_id()))

    async def call(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """A request of any AWS service."""
        if service in _COUNTED:
            answer_to(dict(scope["headers"]).get(b"x-amzn-trace-id", b""))
        if service in _REST:
            await self.lambda_call(scope, receive, send)
        elif service == "sqs" and _is_form(scope):
            await self._query_call(scope, receive, send)
        elif service == "sqs":
            await self._json_call("sqs", self._sqs.max_request, self._sqs_call, scope, receive, send)
        elif service == "kinesis":
            await self._json_call("kinesis", self._kinesis.max_request, self._kinesis_call, scope, receive, send)
        elif service == "monitoring":
            await self._cloudwatch.serve(scope, receive, send)
        elif service == "logs":
            await self._logs_call(scope, receive, send)
        else:
            await self._forwarder.forward(service, scope, receive, send)

    async def _sqs_call(self, operation: str, body: bytes, scope: Scope, receive: Receive) -> Answer:
        call = self._sqs.call(operation, body, _base_url(scope))
        return await (_while_there(call, receive) if operation == "ReceiveMessage" else call)

    async def _logs_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """For a group of the engine's the answer, anything else is forwarded. The body says which it is."""
        try:
            operation = _operation("logs", dict(scope["headers"]))
            body = await _read(receive, self._logs.max_request)
            own = await self._logs.owns(operation, body)
        except AwsError as error:
            await respond(send, *aws_json(error, new_request_id(), service="logs", version=b"1.1"))
            return
        except ClientGoneError:
            return
        again = _again(body, receive)
        if not own:
            await self._forwarder.forward("logs", scope, again, send)
            return

        async def call(operation: str, body: bytes, _: Scope, __: Receive) -> Answer:
            return await self._logs.call(operation, body)

        await self._json_call("logs", self._logs.max_request, call, scope, again, send)

    async def _kinesis_call(self, operation: str, body: bytes, _: Scope, __: Receive) -> Answer:
        return await self._kinesis.call(operation, body)

    async def _json_call(
        self, service: str, limit: int, call: JsonCall, scope: Scope, receive: Receive, send: Send
    ) -> None:
        version = b"1.0" if service == "sqs" else b"1.1"
        request_id = new_request_id()
        try:
            self._refuse_when_stopping(scope, "ServiceUnavailable")
            answer = await self._answer(service, limit, call, scope, receive)
        except AwsError as error:
            failure = error
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 (the edge: whatever it is, the caller gets AWS's answer to it)
            failure = unanswered(error, f"an {service}", "InternalFailure")
        else:
            kind = (b"content-type", b"application/x-amz-json-" + version)
            await respond(send, 200, msgspec.json.encode(answer), [kind, (b"x-amzn-requestid", request_id.encode())])
            return
        await respond(send, *aws_json(failure, request_id, service=service, version=version))

    async def _query_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """SQS's older wire form."""
        from lambdatui.api.aws import sqs_query

        request_id = new_request_id()
        try:
            self._refuse_when_stopping(scope, "ServiceUnavailable")
            operation, members = sqs_query.read_form(await _read(receive, self._sqs.max_form), scope["path"])
            answer = await self._sqs_call(operation, msgspec.json.encode(members), scope, receive)
        except AwsError as error:
            failure = error
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 (the edge: whatever it is, the caller gets AWS's answer to it)
            failure = unanswered(error, "an sqs", "InternalFailure")
        else:
            body = sqs_query.write_answer(operation, answer, request_id)
            await respond(send, 200, body, sqs_query.headers(request_id))
            return
        await respond(send, *sqs_query.write_error(failure, request_id))

    async def _answer(self, service: str, limit: int, call: JsonCall, scope: Scope, receive: Receive) -> Answer:
        operation = _operation(service, dict(scope["headers"]))
        return await call(operation, await _read(receive, limit), scope, receive)

    def _refuse_when_stopping(self, scope: Scope, error_type: str) -> None:
        """New calls get a 503 in the grace; what functions in flight call themselves belongs to work that may end."""
        if self._door.engine.stopping and not _by_function(scope, self._door.engine.credentials):
            raise AwsError(error_type, "The engine is stopping and takes no new calls.")


def _by_function(scope: Scope, credentials: Mapping[str, str]) -> bool:
    """Whether the request is signed with the credentials that environments are given."""
    authorization: bytes = dict(scope["headers"]).get(b"authorization", b"")
    return f"Credential={credentials['AWS_ACCESS_KEY_ID']}/".encode() in authorization


def _is_form(scope: Scope) -> bool:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    return b"x-amz-target" not in headers and headers.get(b"content-type", b"").startswith(targets.FORM)


def _base_url(scope: Scope) -> str:
    """`http://HOST`, as the caller reached us."""
    host: bytes = dict(scope["headers"]).get(b"host", b"localhost")
    return f"{scope.get('scheme', 'http')}://{host.decode('latin-1')}"


async def _read(receive: Receive, limit: int) -> bytes:
    try:
        return await read_body(receive, limit)
    except BodyTooLargeError:
        raise AwsError("RequestEntityTooLarge", f"Request must be smaller than {limit} bytes.") from None
    except NoRoomError as error:
        raise AwsError("ServiceUnavailable", str(error)) from None


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that begins with a body that has been read."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


async def _while_there(call: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
    """The call's answer; it ends when the caller hangs up: a long poll must not take messages for nobody. Raises
    ClientGoneError. `receive` has given the whole body. Calls that are answered soon cost next to nothing more."""
    this = asyncio.current_task()
    assert this is not None
    watching: asyncio.Task[None] | None = None

    async def end_with_caller() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        this.cancel()

    def watch() -> None:
        nonlocal watching
        watching = asyncio.create_task(end_with_caller())

    timer = asyncio.get_running_loop().call_later(SOON_S, watch)
    try:
        return await call
    except asyncio.CancelledError:
        if watching is None or not watching.done():
            raise
        this.uncancel()
        raise ClientGoneError from None
    finally:
        timer.cancel()
        if watching is not None:
            watching.cancel()


def _operation(service: str, headers: dict[bytes, bytes]) -> str:
    prefix, _, operation = headers.get(b"x-amz-target", b"").decode("latin-1").partition(".")
    if _TARGETS.get(prefix) == service and operation:
        return operation
    raise AwsError("UnknownOperationException", f"No operation of {service} is named in X-Amz-Target.")

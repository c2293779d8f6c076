"""`http_url`: the project's HTTP routes, answered as API Gateway, function URLs and load balancers answer."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from lambdatui.api import cors, proxy_results
from lambdatui.api.asgi import BodyTooLargeError, ClientGoneError, Receive, Scope, Send, read_body, respond
from lambdatui.api.authorize import Gatekeeper, Refused
from lambdatui.api.aws.call import Door
from lambdatui.api.bodies import NoRoomError
from lambdatui.api.media_types import first_accepted, is_binary
from lambdatui.api.proxy_events import Event, Request, event, extended_id, payload_of
from lambdatui.api.proxy_results import Form, Headers, Kind, Reply
from lambdatui.api.routes import Asked, Match, Miss, RouteTable
from lambdatui.clock import Clock, new_request_id
from lambdatui.config.model import Project
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.tracing import new_root
from lambdatui.errors import NotFound
from lambdatui.wire import MAX_SYNC_REQUEST

logger = logging.getLogger("lambdatui.api")

MB = 1024 * 1024
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html; the event has Lambda's own limit besides.
MAX_BODY: dict[Kind, int] = {"rest": 10 * MB, "http": 10 * MB, "url": 6 * MB, "alb": MB}
INTEGRATION_S: dict[Kind, float | None] = {"rest": 29.0, "http": 30.0, "url": None, "alb": None}


class Front:
    """Finds the route, asks its authorizer, invokes, answers and counts. The table follows `engine.project`."""

    def __init__(
        self, door: Door, clock: Clock | None = None, limits_s: dict[Kind, float | None] = INTEGRATION_S
    ) -> None:
        """`limits_s`: how many seconds each kind of API waits for a function."""
        self._door = door
        self._clock = clock or door.engine.clock
        self._limits_s = limits_s
        self._gatekeeper = Gatekeeper(door, self._clock)
        self._running: set[asyncio.Future[InvokeResult]] = set()
        self._project: Project | None = None
        self._table: RouteTable

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        project = self._door.engine.project
        if project is not self._project:
            self._table = RouteTable(project)
            self._project = project
            self._gatekeeper.forget()
        asked = _asked(scope)
        try:
            answer = self._preflight(asked, scope) or await self._routed(scope, receive, asked)
        except ClientGoneError:
            return
        await _send(send, answer)

    async def _routed(self, scope: Scope, receive: Receive, asked: Asked) -> Reply:
        match = self._table.find(asked)
        if isinstance(match, Miss):
            return self._missed(match, asked)
        return await self._matched(scope, receive, asked, match)

    def _preflight(self, asked: Asked, scope: Scope) -> Reply | None:
        """An HTTP API's or function URL's own answer to OPTIONS, where it has rules for other sites."""
        if asked.method != "OPTIONS":
            return None
        origin, method = _header(scope, b"origin"), _header(scope, b"access-control-request-method")
        if not origin or not method:
            return None
        api = self._table.preflighted(asked._replace(method=method.upper()))
        return cors.preflight(api.config.cors, origin, method) if api is not None and api.config.cors else None

    def _missed(self, miss: Miss, asked: Asked) -> Reply:
        """AWS's own words, and in a header what a developer wants to know."""
        answer = proxy_results.UNKNOWN[miss.api.kind if miss.api else self._table.kind]
        return _with(answer, [_note(f"no route {asked.method} {asked.path}; `lambdatui routes` lists them")])

    async def _matched(self, scope: Scope, receive: Receive, asked: Asked, match: Match) -> Reply:
        """The answer of a route, whatever happens to it, counted."""
        kind, route, rules = match.api.kind, match.route, match.api.config.cors
        if match.preflight is not None and rules is not None:
            return cors.rest_preflight(rules, match.preflight)
        request_id = new_request_id()
        try:
            answer = await self._answer(scope, receive, asked, match, request_id)
        except ClientGoneError:
            raise
        except Exception:
            logger.exception("the route %s could not be answered", route.id)
            answer = proxy_results.FAILED[kind]
        if rules is not None and kind in ("http", "url"):
            answer = cors.with_cors(rules, _header(scope, b"origin"), answer)
        self._door.sources.route_served(route.id, answer.status)
        return _with(answer, _ids(kind, request_id))

    async def _answer(self, scope: Scope, receive: Receive, asked: Asked, match: Match, request_id: str) -> Reply:
        kind, route = match.api.kind, match.route
        if self._door.engine.stopping:
            return proxy_results.STOPPING
        if route.refused is not None:
            self._tell(match, asked, None, route.refused, 500)
            return _with(proxy_results.REFUSED[kind], [_note(route.refused)])
        try:
            body = await read_body(receive, MAX_BODY[kind])
        except BodyTooLargeError:
            return proxy_results.TOO_LARGE[kind]
        except NoRoomError as error:
            return _with(proxy_results.STOPPING, [_note(str(error))])
        request = self._request(scope, asked, body, request_id)
        verdict = await self._gatekeeper.ask(request, match)
        if isinstance(verdict, Refused):
            if verdict.problem is not None:
                self._tell(match, asked, None, verdict.problem, verdict.reply.status)
            return verdict.reply
        made = event(request, match, verdict.authorizer)
        if verdict.usage_key is not None and payload_of(match) == "1.0":
            made["requestContext"]["identity"]["apiKey"] = verdict.usage_key
        return await self._invoke(request, asked, match, made)

    async def _invoke(self, request: Request, asked: Asked, match: Match, made: Event) -> Reply:
        kind = match.api.kind
        payload = msgspec.json.encode(made)
        if len(payload) > MAX_SYNC_REQUEST:
            return proxy_results.TOO_LARGE[kind]
        try:
            function = self._door.engine.function(match.route.function, match.route.qualifier).config.name
        except NotFound as error:
            self._tell(match, asked, None, str(error), proxy_results.FAILED[kind].status)
            return proxy_results.FAILED[kind]
        root, parent = self._door.engine.caller(request.header("x-amzn-trace-id"))
        call = InvokeRequest(
            function=function,
            qualifier=match.route.qualifier,
            payload=payload,
            source="http",
            trace_root=root,
            parent_id=parent,
        )
        result = await self._result(call, kind)
        if result is None:
            waited = f"the function took longer than the {self._limits_s[kind]:g} s that the API waits for it"
            self._tell(match, asked, None, waited, proxy_results.TIMED_OUT[kind].status)
            return proxy_results.TIMED_OUT[kind]
        form = Form(kind, payload_of(match), match.route.multi_value, _decodes(request, match))
        answer, problem = proxy_results.reply(form, result)
        if problem is not None:
            self._tell(match, asked, result.request_id, problem, answer.status)
        return answer

    async def _result(self, asked: InvokeRequest, kind: Kind) -> InvokeResult | None:
        """The invocation's outcome; None where the API does not wait that long. It goes on without it, as on AWS."""
        limit_s = self._limits_s[kind]
        if limit_s is None:
            return await self._door.engine.invoke(asked)
        await self._door.engine.provisioned(asked.function)  # on AWS its packages are there
        running = asyncio.ensure_future(self._door.engine.invoke(asked))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        done, _ = await asyncio.wait({running}, timeout=limit_s)
        if done:
            return running.result()
        running.add_done_callback(_note_failure)
        return None

    def _request(self, scope: Scope, asked: Asked, body: bytes, request_id: str) -> Request:
        source_ip = (scope.get("client") or ("127.0.0.1", 0))[0]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        now_us = self._clock.now_us()
        return Request(
            method=asked.method,
            query=asked.query,
            headers=_forwarded(headers, source_ip, asked.host, now_us),
            body=body,
            source_ip=source_ip,
            protocol=f"HTTP/{scope.get('http_version', '1.1')}",
            now_us=now_us,
            request_id=request_id,
            account=self._door.account,
            region=self._door.region,
        )

    def _tell(self, match: Match, asked: Asked, request_id: str | None, problem: str, status: int) -> None:
        """What was wrong, in the function's log and among what happened: the answer itself says as little as AWS's."""
        function = match.route.function
        sentence = f"{asked.method} {asked.path[:200]}: {problem}; answered {status}"
        telemetry = self._door.engine.telemetry
        telemetry.say("error", function or None, sentence)
        if function:
            telemetry.log_lines(function, request_id, self._clock.now_us(), [("WARNING", sentence)])


def _asked(scope: Scope) -> Asked:
    path = scope["raw_path"].decode("latin-1")
    return Asked(
        method=scope["method"],
        path=path if path.startswith("/") else "/",
        host=_header(scope, b"host") or "localhost",
        headers=scope["headers"],
        query=scope["query_string"].decode("latin-1"),
    )


def _header(scope: Scope, name: bytes) -> str | None:
    value = next((value for key, value in scope["headers"] if key == name), None)
    return None if value is None else value.decode("latin-1")


def _forwarded(headers: list[tuple[str, str]], source_ip: str, host: str, now_us: int) -> list[tuple[str, str]]:
    """The headers that AWS's front doors add: frameworks make addresses of them. What a proxy before us said stays."""
    given = dict(headers)
    port = host.rpartition(":")[2]
    own = {
        "x-forwarded-for": source_ip,
        "x-forwarded-port": port if port.isdecimal() else "80",
        "x-forwarded-proto": "http",
    }
    if "x-amzn-trace-id" not in given:
        own["x-amzn-trace-id"] = f"Root={new_root(now_us)}"
    if before := given.get("x-forwarded-for"):
        headers = [pair for pair in headers if pair[0] != "x-forwarded-for"]
        return [*headers, ("x-forwarded-for", f"{before}, {source_ip}")] + [
            (name, value) for name, value in own.items() if name not in given
        ]
    return headers + [(name, value) for name, value in own.items() if name not in given]


def _decodes(request: Request, match: Match) -> bool:
    """A REST API makes bytes of base64 only where the first accepted type is one of its binary media types."""
    if match.api.kind != "rest" or not match.api.declared:
        return True
    return is_binary(first_accepted(request.header("accept")), match.api.config.binary_types)


def _ids(kind: Kind, request_id: str) -> Headers:
    if kind == "http":
        return [(b"apigw-requestid", extended_id(request_id).encode())]
    if kind == "alb":
        return []
    headers = [(b"x-amzn-requestid", request_id.encode())]
    return [*headers, (b"x-amz-apigw-id", extended_id(request_id).encode())] if kind == "rest" else headers


def _note(text: str) -> tuple[bytes, bytes]:
    """What only this engine says; whatever the text holds, it is one line of ASCII."""
    shown = "".join(character if " " <= character <= "~" else "?" for character in text[:300])
    return b"x-lambdatui", shown.encode("ascii")


def _with(answer: Reply, headers: Headers) -> Reply:
    given = {name for name, _ in answer.headers}
    return answer._replace(headers=answer.headers + [pair for pair in headers if pair[0] not in given])


async def _send(send: Send, answer: Reply) -> None:
    if answer.status in (204, 304):
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await respond(send, answer.status, answer.body, answer.headers)


def _note_failure(task: asyncio.Future[InvokeResult]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("an invocation whose caller was gone failed", exc_info=task.exception())

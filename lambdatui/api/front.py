"""`http_url`: the project's HTTP routes as plain proxy integrations."""

from __future__ import annotations

import logging

import msgspec

from lambdatui.api import proxy_results
from lambdatui.api.asgi import BodyTooLargeError, ClientGoneError, Receive, Scope, Send, read_body, respond
from lambdatui.api.aws.call import Door
from lambdatui.api.proxy_events import Request, event
from lambdatui.api.proxy_results import Reply
from lambdatui.api.routes import Match, RouteTable
from lambdatui.clock import SystemClock, new_request_id
from lambdatui.config.model import Project
from lambdatui.engine.model import InvokeRequest
from lambdatui.wire import MAX_SYNC_PAYLOAD

logger = logging.getLogger("lambdatui.api")

MAX_BODY = 10 * 1024 * 1024  # API Gateway's; the event made of it has Lambda's own limit


class Front:
    """Routes, invokes, maps and counts. The table follows `engine.project`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._clock = SystemClock()
        self._project: Project | None = None
        self._table = RouteTable(())

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        project = self._door.engine.project
        if project is not self._project:
            self._project = project
            self._table = RouteTable(project.routes)
        match = self._table.find(scope["method"], scope["raw_path"].decode("latin-1"))
        if match is None:
            answer = proxy_results.UNKNOWN_REST if self._table.rest_only else proxy_results.UNKNOWN
            await _send(send, answer)
            return
        try:
            answer = await self._answer(scope, receive, match)
        except ClientGoneError:
            return
        except Exception:
            logger.exception("the route %s could not be answered", match.route.id)
            answer = proxy_results.FAILED[match.route.kind]
        self._door.sources.route_served(match.route.id, failed=answer.status >= 500)
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive, match: Match) -> Reply:
        if self._door.engine.stopping:
            return proxy_results.STOPPING
        kind = match.route.kind
        try:
            body = await read_body(receive, MAX_BODY)
        except BodyTooLargeError:
            return proxy_results.TOO_LARGE[kind]
        request = Request(
            method=scope["method"],
            query=scope["query_string"].decode("latin-1"),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            body=body,
            source_ip=(scope.get("client") or ("127.0.0.1", 0))[0],
            protocol=f"HTTP/{scope.get('http_version', '1.1')}",
            now_us=self._clock.now_us(),
        )
        payload = msgspec.json.encode(event(request, match, new_request_id(), self._door.account))
        if len(payload) > MAX_SYNC_PAYLOAD:
            return proxy_results.TOO_LARGE[kind]
        function = self._door.engine.function(match.route.function).config.name
        result = await self._door.engine.invoke(InvokeRequest(function=function, payload=payload, source="http"))
        return proxy_results.reply(kind, result)


async def _send(send: Send, answer: Reply) -> None:
    if answer.status in (204, 304):
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await respond(send, answer.status, answer.body, answer.headers)

"""The two ASGI apps of the door: `url` (AWS, control, feed, metrics) and `http_url` (HTTP triggers).

What an engine may never be asked for is imported by the first request for it.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

from lambdatui.api import feed
from lambdatui.api.asgi import App, Receive, Scope, Send, respond
from lambdatui.api.aws.call import Door
from lambdatui.api.aws.dispatch import Dispatcher, service_of
from lambdatui.api.aws.invoke import PREFIX
from lambdatui.api.guards import Guards
from lambdatui.api.ports import CONTROL_PREFIX, ApiSettings, EnginePort, SourcesPort

if TYPE_CHECKING:
    from lambdatui.api.control import Control
    from lambdatui.api.front import Front

__all__ = ["ApiSettings", "build_front_app", "build_lambda_app"]

_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_OTHER_HOST = b'{"message":"This Host is not served here; name it with --allow-host if it is yours."}'
_OTHER_SITE = b'{"message":"Pages of other sites may not call this address."}'
_NOT_FOUND = (
    b'{"message":"Nothing is here. This is an AWS endpoint (sign the request, as every SDK does); besides it has '
    b"/healthz, /metrics, /feed and Lambda's paths under /2015-03-31/functions/.\"}"
)


def build_lambda_app(engine: EnginePort, sources: SourcesPort, settings: ApiSettings) -> App:
    """The app behind `url`: every AWS service, and our own paths for unsigned requests."""
    door = Door(engine, sources, settings)
    guards = Guards(settings.allow_hosts, settings.token)
    return _LambdaApp(door, guards)


def build_front_app(engine: EnginePort, sources: SourcesPort, settings: ApiSettings) -> App:
    """The app behind `http_url`: the project's HTTP routes."""
    guards = Guards(settings.allow_hosts, settings.token)

    @cache
    def front() -> Front:
        from lambdatui.api.front import Front

        return Front(Door(engine, sources, settings))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await feed.refuse(send, 404, b"no WebSocket is here\n")
        elif not guards.host(dict(scope["headers"])):
            await respond(send, 403, _OTHER_HOST)
        else:
            await front().serve(scope, receive, send)

    return app


class _LambdaApp:
    def __init__(self, door: Door, guards: Guards) -> None:
        self._door = door
        self._guards = guards
        self._dispatcher = Dispatcher(door)
        self._feed = feed.Feed(door, guards)

    @cached_property
    def _control(self) -> Control:
        from lambdatui.api.control import Control

        return Control(self._door, self._guards)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not self._guards.host(headers):
            await _refuse(scope, send, 403, _OTHER_HOST)
        elif not self._guards.origin(headers):
            await _refuse(scope, send, 403, _OTHER_SITE)
        elif scope["type"] == "websocket":
            if scope["path"] == "/feed":
                await self._feed.serve(scope, receive, send)
            else:
                await feed.refuse(send, 404, b"the feed is at /feed\n")
        else:
            self._feed.stir()
            if not scope["raw_path"].startswith(PREFIX):  # what else is asked for may tell of what happened
                self._door.engine.settle_accounts()
            service = service_of(scope, headers)
            if service is not None:
                await self._dispatcher.call(service, scope, receive, send)
            else:
                await self._own(scope, receive, send)

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Unsigned requests that are none of Lambda's."""
        path: str = scope["path"]
        if path.startswith(CONTROL_PREFIX):
            await self._control.serve(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await respond(send, 404, _NOT_FOUND)
        elif path == "/healthz":
            stopping = self._door.engine.stopping
            await respond(send, 503 if stopping else 200, b"stopping\n" if stopping else b"ok\n", [_TEXT])
        elif path == "/metrics":
            from lambdatui.api import metrics

            engine = self._door.engine
            body = metrics.exposition(engine.function_rows(), engine.header(), engine.telemetry.metrics.lives())
            await respond(send, 200, body, [(b"content-type", metrics.CONTENT_TYPE)])
        elif path == "/feed":
            await respond(send, 426, b"the feed is a WebSocket\n", [_TEXT, (b"upgrade", b"websocket")])
        else:
            await respond(send, 404, _NOT_FOUND)


async def _refuse(scope: Scope, send: Send, status: int, body: bytes) -> None:
    if scope["type"] == "websocket":
        await feed.refuse(send, status, body)
    else:
        await respond(send, status, body)

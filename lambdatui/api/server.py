"""One listening socket served by uvicorn, with the caps and the manners that the engine needs.

The host binds the socket, owns the signals and says when to end; this file knows nothing of what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

from lambdatui.api.asgi import App
from lambdatui.api.limits import CappedHttpProtocol
from lambdatui.api.uvicorn_parts import Config, Server

KEEP_ALIVE_S = 60
MAX_FEED_MESSAGE = 64 * 1024
ACCEPT_AT_ONCE = 16  # connections; asyncio takes as many as the backlog before it looks at the first
BACKLOG = 1024


class _Server(Server):
    """uvicorn without its signal handlers and without its ten wake-ups a second."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(BACKLOG)
        self.listening.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # refreshes the Date header
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self.ending.wait()


def _websocket(*args: Any, **kwargs: Any) -> asyncio.Protocol:
    from lambdatui.api.websocket import CappedWebSocketProtocol

    return CappedWebSocketProtocol(*args, **kwargs)


class HttpServer:
    """`start` returns when the socket accepts; `close` refuses new connections and lets calls in flight end."""

    def __init__(self, app: App, sock: socket.socket) -> None:
        self._sock = sock
        self._config = Config(
            app,
            http=CappedHttpProtocol,
            ws=_websocket,  # type: ignore[arg-type]  # only ever called
            ws_max_size=MAX_FEED_MESSAGE,
            ws_max_queue=4,
            ws_per_message_deflate=False,  # loopback: bytes are cheaper than cycles
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # the app logs its own failures; a stranger's bad request is no news
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            backlog=ACCEPT_AT_ONCE,
        )
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve in the running loop; raises what uvicorn's start raised."""
        self._server = _Server(self._config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]), name="http")
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({listening, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            listening.cancel()
            await self._task

    async def close(self, timeout_s: float = 5.0) -> None:
        """Close the socket, wait up to `timeout_s` seconds for answers that are being made, then end them."""
        if self._server is None or self._task is None:
            self._sock.close()
            return
        self._config.timeout_graceful_shutdown = timeout_s  # type: ignore[assignment]  # fractions work as well
        self._server.should_exit = True
        self._server.ending.set()
        await self._task

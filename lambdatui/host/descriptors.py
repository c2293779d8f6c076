"""File descriptors: as many as the system lets us have, and an answer for who calls when all are in use."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

ENOUGH = 65_536  # more would only make what counts through all of them slow
_SENTENCE = (
    "the engine has no file descriptors left (it may have {limit}): end what holds connections or environments, or "
    "start it with a higher `ulimit -n`. It goes on by itself when some are free."
)
_HEAD_PATIENCE = 0.25  # seconds for a request to arrive whose connection has just been made
_CALM = 3.0  # seconds without such a failure after which the next one is said again


def raise_limit() -> int:
    """Take as many descriptors as we may without asking; how many that is. Shells often give 256 or 1,024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    with contextlib.suppress(OSError, ValueError):  # macOS has a limit of its own below its hard one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class LastDescriptor:
    """Keeps one descriptor back, with which it answers 503 to connections that nobody could accept.

    Else they would wait in the kernel's queue without a word. `say` gets a sentence when that begins. asyncio tells
    of a failed accept through the loop's exception handler and tries again after a second.
    """

    def __init__(self, sockets: list[socket.socket], say: Callable[[str], None]) -> None:
        self._sockets = {sock.fileno(): sock for sock in sockets}
        self._say = say
        self._kept = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._failed_at = float("-inf")
        self._answering: asyncio.Task[None] | None = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear of what the loop can hand to nobody else."""
        loop.set_exception_handler(self.handle)

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error, listening = context.get("exception"), context.get("socket")
        sock = None if listening is None else self._sockets.get(listening.fileno())
        if sock is None or not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
            loop.default_exception_handler(context)
            return
        if loop.time() - self._failed_at > _CALM:
            self._say(_sentence())
        self._failed_at = loop.time()
        if self._answering is None or self._answering.done():
            self._answering = loop.create_task(self._refuse_all(sock))

    async def _refuse_all(self, sock: socket.socket) -> None:
        """Whoever waits on `sock`, one after the other."""
        while self._kept >= 0:
            os.close(self._kept)
            self._kept = -1
            try:
                connection, _ = sock.accept()
            except OSError:  # nobody waits any more, or another file took the descriptor
                break
            finally:
                self._keep()
            with contextlib.suppress(OSError), connection:
                await _refuse(connection)
            self._keep()

    def _keep(self) -> None:
        if self._kept < 0:
            with contextlib.suppress(OSError):  # the connection has it
                self._kept = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        if self._kept >= 0:
            os.close(self._kept)
            self._kept = -1


async def _refuse(connection: socket.socket) -> None:
    """Answer what it asks in the form of every AWS service. An answer before the request is read would be lost."""
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    asked = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HEAD_PATIENCE):
            asked = await loop.sock_recv(connection, 64 * 1024)
    body = b'{"__type":"ServiceUnavailable","message":"%s","Message":"%s"}' % ((_sentence().encode(),) * 2)
    connection.send(
        b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-type: application/json\r\n"
        b"x-amzn-errortype: ServiceUnavailableException\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    )
    connection.shutdown(socket.SHUT_WR)
    if not asked:
        return
    with contextlib.suppress(TimeoutError):  # what of the request is still under way would reset the connection
        async with asyncio.timeout(_HEAD_PATIENCE):
            while await loop.sock_recv(connection, 64 * 1024):
                pass


def _sentence() -> str:
    return _SENTENCE.format(limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0])

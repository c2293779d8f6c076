"""Caps on what a client may make us hold and for how long, in front of uvicorn's protocols.

uvicorn 0.54 with httptools alone took 100 MB of headers and held a half-sent one for 20 s.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lambdatui.api.bodies import UNREAD
from lambdatui.api.uvicorn_parts import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

MAX_HEAD = 64 * 1024  # bytes of request line and headers
HEAD_TIMEOUT_S = 10.0  # from the first byte (or the connection) to the end of the headers
BODY_IDLE_S = 30.0  # in which a body that we are reading must end, or bring BODY_LEAST
BODY_LEAST = 16 * 1024  # bytes: a client that sends one byte now and then is not waited for
WRITE_STALL_S = 30.0  # a client that does not take its answer
MAX_CONNECTIONS = 4096  # of each port; fewer where the process may not open so many files
# Bytes that a read asks for. For more than 64 KB, as asyncio always does, the C library maps and unmaps memory each
# time, which takes 21 µs: worth it only while a large body comes in.
_READ, _LARGE_READ = 64 * 1024, 256 * 1024
MAX_PIPELINED = 64  # requests that wait for their turn on one connection; hardly any client sends a second one ahead
MAX_JOINED = 64 * 1024  # bytes of a body that is copied to stand behind its head

_REFUSALS = {
    400: b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    429: b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    408: b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
}


class _RefusedError(Exception):
    """Leaves the parser; never leaves this module."""


def max_connections() -> int:
    """What a port holds at most: environments, the store and the other port need descriptors, too."""
    may_open = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if may_open == resource.RLIM_INFINITY else max(16, min(MAX_CONNECTIONS, may_open // 4))


class _HeadWithBody:
    """What an answer is written to: its head waits for the first of its body, which makes one packet of a small answer.

    By itself the head wakes the client, which finds nothing to read yet: a fifth of a small answer's time.
    """

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._transport = transport
        self._cycle = cycle
        self._head: bytes | None = None  # b"": it has gone

    def write(self, data: bytes) -> None:
        if self._head is None and self._cycle.response_started:  # before it starts: 100 Continue
            self._head = data
        elif self._head and len(data) <= MAX_JOINED:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._flush()
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


class PatientProtocol(asyncio.Protocol):
    """A connection whose client must go on reading: one that does not is cut off, at once where too much is unread."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stall: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._unstall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(WRITE_STALL_S, self.transport.abort)
        UNREAD.waits(self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unstall()

    def _unstall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
            UNREAD.over(self.transport)


class CappedHttpProtocol(PatientProtocol, HttpToolsProtocol):
    """httptools' protocol with a cap on the head and patience for head, body and reading client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._begun = False  # a request is not whole yet
        self._unread = 0  # bytes since the last that said something: head, trailers, what frames chunks
        self._body_bytes = 0  # since the patience with the body began
        self._refusal = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= max_connections() and not _make_room(self.connections):
            transport.abort()
            self.parser = None  # type: ignore[assignment]
            return
        sock = transport.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            # asyncio does it only for sockets made with proto=IPPROTO_TCP. A large answer is two writes, head and
            # body; without it the second waits 40 ms for the client's delayed ACK of the first.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.max_size = _READ  # type: ignore[attr-defined]
        super().connection_made(transport)
        self._wait(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwait()
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.parser is None or self._refusal:
            return
        self.transport.max_size = _READ if len(data) < _READ else _LARGE_READ  # type: ignore[attr-defined]
        self._unread += len(data)
        super().data_received(data)
        if self.transport.get_protocol() is not self:  # became a WebSocket
            self._unwait()
            return
        if self._unread > MAX_HEAD:
            self._refuse(431)
            return
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            if cycle is not None and not self._begun:  # the rest of a body whose answer is out: now it is idle
                self._unwait()
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
            elif self._patience is None:
                self._wait(HEAD_TIMEOUT_S)
        elif not cycle.more_body:
            self._unwait()
        else:
            self._body_bytes += len(data)
            if self._patience is None or self._body_bytes >= BODY_LEAST:
                self._unwait()
                self._body_bytes = 0
                self._wait(BODY_IDLE_S)

    def on_message_begin(self) -> None:
        self._in_head = self._begun = True
        self._unread = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unwait()
        hosts = origins = 0
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value)
            hosts += name == b"host"
            origins += name == b"origin"
        if size > MAX_HEAD:
            self._refusal = 431
            raise _RefusedError
        # What the guards look at stands once: whoever reads the other one would read another site's.
        if hosts > 1 or origins > 1 or not self.url.startswith((b"/", b"*")):
            self._refusal = 400
            raise _RefusedError
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refusal = 429
            raise _RefusedError
        super().on_headers_complete()
        if self.parser.should_upgrade():
            return
        self.headers = []  # of what follows, trailers, nothing gets into the request
        if self.cycle is not None and self.scope["method"] != "HEAD":  # whose answers have no body
            self.cycle.transport = _HeadWithBody(self.transport, self.cycle)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._begun = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._refusal:
            self._refuse(self._refusal)
        else:
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        self._unwait()
        super().on_response_complete()
        if self.pipeline:  # read on when all of these are answered, not when one is
            self.flow.pause_reading()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(WRITE_STALL_S, self.transport.abort)  # a close waits for a client that does not read

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered on this connection."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def unasked(self) -> bool:
        """Whether no request is whole yet."""
        return self.idle or (self.cycle.more_body and not self.cycle.response_started)

    def _refuse(self, status: int) -> None:
        self._refusal = status
        self._unwait()
        if self.idle or not self.cycle.response_started:
            self.transport.write(_REFUSALS[status])
            self.transport.close()
        else:
            self.transport.abort()

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self._lost_patience, seconds)

    def _unwait(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lost_patience(self, seconds: float) -> None:
        self._patience = None
        cycle = self.cycle
        if self._in_head or cycle is None:
            self._refuse(408)
        elif cycle.response_complete:  # what is left of a body whose answer is out
            self.transport.close()
        elif self.flow.read_paused:  # it is us who do not read
            self._wait(seconds)
        else:
            self.transport.close()


def _make_room(connections: Iterable[asyncio.Protocol]) -> bool:
    """Cut off one that has not asked for anything, so that those who only sit there keep nobody out."""
    ours = [one for one in connections if isinstance(one, CappedHttpProtocol) and not one.transport.is_closing()]
    one = next((one for one in ours if one.idle), None) or next((one for one in ours if one.unasked), None)
    if one is not None:
        one.transport.abort()
    return one is not None

"""One HTTP/1.1 request and its answer over a connection of its own, by httptools: http.client brings email and ssl,
which would be a fifth of a short command."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import httptools

_PIECE = 64 * 1024


class Address(NamedTuple):
    """Where an engine listens."""

    host: str
    port: int
    https: bool

    def header(self) -> str:
        """The Host header's value."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.https else 80) else f"{name}:{self.port}"


class Answer(NamedTuple):
    """Status, lower-case headers and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


class BrokenAnswerError(Exception):
    """What came is no whole HTTP answer."""


def exchange(to: Address, method: str, target: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
    """Raises OSError, TimeoutError after so many seconds of silence, and BrokenAnswerError."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {to.header()}", "Connection: close"]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    with _connected(to, timeout) as connection:
        connection.sendall(head + body)
        return _Reading().answer(connection)


def _connected(to: Address, timeout: float) -> socket.socket:
    host: Any = to.host.encode() if to.host.isascii() else to.host  # a text would bring the codec of IDNA
    connection = socket.create_connection((host, to.port), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not to.https:
        return connection
    import ssl

    return ssl.create_default_context().wrap_socket(connection, server_hostname=to.host)


class _Reading:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._head_done = False
        self._done = False

    def answer(self, connection: socket.socket) -> Answer:
        parser = httptools.HttpResponseParser(self)
        while not self._done:
            data = connection.recv(_PIECE)
            if not data:
                if self._head_done and not self._headers.keys() & {"content-length", "transfer-encoding"}:
                    break  # it ends with the connection
                raise BrokenAnswerError("it ended in the middle" if self._head_done else "it gave no answer")
            try:
                parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise BrokenAnswerError(f"it is not HTTP: {error}") from error
        return Answer(parser.get_status_code(), self._headers, b"".join(self._pieces))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_done = True

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._done = True

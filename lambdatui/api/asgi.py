"""The ASGI shapes that the door speaks and the few lines every answer needs; knows no route and no service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from lambdatui.api.bodies import BODIES, UNCOUNTED

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")


class BodyTooLargeError(Exception):
    """The request's body is longer than its limit; nothing beyond the limit was kept."""


class ClientGoneError(Exception):
    """The caller hung up before its request was whole."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header, by its lower-case name."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value
    return None


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """All headers by lower-case name; the last of a repeated one."""
    return dict(scope["headers"])


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body; BodyTooLargeError as soon as it passes `limit` bytes, whatever its length said.

    NoRoomError where all requests together have too much.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    body: bytes = message["body"]
    if not message["more_body"]:
        if len(body) > limit:
            raise BodyTooLargeError
        if len(body) > UNCOUNTED:
            BODIES.hold(len(body))
        return body
    BODIES.hold(len(body))
    parts = [body]
    size = len(body)
    while message["more_body"]:
        if size > limit:
            raise BodyTooLargeError
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        BODIES.hold(len(message["body"]))
        parts.append(message["body"])
        size += len(parts[-1])
    if size > limit:
        raise BodyTooLargeError
    return b"".join(parts)


async def respond(send: Send, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = (JSON,)) -> None:
    """One whole answer with its length."""
    head = [*headers]
    if status != 204:
        head.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})

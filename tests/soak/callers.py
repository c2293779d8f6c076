"""Clients that press on an engine over plain sockets and keep what it answered, of every status."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from typing import NamedTuple


class Answer(NamedTuple):
    """`status` 0: the connection was refused or broke off."""

    status: int
    body: bytes
    seconds: float


class Caller:
    """One connection that repeats one request, and makes another where it was closed."""

    def __init__(self, url: str, request: bytes) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._place = host, int(port)
        self._request = request
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self) -> Answer:
        began = time.monotonic()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._place)
            reader, writer = self._streams
            writer.write(self._request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r")[0])
            answer = Answer(int(head[9:12]), await reader.readexactly(length), time.monotonic() - began)
        except (OSError, EOFError):
            self.close()
            return Answer(0, b"", time.monotonic() - began)
        if b"connection: close" in head:
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Pressed(NamedTuple):
    """What came of one kind of request."""

    statuses: Counter[int]
    bodies: Counter[bytes]  # of what was not served
    seconds: list[float]

    @property
    def longest(self) -> float:
        return max(self.seconds, default=0.0)


async def press(url: str, request: bytes, connections: int, done: asyncio.Event, most: int = 2**62) -> Pressed:
    """Keep `connections` busy with `request` until `done`, or until `most` answers came."""
    found = Pressed(Counter(), Counter(), [])

    async def one() -> None:
        caller = Caller(url, request)
        with contextlib.closing(caller):
            while not done.is_set() and len(found.seconds) < most:
                answer = await caller.call()
                found.statuses[answer.status] += 1
                found.seconds.append(answer.seconds)
                if not 200 <= answer.status < 300:
                    found.bodies[answer.body[:500]] += 1

    await asyncio.gather(*(one() for _ in range(connections)))
    return found


async def called(url: str, request: bytes) -> Answer:
    """One answer, on a connection of its own."""
    with contextlib.closing(Caller(url, request)) as caller:
        return await caller.call()


def reason(body: bytes) -> str | None:
    """AWS's `Reason` of a throttle."""
    return json.loads(body).get("Reason")

"""One call of an AWS operation as its handler sees it, and the services' common ground."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from lambdatui.api.aws.errors import AwsError
from lambdatui.api.ports import ApiSettings, EnginePort, SourcesPort
from lambdatui.errors import StoreError

T = TypeVar("T")
WRITTEN_S = 5.0  # that who reads history waits for what is being written; it takes some milliseconds
SEARCHES = 2  # at once, in processes apart: the others wait for their turn


class Door(msgspec.Struct, frozen=True):
    """What every operation works with."""

    engine: EnginePort
    sources: SourcesPort
    settings: ApiSettings
    changing: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)  # of changes that look at what is there first
    searching: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(SEARCHES))  # of api.apart

    @property
    def region(self) -> str:
        return self.settings.region

    @property
    def account(self) -> str:
        return self.settings.account

    async def written(self) -> None:
        """Returns when all that has happened can be read. Where the disk refuses or stalls, what it took has to do."""
        history = self.engine.store.history
        if history.waiting or self.engine.telemetry.metrics.pending:
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(WRITTEN_S):
                    await history.flush()

    async def read(self, reading: Callable[..., T], *arguments: object, **named: object) -> T:
        """What one of the reader's readings of history gives, all that has happened included."""
        await self.written()
        return await asyncio.to_thread(reading, *arguments, **named)


class Answer(msgspec.Struct, frozen=True):
    """A good answer of a REST-JSON operation."""

    body: bytes
    status: int = 200


class Call(NamedTuple):
    """What an operation gets: the function's name and qualifier where the path has one, query, body, and what else the
    path holds (still percent-encoded), by the names of the route's groups.
    """

    door: Door
    name: str
    qualifier: str | None
    query: dict[str, str]
    body: bytes
    path: dict[str, str] = {}


class Route(NamedTuple):
    """One operation of a REST-JSON service."""

    method: str
    path: re.Pattern[str]
    name: str  # the operation's, as the model has it
    operation: Callable[[Call], Answer | Awaitable[Answer]]


FUNCTION = r"/functions/(?P<name>[^/]+)"


def route(method: str, path: str, name: str, operation: Callable[[Call], Answer | Awaitable[Answer]]) -> Route:
    """A line of a table; `path` is a regular expression for all of it, a trailing slash is allowed."""
    return Route(method, re.compile(path + "/?"), name, operation)


def query_of(query_string: bytes) -> dict[str, str]:
    """The query's values by name; the last of a repeated one."""
    if not query_string:
        return {}
    try:
        return dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise AwsError("InvalidParameterValueException", "The query has more than 100 parameters") from None

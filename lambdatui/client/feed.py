"""A screen's live view of an engine: one WebSocket, merged into a frozen `State`, reconnecting by itself.

`merge` is pure. The async part only connects, decodes and hands on; nothing here knows a widget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from lambdatui.client.locate import Locator
from lambdatui.schema import (
    FEED_VERSION,
    ConcurrencyRow,
    DlqEntry,
    EngineInfo,
    EnvironmentRow,
    FunctionRow,
    Happening,
    Header,
    InvocationRow,
    LogLine,
    Series,
    Sources,
    Subscription,
    Update,
)

MAX_LOGS = 20_000
MAX_INVOCATIONS = 2_000
MAX_HAPPENINGS = 200
FIRST_DELAY = 0.2  # seconds before the first new attempt; doubles
LAST_DELAY = 2.0
PING_INTERVAL = 10.0
CONNECT_TIMEOUT = 5.0

T = TypeVar("T")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All that a screen shows. Bounded lists keep their newest; `new_*` is what came since the State handed out before.

    `*_reset` says that the list begins anew: what a view appended until now is void, `new_*` is then the whole list.
    While `connected` is False everything else stays as it was last known, and `message` says why.
    """

    connected: bool = False
    message: str | None = None
    engine: EngineInfo | None = None
    header: Header | None = None
    functions: tuple[FunctionRow, ...] = ()
    series: Series | None = None  # of `series.function`, which may lag behind a changed subscription
    logs: tuple[LogLine, ...] = ()  # oldest first, at most MAX_LOGS
    new_logs: tuple[LogLine, ...] = ()
    logs_reset: bool = False
    logs_dropped: int = 0  # lines that the engine left out, in all
    invocations: tuple[InvocationRow, ...] = ()  # oldest first, at most MAX_INVOCATIONS
    new_invocations: tuple[InvocationRow, ...] = ()
    invocations_reset: bool = False
    dlq: tuple[DlqEntry, ...] = ()
    sources: Sources | None = None
    environments: tuple[EnvironmentRow, ...] = ()
    concurrency: tuple[ConcurrencyRow, ...] = ()
    happenings: tuple[Happening, ...] = ()  # oldest first, at most MAX_HAPPENINGS
    new_happenings: tuple[Happening, ...] = ()
    happenings_reset: bool = False


def merge(state: State, update: Update) -> State:
    """The state after one more feed message. What the message leaves out stays the same object."""
    changed: dict[str, Any] = {"connected": True, "message": None}
    for name in ("header", "series", "sources"):
        if (value := getattr(update, name)) is not None:
            changed[name] = value
    for name in ("functions", "dlq", "environments", "concurrency"):
        if (value := getattr(update, name)) is not None:
            changed[name] = tuple(value)
    if update.function_changes:
        news = {row.name: row for row in update.function_changes}
        rows = changed.get("functions", state.functions)
        changed["functions"] = tuple(news.get(row.name, row) for row in rows)
    for name, limit in (("logs", MAX_LOGS), ("invocations", MAX_INVOCATIONS), ("happenings", MAX_HAPPENINGS)):
        new = _lines(update) if name == "logs" else tuple(getattr(update, f"new_{name}") or ())
        reset = getattr(update, f"{name}_reset")
        if not new and not reset:
            continue
        changed[name] = _bounded(() if reset else getattr(state, name), new, limit)
        changed[f"new_{name}"] = _bounded(() if reset else getattr(state, f"new_{name}"), new, limit)
        changed[f"{name}_reset"] = reset or getattr(state, f"{name}_reset")
    if update.logs_dropped:
        changed["logs_dropped"] = state.logs_dropped + update.logs_dropped
    return msgspec.structs.replace(state, **changed)


def _lines(update: Update) -> tuple[LogLine, ...]:
    return tuple(line for batch in update.new_logs or () for line in batch.lines())


def taken(state: State) -> State:
    """The state once its news have been handed out."""
    return msgspec.structs.replace(
        state,
        new_logs=(),
        logs_reset=False,
        new_invocations=(),
        invocations_reset=False,
        new_happenings=(),
        happenings_reset=False,
    )


def _bounded(old: tuple[T, ...], new: tuple[T, ...], limit: int) -> tuple[T, ...]:
    whole = old + new
    return whole if len(whole) <= limit else whole[-limit:]


class Feed:
    """`async for state in feed`: the newest State each time something changed; slow readers skip states, not news.

    `locate` says where the engine is now (None: it does not run); it is asked again before every attempt.
    """

    def __init__(self, locate: Locator, subscription: Subscription | None = None) -> None:
        self._locate = locate
        self._wanted = subscription or Subscription()
        self._state = State(message="connecting …")
        self._changed = asyncio.Event()
        self._closed = False
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> State:
        """The newest state, without taking its news."""
        return self._state

    def subscribe(self, subscription: Subscription) -> None:
        """Say what is wanted from now on; kept over reconnects. Call it on the loop's thread."""
        if subscription == self._wanted:
            return
        self._wanted = subscription
        if self._connection is not None:
            task = asyncio.ensure_future(self._tell(self._connection))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def __aiter__(self) -> AsyncIterator[State]:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._closed:
                return
            state, self._state = self._state, taken(self._state)
            yield state

    async def close(self) -> None:
        """End the connection and the iteration."""
        self._closed = True
        self._changed.set()
        for task in (*self._sending, *([self._task] if self._task else [])):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        delay = FIRST_DELAY
        while True:
            message = await self._connect_once()
            if self._state.connected:
                delay = FIRST_DELAY
            if self._state.connected or self._state.message != message:
                self._set(msgspec.structs.replace(self._state, connected=False, message=message))
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    async def _connect_once(self) -> str:
        """Stay connected as long as it goes; the sentence that says why it ended."""
        engine = await asyncio.to_thread(self._locate)
        if engine is None:
            return "engine gone: waiting for it to start again"
        try:
            async with connect(
                feed_url(engine.url),
                additional_headers={"Authorization": f"Bearer {engine.token}"},
                max_size=None,
                compression=None,
                proxy=None,
                open_timeout=CONNECT_TIMEOUT,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_INTERVAL,
            ) as connection:
                return await self._listen(connection, engine)
        except InvalidStatus as error:
            return _refusal(error.response.status_code)
        except (OSError, WebSocketException):
            return f"engine gone: {engine.url} does not answer"
        finally:
            self._connection = None

    async def _listen(self, connection: ClientConnection, engine: EngineInfo) -> str:
        await self._tell(connection)
        self._connection = connection
        self._state = msgspec.structs.replace(self._state, engine=engine)
        decoder = msgspec.msgpack.Decoder(Update)
        try:
            async for frame in connection:
                update = decoder.decode(frame if isinstance(frame, bytes) else frame.encode())
                if update.version != FEED_VERSION:
                    return f"the engine speaks feed version {update.version}, this screen {FEED_VERSION}: restart it"
                self._set(merge(self._state, update))
        except ConnectionClosed:
            pass
        except (msgspec.DecodeError, ValueError, IndexError, RecursionError):
            return "the engine's feed is not understood: is it of another version? restart it"
        return "engine gone: it closed the feed"

    async def _tell(self, connection: ClientConnection) -> None:
        try:
            await connection.send(msgspec.msgpack.encode(self._wanted))
        except ConnectionClosed:
            return

    def _set(self, state: State) -> None:
        self._state = state
        self._changed.set()


def _refusal(status: int) -> str:
    if status == 401:
        return "the engine refused this screen's token; LAMBDATUI_TOKEN takes the right one"
    if status == 503:
        return "the engine takes no more screens now"
    return f"the engine refused this screen (HTTP {status})"


def feed_url(url: str) -> str:
    """The feed's WebSocket address beside an engine's `url`."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return f"{scheme}://{parts.netloc}/feed"

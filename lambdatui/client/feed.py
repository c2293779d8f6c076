"""A screen's live view of an engine: one WebSocket, merged into a frozen `State`, reconnecting by itself.

`merge` is pure. The async part only connects, decodes and hands on; nothing here knows a widget.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar
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
CONNECT_TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0
SILENCE = 2.0  # seconds without a frame, after which the engine is asked whether it is there
NO_ANSWER = 2  # such spells without its answer, after which that is said
GIVE_UP = 10  # and after which another connection is tried

T = TypeVar("T")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """All that a screen shows. Bounded lists keep their newest; `new_*` is what came since the State handed out before.

    `*_reset` says that the list begins anew: what a view appended until now is void, `new_*` is then the whole list.
    While `connected` is False everything else stays as it was last known, and `message` says why. `gone`: there is no
    engine, and not only none that can be heard; what ended with it is then left out (see `ended`).
    """

    connected: bool = False
    gone: bool = False
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
    changed: dict[str, Any] = dict(HEARD)
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


HEARD: dict[str, Any] = {"connected": True, "gone": False, "message": None}

# States of a function that only a running engine can be in.
PASSING = frozenset({"busy", "throttled", "reloading", "installing"})


def ended(state: State) -> State:
    """What holds once the engine has gone: nothing runs, no environment lives. Sums, logs and what is on disk stay."""
    header = state.header
    if header is not None:
        still = {"rate": 0.0, "error_rate": 0.0, "concurrency": 0, "in_flight": 0, "host_wait": 0, "monthly_usd": None}
        header = msgspec.structs.replace(header, **still)
    functions = tuple(
        msgspec.structs.replace(row, rate=0.0, concurrency=0, state="idle" if row.state in PASSING else row.state)
        for row in state.functions
    )
    return msgspec.structs.replace(state, header=header, functions=functions, environments=(), concurrency=())


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


class Lost(NamedTuple):
    """Why an engine is not heard; `gone` where there is none."""

    message: str
    gone: bool = False


class Feed:
    """`async for state in feed`: the newest State each time something changed; slow readers skip states, not news.

    `locate` says where the engine is now (None: it does not run); it is asked again before every attempt.
    """

    def __init__(self, locate: Locator, subscription: Subscription | None = None) -> None:
        self._locate = locate
        self._wanted = subscription or Subscription()
        self._state = State()
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
            lost = await self._connect_once()
            if self._state.connected:
                delay = FIRST_DELAY
            self._say(lost)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    async def _connect_once(self) -> Lost:
        """Stay connected as long as it goes; why it ended."""
        engine = await asyncio.to_thread(self._locate)
        if engine is None:
            return Lost("engine gone: waiting for it to start again", gone=True)
        try:
            async with connect(
                feed_url(engine.url),
                additional_headers={"Authorization": f"Bearer {engine.token}"},
                max_size=None,
                compression=None,
                proxy=None,
                open_timeout=CONNECT_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=None,  # `_next` asks itself
            ) as connection:
                return await self._listen(connection, engine)
        except InvalidStatus as error:
            return Lost(_refusal(error.response.status_code))
        except TimeoutError:
            return Lost(no_answer(engine))
        except (OSError, WebSocketException):
            return Lost(f"engine gone: nothing answers at {engine.url}", gone=True)
        finally:
            self._connection = None

    async def _listen(self, connection: ClientConnection, engine: EngineInfo) -> Lost:
        await self._tell(connection)
        self._connection = connection
        self._state = msgspec.structs.replace(self._state, engine=engine)
        decoder = msgspec.msgpack.Decoder(Update)
        try:
            while True:
                update = decoder.decode(await self._next(connection, engine))
                if update.version != FEED_VERSION:
                    return Lost(
                        f"the engine speaks feed version {update.version}, this screen {FEED_VERSION}: restart it"
                    )
                self._set(merge(self._state, update))
        except ConnectionClosed:
            return Lost("engine gone: it closed the feed", gone=True)
        except (msgspec.DecodeError, ValueError, IndexError, RecursionError):
            return Lost("the engine's feed is not understood: is it of another version? restart it")

    async def _next(self, connection: ClientConnection, engine: EngineInfo) -> bytes:
        """The next frame. One that does not come is asked after, and an engine that does not answer is told of.

        TimeoutError where it has not answered for so long that the connection itself may be dead.
        """
        pong: asyncio.Future[float] | None = None
        spells = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENCE):
                    return await connection.recv(decode=False)
            if pong is None or pong.done():
                if pong is not None and not self._state.connected:
                    self._set(msgspec.structs.replace(self._state, **HEARD))
                pong, spells = asyncio.ensure_future(await connection.ping()), 0
                continue
            spells += 1
            if spells >= GIVE_UP:
                raise TimeoutError
            if spells >= NO_ANSWER:
                self._say(Lost(no_answer(engine)))

    async def _tell(self, connection: ClientConnection) -> None:
        try:
            await connection.send(msgspec.msgpack.encode(self._wanted))
        except ConnectionClosed:
            return

    def _say(self, lost: Lost) -> None:
        state = self._state
        if not state.connected and (state.message, state.gone) == lost:
            return
        state = msgspec.structs.replace(state, connected=False, message=lost.message, gone=lost.gone)
        self._set(ended(state) if lost.gone else state)

    def _set(self, state: State) -> None:
        self._state = state
        self._changed.set()


def no_answer(engine: EngineInfo) -> str:
    """Said of an engine that is there and does not answer, with the ways out."""
    pid = engine.pid
    return f"the engine (pid {pid}) does not answer: kill -CONT {pid} wakes it, kill -9 {pid} ends it"


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

"""A feed and an engine in memory: the same State, the same calls, and always the same moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from textual.pilot import Pilot
from textual.widget import Widget

from lambdatui.client.client import Client, InvokeReply, OutgoingMessage, StoredEvent
from lambdatui.client.feed import State, taken
from lambdatui.clock import ManualClock
from lambdatui.profiles import ColdStart, ProfileReply
from lambdatui.schema import (
    CodeChange,
    DlqEntry,
    InvocationDetail,
    InvocationRow,
    LogLine,
    PeekedMessage,
    ReplayResult,
    Sources,
    Subscription,
    TraceFrame,
)
from lambdatui.tui.app import LambdaTui

from .moment import ENGINE, NOW, REQUEST, ROOT, at, entry, invocation, series, shop, sources

W = TypeVar("W", bound=Widget)
FRAME = 0.02  # seconds; the screen lays out and paints at most this often
PATIENCE = 100  # frames; a screen that is being left paints nothing any more


class FakeFeed:
    """Hands out the states that a test pushes."""

    def __init__(self, state: State | None = None) -> None:
        self._queue: asyncio.Queue[State] = asyncio.Queue()
        self.state = state or State()
        self.subscriptions: list[Subscription] = []
        if state is not None:
            self._queue.put_nowait(state)

    def subscribe(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)
        wanted = subscription.function
        # As the engine does: the series of the function that is asked for.
        if wanted and self.state.series is not None and self.state.series.function != wanted:
            self.push(series=series(wanted))

    def push(self, **changes: object) -> None:
        """A newer state: the changes upon the last one, whose news are out."""
        self.state = msgspec.structs.replace(taken(self.state), **changes)  # type: ignore[arg-type]
        self._queue.put_nowait(self.state)

    async def __aiter__(self) -> AsyncIterator[State]:
        while True:
            yield await self._queue.get()

    async def close(self) -> None:
        return None


class FakeClient(Client):
    """Remembers what it was asked; the DLQ of its feed is true."""

    def __init__(self, feed: FakeFeed) -> None:
        super().__init__(ENGINE.url, "t")
        self.feed = feed
        self.calls: list[tuple[object, ...]] = []
        self.fails: set[str] = set()  # entries whose replay fails
        self.gate: threading.Event | None = None  # replays wait for it
        self.loop = asyncio.get_event_loop()
        self.cold: dict[str, ColdStart] = {}
        self.profiled = ProfileReply(request_id=REQUEST, status="ok", payload=b"{}")

    def _dlq(self, entries: Sequence[DlqEntry]) -> None:
        self.loop.call_soon_threadsafe(lambda: self.feed.push(dlq=tuple(entries)))

    def invocation(self, request_id: str) -> InvocationDetail | None:
        self.calls.append(("invocation", request_id))
        row = invocation(2, request_id=request_id, function="fulfil-order", source="queue:orders")
        attempts = [
            msgspec.structs.replace(
                row, attempt=n, cold=n == 1, init_ms=41.0 if n == 1 else None, started_at=at(180 - 60 * n)
            )
            for n in (1, 2, 3)
        ]
        root = f"{ROOT}/fulfil-order"
        return InvocationDetail(
            row=row,
            event=entry(0).event.encode(),
            result=b'{"errorType": "KeyError", "errorMessage": "\'postcode\'"}',
            log=[
                LogLine(
                    time=at(1.566),
                    function="fulfil-order",
                    request_id=request_id,
                    level="INFO",
                    message="order 1189: 2 items for customer 42",
                    id=1,
                ),
                LogLine(
                    time=at(1.564),
                    function="fulfil-order",
                    request_id=request_id,
                    level="ERROR",
                    message="KeyError: 'postcode'",
                    id=2,
                ),
            ],
            error="KeyError: 'postcode'",
            attempts=attempts,
            frames=[
                TraceFrame(
                    file=f"{root}/app.py",
                    line=18,
                    function="handler",
                    source=[(17, "    order = json.loads(body)"), (18, '    ship(order, order["address"])')],
                    locals={"order": '{"order": 1189, "customer": 42, …}'},
                ),
                TraceFrame(
                    file=f"{root}/app.py",
                    line=31,
                    function="ship",
                    source=[(30, "def ship(order, address):"), (31, '    label = address["postcode"]')],
                    locals={"address": '{"street": "12 Hill Rd", "city": "Leeds"}', "order": '{"order": 1189, …}'},
                ),
            ],
        )

    def code_change(self, function: str, old_sha: str, new_sha: str | None = None) -> CodeChange | None:
        return CodeChange(
            function=function,
            old_sha=old_sha,
            new_sha="9c02",
            changed_at=at(12),
            diff=[
                "file fulfil/app.py",
                "@@ -31,1 +31,1 @@",
                '-    label = address["postcode"]',
                '+    label = address.get("postcode", "")',
            ],
        )

    def dlq(self, queue: str | None = None, limit: int | None = None) -> list[DlqEntry]:
        return list(self.feed.state.dlq)[:limit]

    def last_event(self, function: str, *, failed: bool = False) -> StoredEvent | None:
        self.calls.append(("last_event", function, failed))
        return StoredEvent(request_id=REQUEST, event=b'{"order": 1189}')

    def cold_start(self, function: str) -> ColdStart | None:
        self.calls.append(("cold_start", function))
        return self.cold.get(function)

    def profile(self, name: str, payload: bytes = b"{}", **options: object) -> ProfileReply:  # type: ignore[override]
        self.calls.append(("profile", name, payload))
        return self.profiled

    def sources(self) -> Sources:
        return sources()

    def invocations(self, **query: object) -> list[InvocationRow]:  # type: ignore[override]
        return [invocation(2)]

    def peek(self, source: str, limit: int = 100) -> list[PeekedMessage]:
        return [PeekedMessage(id=f"m{i}", body=f'{{"order": {1190 + i}}}', sent_at=at(2.4 - i)) for i in range(3)]

    def invoke(self, name: str, payload: bytes = b"{}", **options: object) -> InvokeReply:  # type: ignore[override]
        self.calls.append(("invoke", name, payload))
        return InvokeReply(request_id=REQUEST, status_code=200, payload=b'{"statusCode": 200, "body": "made"}')

    def put_reserved_concurrency(self, function: str, value: int) -> None:
        self.calls.append(("reserve", function, value))

    def delete_reserved_concurrency(self, function: str) -> None:
        self.calls.append(("unreserve", function))

    def replay_entry(self, entry_id: str, event: bytes | None = None) -> ReplayResult:
        if self.gate is not None:
            self.gate.wait(60)
        self.calls.append(("replay", entry_id, event))
        left = list(self.feed.state.dlq)
        if entry_id in self.fails:
            self._dlq(
                [
                    msgspec.structs.replace(e, attempts=e.attempts + 1, error_message="'zip'")
                    if e.id == entry_id
                    else e
                    for e in left
                ]
            )
            return ReplayResult(id=entry_id, status="error", error_type="KeyError", error_message="'zip'")
        self.loop.call_soon_threadsafe(
            lambda: self.feed.push(dlq=tuple(e for e in self.feed.state.dlq if e.id != entry_id))
        )
        return ReplayResult(id=entry_id, status="ok", request_id=REQUEST)

    def replay_invocation(self, request_id: str, event: bytes | None = None) -> ReplayResult:
        self.calls.append(("replay_invocation", request_id, event))
        return ReplayResult(id=request_id, status="ok", request_id=REQUEST)

    def purge(self, ids: Sequence[str]) -> int:
        self.calls.append(("purge", tuple(ids)))
        self._dlq([e for e in self.feed.state.dlq if e.id not in ids])
        return len(ids)

    def send(self, source: str, messages: Sequence[OutgoingMessage], *, partition_key: str | None = None) -> list[str]:
        self.calls.append(("send", source, messages[0].body))
        return ["m"]

    def pause(self, source_id: str) -> None:
        self.calls.append(("pause", source_id))

    def resume(self, source_id: str) -> None:
        self.calls.append(("resume", source_id))


def make_app(state: State | None = None, *, owned: bool = True) -> tuple[LambdaTui, FakeFeed, FakeClient]:
    """An app over fakes, at a moment that does not pass. Call it with a running loop."""
    feed = FakeFeed(state if state is not None else shop())
    client = FakeClient(feed)
    app = LambdaTui(feed, client, project=ROOT, owned=owned, clock=ManualClock(NOW))
    return app, feed, client


def plain(app: LambdaTui) -> str:
    """The screen as text."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(s.text for s in strip)[:width] for strip in strips[:height])


@asynccontextmanager
async def opened(
    state: State | None = None, *, size: tuple[int, int] = (120, 40), owned: bool = True
) -> AsyncIterator[Shop]:
    """The app, open at `size`, with its first state laid out: not rendered, since half of the tests never look."""
    app, feed, client = make_app(state, owned=owned)
    async with app.run_test(size=size, notifications=True) as pilot:
        shown = Shop(app, feed, client, pilot)
        await shown.until(lambda: app.shown_state.header is not None and app.screen._compositor.visible_widgets)
        yield shown


class Shop:
    """What a test holds in its hands."""

    def __init__(self, app: LambdaTui, feed: FakeFeed, client: FakeClient, pilot: Pilot[int]) -> None:
        self.app, self.feed, self.client, self.pilot = app, feed, client, pilot

    async def quiet(self) -> None:
        """Until no widget has a message left."""
        still = 0
        while still < 4 and self.app._exception is None:
            await asyncio.sleep(0)
            nodes = [self.app, *(n for screen in self.app.screen_stack for n in screen.walk_children(with_self=True))]
            busy = any(not n._message_queue.empty() or n._next_callbacks for n in nodes)
            still = 0 if busy else still + 1

    async def settle(self) -> None:
        """Let the app take what was pushed, and show it."""
        await self.quiet()
        self.app.tick()
        await self.quiet()
        await asyncio.sleep(FRAME)
        await self.quiet()
        for _ in range(PATIENCE):
            screen = self.app.screen
            if not (screen._layout_required or screen._repaint_required or screen._dirty_widgets):
                return
            await asyncio.sleep(FRAME)  # a machine with no time to spare paints later than its frame
            await self.quiet()

    async def press(self, *keys: str) -> None:
        """Keys, and what they cause."""
        for key in keys:
            await self.pilot.press(key)
            await self.quiet()
        await self.settle()

    async def until(self, condition: Callable[[], object]) -> None:
        """Until another thread's answer is there; fails after a minute."""
        end = asyncio.get_running_loop().time() + 60
        while asyncio.get_running_loop().time() < end:
            await self.settle()
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"it never came; the screen says:\n{self.text()}")

    def text(self) -> str:
        """The screen as text."""
        return plain(self.app)

    def told(self) -> str:
        """Every toast, joined."""
        return " | ".join(note.message for note in self.app._notifications)

    def widget(self, selector: str, kind: type[W]) -> W:
        """A widget of the main screen."""
        return self.app.main.query_one(selector, kind)

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
from lambdatui.clock import MICROS, ManualClock, from_iso, iso
from lambdatui.profiles import ColdStart, ProfileReply
from lambdatui.schema import (
    CodeChange,
    ConcurrencyRow,
    DlqEntry,
    EngineInfo,
    EnvironmentRow,
    FunctionRow,
    Happening,
    Header,
    InvocationDetail,
    InvocationRow,
    LogLine,
    PeekedMessage,
    ProblemRow,
    QueueRow,
    ReplayResult,
    RouteRow,
    ScheduleRow,
    Series,
    ShardRow,
    Sources,
    StreamRow,
    Subscription,
    TraceFrame,
)
from lambdatui.tui.app import LambdaTui

W = TypeVar("W", bound=Widget)
FRAME = 0.02  # seconds; the screen lays out and paints at most this often
NOW = from_iso("2026-11-21T14:31:10.000000Z")
ROOT = "/home/ann/shop"
ENGINE = EngineInfo(
    pid=1,
    url="http://127.0.0.1:3001",
    http_url="http://127.0.0.1:3000",
    aws_url=None,
    token="t",
    project=ROOT,
    version="0.1.0",
    started_at=iso(NOW - 720 * MICROS),
)
REQUEST = "5f2c91d4-0000-4000-8000-000000000001"


def at(seconds: float) -> str:
    """ISO text of `seconds` before now."""
    return iso(NOW - round(seconds * MICROS))


def function(name: str, state: str = "idle", **figures: object) -> FunctionRow:
    """A function of the shop."""
    values = {
        "name": name,
        "handler": "app.handler",
        "runtime": "python3.11",
        "memory": 128,
        "timeout": 3.0,
        "reserved_concurrency": None,
        "state": state,
        "code_root": f"{ROOT}/{name}",
        "file": "app.py",
        "line": 1,
        "code_sha": "9c02",
        "interpreter": "/usr/bin/python3",
    }
    return FunctionRow(**{**values, **figures})  # type: ignore[arg-type]


def wave(base: int, spread: int, seed: int) -> list[int]:
    """Sixty steady values that look alive."""
    return [max(0, base + (i * 7 + seed * 13) % (2 * spread + 1) - spread) for i in range(60)]


def functions() -> tuple[FunctionRow, ...]:
    """The seven of the mock."""
    return (
        function(
            "checkout",
            "busy",
            invocations=9120,
            rate=12.4,
            p50_ms=18.0,
            p95_ms=44.0,
            concurrency=2,
            line60=wave(12, 3, 1),
            triggers=["POST /checkout"],
        ),
        function(
            "fulfil-order",
            "failing",
            invocations=2210,
            errors=14,
            errors60=3,
            rate=3.1,
            p50_ms=9.0,
            p95_ms=31.0,
            concurrency=1,
            reserved_concurrency=5,
            dlq_depth=4,
            line60=wave(3, 2, 2),
            dead_letter_queue="orders-dlq",
            triggers=["queue orders (batch 10)"],
            environment={"STAGE": "local", "TABLE": "orders"},
            overrides={"reserved_concurrency": "5"},
            last_error="KeyError: 'postcode'",
        ),
        function(
            "track-clicks",
            "busy",
            invocations=20100,
            rate=20.0,
            p50_ms=3.0,
            p95_ms=6.0,
            concurrency=2,
            reserved_concurrency=2,
            iterator_age_ms=1800.0,
            line60=wave(20, 3, 3),
            triggers=["stream clicks"],
        ),
        function(
            "send-receipt",
            "throttled",
            invocations=700,
            throttles=12,
            throttles60=2,
            rate=1.0,
            p50_ms=240.0,
            p95_ms=260.0,
            concurrency=1,
            reserved_concurrency=1,
            line60=wave(1, 1, 4),
        ),
        function(
            "make-thumbnail",
            "reloading",
            invocations=90,
            rate=0.2,
            p50_ms=610.0,
            p95_ms=1200.0,
            line60=[1 if i % 5 == 0 else 0 for i in range(60)],
        ),
        function("nightly-report", "idle", triggers=["schedule cron(0 3 * * ? *)"]),
        function(
            "price-feed",
            "broken",
            problems=[
                ProblemRow(
                    severity="error",
                    file="price-feed/app.py",
                    line=3,
                    message="No module named 'yaml'",
                    remedy="pip install pyyaml",
                )
            ],
        ),
    )


def series(name: str) -> Series:
    """Two minutes of one function."""
    calls = [abs((i * 5) % 23 - 11) // 3 for i in range(120)]
    bad = [1 if i > 60 and i % 7 == 0 else 0 for i in range(120)]
    p50 = [8.0 + (i * 3) % 9 for i in range(120)]
    return Series(
        function=name,
        end=NOW // MICROS,
        invocations=calls,
        errors=bad,
        throttles=[1 if i % 40 == 0 else 0 for i in range(120)],
        p50_ms=list(p50),
        p95_ms=[v + 16 + i % 8 for i, v in enumerate(p50)],
        iterator_age_ms=[None if i < 60 else (i - 60) * 1000.0 for i in range(120)],
    )


def log_lines(count: int = 60) -> tuple[LogLine, ...]:
    """Orders that come in; every third one fails."""
    out: list[LogLine] = []
    for i in range(count):
        rid = f"{i:08x}-0000-4000-8000-000000000000"
        when = count - i
        order = 1100 + i

        def add(level: str, message: str, ms: float, rid: str = rid, when: int = when) -> None:
            out.append(
                LogLine(
                    time=at(when - ms / 1000),
                    function="fulfil-order",
                    request_id=rid,
                    level=level,
                    message=message,
                    id=len(out) + 1,
                )
            )

        add("PLATFORM", f"START RequestId: {rid} Version: $LATEST", 412)
        add("INFO", f"order {order}: 2 items for customer 42", 413)
        if i % 3 == 2:
            add("ERROR", "KeyError: 'postcode'\r  fulfil/app.py:31  label = address[\"postcode\"]", 415)
        add("PLATFORM", f"REPORT RequestId: {rid}\tDuration: 3.02 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB", 416)
    return tuple(out)


def invocation(number: int, **values: object) -> InvocationRow:
    """One attempt of the shop."""
    failed = number % 3 == 2
    fields = {
        "id": number,
        "request_id": f"{number:08x}-0000-4000-8000-000000000000",
        "function": ("checkout", "track-clicks", "fulfil-order")[number % 3],
        "version": "$LATEST",
        "type": "RequestResponse",
        "source": ("http", "stream:clicks", "queue:orders")[number % 3],
        "status": "error" if failed else "ok",
        "error_type": "KeyError" if failed else None,
        "error_message": "'postcode'" if failed else None,
        "started_at": at(60 - number),
        "duration_ms": 3.02,
        "init_ms": 41.0 if number % 10 == 0 else None,
        "billed_ms": 4,
        "max_memory_mb": 31,
        "attempt": 1,
        "cold": number % 10 == 0,
        "environment": "e1",
        "queued_ms": 0.4,
        "code_sha": "a41f",
    }
    return InvocationRow(**{**fields, **values})  # type: ignore[arg-type]


def entry(number: int, **values: object) -> DlqEntry:
    """One dead letter."""
    fields = {
        "id": f"dead-{number}",
        "queue": "orders-dlq",
        "function": "fulfil-order",
        "request_id": REQUEST,
        "error_code": "KeyError",
        "error_message": "'postcode'",
        "attempts": 3,
        "first_at": at(200 + number * 100),
        "last_at": at(1 + number * 127),
        "event": f'{{"order": {1189 - number}, "customer": 42, '
        '"items": [{"sku": "MUG-1", "qty": 2}, {"sku": "TEE-3", "qty": 1}], '
        '"address": {"street": "12 Hill Rd", "city": "Leeds"}}',
    }
    return DlqEntry(**{**fields, **values})  # type: ignore[arg-type]


def entries() -> tuple[DlqEntry, ...]:
    """The four of the mock."""
    return (
        entry(0),
        entry(1),
        entry(2, attempts=4),
        entry(
            14,
            function="make-thumbnail",
            error_code="Sandbox.Timedout",
            error_message="Task timed out after 3.00 s",
            event='{"key": "cat.jpg"}',
        ),
    )


def happenings() -> tuple[Happening, ...]:
    """The last few minutes, oldest first."""
    told = [
        (728, "engine", None, "engine started: 7 functions, 3 sources"),
        (90, "error", "fulfil-order", "first error: KeyError: 'postcode'"),
        (58, "stream", "track-clicks", "shard-1 caught up (was 41 s)"),
        (19, "syntax", "price-feed", "No module named 'yaml': the old version still serves"),
        (12, "reload", "make-thumbnail", "a41f → 9c02"),
        (5, "throttle", "send-receipt", "throttled ×12 (reserve 1)"),
        (1, "dlq", "fulfil-order", "order 1189 → orders-dlq after 3 attempts"),
    ]
    return tuple(Happening(id=i, time=at(s), kind=k, function=f, message=m) for i, (s, k, f, m) in enumerate(told, 1))


def sources() -> Sources:
    """Every kind of source."""
    return Sources(
        queues=[
            QueueRow(
                name="orders",
                logical_id="Orders",
                visible=7,
                in_flight=3,
                oldest_s=2.4,
                redrive="orders-dlq",
                max_receive_count=3,
                consumer="fulfil-order",
                mapping="map-1",
            ),
            QueueRow(name="orders-dlq", logical_id="OrdersDlq", visible=4, oldest_s=1900.0, dlq=True),
        ],
        streams=[
            StreamRow(
                name="clicks",
                logical_id="Clicks",
                consumer="track-clicks",
                mapping="map-2",
                shards=[
                    ShardRow(id="shardId-000000000000", iterator_age_ms=200.0, backlog=4),
                    ShardRow(
                        id="shardId-000000000001",
                        iterator_age_ms=62_000.0,
                        backlog=140,
                        blocked=True,
                        attempts=5,
                        error="ValueError: bad click",
                    ),
                ],
            )
        ],
        schedules=[
            ScheduleRow(id="nightly", function="nightly-report", expression="cron(0 3 * * ? *)", next_at=at(-7200))
        ],
        routes=[
            RouteRow(
                id="r1",
                function="checkout",
                api="rest",
                api_id="Shop",
                method="POST",
                path="/checkout",
                url="http://127.0.0.1:3000/checkout",
                requests=9120,
            )
        ],
    )


def environments() -> tuple[EnvironmentRow, ...]:
    """Six processes."""
    names = ("checkout", "checkout", "fulfil-order", "track-clicks", "track-clicks", "send-receipt")
    return tuple(
        EnvironmentRow(
            id=f"e{i}",
            function=name,
            pid=4000 + i,
            state="busy" if i % 2 else "frozen",
            start="forked" if i % 3 else "fresh",
            version="$LATEST",
            code_sha="9c02",
            memory_mb=28.0 + i * 14,
            memory_limit_mb=128,
            cpu_percent=3.0 * i,
            invocations=120 * i,
            age_s=60.0 * (i + 1),
            idle_s=None if i % 2 else 4.0,
        )
        for i, name in enumerate(names)
    )


def header(**values: object) -> Header:
    """The strip of the mock."""
    fields = {
        "project": "./sample_functions",
        "root": ROOT,
        "functions": 7,
        "rate": 41.2,
        "error_rate": 0.031,
        "invocations": 32220,
        "errors": 14,
        "throttles": 12,
        "concurrency": 9,
        "dlq_depth": 4,
        "started_at": at(720),
        "url": ENGINE.url,
    }
    return Header(**{**fields, **values})  # type: ignore[arg-type]


def shop(**values: object) -> State:
    """The whole shop at one moment."""
    lines, calls, told = log_lines(), tuple(invocation(i) for i in range(1, 41)), happenings()
    fields = {
        "connected": True,
        "engine": ENGINE,
        "header": header(),
        "functions": functions(),
        "series": series("checkout"),
        "logs": lines,
        "new_logs": lines,
        "logs_reset": True,
        "invocations": calls,
        "new_invocations": calls,
        "invocations_reset": True,
        "dlq": entries(),
        "sources": sources(),
        "environments": environments(),
        "concurrency": tuple(
            ConcurrencyRow(function=f.name, used=f.concurrency, reserved=f.reserved_concurrency) for f in functions()
        ),
        "happenings": told,
        "new_happenings": told,
        "happenings_reset": True,
    }
    return State(**{**fields, **values})  # type: ignore[arg-type]


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

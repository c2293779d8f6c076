"""A small engine of real behaviour over Python functions, and a timer that a test moves forward."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from lambdatui.clock import MICROS, ManualClock, new_request_id
from lambdatui.config.model import FunctionConfig, Project
from lambdatui.engine.destinations import Deliver
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.errors import NotFound
from lambdatui.sources.manager import SourceManager
from lambdatui.store.reader import Reader
from lambdatui.store.store import Store

Handler = Callable[[Any], Any]
PATIENCE_S = 60  # a busy machine's disk takes its time; only what is stuck is waited for so long
KINDS = ("queue ", "stream ", "schedule ")  # how the names of sources' tasks begin


class Throttle(Exception):
    pass


class Refusal(Exception):
    """Of the machine: nothing has run."""


class Lost(Exception):
    """The environment went with the spawner."""


class ManualTimer:
    """Waits that end when they are woken or the clock is moved past their time."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.waiting: dict[asyncio.Event, int | None] = {}
        self._moved = asyncio.Event()
        self._parked = asyncio.Condition()

    async def wait(self, wake: asyncio.Event, due_us: int | None) -> None:
        if wake.is_set() or (due_us is not None and due_us <= self.clock.now_us()):
            await asyncio.sleep(0)
            return
        self.waiting[wake] = due_us
        try:
            async with self._parked:
                self._parked.notify_all()
            while not wake.is_set() and (due_us is None or due_us > self.clock.now_us()):
                waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(self._moved.wait())]
                try:
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in waits:
                        each.cancel()
        finally:
            del self.waiting[wake]

    def quiet(self, sources: int) -> bool:
        now = self.clock.now_us()
        resting = [due for wake, due in self.waiting.items() if not wake.is_set() and (due is None or due > now)]
        return len(resting) >= sources

    async def parked(self, sources: int | Callable[[], int], also: Callable[[], bool] = lambda: True) -> None:
        """Until so many sources sleep, with nothing to do at this time."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for _ in range(10):  # what is ready to run runs first
                    await asyncio.sleep(0)
                if all([await self._at_rest(sources, also) for _ in range(2)]):  # callbacks of what ended just now
                    return
                async with self._parked:
                    try:
                        async with asyncio.timeout(0.02):
                            await self._parked.wait()
                    except TimeoutError:
                        continue

    async def _at_rest(self, sources: int | Callable[[], int], also: Callable[[], bool]) -> bool:
        await asyncio.sleep(0)
        return self.quiet(sources if isinstance(sources, int) else sources()) and also()

    def move(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._moved.set()
        self._moved = asyncio.Event()


class Metrics:
    def __init__(self) -> None:
        self.measured: list[tuple[str, str, float]] = []
        self.counted: Counter[tuple[str | None, str]] = Counter()  # by mapping and name
        self.stored: Counter[str] = Counter()  # of those, what CloudWatch is told

    def count(
        self,
        function: str,
        name: str,
        value: int = 1,
        *,
        qualifier: str | None = None,
        mapping: str | None = None,
        stored: bool = True,
    ) -> None:
        self.counted[mapping, name] += value
        self.stored[name] += value if stored else 0

    def measure(self, function: str, name: str, ms: float, *, qualifier: str | None = None) -> None:
        self.measured.append((function, name, ms))

    def of_mapping(self, function: str, mapping: str) -> dict[str, float]:
        return {name: float(count) for (of, name), count in self.counted.items() if of == mapping}


class Telemetry:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.said: list[tuple[str, str | None, str]] = []

    def say(self, kind: str, function: str | None, message: str) -> None:
        self.said.append((kind, function, message))

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.said]


class Function(msgspec.Struct, frozen=True):
    config: FunctionConfig
    arn: str


class SmallEngine:
    """Invokes Python callables; they may be coroutine functions and may raise `Throttle`, `Refusal` or `Lost`."""

    def __init__(self, project: Project, store: Store, clock: ManualClock) -> None:
        self.project = project
        self.store = store
        self.clock = clock
        self.telemetry = Telemetry()
        self.reader = Reader(store.data)
        self.stopping = False
        self.handlers: dict[str, Handler] = {}
        self.requests: list[InvokeRequest] = []
        self.accepted: list[tuple[str, bytes, str]] = []
        self.listeners: list[Callable[[Project], Awaitable[None]]] = []
        self.running = 0
        self.peak = 0
        self.without_packages: set[str] = set()
        self.gone: set[str] = set()  # versions and aliases that are no longer there
        self.deliver: Deliver | None = None
        self.room = asyncio.Event()  # of the machine, for one more environment
        self.room.set()

    def installing(self, function: str) -> bool:
        return function in self.without_packages

    def function(self, name_or_arn: str) -> Function:
        name = name_or_arn.rpartition(":")[2]
        for config in self.project.functions:
            if config.name == name:
                return Function(config, f"arn:aws:lambda:us-east-1:000000000000:function:{name}")
        raise NotFound(f"Function not found: {name}")

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        self.function(request.function)
        self.requests.append(request)
        if request.qualifier in self.gone:
            raise NotFound(f"{request.function} has no version or alias {request.qualifier}")
        self.running += 1
        self.peak = max(self.peak, self.running)
        request_id = new_request_id()
        try:
            await self.room.wait()
            if request.begins is not None and not request.begins():
                return InvokeResult(request_id=request_id, status="withdrawn", payload=b"")
            answer = self.handlers[request.function](json.loads(request.payload))
            if asyncio.iscoroutine(answer):
                answer = await answer
        except Throttle:
            return InvokeResult(
                request_id=request_id,
                status="throttled",
                payload=b"",
                error_message="Rate Exceeded.",
                throttle_reason="x",
            )
        except Refusal:
            return InvokeResult(request_id=request_id, status="error", payload=b"", refused=True)
        except Exception as error:  # noqa: BLE001 - the function's own
            return InvokeResult(
                request_id=request_id,
                status="error",
                payload=b"{}",
                error_type=type(error).__name__,
                error_message=str(error),
                function_error="Unhandled",
                lost=isinstance(error, Lost),
            )
        finally:
            self.running -= 1
        return InvokeResult(request_id=request_id, status="ok", payload=json.dumps(answer).encode())

    async def accept(
        self,
        function: str,
        payload: bytes,
        *,
        source: str = "api",
        parent_id: str | None = None,
        qualifier: str | None = None,
    ) -> str:
        self.function(function)
        self.accepted.append((function, payload, source))
        return new_request_id()

    def on_project(self, listener: Callable[[Project], Awaitable[None]]) -> None:
        self.listeners.append(listener)

    async def reload(self, project: Project) -> None:
        self.project = project
        for listener in self.listeners:
            await listener(project)

    def events(self, function: str) -> list[Any]:
        return [json.loads(request.payload) for request in self.requests if request.function == function]


class World:
    """A store, an engine and its sources on one manual clock."""

    def __init__(self, data: Path, project: Project) -> None:
        self.clock = ManualClock()
        self.store = Store.open(data, self.clock)
        self.engine = SmallEngine(project, self.store, self.clock)
        self.timer = ManualTimer(self.clock)
        self.manager = SourceManager(self.engine, timer=self.timer)

    async def settle(self, also: Callable[[], bool] = lambda: True) -> None:
        """Until every source sleeps and no batch runs."""
        await self.timer.parked(lambda: self.sources, lambda: not batches_running() and also())

    @property
    def sources(self) -> int:
        """Source tasks that live at this moment."""
        names = [task.get_name() for task in asyncio.all_tasks()]
        return sum(
            name.startswith(("queue ", "stream ", "schedule ")) and not name.endswith(" batch") for name in names
        )

    async def advance(self, seconds: float, step: float = 0.5) -> None:
        """Time goes on in steps, with everything that falls due done at each."""
        end = self.clock.now_us() + round(seconds * MICROS)
        await self.settle()
        while (left := end - self.clock.now_us()) > 0:
            self.timer.move(min(step, left / MICROS))
            await self.settle()


def batches_running() -> bool:
    return any(task.get_name().endswith(" batch") for task in asyncio.all_tasks())


def function(name: str = "work", **settings: Any) -> FunctionConfig:
    return FunctionConfig(name=name, logical_id=name.title(), handler="app.handler", code_root="/nowhere", **settings)


def project(**parts: Any) -> Project:
    parts.setdefault("functions", (function(),))
    return Project(root="/nowhere", name="shop", kind="sam", region="us-east-1", account="000000000000", **parts)

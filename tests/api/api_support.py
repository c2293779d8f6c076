"""A small engine behind the door's ports, and the real servers over it in a thread of their own."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Collection, Coroutine, Hashable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lambdatui import schema
from lambdatui.api.app import ApiSettings, build_front_app, build_lambda_app
from lambdatui.api.server import HttpServer
from lambdatui.clock import SystemClock, iso, new_request_id
from lambdatui.config.made import Kind, Made, with_made
from lambdatui.config.model import FunctionConfig, Project, QueueConfig, RouteConfig, StreamConfig
from lambdatui.engine.event_invoke import EventInvokeConfigs
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.tracing import Caller, Traces
from lambdatui.engine.variables import STAND_INS
from lambdatui.engine.versions import Versions
from lambdatui.errors import NotFound, UsageError
from lambdatui.sources.manager import SourceManager
from lambdatui.store.reader import Reader
from lambdatui.store.records import AsyncEvent, InvocationRecord
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry

ACCOUNT = "000000000000"
TOKEN = "secret-token"
T = TypeVar("T")
Handler = Callable[[Any], Any]


class Throttle(Exception):
    """A handler raises it to be throttled."""


class FakeFunction:
    def __init__(self, config: FunctionConfig) -> None:
        self.config = self.declared = config
        self.name = config.name
        self.arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{config.name}"
        self.code_sha = "ab" * 32
        self.code_size = 512
        self.version = "$LATEST"
        self.modified_us = 1_700_000_000_000_000
        self.runtime_arn = f"arn:aws:lambda:us-east-1::runtime:{'ab' * 32}"
        self.revision = "7f9ff3c2-6a3a-4d4e-8a57-3f4a5b6c7d8e"


class FakeEngine:
    """Functions are Python callables on the decoded event; everything durable is the real store."""

    def __init__(self, project: Project, store: Store, telemetry: Telemetry, handlers: dict[str, Handler]) -> None:
        self.declared = project
        self.project = with_made(project, store.made.all())
        self._listeners: list[Callable[[Project], Coroutine[Any, Any, None]]] = []
        self.store = store
        self.telemetry = telemetry
        self.clock = SystemClock()
        self.reader = Reader(store.data)
        self.stopping = False
        self.credentials = STAND_INS
        self.started_us = self.clock.now_us()
        self.event_invoke = EventInvokeConfigs(store.made, self.clock)
        self.handlers = handlers
        self.requests: list[InvokeRequest] = []
        self.reserves: dict[str, int] = {}
        self.gate: asyncio.Event | None = None  # a handler that waits, waits for this
        self.installing: asyncio.Event | None = None  # packages that are not there before it is set
        self.untimed_for: list[str | None] = []
        self._functions = {config.name: FakeFunction(config) for config in project.functions}
        self.versions: Any = Versions(
            store.made, None, telemetry, self.clock, None, store.data, lambda _: "idle", self._remake
        )  # type: ignore[arg-type]  # nothing is published here

    def function(self, name_or_arn: str, qualifier: str | None = None) -> FakeFunction:
        found = self._functions.get(name_or_arn)
        if found is None or qualifier not in (None, "$LATEST"):
            raise NotFound(f"no function {name_or_arn}")
        return found

    def functions(self) -> list[FakeFunction]:
        return list(self._functions.values())

    def settle_accounts(self) -> None:
        pass

    def caller(self, trace_header: str | None) -> Caller:
        return Traces().caller(trace_header)

    def untimed(self, trace_header: str | None) -> AbstractContextManager[None]:
        self.untimed_for.append(trace_header)
        return nullcontext()

    async def described(self, name: str | None) -> None: ...

    async def provisioned(self, name: str) -> None:
        if self.installing is not None:
            await self.installing.wait()

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        self.requests.append(request)
        request_id = new_request_id()
        problem = await request.check(request.payload) if request.check is not None else None
        if problem is not None:
            return InvokeResult(request_id=request_id, status="error", payload=b"", problem=problem)
        status, error, function_error = "ok", None, None
        try:
            value = self.handlers[request.function](json.loads(request.payload))
            if asyncio.iscoroutine(value):
                value = await value
            payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        except Throttle:
            status, payload = "throttled", b""
        except Exception as raised:  # noqa: BLE001  # the function's own
            status, error, function_error = "error", type(raised).__name__, "Unhandled"
            payload = json.dumps({"errorMessage": str(raised), "errorType": error}).encode()
        now = self.clock.now_us()
        self.telemetry.log_lines(request.function, request_id, now, [("INFO", f"hello from {request.function}")])
        self.telemetry.invocation(
            InvocationRecord(
                id=self.store.history.next_invocation_id(), request_id=request_id, function=request.function,
                version="$LATEST", type=request.type, source=request.source, status=status, error_type=error,
                started_us=now, duration_us=1000, billed_ms=1, event=request.payload, result=payload,
                replay_of=request.replay_of,
            )
        )  # fmt: skip
        return InvokeResult(
            request_id=request_id, status=status, payload=payload, error_type=error, function_error=function_error,
            log_tail=b"x" * 5000 + b"END\n",
            throttle_reason="ReservedFunctionConcurrentInvocationLimitExceeded" if status == "throttled" else None,
        )  # fmt: skip

    async def accept(
        self, function: str, payload: bytes, *, source: str = "api", client_context: str | None = None,
        parent_id: str | None = None, qualifier: str | None = None,
    ) -> str:  # fmt: skip
        request_id, now = new_request_id(), self.clock.now_us()
        await self.store.events.accept(
            AsyncEvent(
                request_id=request_id, function=function, payload=payload, accepted_us=now, visible_us=now,
                client_context=client_context, source=source, qualifier=qualifier,
            )
        )  # fmt: skip
        return request_id

    async def set_reserved_concurrency(self, function: str, value: int | None) -> None:
        if value is None:
            self.reserves.pop(function, None)
        elif value > 900:
            raise UsageError("Specified ReservedConcurrentExecutions for function decreases account's "
                             "UnreservedConcurrentExecution below its minimum value of [100].")  # fmt: skip
        else:
            self.reserves[function] = value

    async def make(self, row: Made) -> None:
        await self.store.made.put(row)
        await self._remake()

    async def unmake(self, kind: Kind, name: str) -> None:
        await self.store.made.delete(kind, name)
        await self._remake()

    async def _remake(self) -> None:
        self.project = with_made(self.declared, self.store.made.all())
        for listener in self._listeners:
            await listener(self.project)

    async def reset_override(self, function: str, property: str) -> None:
        self.function(function)
        self.reserves.pop(function, None)

    def reserved_concurrency(self, function: str) -> int | None:
        return self.reserves.get(function)

    def account_concurrency(self) -> tuple[int, int]:
        return 1000, 1000 - sum(self.reserves.values())

    def on_project(self, listener: Callable[[Project], Coroutine[Any, Any, None]]) -> None:
        self._listeners.append(listener)

    def in_flight(self, function: str | None = None) -> int:
        return 0

    def function_marks(self) -> dict[str, Hashable]:
        names = [function.config.name for function in self.functions()]
        return {name: (self.telemetry.metrics.counted(name), self.reserves.get(name)) for name in names}

    def function_rows(self, names: Collection[str] | None = None) -> list[schema.FunctionRow]:
        rows = []
        for function in self.functions():
            if names is not None and function.config.name not in names:
                continue
            config, figures = function.config, self.telemetry.metrics.figures(function.config.name)
            rows.append(
                schema.FunctionRow(
                    name=config.name, handler=config.handler, runtime=config.runtime, memory=config.memory,
                    timeout=config.timeout, reserved_concurrency=self.reserves.get(config.name), state="idle",
                    invocations=figures.invocations, errors=figures.errors, throttles=figures.throttles,
                )
            )  # fmt: skip
        return rows

    def environment_rows(self) -> list[schema.EnvironmentRow]:
        return []

    def concurrency_rows(self) -> list[schema.ConcurrencyRow]:
        return [schema.ConcurrencyRow(function=f.config.name, used=0, reserved=None) for f in self.functions()]

    def header(self) -> schema.Header:
        rows = self.function_rows()
        return schema.Header(
            project=self.project.name, root=self.project.root, functions=len(rows),
            invocations=sum(row.invocations for row in rows), errors=sum(row.errors for row in rows),
            throttles=sum(row.throttles for row in rows), state="stopping" if self.stopping else "running",
        )  # fmt: skip


class Running:
    """The door's two servers on real sockets, in a loop of their own thread."""

    def __init__(self, data: Path, project: Project, handlers: dict[str, Handler], **settings: Any) -> None:
        self.stops: list[float | None] = []
        self._paused_all = settings.pop("paused_all", True)
        self._data, self._project, self._handlers, self._settings = data, project, handlers, settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.run(self._start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the servers' loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        clock = SystemClock()
        self.store = Store.open(self._data, clock)
        await self.store.start()
        self.telemetry = Telemetry(self.store.history, clock)
        await self.telemetry.start()
        self.engine: Any = await self._engine()
        self.sources = SourceManager(self.engine, paused_all=self._paused_all)
        await self.sources.start()
        sockets = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2)]
        self.url, self.http_url = (f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in sockets)
        self.info = schema.EngineInfo(
            pid=1, url=self.url, http_url=self.http_url, aws_url=None, token=TOKEN, project="/p", version="1",
            started_at=iso(clock.now_us()),
        )  # fmt: skip
        settings = ApiSettings(
            token=TOKEN, on_stop=self.stops.append, info=lambda: self.info, allow_hosts=("engine.example",),
            **self._settings,
        )  # fmt: skip
        self.servers = [
            HttpServer(build_lambda_app(self.engine, self.sources, settings), sockets[0]),
            HttpServer(build_front_app(self.engine, self.sources, settings), sockets[1]),
        ]
        for server in self.servers:
            await server.start()

    async def _engine(self) -> Any:
        return FakeEngine(self._project, self.store, self.telemetry, self._handlers)

    async def _end_engine(self) -> None:
        self.engine.reader.close()

    async def _stop(self) -> None:
        for server in self.servers:
            await server.close(0.02)
        await self.sources.stop(0)
        await self._end_engine()
        await self.telemetry.close()
        await self.store.close()

    def close(self) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def http_port(self) -> int:
        return int(self.http_url.rpartition(":")[2])


def project(root: Path, **changes: Any) -> Project:
    """A few functions, queues, a stream and routes of every kind."""
    names = ("echo", "fail", "slow", "busy", "web", "page")
    base = Project(
        root=str(root), name="shop", kind="toml", region="us-east-1", account=ACCOUNT,
        functions=tuple(
            FunctionConfig(
                name=name, logical_id=name.title(), handler=f"{name}.handler", code_root=str(root),
                environment={"STAGE": "test"} if name == "echo" else {},
                dead_letter_queue="letters" if name == "echo" else None,
            )
            for name in names
        ),
        queues=(
            QueueConfig(name="orders", logical_id="Orders", redrive_queue="letters", max_receive_count=3),
            QueueConfig(name="letters", logical_id="Letters"),
            QueueConfig(name="lane.fifo", logical_id="Lane", fifo=True),
            QueueConfig(name="content.fifo", logical_id="Content", fifo=True, content_based_deduplication=True),
        ),
        streams=(StreamConfig(name="clicks", logical_id="Clicks", shards=2),),
        routes=(
            RouteConfig(id="Rest", function="web", kind="rest", method="ANY", path="/rest/{id}"),
            RouteConfig(id="RestAll", function="web", kind="rest", method="POST", path="/files/{proxy+}"),
            RouteConfig(id="Http", function="web", kind="http", method="GET", path="/http/{id}"),
            RouteConfig(id="HttpStatic", function="page", kind="http", method="GET", path="/http/me"),
            RouteConfig(id="HttpPost", function="web", kind="http", method="POST", path="/http"),
            RouteConfig(id="HttpFail", function="fail", kind="http", method="GET", path="/http-fail"),
            RouteConfig(id="RestFail", function="fail", kind="rest", method="GET", path="/rest-fail"),
            RouteConfig(id="HttpBusy", function="busy", kind="http", method="GET", path="/http-busy"),
            RouteConfig(id="PageUrl", function="page", kind="url", method="ANY", path="/{proxy+}"),
            RouteConfig(id="PageUrlRoot", function="page", kind="url", method="ANY", path="/"),
        ),
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)

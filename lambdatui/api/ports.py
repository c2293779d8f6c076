"""What the door needs of the rooms below it, as protocols: the real engine and sources satisfy them as they are.

Tests put a small engine of their own behind them; nothing here knows how anything is carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambdatui import schema
from lambdatui.api.traffic import RouteTraffic
from lambdatui.config.model import FunctionConfig, Project, QueueConfig, StreamConfig
from lambdatui.engine.model import InvokeRequest, InvokeResult

if TYPE_CHECKING:
    from lambdatui.store.reader import Reader
    from lambdatui.store.store import Store
    from lambdatui.telemetry.telemetry import Telemetry


class FunctionPort(Protocol):
    """One function as the engine knows it, overrides applied."""

    @property
    def config(self) -> FunctionConfig: ...
    @property
    def arn(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def code_sha(self) -> str: ...


class EnginePort(Protocol):
    """The parts of `engine.Engine` that the door uses."""

    @property
    def project(self) -> Project: ...
    @property
    def store(self) -> Store: ...
    @property
    def telemetry(self) -> Telemetry: ...
    @property
    def reader(self) -> Reader: ...
    @property
    def stopping(self) -> bool: ...

    def function(self, name_or_arn: str, qualifier: str | None = None) -> FunctionPort:
        """The function of a name, logical id or ARN; raises errors.NotFound."""
        ...

    def functions(self) -> Sequence[FunctionPort]: ...
    async def invoke(self, request: InvokeRequest) -> InvokeResult: ...
    async def accept(
        self,
        function: str,
        payload: bytes,
        *,
        source: str = "api",
        client_context: str | None = None,
        parent_id: str | None = None,
    ) -> str: ...
    async def set_reserved_concurrency(self, function: str, value: int | None) -> None: ...
    def reserved_concurrency(self, function: str) -> int | None: ...
    def account_concurrency(self) -> tuple[int, int]: ...
    def function_rows(self) -> list[schema.FunctionRow]: ...
    def environment_rows(self) -> list[schema.EnvironmentRow]: ...
    def concurrency_rows(self) -> list[schema.ConcurrencyRow]: ...
    def header(self) -> schema.Header: ...
    async def reset_override(self, function: str, property: str) -> None:
        """Forget a change made by API or screen: what the files say is in force again; raises errors.NotFound."""
        ...


class SourcesPort(Protocol):
    """The parts of `sources.SourceManager` that the door uses."""

    def snapshot(self) -> schema.Sources: ...
    async def pause(self, id: str) -> None: ...
    async def resume(self, id: str) -> None: ...
    def queue(self, name: str) -> QueueConfig: ...
    def stream(self, name: str) -> StreamConfig: ...
    async def send(self, source: str, messages: list[Any], partition_key: str | None = None) -> list[str]: ...
    def dlq_names(self) -> list[str]: ...
    async def replay_entry(self, id: str, event: bytes | None = None) -> schema.ReplayResult: ...
    async def replay_invocation(self, request_id: str, event: bytes | None = None) -> schema.ReplayResult: ...
    async def purge(self, ids: list[str]) -> int: ...


class ApiSettings(msgspec.Struct, kw_only=True):
    """What the host tells the door."""

    token: str  # for control and feed
    region: str = "us-east-1"
    account: str = "000000000000"
    allow_hosts: tuple[str, ...] = ()  # names that Host may carry beside loopback's
    aws: str = "none"  # who answers what the engine does not: "none", "auto" or a URL
    on_stop: Callable[[float | None], None]  # asked to stop, with the grace in seconds (None: as configured)
    info: Callable[[], schema.EngineInfo]  # engine.json's content; its token is left out where it is served
    start_aws: Callable[[], Awaitable[str]] | None = None  # starts the "auto" server once and returns its URL
    traffic: RouteTraffic = msgspec.field(default_factory=RouteTraffic)  # counts of the HTTP routes

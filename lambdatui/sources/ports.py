"""What the sources need of the engine, as a protocol: the engine fulfils it by its shape, tests by a small double."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.config.model import FunctionConfig, Project
    from lambdatui.engine.destinations import Deliver
    from lambdatui.engine.model import InvokeRequest, InvokeResult
    from lambdatui.store.reader import Reader
    from lambdatui.store.store import Store


class Function(Protocol):
    """A function that the engine knows."""

    @property
    def config(self) -> FunctionConfig: ...

    @property
    def arn(self) -> str: ...


class Metrics(Protocol):
    def count(
        self,
        function: str,
        name: str,
        value: int = 1,
        /,
        *,
        qualifier: str | None = None,
        mapping: str | None = None,
        stored: bool = True,
    ) -> None: ...
    def measure(self, function: str, name: str, ms: float, /, *, qualifier: str | None = None) -> None: ...
    def of_mapping(self, function: str, mapping: str, /) -> dict[str, float]: ...


class Telemetry(Protocol):
    @property
    def metrics(self) -> Metrics: ...

    def say(self, kind: str, function: str | None, message: str, /) -> None: ...


class Engine(Protocol):
    """The door (`invoke`, `accept`) and what stands behind it."""

    @property
    def project(self) -> Project: ...

    @property
    def store(self) -> Store: ...

    @property
    def reader(self) -> Reader: ...

    @property
    def telemetry(self) -> Telemetry: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def stopping(self) -> bool: ...

    deliver: Deliver  # to destinations; the sources put theirs here

    def installing(self, function: str, /) -> bool:
        """Whether it waits for its packages: nothing is received for it meanwhile."""
        ...

    def function(self, name_or_arn: str, /) -> Function:
        """Raises errors.NotFound."""
        ...

    async def invoke(self, request: InvokeRequest, /) -> InvokeResult:
        """One attempt; what the function does never raises, a throttle is a status."""
        ...

    async def accept(
        self,
        function: str,
        payload: bytes,
        /,
        *,
        source: str,
        parent_id: str | None = None,
        qualifier: str | None = None,
    ) -> str:
        """An asynchronous event, on disk when this returns; its request id. Raises errors.NotFound, StoreError."""
        ...

    def on_project(self, listener: Callable[[Project], Awaitable[None]], /) -> None:
        """Calls back with every reloaded configuration."""
        ...

"""How asynchronous events of a function, a version or an alias are handled: what the files say, or what the API put.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from lambdatui.config.made import Made
from lambdatui.config.model import Destination, FunctionConfig
from lambdatui.engine.functions import LATEST

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.store.made import MadeStore

KIND: Literal["event-invoke"] = "event-invoke"
EVENT_INVOKE = "event_invoke_config"  # as an override is called
MAXIMUM_RETRIES = 2
MAXIMUM_AGE = 21_600  # seconds


class Function(Protocol):
    """Whose events they are."""

    @property
    def name(self) -> str: ...
    @property
    def declared(self) -> FunctionConfig: ...


class EventInvoke(msgspec.Struct, frozen=True, kw_only=True):
    """The settings; None: Lambda's default."""

    maximum_retry_attempts: int | None = None
    maximum_event_age: int | None = None  # seconds
    on_success: Destination | None = None
    on_failure: Destination | None = None

    @property
    def retries(self) -> int:
        return MAXIMUM_RETRIES if self.maximum_retry_attempts is None else self.maximum_retry_attempts

    @property
    def age(self) -> int:
        return MAXIMUM_AGE if self.maximum_event_age is None else self.maximum_event_age


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """`Made.config`. `deleted`: by the API, although the files declare it."""

    settings: EventInvoke = EventInvoke()
    deleted: bool = False


class EventInvokeConfigs:
    """The settings in force. What the API put gives way when the files' settings are edited."""

    def __init__(self, made: MadeStore, clock: Clock) -> None:
        self._made = made
        self._clock = clock

    def of(self, function: Function, qualifier: str | None) -> EventInvoke:
        """In force for events of that qualifier (None: $LATEST)."""
        found = self.get(function, qualifier or LATEST)
        return EventInvoke() if found is None else found[0]

    def get(self, function: Function, qualifier: str) -> tuple[EventInvoke, int] | None:
        """The settings and when they were put (microseconds; 0: by the files); None where there are none."""
        made = self._row(function, qualifier)
        if made is not None:
            with contextlib.suppress(msgspec.ValidationError):  # written by another version: what the files say counts
                row = msgspec.convert(made.config, _Row)
                return None if row.deleted else (row.settings, made.modified_us)
        said = _said(function, qualifier)
        return None if said == EventInvoke() else (said, 0)

    def all(self, function: Function) -> dict[str, tuple[EventInvoke, int]]:
        """Every qualifier that has settings of its own, $LATEST first."""
        start = f"{function.name}:"
        names = sorted(row.name.removeprefix(start) for row in self._made.all() if _is_of(row, start))
        declared_of = function.declared.event_invoke_qualifier or LATEST
        found = {name: self.get(function, name) for name in dict.fromkeys([LATEST, declared_of, *names])}
        return {name: each for name, each in found.items() if each is not None}

    def changed(self) -> set[str]:
        """The functions of which the API has put something."""
        return {row.name.rpartition(":")[0] for row in self._made.all() if row.kind == KIND}

    async def put(self, function: Function, qualifier: str, settings: EventInvoke) -> int:
        """On disk and in force when this returns the time of the change."""
        return await self._put(function, qualifier, _Row(settings=settings))

    async def delete(self, function: Function, qualifier: str) -> None:
        """Lambda's defaults are in force again, whatever the files declare, until they are edited."""
        if _said(function, qualifier) == EventInvoke():
            await self._made.delete(KIND, _key(function, qualifier))
        else:
            await self._put(function, qualifier, _Row(deleted=True))

    def override(self, function: Function) -> dict[str, str]:
        """What the API has laid over the files' settings of $LATEST, as an override is shown; empty where nothing."""
        made = self._row(function, LATEST)
        return {} if made is None else {EVENT_INVOKE: msgspec.json.encode(made.config).decode()}

    async def reset(self, function: Function) -> None:
        """What the files say of $LATEST is in force again."""
        await self._made.delete(KIND, _key(function, LATEST))

    async def _put(self, function: Function, qualifier: str, row: _Row) -> int:
        now = self._clock.now_us()
        await self._made.put(
            Made(
                kind=KIND,
                name=_key(function, qualifier),
                own=False,
                config=msgspec.to_builtins(row),
                base=_base(function, qualifier),
                created_us=now,
                modified_us=now,
            )
        )
        return now

    def _row(self, function: Function, qualifier: str) -> Made | None:
        made = self._made.get(KIND, _key(function, qualifier))
        return made if made is not None and made.base == _base(function, qualifier) else None


def _said(function: Function, qualifier: str) -> EventInvoke:
    """What the files say of that qualifier's events."""
    whose = function.declared.event_invoke_qualifier
    return declared(function.declared) if whose in (None, qualifier) else EventInvoke()


def declared(config: FunctionConfig) -> EventInvoke:
    """What the files say; Lambda's defaults count as nothing said."""
    retries, age = config.maximum_retry_attempts, config.maximum_event_age
    return EventInvoke(
        maximum_retry_attempts=None if retries == MAXIMUM_RETRIES else retries,
        maximum_event_age=None if age == MAXIMUM_AGE else age,
        on_success=config.on_success,
        on_failure=config.on_failure,
    )


def _base(function: Function, qualifier: str) -> dict[str, Any]:
    """What the files said of that qualifier, by name, when the API changed it."""
    whose = function.declared.event_invoke_qualifier or LATEST
    return msgspec.to_builtins(declared(function.declared)) if qualifier == whose else {}


def _key(function: Function, qualifier: str) -> str:
    return f"{function.name}:{qualifier}"


def _is_of(row: Made, start: str) -> bool:
    return row.kind == KIND and row.name.startswith(start)

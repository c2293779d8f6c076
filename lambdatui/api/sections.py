"""The feed's sections, built and encoded once a tick for all screens; a number rises when its bytes change."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec

from lambdatui import schema
from lambdatui.api.aws.call import Door
from lambdatui.api.function_section import FunctionSection

INVOCATIONS_FIRST = 200
INVOCATIONS_MOST = 500  # a tick; what is beyond stays in history
DLQ_MOST, DLQ_MOST_BYTES = 500, 1 << 20  # entries and their events; `dlq list` shows what is beyond
DLQ_EVERY_TICKS = 5  # replays change entries without changing depths
SETTLE_TICKS = 3  # rows reach the disk up to 200 ms after they are counted

_encode = msgspec.msgpack.Encoder().encode


class Section(NamedTuple):
    """One member of an Update as it goes over the wire."""

    number: int
    raw: bytes


class Sections:
    """Keeps the newest of everything that some screen looks at."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._engine = door.engine
        self._sections: dict[str, Section] = {}
        self._keys: dict[str, bytes] = {}
        self._number = 0
        self.functions = FunctionSection(door.engine)
        self._tick = 0
        self._counted = (-1, -1, -1)
        self._unsettled = 0
        self._depths: object = None
        self._recent: dict[str | None, list[schema.InvocationRow]] = {}

    @property
    def number(self) -> int:
        """Rises with every change of anything."""
        return self._number + self.functions.number

    def section(self, name: str) -> Section | None:
        return self._sections.get(name)

    def recent(self, function: str | None) -> list[schema.InvocationRow] | None:
        """The newest invocations of a function (None: of all), newest first; None before they were read."""
        return self._recent.get(function)

    async def refresh(self, wanted: list[schema.Subscription]) -> None:
        """Build what these screens look at. Reads of the disk run in a thread."""
        self._tick += 1
        engine = self._engine
        header = engine.header()
        self._set("header", header)
        self.functions.refresh(asyncio.get_running_loop().time())
        if any(one.environments for one in wanted):
            self._set("environments", engine.environment_rows())
            self._set("concurrency", engine.concurrency_rows())
        if any(one.sources for one in wanted):
            self._set("sources", self._door.sources.snapshot())
        for function in {one.function for one in wanted if one.function is not None}:
            self._series(function)
        if any(one.dlq for one in wanted):
            await self._dlq()
        await self._invocations(header, {one.invocations_function for one in wanted if one.invocations})

    def forget(self, functions: set[str]) -> None:
        """Let go of the series of functions that no screen looks at any more."""
        kept = {f"series:{function}" for function in functions}
        for name in [n for n in self._sections if n.startswith("series:") and n not in kept]:
            del self._sections[name], self._keys[name]

    def _set(self, name: str, value: Any, key: bytes | None = None) -> None:
        raw = _encode(value)
        key = raw if key is None else key
        if self._keys.get(name) != key:
            self._number += 1
            self._keys[name] = key
            self._sections[name] = Section(self._number, raw)

    def _series(self, function: str) -> None:
        """A series that holds nothing does not change by growing older."""
        series = self._engine.telemetry.metrics.series(function)
        busy = any(any(values) for values in (series.invocations, series.errors, series.throttles)) or any(
            value is not None for values in (series.p50_ms, series.p95_ms, series.iterator_age_ms) for value in values
        )
        self._set(f"series:{function}", series, None if busy else b"quiet")

    async def _dlq(self) -> None:
        names = self._door.sources.dlq_names()
        depths = [(name, self._engine.store.queues.depth(name)) for name in names]
        if depths == self._depths and self._tick % DLQ_EVERY_TICKS and "dlq" in self._sections:
            return
        self._depths = depths
        newest = await asyncio.to_thread(
            self._engine.reader.dlq_entries, names, limit=DLQ_MOST, most_bytes=DLQ_MOST_BYTES
        )
        self._set("dlq", newest)

    async def _invocations(self, header: schema.Header, functions: set[str | None]) -> None:
        counted = (header.invocations, header.errors, header.throttles)
        if counted != self._counted:
            self._counted = counted
            self._unsettled = SETTLE_TICKS
        settled = self._unsettled == 0
        self._unsettled = max(0, self._unsettled - 1)
        for function in [gone for gone in self._recent if gone not in functions]:
            del self._recent[function]
        for function in functions:
            if settled and function in self._recent:
                continue
            limit = INVOCATIONS_MOST if function in self._recent else INVOCATIONS_FIRST
            newest = await asyncio.to_thread(self._engine.reader.invocations, function=function, limit=limit)
            if newest != self._recent.get(function):
                self._recent[function] = newest
                self._number += 1

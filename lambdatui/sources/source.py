"""What every source is: the protocol, and the loop that pollers and schedules share."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from lambdatui.clock import MICROS
from lambdatui.sources.ports import Engine
from lambdatui.sources.timer import Timer

RETRY_AFTER_FAULT_S = 5.0


class Source(Protocol):
    """Something that makes functions run."""

    def start(self) -> None: ...

    async def stop(self, grace: float | None = None) -> None:
        """Takes nothing new at once; waits up to `grace` seconds (None: as long as it takes) for what is in flight."""
        ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...


class Loop:
    """One task that makes a round, sleeps until it is woken or the round's next time has come, and again."""

    def __init__(self, engine: Engine, timer: Timer, *, label: str, paused: bool = False) -> None:
        self.engine = engine
        self.timer = timer
        self.label = label
        self.paused = paused
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._fault = ""  # of the last round

    def start(self) -> None:
        """Begins; does nothing when it runs already."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self.label)

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def pause(self) -> None:
        """No new rounds; what is in flight ends as usual."""
        self.paused = True
        self.wake()

    async def resume(self) -> None:
        self.paused = False
        self.wake()

    async def stop(self, grace: float | None = None) -> None:
        """Ends after the present round, which is cancelled after `grace` seconds."""
        self._stopping = True
        self.wake()
        if self._task is not None:
            await finish({self._task}, grace)

    async def round(self) -> int | None:
        """Does what there is to do; when to look again at the latest (us; None: only when woken)."""
        raise NotImplementedError

    async def rest(self) -> None:
        """Called instead of a round while paused, and once at the end: gives back what is only held."""

    @property
    def active(self) -> bool:
        """Whether new work may begin."""
        return not (self.paused or self._stopping or self.engine.stopping)

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            await self.timer.wait(self._wake, await self._guarded_round())
        await self.rest()

    async def _guarded_round(self) -> int | None:
        try:
            if self.active:
                due_us = await self.round()
                self._fault = ""
                return due_us
            await self.rest()
        except Exception as error:  # noqa: BLE001 - the outer edge of a source's task: one fault must not end it
            fault = str(error) or type(error).__name__
            if fault != self._fault:  # a full disk is told of once
                self._fault = fault
                self.engine.telemetry.say("notice", None, f"{self.label}: {fault.removesuffix('.')}; trying again")
            return self.engine.clock.now_us() + round(RETRY_AFTER_FAULT_S * MICROS)
        return None


async def finish(tasks: set[asyncio.Task[None]], grace: float | None) -> None:
    """Waits for `tasks`; cancels what is left after `grace` seconds."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=grace)
    for task in late:
        task.cancel()
    for task in late:
        with contextlib.suppress(asyncio.CancelledError):
            await task

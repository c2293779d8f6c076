"""Waiting for a time or a wake-up, whichever is first: the one place where sources sleep, replaced in tests."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from lambdatui.clock import MICROS, Clock

# A set wall clock is noticed at the latest after this many seconds, because waits are measured on the monotonic one.
LONGEST_WAIT = 60.0


class Timer(Protocol):
    """May return early; who waits looks at the clock again."""

    async def wait(self, wake: asyncio.Event, due_us: int | None) -> None:
        """Until `wake` is set or the clock reaches `due_us` (None: only the wake-up counts)."""
        ...


class SystemTimer:
    """Waits in real time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def wait(self, wake: asyncio.Event, due_us: int | None) -> None:
        seconds = None if due_us is None else min((due_us - self._clock.now_us()) / MICROS, LONGEST_WAIT)
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wake.wait()

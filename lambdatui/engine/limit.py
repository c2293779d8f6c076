"""Timers that are set anew for every invocation: an alarm that leaves the loop alone, and time limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Alarm:
    """Calls `ring` once when `set` seconds have passed without a `clear`.

    What the loop has armed stays armed: it looks again when it fires. A warm invocation sets two of them, and to arm
    and cancel a timer of the loop each time costs 10 µs and leaves its heap full of cancelled ones.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._due: float | None = None  # the loop's time
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        self._due = due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._fired)
        elif due < self._timer.when():
            self._timer.cancel()
            self._timer = self._loop.call_at(due, self._fired)

    def clear(self) -> float:
        """The seconds that were left; 0 where it was not set."""
        due, self._due = self._due, None
        return 0.0 if due is None else max(0.0, due - self._loop.time())

    def close(self) -> None:
        """Let the loop forget it."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._timer = self._loop.call_at(self._due, self._fired)
        else:
            self._due = None
            self._ring()


class Limit:
    """Lets `alarm` ring once `seconds` have passed, those inside `held` not counted."""

    def __init__(self, alarm: Alarm, seconds: float) -> None:
        self._alarm = alarm
        self._holders = 0
        self._rest = 0.0  # while it stands still
        self._ended = False
        alarm.set(seconds)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the limit stand still; it goes on when the last one inside has left."""
        if not self._holders and not self._ended:
            self._rest = self._alarm.clear()
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders and not self._ended:
                self._alarm.set(self._rest)

    def end(self) -> None:
        """Nothing is limited any more."""
        self._ended = True
        self._alarm.clear()

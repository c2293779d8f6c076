"""An invocation's time limit: a timer that stands still while what the invocation waits for is the engine's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Limit:
    """Calls `over` once when `seconds` have passed, those inside `held` not counted."""

    def __init__(self, seconds: float, over: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = over
        self._holders = 0
        self._rest = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self._go_on()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the limit stand still; it goes on when the last one inside has left."""
        self._holders += 1
        if self._timer is not None:
            self._rest = max(0.0, self._timer.when() - self._loop.time())
            self._timer.cancel()
            self._timer = None
        try:
            yield
        finally:
            self._holders -= 1
            self._go_on()

    def end(self) -> None:
        """Nothing is limited any more."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        if not self._holders and not self._ended:
            self._timer = self._loop.call_later(self._rest, self._over)

"""The one clock, the one place where ids are made and where times are formatted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

MICROS = 1_000_000
_THREADS_US = 1_000  # a thread that was put aside between its reading and its answer has seen no step
_random = random.Random()  # of our own: nobody seeds it
_UUID_4 = 0x4 << 76 | 0x8 << 60  # version and variant of RFC 9562
_FREE_BITS = ~(0xF << 76 | 0xC << 60)


class Clock(Protocol):
    """Time as the engine sees it; tests inject their own."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...

    def wall_us(self) -> int:
        """What the machine's own clock says: for what others compare with theirs. It may have been set back."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's own clock, but never going back.

    Where the machine's is set back this one goes on, a tenth slower, until both agree again: nothing waits longer for
    it, nothing is older than what caused it, and no FIFO changes its order. Set forward it follows at once.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._last_us = 0
        self._left: tuple[int, int] | None = None  # where it left the machine's: its own µs, the steady ns

    def now_us(self) -> int:
        wall_us = self._wall_ns() // 1000
        if self._left is None and wall_us >= self._last_us:
            self._last_us = wall_us
            return wall_us
        return self._go_on(wall_us)

    def _go_on(self, wall_us: int) -> int:
        if self._left is None:
            if self._last_us - wall_us < _THREADS_US:
                return self._last_us
            self._left = (self._last_us, self._steady_ns())
        left_us, steady_ns = self._left
        now_us = left_us + (self._steady_ns() - steady_ns) * 9 // 10_000
        if wall_us >= now_us:
            self._left = None
            now_us = wall_us
        self._last_us = now_us
        return now_us

    def wall_us(self) -> int:
        return self._wall_ns() // 1000

    def ahead_us(self) -> int:
        """How far the machine's clock is behind this one."""
        return max(0, self.now_us() - self.wall_us())

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until `advance` is called; for tests of timing rules."""

    def __init__(self, now_us: int = 1_700_000_000 * MICROS) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def wall_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return self._now_us / MICROS

    def advance(self, seconds: float) -> None:
        self._now_us += round(seconds * MICROS)


def new_request_id() -> str:
    """A request id in AWS's form, a version-4 UUID in lower case."""
    text = f"{_random.getrandbits(128) & _FREE_BITS | _UUID_4:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def random_hex(digits: int) -> str:
    """Names calls and traces and guards nothing: a look at the system's own randomness would cost 10 µs a call."""
    return f"{_random.getrandbits(4 * digits):0{digits}x}"


def iso(us: int) -> str:
    """`2026-11-21T14:31:09.434000Z` from microseconds UTC."""
    second, rest = divmod(us, MICROS)
    return f"{_iso_second(second)}.{rest:06d}Z"


@lru_cache(64)  # times of one second come together, and strftime is dear
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso_millis(us: int) -> str:
    """`2026-11-21T14:31:09.434Z`, as AWS writes times in its log lines and in its records about events."""
    return iso(us)[:-4] + "Z"


def span(us: int) -> str:
    """`1 h 5 min`, `42 s`: a length of time in words."""
    minutes, seconds = divmod(us // MICROS, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join(parts[:2]) or f"{seconds} s"


def from_iso(text: str) -> int:
    """Microseconds UTC from what `iso` wrote."""
    return round(datetime.fromisoformat(text).timestamp() * MICROS)

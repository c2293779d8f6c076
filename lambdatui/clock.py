"""The one clock, the one place where ids are made and where times are formatted."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

MICROS = 1_000_000
_random = random.Random()  # of our own: nobody seeds it
_UUID_4 = 0x4 << 76 | 0x8 << 60  # version and variant of RFC 9562
_FREE_BITS = ~(0xF << 76 | 0xC << 60)


class Clock(Protocol):
    """Time as the engine sees it; tests inject their own."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until `advance` is called; for tests of timing rules."""

    def __init__(self, now_us: int = 1_700_000_000 * MICROS) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
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


def from_iso(text: str) -> int:
    """Microseconds UTC from what `iso` wrote."""
    return round(datetime.fromisoformat(text).timestamp() * MICROS)

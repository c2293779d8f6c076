"""What happened, in sentences. A burst of like sentences becomes one with a count; what was said is never changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lambdatui.clock import MICROS, Clock, iso
from lambdatui.schema import Happening
from lambdatui.store.records import HappeningRecord

KEPT = 500
# Kinds that come in bursts, and how long one sentence speaks for those after it. The first is said at once; the rest
# of the burst at the end of each window, and windows grow while it goes on, so that an hour of throttles is about
# sixty sentences.
WINDOW_US = {
    "throttle": 5 * MICROS,
    "error": 2 * MICROS,
    "ok": 2 * MICROS,
    "retry": 5 * MICROS,
    "dlq": 2 * MICROS,
    "stream": 5 * MICROS,
    "replay": 2 * MICROS,
}
LONGEST_US = 60 * MICROS


class _Burst:
    __slots__ = ("began_us", "message", "more", "until_us", "window_us")

    def __init__(self, now_us: int, window_us: int) -> None:
        self.began_us = now_us
        self.until_us = now_us + window_us
        self.window_us = window_us
        self.more = 0
        self.message = ""

    def is_over(self, now_us: int) -> bool:
        return not self.began_us <= now_us < self.until_us


class Happenings:
    """The newest sentences in memory; each goes to `store` once."""

    def __init__(self, clock: Clock, next_id: Callable[[], int], store: Callable[[HappeningRecord], None]) -> None:
        self._clock = clock
        self._next_id = next_id
        self._store = store
        self._kept: deque[Happening] = deque(maxlen=KEPT)
        self._bursts: dict[tuple[str, str | None], _Burst] = {}

    def restore(self, records: list[HappeningRecord]) -> None:
        """Begin with what an earlier engine said."""
        self._kept.extendleft(_row(record) for record in reversed(records))

    def say(self, kind: str, function: str | None, message: str) -> None:
        """Say it now, or with those like it (same kind and function) at the end of their burst."""
        window_us = WINDOW_US.get(kind)
        if window_us is None:
            self._append(kind, function, message)
            return
        key = (kind, function)
        now_us = self._clock.now_us()
        burst = self._bursts.get(key)
        if burst is not None and burst.is_over(now_us):
            burst = self._conclude(key, burst, now_us)
        if burst is None:
            self._bursts[key] = _Burst(now_us, window_us)
            self._append(kind, function, message)
        else:
            burst.more += 1
            burst.message = message

    def settle(self, *, final: bool = False) -> None:
        """Say what bursts have come to, where their time is over (`final`: at once)."""
        now_us = self._clock.now_us()
        for key, burst in list(self._bursts.items()):
            if final or burst.is_over(now_us):
                self._conclude(key, burst, now_us)

    def _conclude(self, key: tuple[str, str | None], burst: _Burst, now_us: int) -> _Burst | None:
        """End a window: the longer one that follows it, or None where the burst is over."""
        if not burst.more:
            del self._bursts[key]
            return None
        seconds = max(1, round((now_us - burst.began_us) / MICROS))
        note = f" ({burst.more} times in {seconds} s)" if burst.more > 1 else ""
        self._append(*key, burst.message + note)
        following = self._bursts[key] = _Burst(now_us, min(2 * burst.window_us, LONGEST_US))
        return following

    def after(self, happening_id: int) -> list[Happening]:
        """Sentences with greater ids, oldest first."""
        found: list[Happening] = []
        for each in reversed(self._kept):
            if each.id <= happening_id:
                break
            found.append(each)
        return found[::-1]

    def _append(self, kind: str, function: str | None, message: str) -> None:
        record = HappeningRecord(
            id=self._next_id(), time_us=self._clock.now_us(), kind=kind, function=function, message=message
        )
        self._kept.append(_row(record))
        self._store(record)


def _row(record: HappeningRecord) -> Happening:
    return Happening(
        id=record.id, time=iso(record.time_us), kind=record.kind, function=record.function, message=record.message
    )

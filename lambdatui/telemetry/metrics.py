"""Counters and distributions by CloudWatch's definitions, per second for two minutes and for the engine's life."""

from __future__ import annotations

import msgspec

from lambdatui.clock import MICROS, Clock
from lambdatui.schema import SERIES_SECONDS, Series
from lambdatui.store.buckets import bucket_of, quantiles
from lambdatui.store.reader_stats import ACCOUNT
from lambdatui.store.records import MetricDelta
from lambdatui.telemetry.histogram import Histogram

INVOCATIONS, ERRORS, THROTTLES = "Invocations", "Errors", "Throttles"
DURATION, ITERATOR_AGE, CONCURRENT = "Duration", "IteratorAge", "ConcurrentExecutions"
RATE_S = 10
LINE_S = 60


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the function table shows: sums and quantiles of the engine's life, rates of its last seconds."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    rate: float = 0.0  # invocations a second over the last 10 s
    error_rate: float = 0.0  # errors of the invocations of the last 60 s, 0..1
    line60: list[int] = []
    iterator_age_ms: float | None = None  # the newest one of the last two minutes
    concurrency: int = 0


class _Second:
    """What happened in one second."""

    __slots__ = ("age", "durations", "errors", "invocations", "longest", "quantiles", "throttles")

    def __init__(self) -> None:
        self.invocations = 0
        self.errors = 0
        self.throttles = 0
        self.age: float | None = None
        self.longest = 0.0
        self.durations: dict[int, int] | None = None
        self.quantiles: list[float | None] | None = None  # kept once they have been asked for


class _Function:
    """One function's ring of seconds, newest last, and its life."""

    __slots__ = ("counts", "durations", "found", "found_count", "levels", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[int, _Second] = {}  # epoch second -> what happened; rising, idle seconds are absent
        self.counts: dict[str, int] = {}
        self.levels: dict[str, float] = {}
        self.durations = Histogram()
        self.found: list[float | None] = [None, None]
        self.found_count = 0

    def second(self, now: int) -> _Second:
        found = self.seconds.get(now)
        if found is None:
            for old in list(self.seconds):
                if now - SERIES_SECONDS < old <= now:
                    break
                del self.seconds[old]  # too old, or from before the clock was set back
            found = self.seconds[now] = _Second()
        return found


class _Delta:
    """What one metric gained in one minute since the last drain."""

    __slots__ = ("histogram", "last", "max", "sum")

    def __init__(self) -> None:
        self.sum = 0.0
        self.max = 0.0
        self.last: float | None = None
        self.histogram: dict[int, int] = {}


class Metrics:
    """All functions' metrics. On the loop only; everything is O(1) but `series` and `figures`, which cost what was
    busy in the last two minutes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now_us() // MICROS
        self._functions: dict[str, _Function] = {}
        self._deltas: dict[tuple[int, str, str], _Delta] = {}

    def count(self, function: str, name: str, n: int = 1) -> None:
        """Add to a sum metric (Invocations, Errors, Throttles, DeadLetterErrors, ...)."""
        now = self._clock.now_us() // MICROS
        self._delta(now, function, name).sum += n
        for each in (self._of(function), self._of(ACCOUNT)):
            each.counts[name] = each.counts.get(name, 0) + n
            if name == INVOCATIONS:
                each.second(now).invocations += n
            elif name == ERRORS:
                each.second(now).errors += n
            elif name == THROTTLES:
                each.second(now).throttles += n

    def measure(self, function: str, name: str, ms: float) -> None:
        """Add to a distribution (Duration, IteratorAge, AsyncEventAge), in milliseconds."""
        now = self._clock.now_us() // MICROS
        ms = max(0.0, ms)
        bucket = bucket_of(ms)
        delta = self._delta(now, function, name)
        delta.sum += ms
        delta.max = max(delta.max, ms)
        delta.last = ms
        delta.histogram[bucket] = delta.histogram.get(bucket, 0) + 1
        for each in (self._of(function), self._of(ACCOUNT)):
            if name == DURATION:
                each.durations.add(ms)
                second = each.second(now)
                if second.durations is None:
                    second.durations = {}
                second.durations[bucket] = second.durations.get(bucket, 0) + 1
                second.longest = max(second.longest, ms)
                second.quantiles = None
            elif name == ITERATOR_AGE:
                second = each.second(now)
                second.age = ms if second.age is None else max(second.age, ms)

    def level(self, function: str, name: str, value: float) -> None:
        """State how high a maximum metric stands (ConcurrentExecutions); the account's one is their sum."""
        now = self._clock.now_us() // MICROS
        each = self._of(function)
        before = each.levels.get(name, 0.0)
        each.levels[name] = value
        self._raise(now, function, name, value)
        if function != ACCOUNT:
            account = self._of(ACCOUNT)
            account.levels[name] = account.levels.get(name, 0.0) + value - before
            self._raise(now, ACCOUNT, name, account.levels[name])

    def drain(self) -> list[MetricDelta]:
        """What was gained since the last drain, by minute, to be stored once."""
        deltas, self._deltas = self._deltas, {}
        return [
            MetricDelta(
                minute=minute,
                function=function,
                name=name,
                sum=each.sum,
                max=each.max,
                histogram=each.histogram,
                last=each.last,
            )
            for (minute, function, name), each in deltas.items()
        ]

    @property
    def pending(self) -> bool:
        """Whether a drain would bring anything."""
        return bool(self._deltas)

    def figures(self, function: str = ACCOUNT) -> Figures:
        """The figures of a function, or of all of them together (the default)."""
        each = self._functions.get(function)
        if each is None:
            return _NONE
        now = self._clock.now_us() // MICROS
        line = [0] * LINE_S
        errors = recent = 0
        age: float | None = None
        for at, second in each.seconds.items():
            ago = now - at
            if not 0 <= ago < SERIES_SECONDS:
                continue
            if second.age is not None:
                age = second.age
            if ago < LINE_S:
                line[LINE_S - 1 - ago] = second.invocations
                errors += second.errors
            if ago < RATE_S:
                recent += second.invocations
        in_line = sum(line)
        if each.found_count != each.durations.count:
            each.found = each.durations.quantiles((0.5, 0.95))
            each.found_count = each.durations.count
        return Figures(
            invocations=each.counts.get(INVOCATIONS, 0),
            errors=each.counts.get(ERRORS, 0),
            throttles=each.counts.get(THROTTLES, 0),
            p50_ms=each.found[0],
            p95_ms=each.found[1],
            rate=recent / max(1, min(RATE_S, now - self._began + 1)),
            error_rate=min(1.0, errors / in_line) if in_line else 0.0,
            line60=line,
            iterator_age_ms=age,
            concurrency=round(each.levels.get(CONCURRENT, 0.0)),
        )

    def series(self, function: str = ACCOUNT) -> Series:
        """Per-second values of the last two minutes, the current second included (its end is still growing)."""
        now = self._clock.now_us() // MICROS
        each = self._functions.get(function)
        seconds = each.seconds if each is not None else {}
        row = [seconds.get(at, _IDLE) for at in range(now - SERIES_SECONDS + 1, now + 1)]
        found = [_quantiles(second) for second in row]
        return Series(
            function=function,
            end=now,
            invocations=[second.invocations for second in row],
            errors=[second.errors for second in row],
            throttles=[second.throttles for second in row],
            p50_ms=[pair[0] for pair in found],
            p95_ms=[pair[1] for pair in found],
            iterator_age_ms=[second.age for second in row],
        )

    def _of(self, function: str) -> _Function:
        found = self._functions.get(function)
        if found is None:
            found = self._functions[function] = _Function()
        return found

    def _delta(self, now: int, function: str, name: str) -> _Delta:
        key = (now // 60, function, name)
        found = self._deltas.get(key)
        if found is None:
            found = self._deltas[key] = _Delta()
        return found

    def _raise(self, now: int, function: str, name: str, value: float) -> None:
        delta = self._delta(now, function, name)
        delta.max = max(delta.max, value)
        delta.last = value


def _quantiles(second: _Second) -> list[float | None]:
    if second.durations is None:
        return _NOTHING
    if second.quantiles is None:
        second.quantiles = quantiles(second.durations, (0.5, 0.95), second.longest)
    return second.quantiles


_NONE = Figures(line60=[0] * LINE_S)
_IDLE = _Second()
_NOTHING: list[float | None] = [None, None]

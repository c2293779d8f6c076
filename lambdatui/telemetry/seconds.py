"""What each of the last two minutes' seconds saw of a function, and its sums since the engine started."""

from __future__ import annotations

import msgspec

from lambdatui.schema import SERIES_SECONDS, Series
from lambdatui.store.buckets import quantiles
from lambdatui.store.metric_names import ERRORS, INVOCATIONS, THROTTLES
from lambdatui.telemetry.histogram import Histogram

RATE_S = 10
LINE_S = 60
LEAST_S = 10  # that a month's projection goes by


class Spent(msgspec.Struct, kw_only=True):
    """What was billed in the last `seconds`; compute in GB-seconds."""

    seconds: int
    requests: int = 0
    compute: float = 0.0
    provisioned_compute: float = 0.0  # in provisioned concurrency


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the function table shows: sums and quantiles of the engine's life, rates of its last seconds."""

    invocations: int = 0
    errors: int = 0
    throttles: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    rate: float = 0.0  # invocations a second over the last 10 s
    error_rate: float = 0.0  # errors of the invocations of the last 60 s, 0..1
    errors60: int = 0  # of the last 60 s
    throttles60: int = 0
    line60: list[int] = []
    iterator_age_ms: float | None = None  # the newest one of the last two minutes
    concurrency: int = 0
    billed_ms: int = 0
    cost_usd: float = 0.0
    spent: Spent | None = None  # None: nothing was billed in the last 60 s


class _Second:
    """What happened in one second."""

    __slots__ = (
        "age", "compute", "durations", "errors", "invocations", "longest", "provisioned", "quantiles", "throttles"
    )  # fmt: skip

    def __init__(self) -> None:
        self.invocations = 0
        self.errors = 0
        self.throttles = 0
        self.age: float | None = None
        self.longest = 0.0
        self.compute = 0.0
        self.provisioned = 0.0
        self.durations: dict[int, int] | None = None  # while it lasts; 10 KB
        self.quantiles: list[float | None] | None = None  # kept once they have been asked for, or it is over

    def end(self) -> None:
        """Nothing is added any more: what is asked for of it is kept alone."""
        self.quantiles, self.durations = _quantiles(self), None


class Ring:
    """One function's (or the account's) seconds, newest last, and its life."""

    __slots__ = ("billed_ms", "cost_usd", "counts", "durations", "found", "found_count", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[int, _Second] = {}  # epoch second -> what happened; rising, idle seconds are absent
        self.counts: dict[str, int] = {}
        self.billed_ms = 0
        self.cost_usd = 0.0
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
            if self.seconds:
                next(reversed(self.seconds.values())).end()
            found = self.seconds[now] = _Second()
        return found

    def count(self, now: int, name: str, value: int) -> None:
        """Add to Invocations, Errors or Throttles in second `now`."""
        self.counts[name] = self.counts.get(name, 0) + value
        second = self.second(now)
        if name == INVOCATIONS:
            second.invocations += value
        elif name == ERRORS:
            second.errors += value
        elif name == THROTTLES:
            second.throttles += value

    def time(self, now: int, bucket: int, ms: float) -> None:
        """Add a handler's duration, which is in `bucket`."""
        self.durations.add_to(bucket, ms)
        second = self.second(now)
        if second.durations is None:
            second.durations = {}
        second.durations[bucket] = second.durations.get(bucket, 0) + 1
        second.longest = max(second.longest, ms)
        second.quantiles = None

    def age(self, now: int, ms: float) -> None:
        """Note an iterator age; the greatest of a second counts."""
        second = self.second(now)
        second.age = ms if second.age is None else max(second.age, ms)

    def bill(self, now: int, billed_ms: int, gb_seconds: float, usd: float, *, provisioned: bool) -> None:
        self.billed_ms += billed_ms
        self.cost_usd += usd
        second = self.second(now)
        if provisioned:
            second.provisioned += gb_seconds
        else:
            second.compute += gb_seconds

    def figures(self, now: int, began: int, concurrency: int) -> Figures:
        """As they stand in second `now`; the engine's first one was `began`."""
        line = [0] * LINE_S
        errors = throttles = recent = 0
        age: float | None = None
        spent = Spent(seconds=max(LEAST_S, min(LINE_S, now - began + 1)))
        for at, second in self.seconds.items():
            ago = now - at
            if not 0 <= ago < SERIES_SECONDS:
                continue
            if second.age is not None:
                age = second.age
            if ago < LINE_S:
                line[LINE_S - 1 - ago] = second.invocations
                errors += second.errors
                throttles += second.throttles
                spent.compute += second.compute
                spent.provisioned_compute += second.provisioned
            if ago < RATE_S:
                recent += second.invocations
        spent.requests = in_line = sum(line)
        if self.found_count != self.durations.count:
            self.found = self.durations.quantiles((0.5, 0.95))
            self.found_count = self.durations.count
        return Figures(
            invocations=self.counts.get(INVOCATIONS, 0),
            errors=self.counts.get(ERRORS, 0),
            throttles=self.counts.get(THROTTLES, 0),
            p50_ms=self.found[0],
            p95_ms=self.found[1],
            rate=recent / max(1, min(RATE_S, now - began + 1)),
            error_rate=min(1.0, errors / in_line) if in_line else 0.0,
            errors60=errors,
            throttles60=throttles,
            line60=line,
            iterator_age_ms=age,
            concurrency=concurrency,
            billed_ms=self.billed_ms,
            cost_usd=self.cost_usd,
            spent=spent if in_line else None,
        )

    def series(self, function: str, now: int) -> Series:
        """Up to second `now`, which is still growing."""
        row = [self.seconds.get(at, _IDLE) for at in range(now - SERIES_SECONDS + 1, now + 1)]
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


def _quantiles(second: _Second) -> list[float | None]:
    if second.quantiles is None:
        if second.durations is None:
            return _NOTHING
        second.quantiles = quantiles(second.durations, (0.5, 0.95), second.longest)
    return second.quantiles


_IDLE = _Second()
_NOTHING: list[float | None] = [None, None]

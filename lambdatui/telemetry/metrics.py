"""Counters and distributions by CloudWatch's definitions, for the engine's life and for each minute.

What is counted is counted once, for its *resource* (a function without a qualifier, a version, an alias with the
version that ran): the figures of a function and of the account are sums of those. Only maxima have rows of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lambdatui.clock import MICROS, Clock
from lambdatui.schema import Series
from lambdatui.store.buckets import bucket_of
from lambdatui.store.metric_names import (
    BILLED_GB_SECONDS,
    BILLED_MS,
    CLAIMED,
    CONCURRENT,
    COST_USD,
    DURATION,
    ERRORS,
    INVOCATIONS,
    ITERATOR_AGE,
    THROTTLES,
    UNRESERVED,
)
from lambdatui.store.reader_stats import ACCOUNT
from lambdatui.store.records import InvocationRecord, MetricDelta
from lambdatui.telemetry.histogram import Histogram
from lambdatui.telemetry.seconds import Figures, Ring

LATEST = "$LATEST"
_BY_SECOND = (INVOCATIONS, ERRORS, THROTTLES)
_SUMMED = (CONCURRENT, "ProvisionedConcurrentExecutions")  # maxima that the account has too


class Dimensions(NamedTuple):
    """Whose figure it is. `resource` is CloudWatch's: NAME or NAME:QUALIFIER, "" for the function as a whole;
    `version` is the one that an alias ran, else "". A mapping's figures have its uuid and no resource.
    """

    function: str
    resource: str = ""
    version: str = ""
    mapping: str = ""


class _Delta:
    """What one metric gained in one minute since the last drain."""

    __slots__ = ("count", "histogram", "last", "max", "min", "sum")

    def __init__(self) -> None:
        self.sum = 0.0
        self.min = float("inf")
        self.max = 0.0
        self.count = 0
        self.last: float | None = None
        self.histogram: dict[int, int] = {}

    def add(self, value: float) -> None:
        """One sample."""
        self.sum += value
        self.count += 1
        if value < self.min:
            self.min = value
        if value > self.max:
            self.max = value


class Life:
    """What was counted for some dimensions since the engine started."""

    __slots__ = ("counts", "dimensions", "distributions", "gained", "levels", "minute")

    def __init__(self, dimensions: Dimensions) -> None:
        self.dimensions = dimensions
        self.counts: dict[str, float] = {}
        self.distributions: dict[str, Histogram] = {}
        self.levels: dict[str, float] = {}
        self.minute = -1  # to which `gained` belongs
        self.gained: dict[str, _Delta] = {}  # by metric; the next drain's


class Metrics:
    """All functions' metrics. On the loop only; everything is O(1) but `series` and `figures`, which cost what was
    busy in the last two minutes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now_us() // MICROS
        self._functions: dict[str, Ring] = {}
        self._lives: dict[tuple[str | None, ...], Life] = {}  # by what the caller named; several may name the same
        self._own: dict[Dimensions, Life] = {}
        self._gained: dict[tuple[int, Dimensions], dict[str, _Delta]] = {}
        self._whole: dict[str, Life] = {}  # each function's as a whole
        self._told = 0  # the minute for which levels that stand were told

    def count(
        self,
        function: str,
        name: str,
        value: int = 1,
        *,
        qualifier: str | None = None,
        version: str | None = None,
        mapping: str | None = None,
        stored: bool = True,
    ) -> None:
        """Add to a sum metric (Invocations, Errors, Throttles, DeadLetterErrors, ...); `version` is what ran.

        A mapping's metrics (PolledEventCount, ...) name its uuid. Without `stored` only this engine's life knows
        of it, not CloudWatch.
        """
        now = self._clock.now_us() // MICROS
        life = self._life(function, qualifier, version, mapping)
        life.counts[name] = life.counts.get(name, 0) + value
        if not stored:
            return
        delta = self._delta(now, life, name)
        if value == 1:
            delta.add(1)
        elif value > 0:  # that many events at once: as many samples
            delta.sum += value
            delta.count += value
            delta.min, delta.max = min(delta.min, 1), max(delta.max, 1)
        if name not in _BY_SECOND:
            return
        for each in (self._of(function), self._of(ACCOUNT)):
            each.count(now, name, value)

    def measure(
        self,
        function: str,
        name: str,
        value: float,
        *,
        qualifier: str | None = None,
        version: str | None = None,
        mapping: str | None = None,
    ) -> None:
        """Add to a distribution (Duration, IteratorAge, AsyncEventAge), in milliseconds."""
        now = self._clock.now_us() // MICROS
        ms = max(0.0, value)
        bucket = self._measure(now, self._life(function, qualifier, version, mapping), name, ms)
        for each in (self._of(function), self._of(ACCOUNT)):
            if name == DURATION:
                each.time(now, bucket, ms)
            elif name == ITERATOR_AGE:
                each.age(now, ms)

    def _measure(self, now: int, life: Life, name: str, ms: float) -> int:
        """The bucket that `ms` is in."""
        bucket = bucket_of(ms)
        whole = life.distributions.get(name)
        if whole is None:
            whole = life.distributions[name] = Histogram()
        whole.add_to(bucket, ms)
        delta = self._delta(now, life, name)
        delta.add(ms)
        delta.last = ms
        delta.histogram[bucket] = delta.histogram.get(bucket, 0) + 1
        return bucket

    def invoked(self, record: InvocationRecord) -> None:
        """Count an attempt that ran, or should have: its outcome, duration and bill at once."""
        now = self._clock.now_us() // MICROS
        life = self._life(record.function, record.qualifier, record.version, None)
        function, account, ok = self._of(record.function), self._of(ACCOUNT), record.status == "ok"
        for name in (INVOCATIONS,) if ok else (INVOCATIONS, ERRORS):
            life.counts[name] = life.counts.get(name, 0) + 1
            self._delta(now, life, name).add(1)
            function.count(now, name, 1)
            account.count(now, name, 1)
        if record.billed_ms is not None and record.cost_usd is not None:
            bill = (BILLED_MS, record.billed_ms), (BILLED_GB_SECONDS, record.gb_seconds), (COST_USD, record.cost_usd)
            for name, value in bill:
                life.counts[name] = life.counts.get(name, 0) + value
                delta = self._delta(now, life, name)  # sums alone: nobody asks how they are spread
                delta.sum += value
                delta.count += 1
            function.bill(now, record.billed_ms, record.gb_seconds, record.cost_usd, provisioned=record.provisioned)
        if record.duration_us is not None:
            ms = record.duration_us / 1000
            bucket = self._measure(now, life, DURATION, ms)
            function.time(now, bucket, ms)
            account.time(now, bucket, ms)

    def charge(self, function: str, usd: float, *, qualifier: str) -> None:
        """Add what is paid beside invocations: for provisioned concurrency, used or not."""
        now = self._clock.now_us() // MICROS
        life = self._life(function, qualifier, None, None)
        life.counts[COST_USD] = life.counts.get(COST_USD, 0) + usd
        self._delta(now, life, COST_USD).add(usd)
        self._of(function).cost_usd += usd

    def level(
        self,
        function: str,
        name: str,
        value: float,
        *,
        qualifier: str | None = None,
        version: str | None = None,
    ) -> None:
        """State how high a maximum metric stands (ConcurrentExecutions, ...) now.

        Without a qualifier it is the whole function's, and the account's is their sum; with one it is that version's
        or alias' alone and the function's is stated apart. The account's own metrics are of the function ACCOUNT.
        """
        now = self._clock.now_us() // MICROS
        if qualifier is not None or version is not None:
            self._set_level(now, self._life(function, qualifier, version, None), name, value)
            return
        before = self._set_level(now, self._whole_life(function), name, value)
        if name in _SUMMED and function != ACCOUNT:
            account = self._whole_life(ACCOUNT)
            self._set_level(now, account, name, account.levels.get(name, 0.0) + value - before)

    def running(
        self,
        function: str,
        change: int,
        *,
        used: int,
        unreserved: int,
        claimed: int,
        qualifier: str | None = None,
        version: str | None = None,
    ) -> None:
        """An invocation has begun (`change` 1) or ended (-1); what the function uses now, all without a reserve do,
        and nobody else can have. Each beginning is a sample of the minute; an end only changes what stands.
        """
        now = self._clock.now_us() // MICROS
        whole, account = self._whole_life(function), self._whole_life(ACCOUNT)
        resource = self._life(function, qualifier, version, None)
        standing, own = account.levels, resource.levels.get(CONCURRENT, 0.0) + change
        if change < 0:
            standing[CONCURRENT] = standing.get(CONCURRENT, 0.0) + used - whole.levels.get(CONCURRENT, 0.0)
            standing[UNRESERVED], standing[CLAIMED] = unreserved, claimed
            whole.levels[CONCURRENT], resource.levels[CONCURRENT] = used, own
            return
        before = self._set_level(now, whole, CONCURRENT, used)
        self._set_level(now, account, CONCURRENT, standing.get(CONCURRENT, 0.0) + used - before)
        self._set_level(now, resource, CONCURRENT, own)
        self._set_level(now, account, UNRESERVED, unreserved)
        self._set_level(now, account, CLAIMED, claimed)

    def _set_level(self, now: int, life: Life, name: str, value: float) -> float:
        """What it was before."""
        before = life.levels.get(name, 0.0)
        life.levels[name] = value
        delta = self._delta(now, life, name)
        delta.sum += value
        delta.count += 1
        delta.last = value
        if value < delta.min:
            delta.min = value
        if value > delta.max:
            delta.max = value
        return before

    def drain(self) -> list[MetricDelta]:
        """What was gained since the last drain, by minute, to be stored once."""
        self._tell_standing()
        gained, self._gained = self._gained, {}
        for _, dimensions in gained:
            self._own[dimensions].minute = -1
        return [
            MetricDelta(
                minute=minute,
                function=dimensions.function,
                resource=dimensions.resource,
                version=dimensions.version,
                mapping=dimensions.mapping,
                name=name,
                sum=each.sum,
                min=min(each.min, each.max),
                max=each.max,
                count=each.count,
                histogram=each.histogram,
                last=each.last,
            )
            for (minute, dimensions), metrics in gained.items()
            for name, each in metrics.items()
            if each.count
        ]

    def _tell_standing(self) -> None:
        """A level that stands longer than a minute is a sample of each minute."""
        now = self._clock.now_us() // MICROS
        if now // 60 == self._told:
            return
        self._told = now // 60
        for life in self._own.values():
            for name, value in life.levels.items():
                if value > 0:
                    delta = self._delta(now, life, name)
                    delta.add(value)
                    delta.last = value

    def lives(self) -> Iterator[Life]:
        """What was counted since the engine started, by dimensions."""
        return iter(self._own.values())

    def of_mapping(self, function: str, mapping: str) -> dict[str, float]:
        """What was counted for an event source mapping since the engine started."""
        life = self._own.get(Dimensions(function, mapping=mapping))
        return dict(life.counts) if life is not None else {}

    @property
    def pending(self) -> bool:
        """Whether a drain would bring anything."""
        if self._gained or self._clock.now_us() // (60 * MICROS) == self._told:
            return bool(self._gained)
        return any(value > 0 for life in self._own.values() for value in life.levels.values())

    def figures(self, function: str = ACCOUNT) -> Figures:
        """The figures of a function, or of all of them together (the default)."""
        each = self._functions.get(function, _IDLE)
        return each.figures(self._clock.now_us() // MICROS, self._began, round(self._level(function, CONCURRENT)))

    def knows(self, function: str) -> bool:
        """Whether anything of a function was counted, measured or charged since the engine started."""
        return function in self._functions

    def counted(self, function: str) -> int:
        """How much was counted for a function by the second since the engine started: it rises with each attempt."""
        ring = self._functions.get(function)
        return 0 if ring is None else sum(ring.counts.values())

    def series(self, function: str = ACCOUNT) -> Series:
        """Per-second values of the last two minutes, the current second included (its end is still growing)."""
        return self._functions.get(function, _IDLE).series(function, self._clock.now_us() // MICROS)

    def _of(self, function: str) -> Ring:
        found = self._functions.get(function)
        if found is None:
            found = self._functions[function] = Ring()
        return found

    def _life(self, function: str, qualifier: str | None, version: str | None, mapping: str | None) -> Life:
        found = self._lives.get((function, qualifier, version, mapping))
        if found is None:
            found = self._own_life(dimensions_of(function, qualifier, version, mapping))
            self._lives[function, qualifier, version, mapping] = found
        return found

    def _own_life(self, dimensions: Dimensions) -> Life:
        found = self._own.get(dimensions)
        if found is None:
            found = self._own[dimensions] = Life(dimensions)
        return found

    def _whole_life(self, function: str) -> Life:
        found = self._whole.get(function)
        if found is None:
            found = self._whole[function] = self._own_life(Dimensions(function))
        return found

    def _level(self, function: str, name: str) -> float:
        life = self._whole.get(function)
        return life.levels.get(name, 0.0) if life is not None else 0.0

    def _delta(self, now: int, life: Life, name: str) -> _Delta:
        if life.minute != now // 60:
            life.minute = now // 60
            life.gained = self._gained.setdefault((life.minute, life.dimensions), {})
        found = life.gained.get(name)
        if found is None:
            found = life.gained[name] = _Delta()
        return found


def dimensions_of(function: str, qualifier: str | None, version: str | None, mapping: str | None) -> Dimensions:
    """A version's figures are its own whether it was called by number or ran as the unqualified function."""
    if mapping is not None:
        return Dimensions(function, mapping=mapping)
    if qualifier is None and version not in (None, LATEST):
        qualifier = version
    if qualifier is None:
        return Dimensions(function, function)
    return Dimensions(function, f"{function}:{qualifier}", "" if version in (None, qualifier) else version)


_IDLE = Ring()

"""Schedule expressions: `rate(5 minutes)`, AWS's six-field `cron(...)` and, for demonstrations, `every 1s`.

Pure: when a schedule is due is a function of the time asked about. All times are UTC.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html

The evaluator is our own. aws-croniter 2.1.1, for which a wrapper was planned, searches ten steps and then answers
"never" (29 February over 2100, a fifth Friday in February), has no `LW` and no `? * L *`, fails on `5-*` and `*/0`,
and matches lists against a pattern that takes seconds. With its fields checked, its names replaced and its search
redone, all that was left of it was this file's shortest part. The tests still compare with it where it answers.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lambdatui.clock import MICROS
from lambdatui.errors import UsageError

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_EVERY_UNITS = {"ms": 1_000, "s": MICROS, "m": 60 * MICROS, "h": 3600 * MICROS}
_RATE = re.compile(r"rate\(\s*(\S+)\s+(\S+?)\s*\)")
_AT = re.compile(r"at\(\s*(\S+)\s*\)")
_CRON = re.compile(r"cron\((.*)\)", re.S)
_EVERY = re.compile(r"(?:every\s+)?(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
MAX_LENGTH = 256  # characters of an expression, on AWS as well
MIN_EVERY_US = 10_000  # below 10 ms a schedule is a busy loop
MAX_PERIOD_US = 366 * 86_400 * MICROS * 10
FIRST_YEAR, LAST_YEAR = 1970, 2199

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if number}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}


class Schedule(Protocol):
    """When something is due."""

    @property
    def expression(self) -> str:
        """The text that it was parsed from."""
        ...

    def next_after(self, us: int) -> int | None:
        """The first due time later than `us` (both microseconds UTC); None: never again."""
        ...


@dataclass(frozen=True)
class Period:
    """`rate` and `every`: due at whole multiples of the period since the epoch, so that restarts keep the beat."""

    expression: str
    period_us: int

    def next_after(self, us: int) -> int:
        return (us // self.period_us + 1) * self.period_us


@dataclass(frozen=True)
class Cron:
    """`cron(min hour day-of-month month day-of-week year)`."""

    expression: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: _Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def next_after(self, us: int) -> int | None:
        minute = us // (60 * MICROS) + 1
        if minute < 0:
            minute = 0
        if minute >= _MINUTE_AFTER_LAST_YEAR:
            return None
        start = datetime.fromtimestamp(minute * 60, UTC)
        today = (start.year, start.month, start.day)
        for year in self.years[bisect_left(self.years, start.year) :]:
            for month in self.months:
                if (year, month) < today[:2]:
                    continue
                for day in self.days.of(year, month):
                    if (year, month, day) < today:
                        continue
                    since = (start.hour, start.minute) if (year, month, day) == today else (0, 0)
                    at = self._time(since)
                    if at:
                        return int(datetime(year, month, day, *at, tzinfo=UTC).timestamp()) * MICROS
        return None

    def _time(self, since: tuple[int, int]) -> tuple[int, int] | None:
        hour, minute = since
        for candidate in self.hours[bisect_left(self.hours, hour) :]:
            index = bisect_left(self.minutes, minute) if candidate == hour else 0
            if index < len(self.minutes):
                return candidate, self.minutes[index]
        return None


@dataclass(frozen=True)
class Once:
    """`at(yyyy-mm-ddThh:mm:ss)`: due one time."""

    expression: str
    at_us: int

    def next_after(self, us: int) -> int | None:
        return self.at_us if self.at_us > us else None


@dataclass(frozen=True)
class Zoned:
    """A schedule by the clocks of a time zone. What falls into the hour that spring leaves out is skipped; what falls
    into the one that autumn has twice is due once.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
    """

    schedule: Cron | Once
    zone: ZoneInfo

    @property
    def expression(self) -> str:
        return self.schedule.expression

    def next_after(self, us: int) -> int | None:
        wall = self._wall(us)
        while (due := self.schedule.next_after(wall)) is not None:
            moment = _moment(due).replace(tzinfo=self.zone)  # the first of two
            real = int(moment.timestamp()) * MICROS
            if self._wall(real) == due and real > us:
                return real
            wall = due
        return None

    def _wall(self, us: int) -> int:
        """What the zone's clocks show, as if it were UTC."""
        shift = datetime.fromtimestamp(us // MICROS, self.zone).utcoffset()
        return us + (int(shift.total_seconds()) * MICROS if shift else 0)


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us // MICROS, UTC).replace(tzinfo=None)


_MINUTE_AFTER_LAST_YEAR = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) // 60


@dataclass(frozen=True)
class _Days:
    """Which days of a month: a list, or one of `L-n`, `LW`, `nW`, the last or the nth weekday."""

    kind: str  # days | weekdays | L | LW | W | last | nth
    numbers: tuple[int, ...]  # weekdays count from 1, Sunday

    def of(self, year: int, month: int) -> list[int]:
        """The matching days in order; none where the month has no such day."""
        first, last = calendar.monthrange(year, month)
        days = range(1, last + 1)
        if self.kind == "days":
            return [day for day in self.numbers if day <= last]
        if self.kind in {"weekdays", "last", "nth"}:
            # `first` counts from Monday = 0; AWS's Sunday = 1.
            hits = [day for day in days if (first + day) % 7 + 1 in self.numbers[: 1 if self.kind != "weekdays" else 7]]
            if self.kind == "last":
                return hits[-1:]
            return hits if self.kind == "weekdays" else hits[self.numbers[1] - 1 : self.numbers[1]]
        working = [day for day in days if (first + day - 1) % 7 < 5]
        if self.kind == "LW":
            return working[-1:]
        number = self.numbers[0]
        if self.kind == "L":
            return [last - number] if last > number else []
        return [min(working, key=lambda day: (abs(day - number), -day))] if number <= last else []


def parse(expression: str, timezone: str | None = None) -> Schedule:
    """The schedule that the text means; UsageError with what is wrong in it. `every 1s` and `500ms` are ours.

    `timezone` is by whose clocks a cron or at counts, UTC's where there is none.
    """
    text = expression.strip()
    if len(text) > MAX_LENGTH:
        raise UsageError(f"{text[:40]}… has more than {MAX_LENGTH} characters, the most of a schedule expression")
    if text.startswith("rate("):
        return _rate(text)
    if match := _EVERY.fullmatch(text):
        return _every(text, match)
    if not text.startswith(("cron(", "at(")):
        raise UsageError(
            f"{expression!r} is no schedule expression: write rate(5 minutes), cron(0 12 * * ? *) or every 1s"
        )
    schedule = _cron(text) if text.startswith("cron(") else _once(text)
    return schedule if timezone is None else Zoned(schedule, _zone(timezone))


def expression_problem(expression: str, *, finer: bool = False, once: bool = False) -> str | None:
    """What is wrong with a schedule expression; `every 1s` only passes where `finer`, `at(...)` where `once` allows
    it."""
    try:
        schedule = parse(expression)
    except UsageError as exc:
        return str(exc)
    if not finer and not expression.strip().startswith(("rate(", "cron(", "at(")):
        return f"{expression!r} is no schedule expression of AWS"
    if not once and isinstance(schedule, Once):
        return f"{expression.strip()}: one-time schedules are EventBridge Scheduler's: use rate(...) or cron(...)"
    return None if schedule.next_after(0) is not None else f"{expression} never comes"


def timezone_problem(timezone: str) -> str | None:
    """What is wrong with the name of a time zone."""
    try:
        _zone(timezone)
    except UsageError as exc:
        return str(exc)
    return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"the time zone {name[:100]!r} is not known here") from None


def _once(text: str) -> Once:
    match = _AT.fullmatch(text)
    try:
        when = datetime.strptime(match[1] if match else "", "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{text}: write at(yyyy-mm-ddThh:mm:ss)") from None
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise UsageError(f"{text}: the years are {FIRST_YEAR}-{LAST_YEAR}")
    return Once(text, int(when.timestamp()) * MICROS)


def _rate(text: str) -> Period:
    match = _RATE.fullmatch(text)
    if not match:
        raise UsageError(f"{text}: a rate is a value and a unit, e.g. rate(5 minutes)")
    value, unit = match.groups()
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise UsageError(f"{text}: the value must be a whole number greater than 0")
    singular = unit.removesuffix("s")
    if singular not in _UNITS or unit not in {singular, singular + "s"}:
        raise UsageError(f"{text}: the unit must be minute(s), hour(s) or day(s)")
    if (int(value) == 1) == unit.endswith("s"):
        right = singular if int(value) == 1 else singular + "s"
        raise UsageError(f"{text}: write rate({value} {right}): the unit is singular for 1 and plural for more")
    period = int(value) * _UNITS[singular] * MICROS
    if period > MAX_PERIOD_US:
        raise UsageError(f"{text}: more than ten years apart")
    return Period(text, period)


def _every(text: str, match: re.Match[str]) -> Period:
    period = round(float(match.group(1)) * _EVERY_UNITS[match.group(2)])
    if not MIN_EVERY_US <= period <= MAX_PERIOD_US:
        raise UsageError(f"{text}: the shortest is every {MIN_EVERY_US // 1000}ms, the longest ten years")
    return Period(text, period)


# cron ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]


_MONTH_DAY = _Field("day-of-month", 1, 31, {})
_WEEKDAY = _Field("day-of-week", 1, 7, _DAYS)
_FIELDS = (
    _Field("minutes", 0, 59, {}),
    _Field("hours", 0, 23, {}),
    _MONTH_DAY,
    _Field("month", 1, 12, _MONTHS),
    _WEEKDAY,
    _Field("year", FIRST_YEAR, LAST_YEAR, {}),
)


def _cron(text: str) -> Cron:
    match = _CRON.fullmatch(text)
    if not match:
        raise UsageError(f"{text}: the closing parenthesis is missing")
    parts = match.group(1).upper().split()
    if len(parts) != 6:
        raise UsageError(
            f"{text}: six fields are needed (minutes hours day-of-month month day-of-week year), {len(parts)} are given"
        )
    if (parts[2] == "?") == (parts[4] == "?"):
        raise UsageError(f"{text}: exactly one of day-of-month and day-of-week must be ?")
    minutes, hours, _, months, _, years = (
        () if index in {2, 4} else _values(text, _FIELDS[index], part) for index, part in enumerate(parts)
    )
    days = _weekdays(text, parts[4]) if parts[2] == "?" else _month_days(text, parts[2])
    return Cron(text, minutes, hours, days, months, years)


def _month_days(text: str, part: str) -> _Days:
    if part in {"L", "LW", "WL"}:
        return _Days(part, (0,)) if part == "L" else _Days("LW", ())
    if match := re.fullmatch(r"L-(\d+)|(\d+)W", part):
        number, high = int(match[1] or match[2]), 30 if match[1] else 31
        if not 1 <= number <= high:
            raise UsageError(f"{text}: {part} in day-of-month is no day: the numbers are 1 to {high}")
        return _Days("L" if match[1] else "W", (number,))
    return _Days("days", _values(text, _MONTH_DAY, part))


def _weekdays(text: str, part: str) -> _Days:
    if part == "L":
        return _Days("weekdays", (7,))  # the last day of the week, every week
    if match := re.fullmatch(r"([0-9A-Z]+)#(\d+)", part):
        if not 1 <= int(match[2]) <= 5:
            raise UsageError(f"{text}: {part}: a month has a first to a fifth weekday, #1 to #5")
        return _Days("nth", (_number(text, _WEEKDAY, match[1]), int(match[2])))
    if match := re.fullmatch(r"(\d|[A-Z]{3})L", part):
        return _Days("last", (_number(text, _WEEKDAY, match[1]),))
    return _Days("weekdays", _values(text, _WEEKDAY, part))


def _values(text: str, field: _Field, part: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in part.split(","):
        found.update(_item(text, field, item))
    return tuple(sorted(found))


def _item(text: str, field: _Field, item: str) -> Iterable[int]:
    """`*`, `5`, `1-5`, and any of them with `/step`."""
    base, slash, step = item.partition("/")
    if slash and field is _WEEKDAY:
        raise UsageError(f"{text}: day-of-week knows no /: list the days, e.g. MON,WED,FRI")
    if slash and (not re.fullmatch(r"[0-9]{1,4}", step) or not 1 <= int(step) <= field.high):
        raise UsageError(f"{text}: {item} in {field.name}: after / stands a whole number from 1 to {field.high}")
    every = int(step) if slash else 1
    if base == "*":
        return range(field.low, field.high + 1, every)
    low, dash, high = base.partition("-")
    first = _number(text, field, low)
    last = _number(text, field, high) if dash else (field.high if slash else first)
    if first <= last:
        return range(first, last + 1, every)
    if field is not _WEEKDAY:
        raise UsageError(f"{text}: {item} in {field.name} runs backwards: write the smaller number first")
    return [*range(first, field.high + 1), *range(field.low, last + 1)]  # FRI-MON


def _number(text: str, field: _Field, word: str) -> int:
    if word in field.names:
        return field.names[word]
    if re.fullmatch(r"[0-9]{1,4}", word) and field.low <= int(word) <= field.high:
        return int(word)
    names = f" or {next(iter(field.names))}-{list(field.names)[-1]}" if field.names else ""
    raise UsageError(f"{text}: {word or 'nothing'} in {field.name}: the values are {field.low}-{field.high}{names}")

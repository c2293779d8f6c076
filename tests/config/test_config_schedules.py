"""Schedule expressions, against an evaluator that shares nothing with the one under test."""

from __future__ import annotations

import calendar
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.config.schedules import parse
from lambdatui.errors import UsageError

DAY_NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def after(expression: str, *when: int) -> str | None:
    due = parse(expression).next_after(us(*when))
    return None if due is None else datetime.fromtimestamp(due / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def aws_day(day: datetime) -> int:
    return (day.weekday() + 1) % 7 + 1


def numbers(field: str, low: int, high: int, names: list[str]) -> set[int]:
    result: set[int] = set()
    for item in field.split(","):
        base, _, step = item.partition("/")
        for index, name in enumerate(names):
            base = base.replace(name, str(index + 1))
        if base == "*":
            first, last = low, high
        elif "-" in base:
            first, last = map(int, base.split("-"))
        else:
            first, last = int(base), high if step else int(base)
        value, gone = first, 0
        while True:
            if gone % int(step or 1) == 0:
                result.add(value)
            if value == last:
                break
            value = low if value == high else value + 1
            gone += 1
    return result


def nearest_weekday(year: int, month: int, day: int) -> int | None:
    last = calendar.monthrange(year, month)[1]
    if day > last:
        return None
    weekdays = [d for d in range(1, last + 1) if datetime(year, month, d).weekday() < 5]
    return min(weekdays, key=lambda d: (abs(d - day), -d if d > day else d))


def day_matches(day: datetime, dom: str, dow: str) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if dom == "LW":
        return day.day == max(d for d in range(1, last + 1) if datetime(day.year, day.month, d).weekday() < 5)
    if dom == "L":
        return day.day == last
    if dom.startswith("L-"):
        return day.day == last - int(dom[2:])
    if dom.endswith("W"):
        return day.day == nearest_weekday(day.year, day.month, int(dom[:-1]))
    if dom != "?":
        return day.day in numbers(dom, 1, 31, [])
    if dow == "L":
        return aws_day(day) == 7
    for index, name in enumerate(DAY_NAMES):
        dow = dow.replace(name, str(index + 1))
    if dow.endswith("L"):
        return aws_day(day) == int(dow[:-1]) and day.day + 7 > last
    if "#" in dow:
        which, _, week = dow.partition("#")
        return aws_day(day) == int(which) and (day.day - 1) // 7 + 1 == int(week)
    return aws_day(day) in numbers(dow, 1, 7, [])


def brute(fields: list[str], start: datetime, days: int) -> datetime | None:
    """The next minute that matches, by looking at every day and then every minute of it."""
    minute, hour, dom, month, dow, year = fields
    minutes, hours = sorted(numbers(minute, 0, 59, [])), sorted(numbers(hour, 0, 23, []))
    months = numbers(month, 1, 12, [name.upper() for name in calendar.month_abbr[1:]])
    years = numbers(year, 1970, 2199, [])
    day = start.replace(hour=0, minute=0)
    for _ in range(days):
        if day.month in months and day.year in years and day_matches(day, dom, dow):
            for h in hours:
                for m in minutes:
                    at = day.replace(hour=h, minute=m)
                    if at > start:
                        return at
        day += timedelta(days=1)
    return None


def item(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    pair = st.tuples(value, value).map(lambda p: f"{min(p)}-{max(p)}")
    step = st.integers(1, high)
    return st.one_of(
        st.just("*"),
        value.map(str),
        pair,
        st.tuples(st.one_of(st.just("*"), value.map(str), pair), step).map(lambda p: f"{p[0]}/{p[1]}"),
    )


def listed(low: int, high: int) -> st.SearchStrategy[str]:
    return st.lists(item(low, high), min_size=1, max_size=3).map(",".join)


DAY = st.one_of(st.integers(1, 7).map(str), st.sampled_from(DAY_NAMES))
DOM = st.one_of(
    listed(1, 31),
    st.sampled_from(["L", "LW"]),
    st.integers(1, 30).map("L-{}".format),
    st.integers(1, 31).map("{}W".format),
)
DOW = st.one_of(
    st.lists(st.one_of(DAY, st.tuples(DAY, DAY).map("-".join)), min_size=1, max_size=3).map(",".join),
    st.just("*"),
    st.just("L"),
    DAY.map("{}L".format),
    st.tuples(DAY, st.integers(1, 5)).map(lambda p: f"{p[0]}#{p[1]}"),
)
DAYS = st.one_of(DOM.map(lambda dom: (dom, "?")), DOW.map(lambda dow: ("?", dow)))
YEAR = st.one_of(st.just("*"), st.integers(2023, 2030).map(str), st.just("2024-2026"), st.just("2024/2"))
MONTH = st.one_of(listed(1, 12), st.sampled_from(["JAN", "FEB", "JUN-AUG", "DEC,JAN"]))


@given(listed(0, 59), listed(0, 23), DAYS, MONTH, YEAR, st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31)))
def test_cron_agrees_with_looking_at_every_day(
    minute: str, hour: str, days: tuple[str, str], month: str, year: str, start: datetime
) -> None:
    start = start.replace(second=0, microsecond=0, tzinfo=UTC)
    fields = [minute, hour, days[0], month, days[1], year]
    expected = brute(fields, start, 1500)
    due = parse(f"cron({' '.join(fields)})").next_after(int(start.timestamp()) * 1_000_000)
    if expected is not None:
        assert due == int(expected.timestamp()) * 1_000_000
    elif due is not None:  # further away than the test looks
        assert datetime.fromtimestamp(due / 1e6, UTC) > start + timedelta(days=1499)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", "2026-11-22 10:00"),
        ("cron(15 12 * * ? *)", "2026-11-21 12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-23 18:00"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-11-23 00:00"),
        ("cron(0 0 ? * SAT-SUN *)", "2026-11-22 00:00"),
        ("cron(0 0 ? * FRI-MON *)", "2026-11-22 00:00"),
        ("cron(0 0 ? * L *)", "2026-11-28 00:00"),
        ("cron(0 0 ? * 6L *)", "2026-11-27 00:00"),
        ("cron(0 0 ? * friL *)", "2026-11-27 00:00"),
        ("cron(0 0 ? * TUE#3 *)", "2026-12-15 00:00"),
        ("cron(0 0 LW * ? *)", "2026-11-30 00:00"),
        ("cron(0 0 LW JAN ? *)", "2027-01-29 00:00"),
        ("cron(0 0 L * ? *)", "2026-11-30 00:00"),
        ("cron(0 0 L-2 * ? *)", "2026-11-28 00:00"),
        ("cron(0 0 1W AUG ? *)", "2027-08-02 00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29 00:00"),
        ("cron(0 0 ? 2 FRI#5 *)", "2036-02-29 00:00"),
        ("cron(30 9 1 1 ? 2190)", "2190-01-01 09:30"),
        ("cron(5 4 * JAN,JUL ? *)", "2027-01-01 04:05"),
        ("  cron(0  10   *  * ?  *) ", "2026-11-22 10:00"),
    ],
)
def test_cron_next_time_after_saturday_21_november_2026_1207(expression: str, expected: str) -> None:
    assert after(expression, 2026, 11, 21, 12, 7) == expected


def test_leap_day_is_found_across_the_year_2100_which_has_none() -> None:
    assert after("cron(0 0 29 2 ? *)", 2096, 3, 1) == "2104-02-29 00:00"


@pytest.mark.parametrize("expression", ["cron(0 0 31 2 ? *)", "cron(0 0 L-30 2 ? *)", "cron(0 0 1 1 ? 1999)"])
def test_days_that_never_come_are_never(expression: str) -> None:
    assert after(expression, 2026, 1, 1) is None


def test_a_due_time_itself_is_not_after_itself() -> None:
    assert after("cron(0 10 * * ? *)", 2026, 11, 22, 10, 0) == "2026-11-23 10:00"
    assert parse("every 1s").next_after(5_000_000) == 6_000_000


def test_after_the_last_year_nothing_is_due() -> None:
    assert parse("cron(* * * * ? *)").next_after(us(2199, 12, 31, 23, 59)) is None
    assert parse("cron(* * * * ? *)").next_after(us(2250, 1, 1)) is None


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("cron(0 10 * * *)", "six fields"),
        ("cron(0 10 * * * *)", "exactly one"),
        ("cron(0 10 ? * ? *)", "exactly one"),
        ("cron(60 10 * * ? *)", "60 in minutes"),
        ("cron(0 24 * * ? *)", "24 in hours"),
        ("cron(0 0 32 * ? *)", "32 in day-of-month"),
        ("cron(0 0 0W * ? *)", "day-of-month"),
        ("cron(0 0 * 13 ? *)", "13 in month"),
        ("cron(0 0 * FOO ? *)", "FOO in month"),
        ("cron(0 0 ? * 8 *)", "8 in day-of-week"),
        ("cron(0 0 ? * 0 *)", "0 in day-of-week"),
        ("cron(0 0 ? * MON#6 *)", "#5"),
        ("cron(0 0 ? * 3#1,6#3 *)", "day-of-week"),
        ("cron(0 0 ? * MON/2 *)", "knows no /"),
        ("cron(0/0 * * * ? *)", "after /"),
        ("cron(5-* * * * ? *)", "* in minutes"),
        ("cron(10-5 * * * ? *)", "backwards"),
        ("cron(0 0 1 1 ? 1969)", "1969 in year"),
        ("cron(0 0 1 1 ? *", "parenthesis"),
        ("rate(1 minutes)", "rate(1 minute)"),
        ("rate(5 minute)", "rate(5 minutes)"),
        ("rate(0 minutes)", "greater than 0"),
        ("rate(1.5 hours)", "whole number"),
        ("rate(-1 hours)", "whole number"),
        ("rate(5 seconds)", "unit"),
        ("rate(5)", "value and a unit"),
        ("rate(5 minutess)", "unit"),
        ("rate(999999999 days)", "ten years"),
        ("every 0s", "shortest"),
        ("at(2026-01-01)", "yyyy-mm-ddThh:mm:ss"),
        ("at(9999-12-31T23:59:59)", "1970-2199"),  # in some time zones the year 10000
        ("at(0001-01-01T00:00:00)", "1970-2199"),
        ("cron(0 0 L-" + "9" * 5_000 + " * ? *)", "256 characters"),
        ("cron(0 0 ? * 2#" + "9" * 5_000 + " *)", "256 characters"),
        ("every " + "9" * 400 + "s", "256 characters"),
        ("", "no schedule expression"),
        ("* * * * *", "no schedule expression"),
    ],
)
def test_wrong_expressions_are_refused_with_what_is_wrong(expression: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(expression)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(1 hour)", 3600), ("rate(2 days)", 172_800)],
)
def test_rates_keep_their_beat_whatever_the_moment(expression: str, seconds: int) -> None:
    schedule = parse(expression)
    first = schedule.next_after(1_700_000_000_123_456)
    assert first is not None and first > 1_700_000_000_123_456
    assert schedule.next_after(first) == first + seconds * 1_000_000


@pytest.mark.parametrize(("expression", "period"), [("every 1s", 1e6), ("500ms", 5e5), ("every 2m", 1.2e8)])
def test_finer_than_aws(expression: str, period: float) -> None:
    schedule = parse(expression)
    assert schedule.next_after(0) == period


@given(st.text(max_size=40))
def test_any_text_is_a_schedule_or_a_usage_error(text: str) -> None:
    for expression in (text, f"cron({text})", f"rate({text})"):
        with contextlib.suppress(UsageError):
            parse(expression).next_after(0)


@given(st.integers(0, 59), st.integers(0, 23), DAYS, st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31)))
def test_cron_agrees_with_aws_croniter_where_that_answers(
    minute: int, hour: int, days: tuple[str, str], start: datetime
) -> None:
    croniter = pytest.importorskip("aws_croniter")
    if days[0] == "LW" or days[1] == "L" or any(word in days[0] for word in ("/", "*,", ",*")):
        return
    fields = f"{minute} {hour} {days[0]} * {days[1]} *"
    start = start.replace(second=0, microsecond=0, tzinfo=UTC)
    theirs = croniter.AwsCroniter(fields).get_next(start)[0]
    ours = parse(f"cron({fields})").next_after(int(start.timestamp()) * 1_000_000)
    if theirs is not None:
        assert ours == int(theirs.timestamp()) * 1_000_000

"""Schedules by the clocks of a time zone, one-time schedules, and who may write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.clock import MICROS
from lambdatui.config.model import Project
from lambdatui.config.schedules import parse
from lambdatui.errors import UsageError
from tests.config.helpers import Load, Write, says

MINUTE = 60 * MICROS
ZONES = ["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
CRONS = ["cron(*/15 * * * ? *)", "cron(30 2 * * ? *)", "cron(0 1,2,3 ? * SUN *)", "cron(0 0 1 * ? *)"]


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * MICROS  # type: ignore[misc, arg-type]


def after(expression: str, zone: str, *when: int) -> str | None:
    due = parse(expression, zone).next_after(us(*when))
    return None if due is None else datetime.fromtimestamp(due / MICROS, UTC).strftime("%Y-%m-%d %H:%M")


def test_a_cron_counts_by_the_zones_clocks_in_summer_and_winter() -> None:
    assert after("cron(0 8 * * ? *)", "Europe/Vienna", 2026, 1, 1) == "2026-01-01 07:00"
    assert after("cron(0 8 * * ? *)", "Europe/Vienna", 2026, 7, 1) == "2026-07-01 06:00"


def test_what_falls_into_the_hour_that_spring_leaves_out_is_skipped() -> None:
    assert after("cron(30 2 * * ? *)", "Europe/Vienna", 2026, 3, 28, 12) == "2026-03-30 00:30"


def test_what_falls_into_the_hour_that_autumn_has_twice_is_due_once() -> None:
    assert after("cron(30 2 * * ? *)", "Europe/Vienna", 2026, 10, 24, 12) == "2026-10-25 00:30"
    assert after("cron(30 2 * * ? *)", "Europe/Vienna", 2026, 10, 25, 0, 30) == "2026-10-26 01:30"


@given(st.sampled_from(ZONES), st.sampled_from(CRONS), st.integers(us(2024, 1, 1) // MINUTE, us(2028, 1, 1) // MINUTE))
def test_it_is_the_first_minute_at_which_the_zones_clocks_show_a_due_time(zone: str, cron: str, minute: int) -> None:
    """Compared with a search minute by minute, as far as three days."""
    plain, info = parse(cron), ZoneInfo(zone)
    found, coming = None, 0  # the next due time by a clock that never changes
    for each in range(minute + 1, minute + 3 * 24 * 60):
        shown = datetime.fromtimestamp(each * 60, info)
        wall = int(shown.replace(tzinfo=UTC, fold=0).timestamp()) * MICROS
        if coming < wall:
            coming = plain.next_after(wall - 1) or wall + 10 * 24 * 60 * MINUTE
        if shown.fold == 0 and coming == wall:
            found = each * MINUTE
            break
    due = parse(cron, zone).next_after(minute * MINUTE)
    assert due == found or (found is None and (due is None or due >= (minute + 3 * 24 * 60) * MINUTE))


def test_a_one_time_schedule_is_due_once() -> None:
    assert after("at(2026-07-01T08:00:00)", "Europe/Vienna", 2026, 1, 1) == "2026-07-01 06:00"
    assert after("at(2026-07-01T08:00:00)", "Europe/Vienna", 2026, 7, 1, 6) is None
    assert parse("at(2026-07-01T08:00:00)").next_after(0) == us(2026, 7, 1, 8)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "/etc/localtime"])
def test_a_zone_that_nobody_knows_is_said(zone: str) -> None:
    with pytest.raises(UsageError, match="is not known here"):
        parse("cron(0 8 * * ? *)", zone)


TEMPLATE = """Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.12
      Events:
        E: {Type: KIND, Properties: {EXPRESSION}}
"""


def event(write: Write, load: Load, kind: str, expression: str) -> Project:
    write("template.yaml", TEMPLATE.replace("KIND", kind).replace("EXPRESSION", expression))
    return load()


def test_sams_schedule_v2_has_zones_and_one_time_schedules(write: Write, load: Load) -> None:
    zone = "ScheduleExpressionTimezone: America/New_York"
    project = event(write, load, "ScheduleV2", f"ScheduleExpression: cron(0 8 * * ? *), {zone}")
    assert [(one.expression, one.timezone) for one in project.schedules] == [("cron(0 8 * * ? *)", "America/New_York")]
    assert project.problems == ()
    project = event(write, load, "ScheduleV2", "ScheduleExpression: 'at(2027-01-01T00:00:00)'")
    assert project.schedules[0].expression == "at(2027-01-01T00:00:00)" and project.problems == ()


def test_a_zone_that_is_not_known_is_said_and_utc_serves(write: Write, load: Load) -> None:
    zone = "ScheduleExpressionTimezone: Mars/Olympus"
    project = event(write, load, "ScheduleV2", f"ScheduleExpression: cron(0 8 * * ? *), {zone}")
    assert says(project, "the time zone 'Mars/Olympus' is not known here; UTC is used") == ("warning", 9)
    assert project.schedules[0].timezone is None


def test_rules_know_no_one_time_schedules(write: Write, load: Load) -> None:
    project = event(write, load, "Schedule", "Schedule: 'at(2027-01-01T00:00:00)'")
    assert says(project, "one-time schedules are EventBridge Scheduler's") == ("warning", 9)
    assert project.schedules == ()


def test_schedulers_own_resource_invokes_its_function(write: Write, load: Load) -> None:
    write(
        "template.yaml",
        TEMPLATE.partition("      Events:")[0] + "      AutoPublishAlias: live\n"
        "  Nightly:\n    Type: AWS::Scheduler::Schedule\n    Properties:\n      ScheduleExpression: cron(0 2 * * ? *)\n"
        "      ScheduleExpressionTimezone: Europe/Vienna\n      FlexibleTimeWindow: {Mode: 'OFF'}\n"
        "      Target: {Arn: !Ref F.Alias, RoleArn: x, Input: '{\"a\": 1}'}\n"
        "  Off:\n    Type: AWS::Scheduler::Schedule\n    Properties:\n      ScheduleExpression: rate(1 hour)\n"
        "      State: DISABLED\n      Target: {Arn: !GetAtt F.Arn}\n"
        "  Queued:\n    Type: AWS::Scheduler::Schedule\n    Properties:\n      ScheduleExpression: rate(1 hour)\n"
        "      Target: {Arn: !GetAtt Q.Arn}\n  Q: {Type: AWS::SQS::Queue}\n",
    )
    project = load()
    nightly, off = project.schedules
    assert (nightly.function, nightly.qualifier, nightly.timezone) == ("F", "live", "Europe/Vienna")
    assert nightly.scheduler and off.scheduler
    assert (nightly.input, nightly.enabled) == ('{"a": 1}', True)
    assert (off.qualifier, off.enabled) == (None, False)
    assert says(project, "Queued: a target that is no function of the template is not served") == ("warning", 26)
    assert len(project.problems) == 1

"""What the Function page says of configuration, cost, versions and provisioned concurrency."""

from __future__ import annotations

import pytest

from lambdatui.schema import AliasRow, AsyncRow, ConcurrencyRow, FunctionRow, ProvisionedRow, VersionRow
from lambdatui.tui.function_lines import configuration_lines, has_versions, version_lines
from lambdatui.tui.screens.environments import concurrency_lines
from lambdatui.tui.widgets.lines import width_of

from . import moment


def _configuration(**values: object) -> list[str]:
    row = moment.function("orders", **values)
    return [each.text.rstrip() for each in configuration_lines(row, moment.ROOT, 60)]


def _published(**values: object) -> FunctionRow:
    versions = [
        VersionRow(version="1", code_sha="a41f", created_at=moment.at(3 * 86_400), invocations=2),
        VersionRow(version="2", code_sha="9c02", created_at=moment.at(60), invocations=1, description="mended"),
    ]
    fields = {"versions": versions, "invocations": 5, "code_sha": "9c02"}
    return moment.function("orders", **{**fields, **values})


def _versions(row: FunctionRow, width: int = 60) -> list[str]:
    lines = version_lines(row, moment.NOW, width)
    assert all(width_of(each.pieces) <= max(width, 42) for each in lines)
    return [each.text.rstrip() for each in lines]


def test_asynchronous_settings_stand_by_qualifier_and_those_that_were_put_are_marked() -> None:
    rows = [
        AsyncRow(qualifier="$LATEST", maximum_retry_attempts=1, maximum_event_age=600, on_success="queue done"),
        AsyncRow(qualifier="live", maximum_retry_attempts=0, on_failure="topic alarms"),
    ]
    shown = _configuration(asynchronous=rows, overrides={"event_invoke_config": "{}"})
    assert "events       1 retry within 10 m  set here" in shown
    assert "on success   queue done  set here" in shown
    assert "live: 0 retries within 6 h, on failure topic alarms" in " ".join(" ".join(shown).split())


def test_only_what_is_not_lambdas_default_takes_room() -> None:
    assert not [row for row in _configuration() if row.startswith(("/tmp", "loops", "cost"))]
    shown = _configuration(ephemeral_storage=1024, recursive_loop="Allow", dead_letter_topic="alarms")
    assert {"/tmp         1024 MB", "loops        may go on", "dead letters topic alarms"} <= set(shown)
    assert "loops        3 calls stopped" in _configuration(recursive_dropped=3)


def test_a_json_log_names_its_levels_and_a_group_of_its_own() -> None:
    assert "log          text" in _configuration(log_group="/aws/lambda/orders")
    shown = _configuration(log_format="JSON", application_log_level="DEBUG", log_group="/shop")
    assert "log          JSON, application DEBUG, system INFO to /shop" in shown


def test_cost_is_told_for_the_run_a_million_calls_and_a_month() -> None:
    shown = _configuration(invocations=100, cost_usd=0.0021, monthly_usd=12.4)
    start = shown.index("cost         $0.0021 since the start")
    assert [each.strip() for each in shown[start + 1 : start + 3]] == [
        "$21.00 a million calls",
        "$12.40/mo without free tier",
    ]


def test_provisioned_concurrency_has_no_price_of_a_call() -> None:
    ahead = ProvisionedRow(qualifier="live", version="1", requested=1, allocated=1, in_use=0, status="READY")
    assert "a million" not in " ".join(_configuration(invocations=1, cost_usd=0.1, provisioned=[ahead]))


def test_an_alias_shows_what_each_version_gets() -> None:
    aliases = [AliasRow(name="live", version="2", weights={"1": 0.1}), AliasRow(name="beta", version="1")]
    assert _versions(_published(version_aliases=aliases))[:3] == [
        "live → 2  ▰▰▰▰▰▰▰▰▰▱   90 %",
        "     → 1  ▰▱▱▱▱▱▱▱▱▱   10 %",
        "beta → 1",
    ]


@pytest.mark.parametrize(
    ("share", "bar"), [(0.001, "▰▱▱▱▱▱▱▱▱▱  0.1 %"), (0.999, "▰▰▰▰▰▰▰▰▰▱ 99.9 %"), (0.0, "▱▱▱▱▱▱▱▱▱▱    0 %")]
)
def test_a_bar_is_never_full_or_empty_for_a_part(share: float, bar: str) -> None:
    row = _published(version_aliases=[AliasRow(name="live", version="2", weights={"1": share})])
    assert bar in _versions(row)[1]


def test_versions_stand_newest_first_with_what_they_ran() -> None:
    assert _versions(_published())[0].split() == ["$LATEST", "9c02", "2", "calls"]
    second, first = _versions(_published())[1:]
    assert second.startswith("2       9c02 ") and second.endswith("1 call  mended")
    assert "18 Nov" in first and first.endswith("2 calls")


def test_code_that_no_version_has_is_not_published_yet() -> None:
    assert _versions(_published(code_sha="77ab"))[0].endswith("not published yet")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            ProvisionedRow(
                qualifier="live", version="2", requested=3, allocated=3, in_use=1, status="READY", spillover=4
            ),
            "● provisioned 3 of 3 ready, 1 in use, 4 calls spilled over",
        ),
        (
            ProvisionedRow(qualifier="live", version="2", requested=3, allocated=1, in_use=0, status="IN_PROGRESS"),
            "◔ provisioned 1 of 3 ready",
        ),
        (
            ProvisionedRow(
                qualifier="live", version="2", requested=3, allocated=0, in_use=0, status="FAILED", reason="no room"
            ),
            "✖ provisioned 0 of 3 ready, no room",
        ),
    ],
)
def test_provisioned_concurrency_stands_under_its_alias(row: ProvisionedRow, told: str) -> None:
    alias = AliasRow(name="live", version="2")
    shown = _versions(_published(version_aliases=[alias], provisioned=[row]), 80)
    assert shown[1].strip() == told


def test_provisioned_concurrency_of_a_version_stands_under_it() -> None:
    row = ProvisionedRow(qualifier="1", version="1", requested=1, allocated=1, in_use=0, status="READY")
    assert _versions(_published(provisioned=[row]))[-1].strip() == "● provisioned 1 of 1 ready"


def test_without_versions_it_says_how_to_publish_one() -> None:
    row = moment.function("orders")
    assert not has_versions(row)
    assert "AutoPublishAlias" in " ".join(_versions(row))


def test_a_functions_bar_tells_what_is_provisioned() -> None:
    rows = [ConcurrencyRow(function="orders", used=1, reserved=4, provisioned=2, provisioned_used=1)]
    (shown,) = concurrency_lines(rows, 80)
    assert "▰▱▱▱" in shown.text and "2 provisioned, 1 in use" in shown.text


def test_a_long_description_stands_under_its_version() -> None:
    versions = [
        VersionRow(version="1", code_sha="a41f", created_at=moment.at(60), description="the first that was sold")
    ]
    shown = _versions(_published(versions=versions), 42)
    assert shown[-2].endswith("no call") and shown[-1] == "        the first that was sold"

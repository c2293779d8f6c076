"""What the engine's command line says and refuses."""

from __future__ import annotations

import pytest

from lambdatui.client.host_command import LaunchOptions
from lambdatui.errors import UsageError
from lambdatui.host.arguments import parse


def test_functions_scale_by_todays_rule_unless_the_older_one_is_asked_for() -> None:
    assert parse([".", *LaunchOptions().arguments()], {}).burst_model == "current"
    assert parse([".", *LaunchOptions(burst_model="classic").arguments()], {}).burst_model == "classic"


def test_an_unknown_burst_model_is_refused() -> None:
    with pytest.raises(UsageError, match="give current or classic"):
        parse([".", "--burst-model", "modern"], {})


def test_fresh_reaches_the_engine() -> None:
    assert [parse([".", *LaunchOptions(fresh=fresh).arguments()], {}).fresh for fresh in (False, True)] == [False, True]


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.7", "127.0.0.1.evil.example", "127.evil.example", "example.org"]
)
def test_whatever_is_not_loopback_needs_consent_and_names_itself(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-remote"):
        parse([".", "--host", host], {})
    assert host in parse([".", "--host", host, "--allow-remote"], {}).allow_hosts


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    assert parse([".", "--host", host], {}).allow_hosts == ()

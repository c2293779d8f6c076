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

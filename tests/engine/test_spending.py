"""A month at the present rate."""

from __future__ import annotations

import pytest

from lambdatui.config.model import FunctionConfig
from lambdatui.engine.provisioned import Wanted
from lambdatui.engine.spending import StandingCharges, month_of, monthly_usd
from lambdatui.telemetry import cost
from lambdatui.telemetry.seconds import Spent


def config(**more: object) -> FunctionConfig:
    return FunctionConfig(name="f", logical_id="F", handler="a.b", code_root="/p", **more)  # type: ignore[arg-type]


def test_a_month_is_the_last_minute_again_and_again() -> None:
    used = month_of(config(memory=1024), Spent(seconds=60, requests=60, compute=6.0))
    assert used is not None
    assert (used.requests, used.compute) == (cost.MONTH_S, cost.MONTH_S / 10)
    expected = used.requests * cost.REQUEST + used.compute * 0.0000166667
    assert monthly_usd([used], free_tier=False) == pytest.approx(expected)
    left = (used.requests - 1e6) * cost.REQUEST
    assert monthly_usd([used], free_tier=True) == pytest.approx(left), "the compute is within the free tier"


def test_storage_is_billed_for_as_long_as_the_function_runs() -> None:
    used = month_of(config(memory=2048, ephemeral_storage=1536), Spent(seconds=60, requests=1, compute=4.0))
    assert used is not None
    assert used.storage == pytest.approx(2.0 * cost.MONTH_S / 60), "two seconds with one more GB"


def test_provisioned_concurrency_costs_without_calls_and_has_no_free_tier() -> None:
    used = month_of(config(memory=512), None, provisioned=10)
    assert used is not None
    assert used.provisioned == 5 * cost.MONTH_S
    assert not used.free
    assert monthly_usd([used], free_tier=True) == pytest.approx(5 * cost.MONTH_S * 0.0000041667)


def test_where_nothing_runs_there_is_no_month() -> None:
    assert month_of(config(), None) is None
    assert monthly_usd([None, None], free_tier=True) is None


def wanted(requested: int = 2, qualifier: str = "live") -> Wanted:
    return Wanted(function="f", qualifier=qualifier, requested=requested, modified_us=0)


def test_provisioned_concurrency_is_paid_in_steps_of_five_minutes_that_have_begun() -> None:
    charges = StandingCharges()
    paid = [at for at in range(0, 901) if charges.due([wanted()], float(at))]
    assert paid == [0, 300, 600, 900]


def test_another_number_is_paid_from_its_own_beginning_and_one_that_comes_back_not_twice() -> None:
    charges = StandingCharges()
    assert charges.due([wanted(2)], 0.0) == [wanted(2)]
    assert charges.due([wanted(5)], 10.0) == [wanted(5)]
    assert charges.due([wanted(2)], 20.0) == []
    assert charges.due([], 400.0) == []
    assert charges.due([wanted(2)], 500.0) == [wanted(2)]
    assert charges.due([wanted(2), wanted(2, "3")], 600.0) == [wanted(2, "3")]

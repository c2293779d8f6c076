"""Prices against AWS's own examples, and the rules of rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.schema import FREE_GB_SECONDS
from lambdatui.telemetry import cost
from lambdatui.telemetry.cost import Usage

AMOUNTS = st.floats(0, 1e11)


def test_duration_and_init_are_rounded_up_together_to_a_millisecond() -> None:
    assert cost.billed_ms(1) == 1
    assert cost.billed_ms(0) == 1
    assert cost.billed_ms(1_000) == 1
    assert cost.billed_ms(1_001) == 2
    assert cost.billed_ms(2_500, 100_600) == 104


def test_the_classic_rule_bills_no_init_and_steps_of_a_hundred_milliseconds() -> None:
    assert cost.billed_ms(1, 900_000, "classic") == 100
    assert cost.billed_ms(100_000, None, "classic") == 100
    assert cost.billed_ms(100_001, None, "classic") == 200


def test_the_pricing_pages_mobile_app() -> None:
    """3 million requests of 120 ms at 1,536 MB on x86: $2.73 after the free tier ($2.33 compute, $0.40 requests)."""
    used = Usage(requests=3e6, compute=3e6 * cost.gb_seconds(120, 1536))
    bill = cost.bill([used])
    assert bill.compute == pytest.approx(9.00, abs=0.01)
    assert bill.requests == pytest.approx(0.60)
    assert bill.total == pytest.approx(2.73, abs=0.01)


def test_the_pricing_pages_provisioned_concurrency() -> None:
    """1,000 × 1 GB for two hours, 1.2 million requests of one second in it: $42 in all, and no free tier."""
    used = Usage(
        requests=1.2e6, provisioned_compute=1.2e6 * cost.gb_seconds(1000, 1024), provisioned=1000 * 7200, free=False
    )
    bill = cost.bill([used])
    assert bill.provisioned == pytest.approx(30.00, abs=0.01)
    assert bill.compute == pytest.approx(11.67, abs=0.01)
    assert bill.requests == pytest.approx(0.24)
    assert bill.free_tier == 0
    assert bill.total == pytest.approx(41.91, abs=0.01)


def test_storage_above_512_mb_is_billed_by_duration() -> None:
    more = cost.dollars(1000, 128, storage_mb=512 + 1024) - cost.dollars(1000, 128)
    assert more == pytest.approx(0.0000000309)
    assert cost.dollars(1000, 128, storage_mb=512) == cost.dollars(1000, 128)


def test_arm_and_provisioned_concurrency_have_prices_of_their_own() -> None:
    seconds = 1_000_000
    x86, arm = (cost.dollars(seconds, 1024, each) - cost.REQUEST for each in ("x86_64", "arm64"))
    assert (x86, arm) == (pytest.approx(0.0166667), pytest.approx(0.0133334))
    assert cost.dollars(seconds, 1024, provisioned=True) - cost.REQUEST == pytest.approx(0.0097222)


def test_tiers_count_all_functions_of_an_architecture_together() -> None:
    halves = [Usage(compute=4e9, free=False), Usage(compute=4e9, free=False)]
    assert cost.bill(halves).compute == pytest.approx(6e9 * 0.0000166667 + 2e9 * 0.000015)
    apart = [Usage(compute=4e9, free=False), Usage(compute=4e9, free=False, architecture="arm64")]
    assert cost.bill(apart).compute == pytest.approx(4e9 * 0.0000166667 + 4e9 * 0.0000133334)


def test_the_free_tier_covers_small_use_whole() -> None:
    bill = cost.bill([Usage(requests=10_000, compute=300_000), Usage(compute=90_000, architecture="arm64")])
    assert bill.total == pytest.approx(0)
    assert bill.free_tier == pytest.approx(bill.requests + bill.compute)


@given(AMOUNTS, AMOUNTS, st.sampled_from(["x86_64", "arm64"]), st.booleans())
def test_more_use_never_costs_less_and_the_free_tier_is_bounded(
    requests: float, compute: float, architecture: str, free: bool
) -> None:
    one = cost.bill([Usage(requests=requests, compute=compute, architecture=architecture, free=free)])
    more = cost.bill([Usage(requests=requests + 5, compute=compute + 7, architecture=architecture, free=free)])
    assert more.total >= one.total - 1e-6
    assert 0 <= one.free_tier <= 0.2 + FREE_GB_SECONDS * 0.0000166667 + 1e-3
    assert one.free_tier <= one.requests + one.compute + 1e-9

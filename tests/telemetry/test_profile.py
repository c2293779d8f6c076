"""What a function's cold starts cost."""

from __future__ import annotations

import pytest

from lambdatui.profiles import ImportTree
from lambdatui.store.inits import Spending
from lambdatui.store.records import InitRecord
from lambdatui.telemetry.profile import cold_start

INIT = InitRecord(
    function="f", version="$LATEST", code_sha="a", at_us=0, init_us=500_000, runtime_us=60_000, libraries_us=400_000,
    own_us=50_000, tree=b"{}",
)  # fmt: skip


class Stored:
    def __init__(self, init: InitRecord | None, spent: Spending) -> None:
        self.found = None if init is None else (init, ImportTree(), spent)

    def last_init(self, function: str) -> tuple[InitRecord, ImportTree, Spending] | None:
        return self.found


def test_a_share_of_the_bill_and_the_price_of_a_thousand() -> None:
    stored = Stored(INIT, Spending(invocations=10, cold_starts=2, init_us=1_000_000, billed_ms=4000))
    found = cold_start(stored, "f", 1024, "x86_64", 512)
    assert found is not None
    assert (found.runtime_ms, found.libraries_ms, found.own_ms, found.init_ms) == (60, 400, 50, 500)
    assert found.billed_share == 0.25
    assert found.usd_per_1000 == pytest.approx(0.5 * 0.0000166667 * 1000)


def test_nothing_is_billed_by_the_classic_rule_and_nothing_is_shared_where_nothing_ran() -> None:
    stored = Stored(INIT, Spending(invocations=0, cold_starts=0, init_us=0, billed_ms=0))
    found = cold_start(stored, "f", 1024, "x86_64", 512)
    assert found is not None and found.billed_share is None
    classic = cold_start(stored, "f", 1024, "x86_64", 512, "classic")
    assert classic is not None and classic.usd_per_1000 is None


def test_without_a_fresh_init_there_is_nothing() -> None:
    assert cold_start(Stored(None, Spending(0, 0, 0, 0)), "f", 128, "x86_64", 512) is None

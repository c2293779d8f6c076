"""How an alias shares its calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from lambdatui.engine.weights import choose

DRAWS = some.floats(0, 1, exclude_max=True)


@given(some.floats(0, 1), DRAWS)
def test_the_additional_version_gets_its_share_and_the_alias_own_the_rest(share: float, draw: float) -> None:
    assert choose("1", {"2": share}, draw) == ("2" if draw < share else "1")


@given(DRAWS)
def test_without_weights_there_is_one_version(draw: float) -> None:
    assert choose("1", {}, draw) == "1"


@given(some.integers(0, 100))
def test_of_evenly_spread_draws_each_version_gets_its_share(percent: int) -> None:
    draws = [number / 100 for number in range(100)]
    assert sum(choose("1", {"2": percent / 100}, draw) == "2" for draw in draws) == percent

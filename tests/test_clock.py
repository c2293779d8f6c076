"""The one clock: it never goes back, whatever the machine's does."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatui.clock import MICROS, SystemClock, span

HOUR = 3_600 * MICROS
STEPS = st.lists(st.tuples(st.integers(-3 * HOUR, 3 * HOUR), st.integers(0, HOUR)), min_size=1, max_size=30)


class Machine:
    """A wall clock that may be set, and a steady one."""

    def __init__(self) -> None:
        self.wall_us = 1_700_000_000 * MICROS
        self.steady_us = 0
        self.clock = SystemClock(lambda: self.wall_us * 1000, lambda: self.steady_us * 1000)
        self.clock.now_us()

    def passes(self, us: int) -> None:
        self.wall_us += us
        self.steady_us += us


def test_set_forward_it_follows_at_once() -> None:
    machine = Machine()
    machine.wall_us += 5 * HOUR
    assert machine.clock.now_us() == machine.wall_us
    assert machine.clock.ahead_us() == 0


def test_set_back_it_goes_on_a_tenth_slower_until_both_agree() -> None:
    machine = Machine()
    before = machine.clock.now_us()
    machine.wall_us -= HOUR
    assert machine.clock.now_us() == before
    assert machine.clock.ahead_us() == HOUR
    machine.passes(10 * MICROS)
    assert machine.clock.now_us() == before + 9 * MICROS
    assert machine.clock.wall_us() == machine.wall_us
    machine.passes(10 * HOUR)
    assert machine.clock.now_us() == machine.wall_us
    machine.passes(MICROS)
    assert machine.clock.now_us() == machine.wall_us


def test_set_right_again_it_agrees_at_once() -> None:
    machine = Machine()
    machine.wall_us -= HOUR
    machine.clock.now_us()
    machine.passes(60 * MICROS)
    machine.wall_us += HOUR
    assert machine.clock.now_us() == machine.wall_us


@settings(max_examples=50)
@given(STEPS)
def test_it_never_goes_back_and_is_never_behind(steps: list[tuple[int, int]]) -> None:
    machine = Machine()
    last = machine.clock.now_us()
    for by, elapsed in steps:
        machine.wall_us += by
        machine.passes(elapsed)
        now = machine.clock.now_us()
        assert last <= now
        assert now >= machine.wall_us
        last = now


def test_lengths_of_time_in_words() -> None:
    said: dict[int, Any] = {each: span(each * MICROS) for each in (0, 59, 60, 3_700, 90_000)}
    assert said == {0: "0 s", 59: "59 s", 60: "1 min", 3_700: "1 h 1 min", 90_000: "1 d 1 h"}

"""Admission: no sequence of calls exceeds a limit or leaks a slot."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from lambdatui.engine.admission import ACCOUNT_LIMIT, RESERVED_LIMIT, Admission


def test_a_reserve_is_the_functions_own_limit() -> None:
    admission = Admission(1000)
    admission.set_reserved("orders", 1)
    assert admission.admit("orders") is None
    assert admission.admit("orders") == RESERVED_LIMIT
    admission.release("orders")
    assert admission.admit("orders") is None


def test_a_reserve_of_zero_stops_a_function_at_once() -> None:
    admission = Admission(1000)
    admission.set_reserved("orders", 0)
    assert admission.admit("orders") == RESERVED_LIMIT


def test_functions_without_a_reserve_share_what_the_reserves_leave() -> None:
    admission = Admission(3)
    admission.set_reserved("orders", 1)
    assert [admission.admit("a"), admission.admit("b"), admission.admit("a")] == [None, None, ACCOUNT_LIMIT]
    assert admission.admit("orders") is None


def test_at_least_a_hundred_must_stay_unreserved() -> None:
    admission = Admission(1000)
    admission.set_reserved("a", 500)
    assert admission.refusal("b", 400) is None
    assert "below its minimum value of [100]" in (admission.refusal("b", 401) or "")
    assert admission.refusal("a", 900) is None, "a function's own old reserve is not counted against its new one"


def test_releasing_what_was_not_taken_is_an_error() -> None:
    with pytest.raises(ValueError, match="holds no slot"):
        Admission(10).release("orders")


class AdmissionMachine(RuleBasedStateMachine):
    """Any sequence of admissions, releases and changed reserves."""

    slots = Bundle("slots")
    functions = st.sampled_from(["a", "b", "c"])

    @initialize(limit=st.integers(0, 8))
    def begin(self, limit: int) -> None:
        self.admission = Admission(limit)
        self.held = {"a": 0, "b": 0, "c": 0}
        self.over: set[str] = set()  # functions whose reserve was lowered below what runs

    @rule(target=slots, function=functions)
    def admit(self, function: str) -> str | None:
        room = self.admission.headroom(function)
        reason = self.admission.admit(function)
        assert (reason is None) == (room > 0)
        if reason is None:
            self.held[function] += 1
            return function
        return None

    @rule(slot=consumes(slots))
    def release(self, slot: str | None) -> None:
        if slot is not None:
            self.admission.release(slot)
            self.held[slot] -= 1

    @rule(function=functions, value=st.none() | st.integers(0, 4))
    def reserve(self, function: str, value: int | None) -> None:
        self.admission.set_reserved(function, value)

    @invariant()
    def counts_what_is_held(self) -> None:
        if hasattr(self, "admission"):
            assert {name: self.admission.used(name) for name in self.held} == self.held
            assert self.admission.total() == sum(self.held.values())


TestAdmission = AdmissionMachine.TestCase

"""Admission: no sequence of calls exceeds a limit or leaks a slot."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from lambdatui.engine.admission import ACCOUNT, RATE, RESERVED, RESERVED_RATE, SCALING, Admission, Refusal, Slot
from lambdatui.engine.scaling import BurstModel


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(result: Slot | Refusal) -> Slot:
    assert isinstance(result, Slot), result
    return result


# --- reserves


def test_a_reserve_is_the_functions_own_limit(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("orders", 1)
    slot = taken(admission.admit("orders"))
    assert admission.admit("orders") == RESERVED
    admission.release(slot)
    taken(admission.admit("orders"))


def test_a_reserve_of_zero_stops_a_function_at_once(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("orders", 0)
    assert admission.admit("orders") == RESERVED


def test_functions_without_a_reserve_share_what_the_reserves_leave(clock: Clock) -> None:
    admission = Admission(3, clock=clock)
    admission.set_reserved("orders", 1)
    assert [type(admission.admit(name)) for name in "ab"] == [Slot, Slot]
    assert admission.admit("a") == ACCOUNT
    taken(admission.admit("orders"))


def test_a_new_reserve_waits_for_those_who_run_in_its_place(clock: Clock) -> None:
    admission = Admission(200, clock=clock)
    others = [taken(admission.admit("a", synchronous=False)) for _ in range(200)]
    admission.set_reserved("orders", 100)
    assert admission.admit("orders") == ACCOUNT
    admission.release(others[0])
    taken(admission.admit("orders"))


def test_at_least_a_hundred_must_stay_unreserved(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("a", 500)
    assert admission.refusal("b", 400) is None
    assert "below its minimum value of [100]" in (admission.refusal("b", 401) or "")
    assert admission.refusal("a", 900) is None, "a function's own old reserve is not counted against its new one"


def test_a_slot_is_given_back_once(clock: Clock) -> None:
    admission = Admission(10, clock=clock)
    slot = taken(admission.admit("orders"))
    admission.release(slot)
    with pytest.raises(ValueError, match="holds no such slot"):
        admission.release(slot)


# --- requests a second


def test_ten_synchronous_requests_a_second_for_each_unit_of_a_reserve(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("orders", 1)
    for _ in range(10):
        admission.release(taken(admission.admit("orders")))
    assert admission.admit("orders") == RESERVED_RATE
    taken(admission.admit("orders", synchronous=False)), "asynchronous ones have no such limit"


def test_requests_are_refilled_continuously(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("orders", 1)
    for _ in range(10):
        admission.release(taken(admission.admit("orders")))
    clock.now += 0.125  # of which floats know the exact value
    admission.release(taken(admission.admit("orders")))
    assert admission.admit("orders") == RESERVED_RATE


def test_functions_without_a_reserve_share_ten_requests_a_second_for_each_unit_of_the_account(clock: Clock) -> None:
    admission = Admission(2, clock=clock)
    for place in range(20):
        admission.release(taken(admission.admit("ab"[place % 2])))
    assert admission.admit("a") == RATE


# --- scaling rate


def test_a_function_gets_a_thousand_environments_at_once_and_then_a_hundred_a_second(clock: Clock) -> None:
    admission = Admission(5000, clock=clock)
    for _ in range(1000):
        taken(admission.admit("a", synchronous=False))
    assert admission.admit("a", synchronous=False) == SCALING
    taken(admission.admit("b", synchronous=False)), "each function scales on its own"
    clock.now += 1
    for _ in range(100):
        taken(admission.admit("a", synchronous=False))
    assert admission.admit("a", synchronous=False) == SCALING


def test_what_is_not_used_of_the_scaling_rate_is_not_kept(clock: Clock) -> None:
    admission = Admission(5000, clock=clock)
    clock.now += 100
    assert admission.headroom("a") == 1000


def test_warm_environments_are_used_again_without_scaling(clock: Clock) -> None:
    admission = Admission(5000, clock=clock)
    for slot in [taken(admission.admit("a", synchronous=False)) for _ in range(1000)]:
        admission.release(slot)
    assert admission.headroom("a") == 1000


def test_the_classic_burst_is_the_regions_and_grows_by_five_hundred_a_minute(clock: Clock) -> None:
    admission = Admission(5000, clock=clock, burst_model="classic", region="eu-central-1")
    for place in range(1000):
        taken(admission.admit("ab"[place % 2], synchronous=False))
    assert admission.admit("a", synchronous=False) == SCALING
    assert admission.admit("b", synchronous=False) == SCALING
    clock.now += 60
    for _ in range(500):
        taken(admission.admit("b", synchronous=False))
    assert admission.admit("b", synchronous=False) == SCALING


@pytest.mark.parametrize(("region", "burst"), [("us-east-1", 3000), ("us-east-2", 1000), ("sa-east-1", 500)])
def test_the_classic_burst_differs_by_region(clock: Clock, region: str, burst: int) -> None:
    assert Admission(9000, clock=clock, burst_model="classic", region=region).headroom("a") == burst


# --- provisioned concurrency


def test_provisioned_concurrency_is_taken_first_and_spills_over(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_provisioned("f", "f:live", 2, 2)
    slots = [taken(admission.admit("f", "f:live")) for _ in range(3)]
    assert [(one.provisioned, one.spilled) for one in slots] == [(True, False), (True, False), (False, True)]
    other = taken(admission.admit("f"))
    assert (other.provisioned, other.spilled) == (False, False)


def test_environments_that_are_not_ready_serve_nothing(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_provisioned("f", "f:live", 2, 0)
    assert taken(admission.admit("f", "f:live")).spilled


def test_a_reserve_that_is_all_provisioned_leaves_nothing_on_demand(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("f", 2)
    admission.set_provisioned("f", "f:live", 2, 2)
    assert admission.admit("f") == RESERVED
    assert (admission.headroom("f"), admission.headroom("f", "f:live")) == (0, 2)
    taken(admission.admit("f", "f:live"))
    taken(admission.admit("f", "f:live"))
    assert admission.admit("f", "f:live") == RESERVED


def test_ready_environments_are_kept_from_the_functions_that_share(clock: Clock) -> None:
    admission = Admission(3, clock=clock)
    admission.set_provisioned("f", "f:1", 2, 2)
    taken(admission.admit("g"))
    assert admission.admit("g") == ACCOUNT
    assert taken(admission.admit("f", "f:1")).provisioned


def test_what_runs_on_when_its_provisioned_concurrency_is_deleted_takes_no_place_in_a_new_one(clock: Clock) -> None:
    admission = Admission(3, clock=clock)
    admission.set_provisioned("f", "f:1", 1, 1)
    old = taken(admission.admit("f", "f:1"))
    admission.set_provisioned("f", "f:1", 0, 0)
    assert admission.claimed() == 1
    admission.set_provisioned("f", "f:1", 1, 1)
    taken(admission.admit("g"))
    assert admission.admit("g") == ACCOUNT, "what runs on is on demand, and the new environment is set aside"
    assert taken(admission.admit("f", "f:1")).provisioned
    admission.release(old)
    assert (admission.provisioned_used("f:1"), admission.headroom("g")) == (1, 1)


def test_what_runs_on_when_provisioned_concurrency_is_lowered_is_on_demand(clock: Clock) -> None:
    admission = Admission(4, clock=clock)
    admission.set_provisioned("f", "f:1", 2, 2)
    slots = [taken(admission.admit("f", "f:1")) for _ in range(2)]
    admission.set_provisioned("f", "f:1", 1, 1)
    assert (admission.claimed(), admission.headroom("g")) == (2, 2)
    admission.release(slots[0])
    assert (admission.claimed(), admission.headroom("g")) == (1, 3)
    admission.release(slots[1])
    assert (admission.claimed(), admission.headroom("g")) == (1, 3)


def test_more_than_ten_requests_a_second_for_each_environment_spill_over(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_provisioned("f", "f:1", 1, 1)
    for _ in range(10):
        slot = taken(admission.admit("f", "f:1"))
        assert slot.provisioned
        admission.release(slot)
    assert taken(admission.admit("f", "f:1")).spilled


def test_what_provisioned_concurrency_is_refused(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    assert admission.provisioned_refusal("f", 900) is None
    assert "below its minimum value of [100]" in (admission.provisioned_refusal("f", 901) or "")
    assert "greater than account's unreserved concurrency [1000]" in (admission.provisioned_refusal("f", 1001) or "")
    admission.set_reserved("f", 10)
    admission.set_provisioned("f", "f:1", 8, 0)
    assert admission.provisioned_refusal("f", 2) is None
    assert "should not be greater than the reserved" in (admission.provisioned_refusal("f", 3) or "")
    assert admission.provisioned_refusal("f", 10, instead_of=8) is None, "what it replaces does not count"
    assert "total provisioned concurrency [8]" in (admission.refusal("f", 7) or "")


def test_the_account_counts_reserves_and_provisioned_concurrency_outside_of_them(clock: Clock) -> None:
    admission = Admission(1000, clock=clock)
    admission.set_reserved("r", 100)
    admission.set_provisioned("r", "r:1", 50, 50)
    admission.set_provisioned("f", "f:1", 30, 20)
    for name, key in [("r", "r:1"), ("f", "f:1"), ("f", None), ("g", None)]:
        taken(admission.admit(name, key))
    assert admission.unreserved_limit() == 1000 - 100 - 30
    assert admission.unreserved_in_use() == 3
    assert admission.claimed() == 100 + 20 + 2
    assert admission.refusal("f", 800) is None, "within a reserve its provisioned concurrency counts no more"


# --- any sequence

FUNCTIONS = ("a", "b", "c")
KEYS = ("a:1", "a:2", "b:1")


class AdmissionMachine(RuleBasedStateMachine):
    """Any sequence of admissions, releases, changed reserves and provisioned concurrency, while time passes."""

    slots = Bundle("slots")

    @initialize(limit=st.integers(0, 8), model=st.sampled_from(["current", "classic"]))
    def begin(self, limit: int, model: BurstModel) -> None:
        self.clock = Clock()
        self.limit = limit
        self.admission = Admission(limit, clock=self.clock, burst_model=model)
        self.held: dict[Slot, tuple[str, str | None]] = {}  # function, key of the provisioned concurrency it runs in
        self.reserves: dict[str, int | None] = dict.fromkeys(FUNCTIONS)
        self.provisioned = dict.fromkeys(KEYS, (0, 0))

    def used(self, name: str) -> int:
        return sum(one == name for one, _ in self.held.values())

    def inside(self, key: str) -> int:
        return sum(one == key for _, one in self.held.values())

    def on_demand(self, name: str) -> int:
        """What runs on in environments that were let go is on demand."""
        provisioned = sum(min(self.inside(key), self.provisioned[key][1]) for key in KEYS if key[0] == name)
        return self.used(name) - provisioned

    def ready(self, name: str) -> int:
        return sum(ready for key, (_, ready) in self.provisioned.items() if key[0] == name)

    @property
    def unreserved(self) -> list[str]:
        return [name for name in FUNCTIONS if self.reserves[name] is None]

    @property
    def left(self) -> int:
        """What the functions without a reserve share."""
        return max(0, self.limit - sum(value for value in self.reserves.values() if value is not None))

    def shared(self) -> tuple[int, int]:
        """What runs on demand in what they share, and how much of that is not set aside."""
        on_demand = sum(self.on_demand(name) for name in self.unreserved)
        return on_demand, self.left - sum(self.ready(name) for name in self.unreserved)

    @rule(
        target=slots,
        name=st.sampled_from(FUNCTIONS),
        version=st.none() | st.sampled_from("12"),
        synchronous=st.booleans(),
    )
    def admit(self, name: str, version: str | None, synchronous: bool) -> Slot | None:
        key = f"{name}:{version}" if version else None
        room = self.admission.headroom(name, key)
        result = self.admission.admit(name, key, synchronous=synchronous)
        if isinstance(result, Refusal):
            assert room == 0 or (synchronous and (result in (RATE, RESERVED_RATE) or key is not None))
            idle = key in KEYS and self.inside(key) < self.provisioned[key][1]
            if idle and not synchronous and len(self.unreserved) == len(FUNCTIONS):
                on_demand, room = self.shared()
                assert on_demand > room, "what is set aside is there, but for what ran on demand before it was"
            return None
        assert room > 0
        inside = key if result.provisioned else None
        self.held[result] = name, inside
        assert len(self.held) <= self.limit
        self.check_limits_of(name, inside)
        return result

    def check_limits_of(self, name: str, inside: str | None) -> None:
        """What has just been admitted fits; a limit that was lowered below what runs stays exceeded until it ends."""
        reserve = self.reserves[name]
        if inside is not None:
            assert self.inside(inside) <= self.provisioned[inside][1]
        if reserve is not None:
            assert self.used(name) <= reserve
            if inside is None:
                assert self.on_demand(name) <= reserve - self.ready(name)
            return
        assert sum(self.used(one) for one in self.unreserved) <= self.left
        if inside is None:
            on_demand, room = self.shared()
            assert on_demand <= room

    @rule(slot=consumes(slots))
    def release(self, slot: Slot | None) -> None:
        if slot is not None:
            self.admission.release(slot)
            del self.held[slot]

    @rule(name=st.sampled_from(FUNCTIONS), value=st.none() | st.integers(0, 4))
    def reserve(self, name: str, value: int | None) -> None:
        self.admission.set_reserved(name, value)
        self.reserves[name] = value

    @rule(key=st.sampled_from(KEYS), requested=st.integers(0, 3), ready=st.integers(0, 3))
    def put_provisioned(self, key: str, requested: int, ready: int) -> None:
        ready = min(ready, requested)
        self.admission.set_provisioned(key[0], key, requested, ready)
        self.provisioned[key] = (requested, ready)
        if requested == 0:  # another one under this key has environments of its own
            self.held = {slot: (name, None if one == key else one) for slot, (name, one) in self.held.items()}

    @rule(key=st.sampled_from(KEYS))
    def delete_provisioned(self, key: str) -> None:
        self.put_provisioned(key, 0, 0)

    @rule(seconds=st.floats(0, 2000))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def counts_what_is_held(self) -> None:
        if not hasattr(self, "admission"):
            return
        admission = self.admission
        assert {name: admission.used(name) for name in FUNCTIONS} == {name: self.used(name) for name in FUNCTIONS}
        assert admission.total() == len(self.held)
        assert admission.unreserved_in_use() == sum(self.used(name) for name in self.unreserved)
        on_demand, room = self.shared()
        assert admission.claimed() == self.limit - room + on_demand

    def teardown(self) -> None:
        if hasattr(self, "admission"):
            assert self.admission.total() == len(self.held)


TestAdmission = AdmissionMachine.TestCase


class RequestsMachine(RuleBasedStateMachine):
    """However calls come, no stretch of time holds more than its rate and one second's worth."""

    @initialize(reserve=st.none() | st.integers(0, 3))
    def begin(self, reserve: int | None) -> None:
        self.clock = Clock()
        self.admission = Admission(3, clock=self.clock)
        self.admission.set_reserved("a", reserve)
        self.rate = 10 * (3 if reserve is None else reserve)
        self.times: list[float] = []

    @rule(calls=st.integers(1, 20))
    def call(self, calls: int) -> None:
        for _ in range(calls):
            result = self.admission.admit("a")
            if isinstance(result, Slot):
                self.times.append(self.clock.now)
                self.admission.release(result)
            else:
                assert result in (RATE, RESERVED_RATE, ACCOUNT, RESERVED)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.35, 1.0, 7.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def keeps_the_rate(self) -> None:
        if hasattr(self, "times"):
            for first, begin in enumerate(self.times):
                count = len(self.times) - first
                assert count <= self.rate * (self.times[-1] - begin + 1) + 1e-6


TestRequests = RequestsMachine.TestCase


class ScalingMachine(RuleBasedStateMachine):
    """However a function's concurrency goes up and down, its highest level rises no faster than the scaling rate."""

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.admission = Admission(100_000, clock=self.clock)
        self.slots: list[Slot] = []
        self.began = self.clock.now
        self.highest = 0

    @rule(count=st.integers(1, 700))
    def rise(self, count: int) -> None:
        for _ in range(count):
            result = self.admission.admit("a", synchronous=False)
            if isinstance(result, Refusal):
                assert result == SCALING
                break
            self.slots.append(result)
        self.highest = max(self.highest, len(self.slots))

    @rule(count=st.integers(1, 700))
    def fall(self, count: int) -> None:
        for slot in self.slots[:count]:
            self.admission.release(slot)
        del self.slots[:count]

    @rule(seconds=st.sampled_from([0.5, 3.0, 10.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def rises_no_faster(self) -> None:
        if hasattr(self, "highest"):
            assert self.highest <= 1000 + 100 * (self.clock.now - self.began)


TestScaling = ScalingMachine.TestCase
TestScaling.settings = settings(max_examples=20, stateful_step_count=20)

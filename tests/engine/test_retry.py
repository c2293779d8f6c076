"""Asynchronous events: what becomes of one after an attempt."""

from hypothesis import given
from hypothesis import strategies as st

from lambdatui.clock import MICROS
from lambdatui.engine.retry import Again, Finished, RetryPolicy, after_attempt, before_attempt, throttle_backoff

POLICY = RetryPolicy()


def after(status: str, attempt: int = 1, throttles: int = 0, policy: RetryPolicy = POLICY, now_s: float = 0) -> object:
    return after_attempt(
        policy, status=status, attempt=attempt, throttles=throttles, accepted_us=0, now_us=round(now_s * MICROS)
    )


def test_a_failed_event_is_retried_after_one_and_after_two_minutes() -> None:
    assert after("error", 1) == Again(at_us=60 * MICROS, attempt=2)
    assert after("timeout", 2, now_s=60) == Again(at_us=180 * MICROS, attempt=3)


def test_after_the_last_retry_the_event_is_dead() -> None:
    assert after("error", 3) == Finished(condition="RetriesExhausted")


def test_without_retries_the_first_failure_is_the_last() -> None:
    assert after("error", policy=RetryPolicy(maximum_retries=0)) == Finished(condition="RetriesExhausted")


def test_a_throttle_is_not_a_retry() -> None:
    assert after("throttled", 1) == Again(at_us=1 * MICROS, attempt=1, throttles=1)
    assert after("throttled", 1, throttles=3) == Again(at_us=8 * MICROS, attempt=1, throttles=4)


def test_the_throttle_back_off_doubles_from_one_second_to_five_minutes() -> None:
    assert [throttle_backoff(n) for n in (1, 2, 3, 9, 10, 1000)] == [1, 2, 4, 256, 300, 300]


def test_an_event_too_old_for_its_next_attempt_is_dead() -> None:
    assert after("error", policy=RetryPolicy(maximum_age=30)) == Finished(condition="EventAgeExceeded")


def test_an_event_that_waited_too_long_is_not_run() -> None:
    too_late = 21_601 * MICROS
    assert before_attempt(POLICY, accepted_us=0, now_us=too_late, reserve=None) == Finished(
        condition="EventAgeExceeded"
    )


def test_a_reserve_of_zero_sends_the_event_straight_to_its_end() -> None:
    assert before_attempt(POLICY, accepted_us=0, now_us=0, reserve=0) == Finished(condition="ZeroReservedConcurrency")
    assert before_attempt(POLICY, accepted_us=0, now_us=0, reserve=1) is None


@given(st.lists(st.sampled_from(["error", "timeout", "throttled"]), max_size=30), st.integers(0, 2))
def test_attempts_never_exceed_one_and_the_retries(statuses: list[str], retries: int) -> None:
    policy = RetryPolicy(maximum_retries=retries)
    attempt, throttles, failures = 1, 0, 0
    for status in statuses:
        step = after("error" if status == "error" else status, attempt, throttles, policy)
        failures += status != "throttled"
        if isinstance(step, Finished):
            assert failures == retries + 1
            return
        attempt, throttles = step.attempt, step.throttles
        assert attempt == failures + 1

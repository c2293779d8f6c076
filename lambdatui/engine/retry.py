"""What becomes of an asynchronous event after an attempt. Pure; the dispatcher in `events` carries it out.

Facts: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lambdatui.clock import MICROS

THROTTLE_BACKOFF_FIRST = 1.0
THROTTLE_BACKOFF_MOST = 300.0
MOST_SPARED = 3  # attempts that went with the spawner before one of them counts: it may be the code that kills it

Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A function's rules for asynchronous events: `delays` in seconds between attempts, the last one repeats."""

    delays: tuple[float, ...] = (60.0, 120.0)
    maximum_retries: int = 2
    maximum_age: float = 21_600.0


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """Try again at `at_us` as attempt number `attempt`."""

    at_us: int
    attempt: int
    throttles: int = 0


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """No further attempt. Every condition but Success goes to the dead-letter queue and the OnFailure destination."""

    condition: Condition


def throttle_backoff(throttles: int) -> float:
    """Seconds to wait after the n-th throttle in a row (n from 1): 1 s doubling to 5 min."""
    return min(THROTTLE_BACKOFF_MOST, THROTTLE_BACKOFF_FIRST * 2.0 ** min(throttles - 1, 16))


def before_attempt(policy: RetryPolicy, *, accepted_us: int, now_us: int, reserve: int | None) -> Finished | None:
    """What ends an event without running it, or None where it may run."""
    if reserve == 0:
        return Finished(condition="ZeroReservedConcurrency")
    if now_us - accepted_us > policy.maximum_age * MICROS:
        return Finished(condition="EventAgeExceeded")
    return None


def after_attempt(
    policy: RetryPolicy, *, status: str, attempt: int, throttles: int, accepted_us: int, now_us: int
) -> Again | Finished:
    """The next step after an attempt ended with `status` (ok, error, timeout, throttled)."""
    if status == "ok":
        return Finished(condition="Success")
    oldest_us = accepted_us + round(policy.maximum_age * MICROS)
    if status == "throttled":
        at_us = now_us + round(throttle_backoff(throttles + 1) * MICROS)
        again = Again(at_us=at_us, attempt=attempt, throttles=throttles + 1)
    elif attempt > policy.maximum_retries:
        return Finished(condition="RetriesExhausted")
    else:
        delay = policy.delays[min(attempt, len(policy.delays)) - 1] if policy.delays else 0.0
        again = Again(at_us=now_us + round(delay * MICROS), attempt=attempt + 1)
    if again.at_us > oldest_us:
        return Finished(condition="EventAgeExceeded")
    return again

"""What invocations would cost on AWS: list prices of us-east-1, without savings plans. Pure.

Prices and rules: https://aws.amazon.com/lambda/pricing/ (as published in 2025); tiers:
https://aws.amazon.com/blogs/compute/introducing-tiered-pricing-for-aws-lambda/; init billed since 2025-08-01:
https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from lambdatui.schema import FREE_GB_SECONDS, FREE_REQUESTS

Rule = Literal["current", "classic"]
RULES: tuple[Rule, ...] = ("current", "classic")
CLASSIC_STEP_MS = 100  # until December 2020

REQUEST = 0.20 / 1_000_000
STORAGE_GB_SECOND = 0.0000000309  # of ephemeral storage above what is included
INCLUDED_STORAGE_MB = 512
MONTH_S = 730 * 3600  # as AWS's calculator has it
PROVISIONED_STEP_S = 300  # provisioned time is rounded up to it


class Prices(msgspec.Struct, frozen=True):
    """Dollars a GB-second of one architecture."""

    tiers: tuple[tuple[float, float], ...]  # (from so many GB-s a month on, price), rising
    provisioned: float  # of concurrency that is kept, used or not
    provisioned_duration: float  # of invocations in it

    @property
    def first(self) -> float:
        return self.tiers[0][1]


PRICES: dict[str, Prices] = {
    "x86_64": Prices(((0, 0.0000166667), (6e9, 0.000015), (15e9, 0.0000133334)), 0.0000041667, 0.0000097222),
    "arm64": Prices(((0, 0.0000133334), (7.5e9, 0.0000120001), (18.75e9, 0.0000106667)), 0.0000033334, 0.0000077778),
}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used, or would be in a month, by functions of one architecture. Compute and storage in GB-seconds."""

    architecture: str = "x86_64"
    requests: float = 0.0
    compute: float = 0.0  # on demand
    provisioned_compute: float = 0.0  # invocations in provisioned concurrency
    provisioned: float = 0.0  # provisioned concurrency itself
    storage: float = 0.0  # above what is included
    free: bool = True  # the free tier counts; it does not for functions with provisioned concurrency


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars by item; `total` is what is left when the free tier is taken off."""

    requests: float
    compute: float
    provisioned: float
    storage: float
    free_tier: float

    @property
    def total(self) -> float:
        return max(0.0, self.requests + self.compute + self.provisioned + self.storage - self.free_tier)


def prices(architecture: str) -> Prices:
    return PRICES.get(architecture, PRICES["x86_64"])


def billed_ms(duration_us: int, init_us: int | None = None, rule: Rule = "current") -> int:
    """Duration and init rounded up to 1 ms; by the classic rule the duration alone, rounded up to 100 ms."""
    if rule == "classic":
        return max(1, -(-max(0, duration_us) // (CLASSIC_STEP_MS * 1000))) * CLASSIC_STEP_MS
    total_us = max(0, duration_us) + max(0, init_us or 0)
    return max(1, -(-total_us // 1000))


def gb_seconds(billed: int, memory_mb: int) -> float:
    """Compute of `billed` milliseconds."""
    return billed / 1000 * memory_mb / 1024


def dollars(
    billed: int,
    memory_mb: int,
    architecture: str = "x86_64",
    *,
    provisioned: bool = False,
    storage_mb: int = INCLUDED_STORAGE_MB,
) -> float:
    """Price of one invocation of `billed` milliseconds, in the first tier and without the free tier."""
    table = prices(architecture)
    price = table.provisioned_duration if provisioned else table.first
    more = gb_seconds(billed, max(0, storage_mb - INCLUDED_STORAGE_MB)) * STORAGE_GB_SECOND
    return REQUEST + gb_seconds(billed, memory_mb) * price + more


def provisioned_dollars(gb_s: float, architecture: str = "x86_64") -> float:
    """Price of provisioned concurrency itself: its number × memory in GB × seconds."""
    return gb_s * prices(architecture).provisioned


def bill(usages: Iterable[Usage]) -> Bill:
    """A month's bill: tiers by architecture over all functions, the free tier shared by use."""
    used = list(usages)
    compute = {name: sum(each.compute for each in used if each.architecture == name) for name in PRICES}
    free_compute = {name: sum(e.compute for e in used if e.architecture == name and e.free) for name in PRICES}
    all_free = sum(free_compute.values())
    share = min(1.0, FREE_GB_SECONDS / all_free) if all_free else 0.0
    full = {name: _tiered(amount, PRICES[name].tiers) for name, amount in compute.items()}
    left = {name: _tiered(compute[name] - share * free_compute[name], PRICES[name].tiers) for name in PRICES}
    requests = sum(each.requests for each in used) * REQUEST
    free_requests = min(FREE_REQUESTS, sum(each.requests for each in used if each.free)) * REQUEST
    return Bill(
        requests=requests,
        compute=sum(full.values())
        + sum(e.provisioned_compute * prices(e.architecture).provisioned_duration for e in used),
        provisioned=sum(provisioned_dollars(each.provisioned, each.architecture) for each in used),
        storage=sum(each.storage for each in used) * STORAGE_GB_SECOND,
        free_tier=free_requests + sum(full.values()) - sum(left.values()),
    )


def _tiered(amount: float, tiers: tuple[tuple[float, float], ...]) -> float:
    total = 0.0
    for place, (start, price) in enumerate(tiers):
        end = tiers[place + 1][0] if place + 1 < len(tiers) else amount
        total += max(0.0, min(amount, end) - start) * price
    return total

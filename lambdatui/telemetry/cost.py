"""What an invocation would cost on AWS (us-east-1 list prices, x86 and Arm, first tier, free tier left out)."""

from __future__ import annotations

GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}  # https://aws.amazon.com/lambda/pricing/
REQUEST = 0.20 / 1_000_000


def billed_ms(duration_us: int, init_us: int | None = None) -> int:
    """Duration rounded up to 1 ms. Init is billed with it (since August 2025)."""
    total_us = max(0, duration_us) + max(0, init_us or 0)
    return max(1, -(-total_us // 1000))


def dollars(billed: int, memory_mb: int, architecture: str = "x86_64") -> float:
    """Price of one invocation of `billed` milliseconds with `memory_mb` configured."""
    return REQUEST + billed / 1000 * memory_mb / 1024 * GB_SECOND.get(architecture, GB_SECOND["x86_64"])

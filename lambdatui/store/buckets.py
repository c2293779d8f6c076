"""Histograms with 2 % buckets as plain dicts {bucket: count}: the arithmetic that writer and reader share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

WIDTH = 1.02
_PER_LOG = 1 / math.log(WIDTH)
SMALLEST = 0.001  # smaller values, zero included, share one bucket
ZERO = math.floor(math.log(SMALLEST) * _PER_LOG) - 1


def bucket_of(value: float, _log=math.log, _floor=math.floor) -> int:  # type: ignore[no-untyped-def]
    """The bucket of `value`; its bounds are WIDTH ** bucket and WIDTH ** (bucket + 1)."""
    return _floor(_log(value) * _PER_LOG) if value >= SMALLEST else ZERO


def value_of(bucket: int) -> float:
    """The bucket's middle: at most 1 % from every value in it."""
    return 0.0 if bucket <= ZERO else math.exp((bucket + 0.5) / _PER_LOG)


def quantiles(counts: Mapping[int, int], asked: Sequence[float], most: float | None = None) -> list[float | None]:
    """The values at `asked` (0..1, rising) by nearest rank, no greater than `most`; None of an empty histogram."""
    total = sum(counts.values())
    if not total:
        return [None] * len(asked)
    found: list[float | None] = []
    ranks = [max(1, math.ceil(q * total)) for q in asked]
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        while len(found) < len(ranks) and seen >= ranks[len(found)]:
            value = value_of(bucket)
            found.append(value if most is None else min(value, most))
        if len(found) == len(ranks):
            break
    return found

"""A histogram with 2 % buckets: small, quick to add to, exact to 1 % in its quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lambdatui.store.buckets import bucket_of, quantiles


class Histogram:
    """Milliseconds (or any positive numbers). Memory grows with the spread of the values, not with their count."""

    __slots__ = ("count", "counts", "last", "max", "sum")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.sum = 0.0
        self.max = 0.0
        self.last: float | None = None

    def add(self, value: float) -> None:
        """Count one value."""
        self.add_to(bucket_of(value), value)

    def add_to(self, bucket: int, value: float) -> None:
        """Count one value whose bucket is known already."""
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.count += 1
        self.sum += value
        self.last = value
        if value > self.max:
            self.max = value

    def merge(self, other: Histogram) -> None:
        """Count everything that `other` counted; its last value is the later one."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.count += other.count
        self.sum += other.sum
        self.max = max(self.max, other.max)
        if other.last is not None:
            self.last = other.last

    def quantile(self, q: float) -> float | None:
        """The value at `q` (0..1) by nearest rank, within 1 %; None where nothing was added."""
        return self.quantiles((q,))[0]

    def quantiles(self, asked: Sequence[float]) -> list[float | None]:
        """Several, rising, in one pass."""
        return quantiles(self.counts, asked, self.max)

    def to_dict(self) -> dict[int, int]:
        """{bucket: count}, as MetricDelta carries it."""
        return dict(self.counts)

    @classmethod
    def from_dict(cls, counts: Mapping[int, int], most: float, last: float | None = None) -> Histogram:
        """What `to_dict`, `max` and `last` said."""
        made = cls()
        made.counts = dict(counts)
        made.count = sum(counts.values())
        made.max = most
        made.last = last
        return made

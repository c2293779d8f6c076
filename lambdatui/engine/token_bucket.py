"""A token bucket: so many at once, refilled continuously. Pure; the time is the caller's."""

from __future__ import annotations


class TokenBucket:
    """Starts full. In any stretch of T seconds at most `capacity + per_second * T` are taken. Times in seconds."""

    __slots__ = ("_at", "_tokens", "capacity", "per_second")

    def __init__(self, capacity: float, per_second: float, now: float) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._tokens = capacity
        self._at = now

    def available(self, now: float) -> float:
        if now > self._at:
            self._tokens = min(self.capacity, self._tokens + (now - self._at) * self.per_second)
            self._at = now
        return self._tokens

    def take(self) -> None:
        """Take one that `available` has just shown."""
        self._tokens -= 1.0

    def resize(self, capacity: float, per_second: float, now: float) -> None:
        """Change both rates. What a larger bucket holds more is there at once; what a smaller cannot hold is gone."""
        held = self.available(now) + max(0.0, capacity - self.capacity)
        self._tokens = min(capacity, held)
        self.capacity, self.per_second = capacity, per_second

"""How fast a function may get more execution environments. Pure; the time is the caller's.

https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from lambdatui.engine.token_bucket import TokenBucket

BurstModel = Literal["current", "classic"]

RATE = 1000.0  # environments at once for each function, and again every PERIOD seconds, refilled continuously
PERIOD = 10.0
WARM_LIFE = 600.0  # seconds that environments of a past peak count at least; as the pool keeps idle ones

# The rule until November 2023: one burst for all functions of a region, then 500 more a minute.
# https://docs.amazonaws.cn/en_us/lambda/latest/dg/burst-concurrency.html
CLASSIC_PER_MINUTE = 500.0
CLASSIC_BURST = {
    "us-west-2": 3000.0, "us-east-1": 3000.0, "eu-west-1": 3000.0,
    "ap-northeast-1": 1000.0, "eu-central-1": 1000.0, "us-east-2": 1000.0,
}  # fmt: skip
CLASSIC_BURST_ELSEWHERE = 500.0


def buckets(model: BurstModel, region: str, now: float) -> Callable[[], TokenBucket]:
    """What gives every function its bucket: one of its own, or classically the region's."""
    if model == "current":
        return lambda: TokenBucket(RATE, RATE / PERIOD, now)  # one that is made later has been full all the while
    shared = TokenBucket(CLASSIC_BURST.get(region, CLASSIC_BURST_ELSEWHERE), CLASSIC_PER_MINUTE / 60, now)
    return lambda: shared


class Scaling:
    """The environments that one function has, as AWS would count them: a new one takes a token.

    As many are taken to be warm as ran at once during the last WARM_LIFE to twice that.
    """

    __slots__ = ("_bucket", "_peak", "_until", "warm")

    def __init__(self, bucket: TokenBucket, now: float) -> None:
        self.warm = 0
        self._peak = 0
        self._until = now + WARM_LIFE
        self._bucket = bucket

    def room(self, used: int, now: float) -> int:
        """How many more than `used` may run at once now."""
        if now >= self._until:
            self._turn(used, now)
        return max(self.warm, used) - used + int(self._bucket.available(now))

    def take(self, used: int, now: float) -> bool:
        """Whether one more than `used` may run; then it does."""
        if now >= self._until:
            self._turn(used, now)
        if used >= self.warm:
            if self._bucket.available(now) < 1.0:
                return False
            self._bucket.take()
            self.warm = used + 1
        if used >= self._peak:
            self._peak = used + 1
        return True

    def _turn(self, used: int, now: float) -> None:
        idle = now >= self._until + WARM_LIFE  # nothing was asked for during a whole window
        self.warm = used if idle else max(self._peak, used)
        self._peak = used
        self._until = now + WARM_LIFE

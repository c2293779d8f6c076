"""What becomes of a queue's messages and how many batches run at once: pure, without clock, store or engine.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from lambdatui.clock import MICROS
from lambdatui.engine.model import InvokeResult
from lambdatui.sources.responses import MalformedResponseError, failed_items
from lambdatui.wire import MAX_SYNC_REQUEST

STARTING_CONCURRENCY = 5
MOST_CONCURRENCY = 1_250
GROWTH_PER_SECOND = 5.0  # 300 a minute
LEAST_AFTER_ERRORS = 2  # AWS's least MaximumConcurrency; a throttle alone may go below it
FIRST_BACKOFF = 1.0  # seconds
LONGEST_BACKOFF = 10.0
ENVELOPE = len('{"Records":[]}')


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A received message as it goes into an event. `expires_us`: when the queue gives it to somebody else."""

    id: str
    record: bytes
    group: str | None
    expires_us: int
    received_us: int
    receive_count: int = 1
    trace_header: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`delete`: done. `failed`: left to come back after the visibility timeout, with the reason noted on them."""

    delete: tuple[str, ...]
    failed: tuple[str, ...] = ()
    error_code: str | None = None
    error_message: str | None = None


def judge(items: Sequence[Item], result: InvokeResult, *, reports: bool, fifo: bool) -> Verdict:
    """What one invocation's result means for the messages of its batch."""
    ids = tuple(item.id for item in items)
    if result.status == "throttled":
        reason = result.error_message or "Rate Exceeded."
        return Verdict(delete=(), failed=ids, error_code="TooManyRequestsException", error_message=reason)
    if result.status != "ok":
        return Verdict(delete=(), failed=ids, error_code=result.error_type, error_message=result.error_message)
    if not reports:
        return Verdict(delete=ids)
    try:
        reported = failed_items(result.payload, ids)
    except MalformedResponseError as error:
        return Verdict(delete=(), failed=ids, error_code="MalformedBatchResponse", error_message=str(error))
    failed = _with_followers(items, reported) if fifo else [name for name in ids if name in reported]
    return Verdict(
        delete=tuple(name for name in ids if name not in failed),
        failed=tuple(failed),
        error_code="BatchItemFailure" if failed else None,
        error_message="the function reported it in batchItemFailures" if failed else None,
    )


def _with_followers(items: Sequence[Item], reported: Collection[str]) -> list[str]:
    """In a FIFO queue nothing of a group is done that stands behind the group's first failure."""
    broken: set[str | None] = set()
    failed = []
    for item in items:
        if item.id in reported:
            broken.add(item.group)
        if item.group in broken:
            failed.append(item.id)
    return failed


def backoff(tries: int) -> float:
    """Seconds before a throttled batch is offered again after its `tries`-th throttle (1, 2, 4, ... 10)."""
    return float(min(FIRST_BACKOFF * 2 ** min(tries - 1, 10), LONGEST_BACKOFF))


def hide_anew(expires_us: int, begun_us: int | None, visibility_us: int) -> int | None:
    """When a batch's messages, hidden until `expires_us`, are to be hidden anew; None where they need not be.

    While it waits in half of their time, and when it has begun with less than nearly all of it.
    """
    if begun_us is None:
        return expires_us - visibility_us // 2
    return begun_us if expires_us < begun_us + visibility_us * 9 // 10 else None


class Scale:
    """How many batches of a mapping may run at once.

    Five to begin with; while there is more to do, 300 more a minute, to 1,250 or `maximum`. A throttle halves it, a
    failure takes one, a success gives it back, as AWS's pollers "gradually back off" and recover:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """

    def __init__(self, maximum: int | None = None) -> None:
        self.maximum = maximum
        self._allowed = float(STARTING_CONCURRENCY)
        self._grown_us: int | None = None

    @property
    def limit(self) -> int:
        """Batches that may run now, at least one."""
        return max(1, int(min(self._allowed, self.maximum or MOST_CONCURRENCY)))

    @property
    def at_most(self) -> bool:
        """Whether more work would not bring more batches."""
        return self._allowed >= (self.maximum or MOST_CONCURRENCY)

    def saturated(self, now_us: int) -> None:
        """All slots are taken and messages wait."""
        if self._grown_us is not None and not self.at_most:
            self._allowed += GROWTH_PER_SECOND * max(now_us - self._grown_us, 0) / MICROS
            self._allowed = min(self._allowed, MOST_CONCURRENCY)
        self._grown_us = now_us

    def drained(self, *, idle: bool) -> None:
        """The queue has no more; when nothing runs either, what load had added goes."""
        self._grown_us = None
        if idle:
            self._allowed = min(self._allowed, float(STARTING_CONCURRENCY))

    def throttled(self) -> None:
        self._grown_us = None
        self._allowed = max(1.0, self.limit / 2)

    def failed(self) -> None:
        self._grown_us = None
        self._allowed = min(self._allowed, max(float(LEAST_AFTER_ERRORS), self.limit - 1.0))

    def succeeded(self) -> None:
        if self._allowed < STARTING_CONCURRENCY:
            self._allowed = min(self._allowed + 1, float(STARTING_CONCURRENCY))


class Window:
    """Received messages that wait to become a batch: full, 6 MB, or the batching window over, whatever is first."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._since_us = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, items: Iterable[Item], now_us: int) -> None:
        """Takes received messages; the window begins with the first one."""
        if not self._items:
            self._since_us = now_us
        self._items.extend(items)

    def due_us(self, window_s: float) -> int | None:
        """When the window ends; None without messages."""
        return self._since_us + round(window_s * MICROS) if self._items else None

    def take(self, now_us: int, *, batch_size: int, window_s: float, busy: Collection[str | None] = ()) -> list[Item]:
        """The next batch, or nothing yet. Messages that the queue has meanwhile given back are dropped; messages of
        the `busy` groups of a FIFO queue stay."""
        self._items = [item for item in self._items if item.expires_us > now_us]
        open_items = [item for item in self._items if item.group is None or item.group not in busy]
        batch = _fitting(open_items, batch_size)
        full = len(batch) == batch_size or len(batch) < len(open_items)
        if not batch or (not full and now_us < self._since_us + round(window_s * MICROS)):
            return []
        taken = {item.id for item in batch}
        self._items = [item for item in self._items if item.id not in taken]
        self._since_us = now_us
        return batch

    def drop_groups(self, groups: Collection[str | None]) -> None:
        """A group's batch failed: what stands behind it must come back after it."""
        self._items = [item for item in self._items if item.group is None or item.group not in groups]

    def clear(self) -> list[Item]:
        """Gives up everything that waits."""
        items, self._items = self._items, []
        return items


def _fitting(items: Sequence[Item], batch_size: int) -> list[Item]:
    """The longest beginning within batch size and payload limit; never less than one message."""
    size, batch = ENVELOPE, list[Item]()
    for item in items[:batch_size]:
        size += len(item.record) + 1
        if batch and size > MAX_SYNC_REQUEST:
            break
        batch.append(item)
    return batch

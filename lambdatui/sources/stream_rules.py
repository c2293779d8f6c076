"""How a mapping goes through one shard: a pure state machine, without clock, store or engine.

`plan` says what to do with the records behind the checkpoint, `settle` what an invocation's outcome makes of it.
Order holds because there is one state a shard and every step moves its checkpoint over a prefix of the batch.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec

from lambdatui.clock import MICROS
from lambdatui.config.model import StreamMapping
from lambdatui.engine.model import InvokeResult
from lambdatui.sources.responses import MalformedResponseError, failed_items
from lambdatui.store.records import Checkpoint, Record
from lambdatui.store.shards import Shard

FIRST_BACKOFF = 1.0  # seconds
# AWS does not say how far it backs off; ten seconds let a repaired function be tried again while one looks on.
LONGEST_BACKOFF = 10.0

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


class ShardState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a mapping stands in a shard.

    `seq`: last sequence number done with. `ends`: last sequence numbers of the failed batch and, after it was halved,
    of what was split off, the next to be tried first. `attempts`: failed tries that count against the retry limit.
    `tries`: failed tries in a row, halvings and throttles included (what the back-off and the screen go by).
    """

    seq: str = ""
    ends: tuple[str, ...] = ()
    attempts: int = 0
    tries: int = 0
    failed_since_us: int | None = None
    error: str | None = None

    @property
    def blocked(self) -> bool:
        """Whether a failing batch keeps the shard from going on."""
        return self.failed_since_us is not None


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Invoke the function with these records."""

    batch: list[Record]


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to do before `due_us` (None: before new records come)."""

    due_us: int | None


class Discard(msgspec.Struct, frozen=True, kw_only=True):
    """Give these records up: an on-failure record about them, then `state`."""

    records: list[Record]
    condition: Condition
    attempts: int
    state: ShardState


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """Save `state`; try again after `delay_s` where the batch failed, at once otherwise (0)."""

    state: ShardState
    delay_s: float = 0.0


def ready(shards: Iterable[Shard], drained: Collection[str]) -> list[str]:
    """The shards that may be read: those not done with whose parents are. A key's records move from a parent to its
    child, so that only this keeps their order. Parents that retention took hold nothing up."""
    every = list(shards)
    undone = {shard.id for shard in every} - set(drained)
    return [shard.id for shard in every if shard.id in undone and undone.isdisjoint(shard.parents)]


def load(checkpoint: Checkpoint) -> ShardState:
    """The state that `save` wrote."""
    return ShardState(
        seq=checkpoint.seq,
        ends=tuple((checkpoint.batch_end or "").split()),
        attempts=checkpoint.attempts,
        tries=checkpoint.attempts,
        failed_since_us=checkpoint.failed_since_us,
        error=checkpoint.error,
    )


def save(state: ShardState, mapping: str, shard: str) -> Checkpoint:
    """The state as a checkpoint; `batch_end` holds `ends`, separated by blanks."""
    return Checkpoint(
        mapping=mapping,
        shard=shard,
        seq=state.seq,
        attempts=state.attempts,
        failed_since_us=state.failed_since_us,
        error=state.error,
        batch_end=" ".join(state.ends) or None,
    )


def plan(
    state: ShardState,
    records: Sequence[Record],
    mapping: StreamMapping,
    now_us: int,
    *,
    full: bool,
    seen_us: int,
    retention_s: float,
) -> Send | Wait | Discard | Advance:
    """What to do with `records`, which follow `state.seq` without a gap.

    `full`: they fill a batch (by count or payload). `seen_us`: when the first of them was first seen, where the
    batching window begins. Records past the mapping's or the stream's age are given up unseen, as AWS does.
    """
    if state.ends:
        batch = [record for record in records if record.seq <= state.ends[0]]
        if not batch and records:  # retention took what had failed
            return Advance(state=_done(state, state.ends[0]))
    else:
        batch = list(records)
    if not batch:
        return Wait(due_us=None)
    age_s = retention_s if mapping.maximum_record_age < 0 else min(mapping.maximum_record_age, retention_s)
    expired = [record for record in batch if now_us - record.arrived_us > age_s * MICROS]
    if expired:
        return _give_up(state, expired, "RecordAgeExceeded", whole=len(expired) == len(batch))
    window_end = seen_us + round(mapping.batching_window * MICROS)
    if not state.ends and not full and now_us < window_end:
        return Wait(due_us=window_end)
    return Send(batch=batch)


def settle(
    state: ShardState, batch: Sequence[Record], result: InvokeResult, mapping: StreamMapping, now_us: int
) -> Advance | Discard:
    """What the invocation of `batch` makes of the shard."""
    if result.status == "throttled":
        # "It doesn't apply to service errors or throttles where the batch didn't reach the function": no attempt.
        return _again(state, batch, state.attempts, f"throttled: {result.throttle_reason or 'Rate Exceeded.'}", now_us)
    if result.status != "ok":
        error = f"{result.error_type}: {result.error_message}"
        return _failed(state, batch, mapping, error, now_us)
    if not mapping.report_batch_item_failures:
        return Advance(state=_done(state, batch[-1].seq))
    try:
        reported = failed_items(result.payload, {record.seq for record in batch})
    except MalformedResponseError as malformed:
        return _failed(state, batch, mapping, f"MalformedBatchResponse: {malformed}", now_us)
    if not reported:
        return Advance(state=_done(state, batch[-1].seq))
    lowest = min(reported)
    at = next(index for index, record in enumerate(batch) if record.seq == lowest)
    error = f"BatchItemFailure: the function reported {lowest}"
    if at == 0:
        return _failed(state, batch, mapping, error, now_us)
    return _partly(state, batch, at, mapping, error, now_us)


def backoff(tries: int) -> float:
    """Seconds before the next try after `tries` failed ones in a row (1, 2, 4, ... 10)."""
    return float(min(FIRST_BACKOFF * 2 ** min(tries - 1, 10), LONGEST_BACKOFF))


def _failed(
    state: ShardState, batch: Sequence[Record], mapping: StreamMapping, error: str, now_us: int
) -> Advance | Discard:
    """The whole batch failed: halve it, which costs no retry, or count the try."""
    if mapping.bisect_on_error and len(batch) > 1:
        middle = batch[(len(batch) + 1) // 2 - 1].seq
        halved = _again(state, batch, state.attempts, error, now_us)
        ends = (middle, *halved.state.ends)
        return Advance(state=msgspec.structs.replace(halved.state, ends=ends))
    attempts = state.attempts + 1
    if 0 <= mapping.maximum_retry_attempts < attempts:
        return _give_up(msgspec.structs.replace(state, attempts=attempts), batch, "RetryAttemptsExhausted", whole=True)
    return _again(state, batch, attempts, error, now_us)


def _partly(
    state: ShardState, batch: Sequence[Record], at: int, mapping: StreamMapping, error: str, now_us: int
) -> Advance | Discard:
    """Records before `at` are done; the rest is a new batch: failed once, or not yet where it was split off."""
    rest = batch[at:]
    moved = msgspec.structs.replace(state, seq=batch[at - 1].seq, attempts=0, tries=0, failed_since_us=None)
    if mapping.bisect_on_error:
        again = _again(moved, rest, 0, error, now_us)
        return msgspec.structs.replace(again, delay_s=0.0)
    return _failed(moved, rest, mapping, error, now_us)


def _again(state: ShardState, batch: Sequence[Record], attempts: int, error: str, now_us: int) -> Advance:
    """The same batch once more: what has arrived since does not join it."""
    ends = state.ends if state.ends and state.ends[0] == batch[-1].seq else (batch[-1].seq, *state.ends)
    tries = state.tries + 1
    since = now_us if state.failed_since_us is None else state.failed_since_us
    blocked = ShardState(seq=state.seq, ends=ends, attempts=attempts, tries=tries, failed_since_us=since, error=error)
    return Advance(state=blocked, delay_s=backoff(tries))


def _give_up(state: ShardState, records: Sequence[Record], condition: Condition, *, whole: bool) -> Discard:
    last = records[-1].seq
    after = _done(state, last) if whole else msgspec.structs.replace(state, seq=last)
    return Discard(records=list(records), condition=condition, attempts=state.attempts, state=after)


def _done(state: ShardState, seq: str) -> ShardState:
    """Everything up to `seq` is behind; what was split off behind it keeps its place and starts anew."""
    return ShardState(seq=seq, ends=tuple(end for end in state.ends if end > seq))

"""How a mapping goes through one lane of a shard: a pure state machine, without clock, store or engine.

`plan` says what to do with the records behind the checkpoint, `settle` what an invocation's outcome makes of it.
Order holds because there is one state a lane and every step moves its checkpoint over a prefix of the batch.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile
from typing import Literal

import msgspec

from lambdatui.clock import MICROS
from lambdatui.config.model import StreamMapping
from lambdatui.engine.model import InvokeResult
from lambdatui.sources import stream_windows
from lambdatui.sources.responses import MalformedResponseError, failed_items
from lambdatui.sources.stream_windows import Span, Window
from lambdatui.store.records import Checkpoint, Record
from lambdatui.store.shards import Shard

FIRST_BACKOFF = 1.0  # seconds
# AWS does not say how far it backs off; ten seconds let a repaired function be tried again while one looks on.
LONGEST_BACKOFF = 10.0

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a mapping stands in a lane.

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
    window: Window | None = None  # the tumbling window that is open

    @property
    def blocked(self) -> bool:
        """Whether a failing batch keeps the lane from going on."""
        return self.failed_since_us is not None


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Invoke the function with these records; `final`: with none, at the end of `window`."""

    batch: list[Record]
    window: Window | None = None
    final: bool = False

    @property
    def span(self) -> Span | None:
        """The records that it is about: of a final invocation, those that its window was made of."""
        if self.batch:
            return stream_windows.span_of(self.batch)
        return self.window.span if self.window is not None else None


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to do before `due_us` (None: before new records come)."""

    due_us: int | None


class Discard(msgspec.Struct, frozen=True, kw_only=True):
    """Give up what was, or would have been, sent: an on-failure record about it, then `state`."""

    send: Send
    condition: Condition
    attempts: int
    state: LaneState
    error: str = ""  # of the last try, as "code: message"


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """Save `state`; try again after `delay_s` where the batch failed, at once otherwise (0)."""

    state: LaneState
    delay_s: float = 0.0


def ready(shards: Iterable[Shard], drained: Collection[str]) -> list[str]:
    """The shards that may be read: those not done with whose parents are. A key's records move from a parent to its
    child, so that only this keeps their order. Parents that retention took hold nothing up."""
    every = list(shards)
    undone = {shard.id for shard in every} - set(drained)
    return [shard.id for shard in every if shard.id in undone and undone.isdisjoint(shard.parents)]


def load(checkpoint: Checkpoint) -> LaneState:
    """The state that `save` wrote."""
    return LaneState(
        seq=checkpoint.seq,
        ends=tuple((checkpoint.batch_end or "").split()),
        attempts=checkpoint.attempts,
        tries=checkpoint.attempts,
        failed_since_us=checkpoint.failed_since_us,
        error=checkpoint.error,
        window=None if checkpoint.window is None else msgspec.msgpack.decode(checkpoint.window, type=Window),
    )


def save(state: LaneState, mapping: str, shard: str, lane: int = 0, lanes: int = 1) -> Checkpoint:
    """The state as a checkpoint; `batch_end` holds `ends`, separated by blanks."""
    return Checkpoint(
        mapping=mapping,
        shard=shard,
        lane=lane,
        lanes=lanes,
        seq=state.seq,
        attempts=state.attempts,
        failed_since_us=state.failed_since_us,
        error=state.error,
        batch_end=" ".join(state.ends) or None,
        window=None if state.window is None else msgspec.msgpack.encode(state.window),
    )


def plan(
    state: LaneState,
    records: Sequence[Record],
    mapping: StreamMapping,
    now_us: int,
    *,
    full: bool,
    seen_us: int,
    retention_s: float,
    ended: bool = False,
) -> Send | Wait | Discard | Advance:
    """What to do with `records`, which are all of the lane's behind `state.seq`, as many as a batch holds.

    `full`: they fill it (by count or payload). `seen_us`: when the first of them was first seen, where the batching
    window begins. `ended`: after them nothing comes. Records past the mapping's or the stream's age are given up
    unseen, as AWS does.
    """
    window, seconds = state.window, mapping.tumbling_window
    age_s = retention_s if mapping.maximum_record_age < 0 else min(mapping.maximum_record_age, retention_s)
    oldest_us = now_us - age_s * MICROS
    if state.ends:
        batch = [record for record in records if record.seq <= state.ends[0]]
        if not batch:  # retention took what had failed, or a new filter drops it
            return Advance(state=_done(state, state.ends[0]))
    else:
        if window is not None and stream_windows.over(window, records, seconds, now_us, ended=ended):
            final = Send(batch=[], window=window, final=True)
            if state.blocked and window.end_us < oldest_us:
                return _give_up(state, final, "RecordAgeExceeded")
            return final
        batch = stream_windows.leading(records, seconds)
        full = full or len(batch) < len(records)
    if not batch:
        return Wait(due_us=None if window is None else stream_windows.due_us(window))
    if window is None and seconds:
        window = stream_windows.window_at(batch[0].arrived_us, seconds)
    if expired := list(takewhile(lambda record: record.arrived_us < oldest_us, batch)):
        return _give_up(state, Send(batch=expired, window=window), "RecordAgeExceeded", left=len(expired) < len(batch))
    due_us = seen_us + round(mapping.batching_window * MICROS)
    if window is not None:
        due_us = min(due_us, stream_windows.due_us(window))
    if not state.ends and not full and not ended and now_us < due_us:
        return Wait(due_us=due_us)
    return Send(batch=batch, window=window)


def settle(
    state: LaneState, send: Send, result: InvokeResult, mapping: StreamMapping, now_us: int
) -> Advance | Discard:
    """What the invocation makes of the lane."""
    if result.came_back:
        # "It doesn't apply to service errors or throttles where the batch didn't reach the function": no attempt.
        throttled = f"throttled: {result.throttle_reason or 'Rate Exceeded.'}"
        reason = result.error_message or "refused" if result.refused else throttled
        return _again(state, send, state.attempts, reason, now_us)
    if result.status != "ok":
        return _failed(state, send, mapping, f"{result.error_type}: {result.error_message}", now_us)
    batch, window = send.batch, send.window
    try:
        returned = b"" if window is None else stream_windows.returned_state(result.payload)
        lowest = first_failed(send, result, mapping)
    except MalformedResponseError as malformed:
        return _failed(state, send, mapping, f"MalformedBatchResponse: {malformed}", now_us)
    if send.final:
        return Advance(state=LaneState(seq=state.seq))
    at = next((index for index, record in enumerate(batch) if record.seq == lowest), len(batch))
    if window is not None and at > 0:
        window = stream_windows.aggregated(window, batch[:at], returned)
        state = msgspec.structs.replace(state, window=window)
    if lowest is None:
        return Advance(state=_done(state, batch[-1].seq))
    error = f"BatchItemFailure: the function reported {lowest}"
    if at == 0:
        return _failed(state, send, mapping, error, now_us)
    return _partly(state, send, at, mapping, error, now_us)


def first_failed(send: Send, result: InvokeResult, mapping: StreamMapping) -> str | None:
    """The lowest sequence number that the function reported, where it is asked to report. Raises
    MalformedResponseError."""
    if not mapping.report_batch_item_failures:
        return None
    return min(failed_items(result.payload, {record.seq for record in send.batch}), default=None)


def backoff(tries: int) -> float:
    """Seconds before the next try after `tries` failed ones in a row (1, 2, 4, ... 10)."""
    return float(min(FIRST_BACKOFF * 2 ** min(tries - 1, 10), LONGEST_BACKOFF))


def _failed(state: LaneState, send: Send, mapping: StreamMapping, error: str, now_us: int) -> Advance | Discard:
    """The whole batch failed: halve it, which costs no retry, or count the try."""
    batch = send.batch
    if mapping.bisect_on_error and len(batch) > 1:
        middle = batch[(len(batch) + 1) // 2 - 1].seq
        halved = _again(state, send, state.attempts, error, now_us)
        ends = (middle, *halved.state.ends)
        return Advance(state=msgspec.structs.replace(halved.state, ends=ends))
    attempts = state.attempts + 1
    if 0 <= mapping.maximum_retry_attempts < attempts:
        return _give_up(msgspec.structs.replace(state, attempts=attempts), send, "RetryAttemptsExhausted", error=error)
    return _again(state, send, attempts, error, now_us)


def _partly(
    state: LaneState, send: Send, at: int, mapping: StreamMapping, error: str, now_us: int
) -> Advance | Discard:
    """Records before `at` are done; the rest is a new batch: failed once, or not yet where it was split off."""
    rest = Send(batch=send.batch[at:], window=state.window)
    moved = msgspec.structs.replace(state, seq=send.batch[at - 1].seq, attempts=0, tries=0, failed_since_us=None)
    if mapping.bisect_on_error:
        again = _again(moved, rest, 0, error, now_us)
        return msgspec.structs.replace(again, delay_s=0.0)
    return _failed(moved, rest, mapping, error, now_us)


def _again(state: LaneState, send: Send, attempts: int, error: str, now_us: int) -> Advance:
    """The same batch once more: what has arrived since does not join it."""
    ends = state.ends
    if send.batch and ends[:1] != (send.batch[-1].seq,):
        ends = (send.batch[-1].seq, *ends)
    tries = state.tries + 1
    since = now_us if state.failed_since_us is None else state.failed_since_us
    blocked = msgspec.structs.replace(
        state, ends=ends, attempts=attempts, tries=tries, failed_since_us=since, error=error
    )
    return Advance(state=blocked, delay_s=backoff(tries))


def _give_up(state: LaneState, send: Send, condition: Condition, *, left: bool = False, error: str = "") -> Discard:
    """`left`: some of the batch goes on."""
    if send.final:
        after = LaneState(seq=state.seq)
    elif left:
        after = msgspec.structs.replace(state, seq=send.batch[-1].seq)
    else:
        after = _done(state, send.batch[-1].seq)
    return Discard(send=send, condition=condition, attempts=state.attempts, state=after, error=error)


def _done(state: LaneState, seq: str) -> LaneState:
    """Everything up to `seq` is behind; what was split off behind it keeps its place and starts anew."""
    return LaneState(seq=seq, ends=tuple(end for end in state.ends if end > seq), window=state.window)

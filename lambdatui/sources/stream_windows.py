"""Tumbling windows over one shard: which records belong together, when a window ends, what it carries on. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import msgspec

from lambdatui.clock import MICROS
from lambdatui.sources.responses import MalformedResponseError
from lambdatui.store.records import Record

MAX_STATE = 1_048_576  # bytes: "Your state can be a maximum of 1 MB per shard"
# A record that arrived just before a window's end is written just after it. AWS, too, looks only once a second.
GRACE_US = MICROS
EMPTY = b"{}"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A range of a shard's records."""

    first_seq: str
    last_seq: str
    first_us: int
    last_us: int
    count: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """An open window: `state` is what the function returned last, as JSON; `span` what it was made of."""

    start_us: int
    end_us: int
    state: bytes = EMPTY
    early: bool = False  # its state outgrew what AWS carries on: it ends before its time
    span: Span | None = None


def span_of(records: Sequence[Record]) -> Span:
    """The range that `records` (at least one) are."""
    first, last = records[0], records[-1]
    return Span(
        first_seq=first.seq,
        last_seq=last.seq,
        first_us=first.arrived_us,
        last_us=last.arrived_us,
        count=len(records),
    )


def window_at(time_us: int, seconds: int) -> Window:
    """The fresh window that a time of arrival belongs to; windows are aligned to the epoch."""
    length = seconds * MICROS
    start = time_us - time_us % length
    return Window(start_us=start, end_us=start + length)


def leading(records: Sequence[Record], seconds: int) -> list[Record]:
    """The records at the front that share a window, which are what one event may hold; 0 seconds: all of them."""
    if not seconds or not records:
        return list(records)
    window = window_at(records[0].arrived_us, seconds)
    return list(takewhile(lambda record: _holds(window, record), records))


def over(window: Window, records: Sequence[Record], seconds: int, now_us: int, *, ended: bool) -> bool:
    """Whether the window's final invocation is due. `records` are what comes next; `ended`: nothing will, ever."""
    if window.early:
        return True
    if records:
        return not seconds or not _holds(window, records[0])
    return ended or now_us >= due_us(window)


def due_us(window: Window) -> int:
    """When a window without further records is over."""
    return window.end_us + GRACE_US


def aggregated(window: Window, records: Sequence[Record], state: bytes) -> Window:
    """The window after the function took `records` (at least one) into its state."""
    span = span_of(records)
    if window.span is not None:
        span = msgspec.structs.replace(
            span,
            first_seq=window.span.first_seq,
            first_us=window.span.first_us,
            count=window.span.count + span.count,
        )
    return msgspec.structs.replace(window, state=state, early=len(state) > MAX_STATE, span=span)


class _Response(msgspec.Struct):
    state: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def returned_state(payload: bytes) -> bytes:
    """The `state` of a function's response, as JSON. Raises MalformedResponseError: without one the invocation has
    failed."""
    try:
        state = msgspec.json.decode(payload, type=_Response).state
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponseError(f"the function's response is no object with a state: {error}") from error
    if isinstance(state, msgspec.UnsetType):
        raise MalformedResponseError("the function's response has no state, which a tumbling window needs")
    return bytes(state)


def _holds(window: Window, record: Record) -> bool:
    return window.start_us <= record.arrived_us < window.end_us

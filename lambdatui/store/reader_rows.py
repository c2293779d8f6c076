"""Rows of both databases as the schema's rows: one SELECT list and one function for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from lambdatui import schema
from lambdatui.clock import iso
from lambdatui.store.ids import unpack_id, unpack_optional
from lambdatui.store.reader_stats import has_column
from lambdatui.store.records import Message

INVOCATION = (
    "i.id, i.request_id, i.function, i.version, i.type, i.source, i.status, i.error_type, i.error_message,"
    " i.started_us, i.queued_us, i.init_us, i.duration_us, i.billed_ms, i.max_memory_mb, i.attempt, i.cold,"
    " i.environment, i.code_sha, i.parent_id, i.replay_of"
)
_BILLED = ", i.qualifier, i.provisioned, i.cost_usd"
_NOT_BILLED = ", NULL, 0, NULL"
_SPLIT = ", i.runtime_us, i.libraries_us, i.own_us, i.overhead_us, i.forked"
_NOT_SPLIT = ", NULL, NULL, NULL, NULL, 0"
_LOG = "l.id, l.time_us, l.function, l.request_id, l.level, l.message"
_STREAMED = f"SELECT {_LOG}, s.name FROM log l LEFT JOIN log_stream s ON s.id = l.stream"
_UNSTREAMED = f"SELECT {_LOG}, NULL FROM log l"


class _Frames(msgspec.Struct):
    frames: list[schema.TraceFrame] = []


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def invocation_columns(connection: sqlite3.Connection) -> str:
    """INVOCATION and what a file that an older lambdatui left does not have."""
    billed = _BILLED if has_column(connection, "invocation", "cost_usd") else _NOT_BILLED
    return INVOCATION + billed + (_SPLIT if has_column(connection, "invocation", "overhead_us") else _NOT_SPLIT)


def invocation(row: Sequence[Any]) -> schema.InvocationRow:
    """The InvocationRow of a row of `invocation_columns`."""
    return schema.InvocationRow(
        id=row[0],
        request_id=unpack_id(row[1]),
        function=row[2],
        version=row[3],
        type=row[4],
        source=row[5],
        status=row[6],
        error_type=row[7],
        error_message=row[8],
        started_at=iso(row[9]),
        queued_ms=_ms(row[10]),
        init_ms=_ms(row[11]),
        duration_ms=_ms(row[12]),
        billed_ms=row[13],
        max_memory_mb=row[14],
        attempt=row[15],
        cold=bool(row[16]),
        environment=row[17],
        code_sha=row[18],
        parent_id=unpack_optional(row[19]),
        replay_of=unpack_optional(row[20]),
        qualifier=row[21],
        provisioned=bool(row[22]),
        cost_usd=row[23],
        init_runtime_ms=_ms(row[24]),
        init_libraries_ms=_ms(row[25]),
        init_own_ms=_ms(row[26]),
        overhead_ms=_ms(row[27]),
        forked=bool(row[28]),
    )


def select_log(connection: sqlite3.Connection) -> str:
    """The SELECT of `log_line`'s rows, as far as its FROM; a file that an older lambdatui left has no streams."""
    return _STREAMED if has_column(connection, "log", "stream") else _UNSTREAMED


def log_line(row: Sequence[Any]) -> schema.LogLine:
    """The LogLine of a row of `select_log`."""
    return schema.LogLine(
        id=row[0],
        time=iso(row[1]),
        function=row[2],
        request_id=unpack_optional(row[3]),
        level=row[4],
        message=row[5],
        stream=row[6],
    )


def frames(data: bytes | None) -> list[schema.TraceFrame]:
    """Stored diagnostics: a JSON list of frames, or an object that holds them; none where they cannot be read."""
    if not data:
        return []
    try:
        if bytes(data).lstrip().startswith(b"["):
            return msgspec.json.decode(data, type=list[schema.TraceFrame], strict=False)
        return msgspec.json.decode(data, type=_Frames, strict=False).frames
    except (msgspec.MsgspecError, ValueError):
        return []


def dlq_entry(entry: Message) -> schema.DlqEntry:
    """A message of a dead-letter queue as an entry. A message that no function left there has its SQS attributes."""
    attributes = entry.attributes
    return schema.DlqEntry(
        id=entry.id,
        queue=entry.queue,
        function=entry.function,
        request_id=entry.request_id or _attribute(attributes, "RequestID"),
        error_code=entry.error_code or _attribute(attributes, "ErrorCode"),
        error_message=entry.error_message or _attribute(attributes, "ErrorMessage"),
        attempts=entry.attempts,
        first_at=iso(entry.sent_us if entry.first_us is None else entry.first_us),
        last_at=iso(entry.sent_us if entry.last_us is None else entry.last_us),
        event=entry.body,
        replaying=entry.replaying,
        seq=entry.seq,
    )


def _attribute(attributes: dict[str, dict[str, str]], name: str) -> str | None:
    return attributes.get(name, {}).get("StringValue")


def peeked(entry: Message, now_us: int) -> schema.PeekedMessage:
    """A queue's message as `peek` shows it."""
    state = "visible"
    if entry.visible_us > now_us:
        state = "in flight" if entry.receipt is not None else "delayed"
    return schema.PeekedMessage(
        id=entry.id,
        body=entry.body,
        sent_at=iso(entry.sent_us),
        receive_count=entry.receive_count,
        state=state,
        attributes={name: value.get("StringValue", "") for name, value in entry.attributes.items()},
        group_id=entry.group_id,
    )

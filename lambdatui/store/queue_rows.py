"""A queue's rows in SQL: sending, picking and moving inside a transaction that somebody else has begun."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from lambdatui.clock import MICROS
from lambdatui.config.model import QueueConfig
from lambdatui.store.ids import (
    clean,
    pack_id,
    pack_optional,
    put_payload,
    to_bytes,
    to_text,
    unpack_id,
    unpack_optional,
)
from lambdatui.store.limits import DEDUPLICATION_US, LONGEST_FLIGHT_US, MOVED_PER_RECEIVE
from lambdatui.store.records import Message, NewMessage

COLUMNS = (
    "m.seq, m.id, m.queue, m.visible_us, m.sent_us, m.receive_count, m.first_received_us, m.receipt, m.group_id,"
    " m.dedup_id, m.attributes, m.function, m.request_id, m.error_code, m.error_message, m.attempts, m.first_us,"
    " m.last_us, m.replaying, p.data, {since_2}"
)
_FROM = "FROM message m JOIN payload p ON p.id = m.payload"
SELECT = f"SELECT {COLUMNS.format(since_2='m.trace_header, m.source')} {_FROM}"
# The same without the columns that version 1 did not have: for readers of a state that may not be migrated yet.
SELECT_OF_ANY = f"SELECT {COLUMNS.format(since_2='NULL, NULL')} {_FROM}"
_attributes = msgspec.json.Decoder(dict[str, dict[str, str]])
RECEIPT_BYTES = 16
_DELETED_AT_ONCE = 10  # in one statement; as many as there are sizes are prepared
_NEXT_SEQ = "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'message'"
_LAST_SEQ = "SELECT seq FROM sqlite_sequence WHERE name = 'message'"


def message(row: Sequence[Any]) -> Message:
    """The Message of a row of SELECT."""
    receipt = row[7]
    return Message(
        seq=row[0],
        id=unpack_id(row[1]),
        queue=row[2],
        visible_us=row[3],
        sent_us=row[4],
        receive_count=row[5],
        first_received_us=row[6],
        receipt=None if receipt is None else make_receipt(row[1], receipt),
        group_id=row[8],
        dedup_id=row[9],
        attributes={} if row[10] is None else _attributes.decode(row[10]),
        function=row[11],
        request_id=unpack_optional(row[12]),
        error_code=row[13],
        error_message=row[14],
        attempts=row[15],
        first_us=row[16],
        last_us=row[17],
        replaying=bool(row[18]),
        body=to_text(row[19]),
        trace_header=row[20],
        source=row[21],
    )


def make_receipt(key: bytes, secret: bytes) -> str:
    """A receipt handle names its message, so that no index over receipts is needed."""
    return (bytes(key) + secret).hex()


def split_receipt(receipt: str) -> tuple[bytes, bytes] | None:
    """(id, secret) of a receipt handle; None where it cannot be one."""
    try:
        data = bytes.fromhex(receipt)
    except ValueError:
        return None
    return (data[:16], data[16:]) if len(data) == 16 + RECEIPT_BYTES else None


def insert(
    connection: sqlite3.Connection,
    queue: str,
    new: NewMessage,
    now_us: int,
    *,
    delay_s: float = 0,
    dedup_key: str | None = None,
) -> tuple[Message, bool]:
    """Send one message; (what was sent, whether it is new). A duplicate gives the first one's id and number back."""
    delay = delay_s if new.delay_s is None else new.delay_s
    visible_us = now_us + round(delay * MICROS)
    if dedup_key is not None:
        known = connection.execute(
            "SELECT message_id, seq FROM dedup WHERE queue = ? AND dedup_id = ? AND expires_us > ?",
            (queue, dedup_key, now_us),
        ).fetchone()
        if known is not None:
            return _sent(queue, new, known[0], known[1], now_us, visible_us), False
    key = uuid.uuid4().bytes
    cursor = connection.execute(
        "INSERT INTO message(id, queue, visible_us, sent_us, group_id, dedup_id, payload, attributes, function,"
        " request_id, error_code, error_message, attempts, first_us, last_us, trace_header)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            key,
            queue,
            visible_us,
            now_us,
            new.group_id,
            new.dedup_id,
            put_payload(connection, to_bytes(new.body)),
            msgspec.json.encode(new.attributes) if new.attributes else None,
            new.function,
            pack_optional(new.request_id),
            new.error_code,
            clean(new.error_message),
            new.attempts,
            new.first_us,
            now_us,
            clean(new.trace_header),
        ),
    )
    seq = cursor.lastrowid or 0
    if dedup_key is not None:
        connection.execute(
            "INSERT OR REPLACE INTO dedup VALUES (?,?,?,?,?)",
            (queue, dedup_key, now_us + DEDUPLICATION_US, key, seq),
        )
        connection.execute("DELETE FROM dedup WHERE expires_us <= ?", (now_us,))
    return _sent(queue, new, key, seq, now_us, visible_us), True


def _sent(queue: str, new: NewMessage, key: bytes, seq: int, now_us: int, visible_us: int) -> Message:
    return Message(
        id=unpack_id(key),
        queue=queue,
        seq=seq,
        body=new.body,
        attributes=new.attributes,
        sent_us=now_us,
        visible_us=visible_us,
        group_id=new.group_id,
        dedup_id=new.dedup_id,
        function=new.function,
        request_id=new.request_id,
        error_code=new.error_code,
        error_message=new.error_message,
        attempts=new.attempts,
        first_us=new.first_us,
        last_us=now_us,
        trace_header=new.trace_header,
    )


def dedup_key(queue: QueueConfig, new: NewMessage) -> str | None:
    """What may be sent once in five minutes; None where nothing is deduplicated."""
    if not queue.fifo or new.dedup_id is None:
        return None
    return new.dedup_id if queue.deduplication_scope == "queue" else f"{new.group_id}\0{new.dedup_id}"


def as_sent_to(queue: QueueConfig, new: NewMessage) -> NewMessage:
    """`new` with what a FIFO queue fills in: a group, and the body's hash as deduplication id where it is asked to."""
    if not queue.fifo:
        return new
    dedup = new.dedup_id
    if dedup is None and queue.content_based_deduplication:
        dedup = hashlib.sha256(to_bytes(new.body)).hexdigest()
    return msgspec.structs.replace(new, dedup_id=dedup, group_id=new.group_id or "")


class Received(NamedTuple):
    """What one receive did."""

    messages: list[Message]
    moved: int  # to the redrive queue
    expired: int


def receive(
    connection: sqlite3.Connection,
    queue: QueueConfig,
    max_n: int,
    visibility_s: float,
    now_us: int,
    known: Callable[[str], bool],
) -> Received:
    """Lease up to `max_n` messages; those received too often move on, those too old go."""
    redrive = queue.redrive_queue if queue.max_receive_count > 0 else None
    if redrive is not None and not known(redrive):
        redrive = None
    oldest_us = now_us - queue.retention * MICROS
    expired = _expire(connection, queue.name, oldest_us)
    taken: list[int] = []
    exhausted: list[int] = []
    for seq, receive_count, sent_us in candidates(connection, queue, now_us):
        if sent_us < oldest_us:
            continue  # goes when it is the oldest
        if redrive is not None and receive_count >= queue.max_receive_count:
            exhausted.append(seq)
        else:
            taken.append(seq)
        if len(taken) == max_n or len(exhausted) == MOVED_PER_RECEIVE:
            break
    for seq in exhausted:
        _redrive(connection, queue, seq, redrive or "", now_us)
    until = now_us + round(visibility_s * MICROS)
    messages = _lease(connection, taken, until, now_us) if taken else []
    return Received(messages, len(exhausted), expired)


def _lease(connection: sqlite3.Connection, taken: Sequence[int], until_us: int, now_us: int) -> list[Message]:
    """Hide these for their receiver, each with a receipt of its own; as they are then, in this order."""
    which = json.dumps(taken)
    connection.execute(
        "UPDATE message SET visible_us = ?, receive_count = receive_count + 1, receipt = randomblob(?),"
        " first_received_us = ifnull(first_received_us, ?), received_us = ?"
        " WHERE seq IN (SELECT value FROM json_each(?))",
        (until_us, RECEIPT_BYTES, now_us, now_us, which),
    )
    rows = connection.execute(f"{SELECT} WHERE m.seq IN (SELECT value FROM json_each(?))", (which,)).fetchall()
    found = {row[0]: row for row in rows}
    return [message(found[seq]) for seq in taken]


def candidates(connection: sqlite3.Connection, queue: QueueConfig, now_us: int) -> list[tuple[int, int, int]] | Any:
    """(seq, receive count, sent) of what may be received now, in order; a cursor for standard queues."""
    if not queue.fifo:
        return connection.execute(
            "SELECT seq, receive_count, sent_us FROM message WHERE queue = ? AND visible_us <= ? AND replaying = 0"
            " ORDER BY visible_us, seq",
            (queue.name, now_us),
        )
    return _fifo_candidates(connection, queue.name, now_us)


def _fifo_candidates(connection: sqlite3.Connection, queue: str, now_us: int) -> Any:
    """In order of sending; a group with a message in flight, or a delayed one before, gives nothing."""
    groups = connection.execute(
        "SELECT DISTINCT ifnull(group_id, '') FROM message WHERE queue = ? AND visible_us > ? AND receipt IS NOT NULL",
        (queue, now_us),
    ).fetchall()
    blocked = {group for (group,) in groups}
    rows = connection.execute(
        "SELECT seq, receive_count, sent_us, ifnull(group_id, '') AS g, visible_us FROM message"
        " WHERE queue = ? AND replaying = 0 AND g NOT IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (queue, json.dumps(sorted(blocked))),
    )
    for seq, receive_count, sent_us, group, visible_us in rows:
        if visible_us > now_us:
            blocked.add(group)
        elif group not in blocked:
            yield seq, receive_count, sent_us


def _expire(connection: sqlite3.Connection, queue: str, oldest_us: int) -> int:
    """Drop messages from the front of the queue that were sent before `oldest_us`."""
    old: list[tuple[int]] = []
    rows = connection.execute("SELECT seq, sent_us, replaying FROM message WHERE queue = ? ORDER BY seq", (queue,))
    for seq, sent_us, replaying in rows:
        if sent_us >= oldest_us or len(old) == MOVED_PER_RECEIVE:
            break
        if not replaying:
            old.append((seq,))
    connection.executemany("DELETE FROM message WHERE seq = ?", old)
    return len(old)


def _redrive(connection: sqlite3.Connection, queue: QueueConfig, seq: int, target: str, now_us: int) -> None:
    """Dead-letter one message: same id, body and error, a new place at the end of `target`. Its retention goes on
    from when it was sent, but begins anew in a FIFO queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    connection.execute(_NEXT_SEQ)
    connection.execute(
        f"UPDATE message SET seq = ({_LAST_SEQ}), queue = ?, visible_us = ?, attempts = receive_count,"
        " first_us = ifnull(first_us, sent_us), sent_us = iif(?, ?, sent_us), receive_count = 0, receipt = NULL,"
        " received_us = NULL, first_received_us = NULL, source = ?,"
        " last_us = CASE WHEN error_code IS NULL THEN ? ELSE last_us END WHERE seq = ?",
        (target, now_us, queue.fifo, now_us, queue.name, now_us, seq),
    )


def resend(connection: sqlite3.Connection, seq: int, target: str, now_us: int) -> None:
    """Move one message to `target` as a new one: a new id, never received, with no error on it.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    """
    connection.execute(_NEXT_SEQ)
    connection.execute(
        f"UPDATE message SET seq = ({_LAST_SEQ}), id = ?, queue = ?, visible_us = ?, sent_us = ?, last_us = ?,"
        " receive_count = 0, attempts = 0, receipt = NULL, received_us = NULL, first_received_us = NULL,"
        " first_us = NULL, source = NULL, function = NULL, request_id = NULL, error_code = NULL, error_message = NULL"
        " WHERE seq = ?",
        (uuid.uuid4().bytes, target, now_us, now_us, now_us, seq),
    )


def delete(connection: sqlite3.Connection, queue: str, ids: Sequence[str]) -> int:
    """How many of them were there, and are gone."""
    gone = 0
    for at in range(0, len(ids), _DELETED_AT_ONCE):
        found = keys(ids[at : at + _DELETED_AT_ONCE])
        marks = ",".join("?" * len(found))
        gone += connection.execute(f"DELETE FROM message WHERE id IN ({marks}) AND queue = ?", (*found, queue)).rowcount
    return gone


def delete_held(connection: sqlite3.Connection, queue: QueueConfig, receipt: str, now_us: int) -> str:
    """Delete what `receipt` holds: `deleted`, `gone`, or `expired`, where a FIFO queue has taken it back."""
    key = locate(connection, queue.name, receipt)
    if key is None:
        return "gone"
    if queue.fifo:
        ((visible_us,),) = connection.execute("SELECT visible_us FROM message WHERE id = ?", (key,)).fetchall()
        if visible_us <= now_us:
            return "expired"
    connection.execute("DELETE FROM message WHERE id = ?", (key,))
    return "deleted"


def hide_held(connection: sqlite3.Connection, queue: str, receipt: str, visibility_s: float, now_us: int) -> str:
    """Hide what `receipt` holds for `visibility_s` from now: `hidden`, `gone`, `visible` (it is in flight no more) or
    `beyond` (12 hours since it was received)."""
    key = locate(connection, queue, receipt)
    if key is None:
        return "gone"
    ((visible_us, received_us),) = connection.execute(
        "SELECT visible_us, ifnull(received_us, first_received_us) FROM message WHERE id = ?", (key,)
    ).fetchall()
    if visible_us <= now_us:
        return "visible"
    until = now_us + round(visibility_s * MICROS)
    if until > (received_us or now_us) + LONGEST_FLIGHT_US:
        return "beyond"
    connection.execute("UPDATE message SET visible_us = ? WHERE id = ?", (until, key))
    return "hidden"


def take_again(connection: sqlite3.Connection, messages: Sequence[Message], until_us: int, now_us: int) -> bool:
    """Whether nobody has touched these held messages since they were received; if so they stay hidden until then."""
    rows = []
    for each in messages:
        parts = split_receipt(each.receipt or "")
        if parts is None:
            return False
        rows.append((until_us, *parts, each.visible_us, now_us))
    sql = "UPDATE message SET visible_us = ? WHERE id = ? AND receipt = ? AND visible_us = ? AND visible_us > ?"
    connection.execute("SAVEPOINT again")
    taken = sum(connection.execute(sql, row).rowcount for row in rows)
    if taken != len(rows):
        connection.execute("ROLLBACK TO again")
    connection.execute("RELEASE again")
    return taken == len(rows)


def locate(connection: sqlite3.Connection, queue: str, receipt: str) -> bytes | None:
    """Key of the message that `receipt` still holds."""
    parts = split_receipt(receipt)
    if parts is None:
        return None
    row = connection.execute(
        "SELECT id FROM message WHERE id = ? AND queue = ? AND receipt = ? AND replaying = 0",
        (parts[0], queue, parts[1]),
    ).fetchone()
    return None if row is None else bytes(row[0])


def keys(ids: Sequence[str]) -> list[bytes | str]:
    return [pack_id(each) for each in ids]

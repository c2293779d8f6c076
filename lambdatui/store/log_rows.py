"""Log groups and streams in SQL: which stream a line is in, and what there is of both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from lambdatui.schema import LEVEL_NAMES
from lambdatui.store.ids import clean, pack_optional
from lambdatui.store.records import LogRecords, LogStream

_FORGOTTEN_AT_ONCE = 200  # streams that one step of trimming looks at


# Of that many lines on, SQLite takes a batch apart itself: no line of it needs the interpreter's lock, which the loop
# waits for, and half of the time is saved.
_WHOLE = 8
_LEVEL = " ".join(f"WHEN x'{code:02x}' THEN '{name}'" for code, name in enumerate(LEVEL_NAMES))
_INSERT_WHOLE = (
    "INSERT OR REPLACE INTO log"
    f" SELECT ?1 + key, ?2, ?3, ?4, CASE substr(?5, key + 1, 1) {_LEVEL} END, value, ?6, ?7 FROM json_each(?8)"
)
_NUL = b"\\u0000"  # as JSON; json_each ends a text there


def insert(connection: sqlite3.Connection, batches: Sequence[LogRecords]) -> list[tuple[Any, ...]]:
    """Write the large batches, and make streams that are new; the rows of all other lines are left to the caller."""
    keys = _stream_keys(connection, batches)
    rows: list[tuple[Any, ...]] = []
    for each in batches:
        request_id, place = pack_optional(each.request_id), keys[each.stream]
        messages = [clean(message) for message in each.messages]
        text = msgspec.json.encode(messages) if len(messages) >= _WHOLE else _NUL
        if _NUL in text:
            rows += [
                (number, each.time_us, each.function, request_id, LEVEL_NAMES[level], message, *place)
                for number, (level, message) in enumerate(zip(each.levels, messages, strict=True), each.id)
            ]
        else:
            head = (each.id, each.time_us, each.function, request_id, each.levels)
            connection.execute(_INSERT_WHOLE, (*head, *place, text.decode()))
    return rows


def _stream_keys(
    connection: sqlite3.Connection, batches: Iterable[LogRecords]
) -> dict[LogStream | None, tuple[int | None, int | None]]:
    """{stream: (key of its group, its own key)}, each brought up to its newest line of `batches`."""
    spans: dict[LogStream, tuple[int, int]] = {}
    for each in batches:
        if each.stream is not None:
            first_us, last_us = spans.get(each.stream, (each.time_us, each.time_us))
            spans[each.stream] = min(first_us, each.time_us), max(last_us, each.time_us)
    keys: dict[LogStream | None, tuple[int | None, int | None]] = {None: (None, None)}
    for stream, (first_us, last_us) in spans.items():
        group = group_key(connection, stream.group, first_us)
        keys[stream] = group, stream_key(connection, group, stream.name, first_us, last_us)
    return keys


def group_key(connection: sqlite3.Connection, name: str, now_us: int) -> int:
    """The group's key; it is made where it is not there."""
    found = connection.execute("SELECT id FROM log_group WHERE name = ?", (name,)).fetchone()
    if found is None:
        sql = "INSERT INTO log_group(name, created_us) VALUES (?, ?) RETURNING id"
        found = connection.execute(sql, (name, now_us)).fetchall()[0]
    key: int = found[0]
    return key


def stream_key(connection: sqlite3.Connection, group: int, name: str, now_us: int, last_us: int | None) -> int:
    """The stream's key; it is made where it is not there. `last_us`: of its newest line."""
    sql = "SELECT id FROM log_stream WHERE log_group = ? AND name = ?"
    found = connection.execute(sql, (group, name)).fetchone()
    if found is None:
        sql = "INSERT INTO log_stream(log_group, name, created_us, last_us) VALUES (?, ?, ?, ?) RETURNING id"
        found = connection.execute(sql, (group, name, now_us, last_us)).fetchall()[0]
    elif last_us is not None:
        connection.execute("UPDATE log_stream SET last_us = max(ifnull(last_us, 0), ?) WHERE id = ?", (last_us, *found))
    key: int = found[0]
    return key


def forget_empty_streams(connection: sqlite3.Connection) -> None:
    """Give up streams whose lines have all been trimmed."""
    connection.execute(
        "DELETE FROM log_stream WHERE id IN (SELECT id FROM log_stream WHERE last_us <"
        " (SELECT time_us FROM log ORDER BY id LIMIT 1) ORDER BY id LIMIT ?)"
        " AND NOT EXISTS (SELECT 1 FROM log WHERE stream = log_stream.id)",
        (_FORGOTTEN_AT_ONCE,),
    )

"""Log groups and streams in SQL: which stream a line is in, and what there is of both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from lambdatui.store.ids import clean, pack_optional
from lambdatui.store.records import LogRecord, LogStream

_FORGOTTEN_AT_ONCE = 200  # streams that one step of trimming looks at


def packed(connection: sqlite3.Connection, lines: Sequence[LogRecord]) -> list[tuple[Any, ...]]:
    """The lines as rows of `log`; streams that are new are made."""
    keys = _stream_keys(connection, lines)
    return [
        (
            each.id,
            each.time_us,
            each.function,
            pack_optional(each.request_id),
            each.level,
            clean(each.message),
            *keys[each.stream],
        )
        for each in lines
    ]


def _stream_keys(
    connection: sqlite3.Connection, lines: Iterable[LogRecord]
) -> dict[LogStream | None, tuple[int | None, int | None]]:
    """{stream: (key of its group, its own key)}, each brought up to its newest line of `lines`."""
    spans: dict[LogStream, tuple[int, int]] = {}
    for line in lines:
        if line.stream is not None:
            first_us, last_us = spans.get(line.stream, (line.time_us, line.time_us))
            spans[line.stream] = min(first_us, line.time_us), max(last_us, line.time_us)
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

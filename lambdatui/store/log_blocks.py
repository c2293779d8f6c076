"""Where to look for log lines: for each block of ids, the functions in it, their levels and newest time.

An index on the lines themselves would cost a fifth of writing each; this costs a row for each function and flush.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from lambdatui import schema
from lambdatui.store.records import LogRecords
from lambdatui.store.statements import insert_rows
from lambdatui.store.tables import LOG_BLOCK

_WIDEN = "ON CONFLICT DO UPDATE SET newest_us = max(newest_us, excluded.newest_us), levels = levels | excluded.levels"


class Sought(NamedTuple):
    """What lines are looked for; empty and None: any."""

    functions: Collection[str] = ()
    min_level: str | None = None
    since_us: int | None = None
    after_id: int = 0


def mark(connection: sqlite3.Connection, batches: Iterable[LogRecords]) -> None:
    """Say that the blocks of these lines have them."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for each in batches:
        levels = sum(1 << code for code in set(each.levels))
        for block in range(each.id // LOG_BLOCK, (each.id + len(each.messages) - 1) // LOG_BLOCK + 1):
            newest_us, others = found.get((block, each.function), (each.time_us, 0))
            found[block, each.function] = max(newest_us, each.time_us), others | levels
    rows = [(*key, *value) for key, value in found.items()]
    insert_rows(connection, "INSERT INTO log_block", "(?,?,?,?)", rows, _WIDEN)


def trim(connection: sqlite3.Connection) -> None:
    """Forget blocks whose lines are all gone."""
    connection.execute(
        "DELETE FROM log_block WHERE block < (SELECT ifnull(min(id), 1 << 62) FROM log) / ?", (LOG_BLOCK,)
    )


def kept(connection: sqlite3.Connection) -> bool:
    """False in a file that an older lambdatui wrote and no engine of this one has opened since."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'log_block'").fetchone() is not None


def spans(connection: sqlite3.Connection, sought: Sought) -> Iterator[tuple[int, int]]:
    """First and last id of each block that may hold such lines, newest first; the others hold none."""
    conditions, values = ["block >= ?"], [sought.after_id // LOG_BLOCK, *sought.functions]
    if sought.functions:
        conditions.append(f"function IN ({','.join('?' * len(sought.functions))})")
    if sought.min_level is not None:
        conditions.append("levels & ?")
        values.append(sum(1 << schema.LEVEL_CODES[name] for name in levels_from(sought.min_level)))
    if sought.since_us is not None:
        conditions.append("newest_us >= ?")
        values.append(sought.since_us)
    sql = f"SELECT DISTINCT block FROM log_block WHERE {' AND '.join(conditions)} ORDER BY block DESC"
    for (block,) in connection.execute(sql, values):
        yield block * LOG_BLOCK, block * LOG_BLOCK + LOG_BLOCK - 1


def levels_from(least: str) -> list[str]:
    """The levels that are at least so high; all of them where the name is none."""
    rank = schema.LEVELS.get(least.upper(), 0)
    return [name for name, own in schema.LEVELS.items() if own >= rank]

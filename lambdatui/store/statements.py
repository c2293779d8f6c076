"""Many rows in few statements: each one that SQLite runs gives the interpreter's lock up and waits to have it back,
which with a busy loop costs more than the row itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

_SIZES = (64, 16, 4, 1)  # rows of a statement; few sizes, so that all of them stay prepared


def insert_rows(
    connection: sqlite3.Connection, head: str, row: str, rows: Sequence[Sequence[Any]], tail: str = ""
) -> None:
    """`head VALUES row, row, ... tail` for all `rows`."""
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            values = [value for each in rows[at : at + size] for value in each]
            connection.execute(f"{head} VALUES {','.join([row] * size)} {tail}", values)
            at += size

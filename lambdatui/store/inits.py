"""The last fresh init of each function, with the tree of its imports."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from lambdatui.profiles import ImportTree
from lambdatui.store.records import InitRecord


class Spending(NamedTuple):
    """What the stored invocations of a function came to."""

    invocations: int
    cold_starts: int
    init_us: int
    billed_ms: int


def write(connection: sqlite3.Connection, inits: Iterable[InitRecord]) -> None:
    """Each in the place of its function's earlier one."""
    connection.executemany(
        "INSERT OR REPLACE INTO init VALUES (?,?,?,?,?,?,?,?,?)",
        [(*msgspec.structs.astuple(each)[:-1], zlib.compress(each.tree, 1)) for each in inits],
    )


def read(connection: sqlite3.Connection, function: str) -> tuple[InitRecord, ImportTree] | None:
    """None where no fresh init of the function is stored."""
    row = connection.execute("SELECT * FROM init WHERE function = ?", (function,)).fetchone()
    if row is None:
        return None
    tree = zlib.decompress(row[8])
    fields = dict(zip(InitRecord.__struct_fields__, (*row[:8], tree), strict=True))
    return InitRecord(**fields), _tree(tree)


def _tree(data: bytes) -> ImportTree:
    """Empty where it was written by user code that found the channel."""
    try:
        tree = msgspec.json.decode(data, type=ImportTree)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ImportTree()
    whole = all(-1 <= node.parent < at and -1 < node.place < len(tree.places) for at, node in enumerate(tree.nodes))
    return tree if whole else ImportTree()


def spending(connection: sqlite3.Connection, function: str) -> Spending:
    """Over all that is stored; provisioned inits are not billed with an invocation, and not counted."""
    row = connection.execute(
        "SELECT count(billed_ms), count(init_us), ifnull(sum(init_us), 0), ifnull(sum(billed_ms), 0) FROM invocation"
        " WHERE function = ?",
        (function,),
    ).fetchone()
    return Spending(*row)


def trim(connection: sqlite3.Connection, before_us: int) -> int:
    """Give up what is older; how many went."""
    return connection.execute("DELETE FROM init WHERE at_us < ?", (before_us,)).rowcount

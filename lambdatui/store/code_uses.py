"""Which code snapshots stored invocations name, without a look through them: the newest invocation of each snapshot.

Invocations are given up from the oldest on, so a snapshot is named for as long as its newest one is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from lambdatui.store.records import InvocationRecord

_NAMED = "SELECT sha FROM code_use WHERE last_invocation >= (SELECT min(id) FROM invocation)"


def mark(connection: sqlite3.Connection, invocations: Iterable[InvocationRecord]) -> None:
    """Say that these name their snapshots."""
    newest: dict[str, int] = {}
    for each in invocations:
        newest[each.code_sha] = max(each.id, newest.get(each.code_sha, 0))
    connection.executemany(
        "INSERT INTO code_use VALUES (?,?)"
        " ON CONFLICT DO UPDATE SET last_invocation = max(last_invocation, excluded.last_invocation)",
        list(newest.items()),
    )


def named(connection: sqlite3.Connection, newest: int) -> set[str]:
    """Snapshots that an invocation names, and the `newest` of each function; forgets the others."""
    connection.execute(f"DELETE FROM code_use WHERE sha NOT IN ({_NAMED})")
    connection.execute(
        "DELETE FROM code WHERE (function, sha) IN (SELECT function, sha FROM (SELECT function, sha,"
        " row_number() OVER (PARTITION BY function ORDER BY last_us DESC) AS place FROM code)"
        f" WHERE place > ?) AND sha NOT IN ({_NAMED})",
        (newest,),
    )
    return {sha for (sha,) in connection.execute("SELECT sha FROM code UNION SELECT sha FROM code_use")}

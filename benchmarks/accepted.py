"""Asynchronous events that are accepted: on disk (synchronous FULL) before their 202, by eight connections.

    python -m benchmarks.accepted [--rounds N] [--json FILE]

The floor is SQLite alone: the same events into a table with the columns, the index and the payload's hash that a
durable queue needs, synchronous FULL, as many to a transaction as the engine's own group commits came to on average.
That is read from the WAL's index, which counts transactions. Where the disk's cache takes a sync in microseconds,
SQLite alone is faster than any HTTP server in Python, so that a second floor is what both cost one after the other: a
server that does nothing but answer, on the same stack with the same client, and SQLite.

Two projects: in one the function is at its concurrency, so that events are accepted and wait; in the other they run at
once, on the same two cores.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import (
    NOTHING,
    Engine,
    at_least,
    bare_echo,
    figure,
    folder,
    in_turns,
    load,
    parser,
    plain_project,
    report,
)
from benchmarks.hammer import hammered, invoke_request

CONNECTIONS = 8
SECONDS = 2.0
EVENT = b'{"order": 17, "items": [{"sku": "a-1", "count": 2}], "note": "as usual"}'
REQUEST = invoke_request("work", EVENT, event=True)
SLOW = "import time\ndef handler(event, context):\n    time.sleep(0.5)\n"
ONE_AT_A_TIME = '[functions.work]\nhandler = "work.handler"\nreserved_concurrency = 1\n'
FEW_AT_A_TIME = '[functions.work]\nhandler = "work.handler"\nreserved_concurrency = 4\n'


def transactions(database: Path) -> int:
    """How many were committed, modulo 2**32: `iChange` of the WAL's index (https://sqlite.org/walformat.html)."""
    with Path(f"{database}-shm").open("rb") as file:
        found: int = struct.unpack_from("=I", file.read(48), 8)[0]
        return found


class Accepting:
    """Events a second that an engine answers with 202, and how many of them stood in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.groups: list[float] = []

    def rate(self) -> float:
        database = self.engine.data / "state.db"
        before, began = transactions(database), time.perf_counter()
        count = hammered(self.engine.url, REQUEST, status=202, connections=CONNECTIONS, seconds=SECONDS)
        seconds = time.perf_counter() - began
        self.groups.append(count / max(1, (transactions(database) - before) % 2**32))
        return count / min(seconds, SECONDS)

    @property
    def group(self) -> float:
        return sum(self.groups) / len(self.groups)


def bare_sqlite(root: Path, group: Callable[[], float]) -> float:
    """Events a second that SQLite alone takes, about `group()` in a transaction."""
    file = root / "bare.db"
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS payload (hash BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, request_id BLOB UNIQUE, visible_us INTEGER,"
        " function TEXT, payload BLOB)"
    )
    connection.execute("CREATE INDEX IF NOT EXISTS event_due ON event(visible_us, seq, function)")
    size, count, owed = group(), 0, 0.0
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        owed += size
        connection.execute("BEGIN IMMEDIATE")
        while owed >= 1:
            digest = hashlib.sha256(EVENT).digest()
            connection.execute("INSERT OR IGNORE INTO payload VALUES (?, ?)", (digest, EVENT))
            row = (os.urandom(16), time.time_ns() // 1000, "work", digest)
            connection.execute("INSERT INTO event(request_id, visible_us, function, payload) VALUES (?,?,?,?)", row)
            owed -= 1
            count += 1
        connection.execute("COMMIT")
    connection.close()
    return count / SECONDS


def project(root: Path, settings: str, source: str) -> Path:
    plain_project(root, work=source)
    (root / "lambdatui.toml").write_text(settings)
    return root


def main() -> None:
    asked = parser(__doc__).parse_args()
    before = load()
    with (
        folder() as root,
        bare_echo() as bare,
        Engine(project(root / "waiting", ONE_AT_A_TIME, SLOW)) as waiting,
        Engine(project(root / "running", FEW_AT_A_TIME, NOTHING)) as running,
    ):
        kept, run = Accepting(waiting), Accepting(running)
        kept.rate()
        kept.groups.clear()
        found = in_turns(
            asked.rounds,
            {
                "accepted": kept.rate,
                "bare": lambda: bare_sqlite(root, lambda: kept.group if kept.groups else 4.0),
                "http": lambda: hammered(bare, REQUEST, status=200, connections=CONNECTIONS, seconds=SECONDS) / SECONDS,
            },
        )
        alongside = in_turns(min(asked.rounds, 3), {"running": run.rate})
        backlog = len(kept.groups) * SECONDS * found["accepted"]
    against = f"bare SQLite FULL, {kept.group:.1f} events a transaction"
    name = "accepted async events, 8 connections, on disk before 202"
    both = 1 / (1 / found["http"] + 1 / found["bare"])
    note = (
        f"an HTTP server that does nothing answers {found['http']:,.0f}/s to this client on these cores; both in "
        f"sequence, with no engine at all, are {both:,.0f}/s"
    )
    report(
        asked,
        [
            at_least(name, found["accepted"], "/s", against, found["bare"], 0.5, note),
            at_least(name, found["accepted"], "/s", "bare HTTP answer and then that SQLite", both, 0.5),
            figure(f"{name}, while they run", alongside["running"], "/s"),
            figure("events that waited on disk at the end", backlog, ""),
        ],
        before,
    )


if __name__ == "__main__":
    main()

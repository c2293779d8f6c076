"""Queues and streams that the API made or changed. What a row means to a project is `config.made`'s business.

Write through `Engine.make` and `Engine.unmake`, which also bring it into force.
"""

from __future__ import annotations

import sqlite3

import msgspec

from lambdatui.config.made import Kind, Made
from lambdatui.store.readpool import ReadPool
from lambdatui.store.writer import Writer

SELECT = "SELECT kind, name, own, config, base, created_us, modified_us FROM made ORDER BY kind, created_us, name"

EXISTS = "SELECT 1 FROM sqlite_master WHERE name = 'made'"  # for readers of a state that is not migrated yet


class MadeStore:
    """One row a queue or stream; all of them in memory."""

    def __init__(self, writer: Writer, reads: ReadPool) -> None:
        self._writer = writer
        self._all = {(row.kind, row.name): row for row in map(made, reads.now(SELECT))}

    def all(self) -> list[Made]:
        """Every row, in the order in which they were made."""
        return list(self._all.values())

    def get(self, kind: Kind, name: str) -> Made | None:
        return self._all.get((kind, name))

    async def put(self, row: Made) -> None:
        """Add or replace one."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO made(kind, name, own, config, base, created_us, modified_us)"
                " VALUES (?,?,?,?,?,?,?)",
                (
                    row.kind,
                    row.name,
                    row.own,
                    msgspec.json.encode(row.config).decode(),
                    msgspec.json.encode(row.base).decode(),
                    row.created_us,
                    row.modified_us,
                ),
            )

        await self._writer.run(work, lambda _: self._all.update({(row.kind, row.name): row}))

    async def delete(self, kind: Kind, name: str) -> None:
        """Remove one; nothing happens where there is none."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM made WHERE kind = ? AND name = ?", (kind, name))

        def committed(_: None) -> None:
            self._all.pop((kind, name), None)

        await self._writer.run(work, committed)


def made(row: tuple[Kind, str, int, str, str, int, int]) -> Made:
    """The Made of a row of SELECT."""
    kind, name, own, config, base, created_us, modified_us = row
    return Made(
        kind=kind,
        name=name,
        own=bool(own),
        config=msgspec.json.decode(config),
        base=msgspec.json.decode(base),
        created_us=created_us,
        modified_us=modified_us,
    )

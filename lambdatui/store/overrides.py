"""Properties that the API or a screen has set over what the project's files say."""

from __future__ import annotations

import sqlite3

from lambdatui.store.readpool import ReadPool
from lambdatui.store.writer import Writer


class OverrideStore:
    """(function, property) -> (value as JSON text, the configured value that it was set over, as JSON text)."""

    def __init__(self, writer: Writer, reads: ReadPool) -> None:
        self._writer = writer
        rows = reads.now("SELECT function, property, value, base FROM override")
        self._all: dict[tuple[str, str], tuple[str, str]] = {
            (function, prop): (value, base) for function, prop, value, base in rows
        }

    def all(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Every override; from memory."""
        return dict(self._all)

    async def put(self, function: str, prop: str, value: str, base: str) -> None:
        """Set or replace one."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO override VALUES (?,?,?,?)", (function, prop, value, base))

        await self._writer.run(work, lambda _: self._all.update({(function, prop): (value, base)}))

    async def delete(self, function: str, prop: str) -> None:
        """Remove one; nothing happens where there is none."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM override WHERE function = ? AND property = ?", (function, prop))

        def committed(_: None) -> None:
            self._all.pop((function, prop), None)

        await self._writer.run(work, committed)

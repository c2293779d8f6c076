"""The data directory as one thing: open, start, close. Knows nothing of processes, HTTP or the functions' code."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lambdatui.clock import MICROS, Clock
from lambdatui.errors import StoreError
from lambdatui.store import history_rows, set_back, stream_rows
from lambdatui.store.aside import damaged, missing, name_aside
from lambdatui.store.code import CodeStore
from lambdatui.store.database import open_writable, suspect
from lambdatui.store.events import EventStore
from lambdatui.store.history import HistoryStore
from lambdatui.store.limits import COLLECT_EVERY, TIDY_EVERY_S
from lambdatui.store.location import IGNORE
from lambdatui.store.logs import LogStore
from lambdatui.store.made import MadeStore
from lambdatui.store.moves import MoveStore
from lambdatui.store.overrides import OverrideStore
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.refusals import FAILURES, CorruptError, RefusedError, explain, remedy
from lambdatui.store.streams import StreamStore
from lambdatui.store.tables import HISTORY, STATE
from lambdatui.store.writer import Writer

_NO_REPLAYS = "UPDATE message SET replaying = 0 WHERE replaying <> 0"  # an engine died in one


class Store:
    """Everything durable. Exactly one engine has it open; readers use `store.reader.Reader`.

    `fallback` is a sentence where a store without WAL had to take over, `damage` has one for each database that
    opening found damaged and set aside, `set_back_us` says how far the clock was set back since the last engine.
    """

    def __init__(
        self,
        data: Path,
        clock: Clock,
        state: sqlite3.Connection,
        history: sqlite3.Connection,
        *,
        fallback: str | None,
        damage: list[str],
        set_back_us: int,
    ) -> None:
        self.data = data
        self.fallback = fallback
        self.damage = damage
        self.set_back_us = set_back_us
        self._tidying: asyncio.Task[None] | None = None
        self._asking: asyncio.Future[None] | None = None
        self._state = Writer(state, data / "state.db")
        self._history = Writer(history, data / "history.db")
        self._reads = ReadPool(data / "state.db", stream_rows.prepare)
        self._history_reads = ReadPool(data / "history.db")
        self.queues = QueueStore(self._state, self._reads, clock)
        self.events = EventStore(self._state, self._reads, self.queues, clock)
        self.streams = StreamStore(self._state, self._reads, self.queues, clock)
        self.overrides = OverrideStore(self._state, self._reads)
        self.moves = MoveStore(self._state, self._reads, self.queues, clock)
        self.made = MadeStore(self._state, self._reads)
        self.history = HistoryStore(self._history, self._history_reads, clock)
        self.logs = LogStore(self._history, self._history_reads, clock.now_us)
        self.code = CodeStore(data / "code", self.history)

    @classmethod
    def open(cls, data: Path, clock: Clock, *, wal: bool = True) -> Store:
        """Create or migrate the databases under `data`; StoreError with a sentence where that cannot be.

        A damaged database is set aside under another name, whole, and said in `damage`. `wal` False takes the slower
        journal at once.
        """
        _make_folder(data)
        damage: list[str] = []
        if _is_empty(data / "state.db") and not _is_empty(data / "history.db"):  # which is always made after it
            damage.append(missing(data / "state.db"))

        def opened(
            name: str, migrations: Sequence[Sequence[str]], *, full: bool, first: str = ""
        ) -> tuple[sqlite3.Connection, str | None]:
            path, aside = data / name, name_aside(data, name, clock.now_us() // MICROS)
            try:
                return open_writable(path, migrations, full=full, wal=wal, first=first, aside=aside)
            except CorruptError:
                damage.append(damaged(name, data / aside))
            return open_writable(path, migrations, full=full, wal=wal)

        def made() -> Store:
            state, fallback = opened("state.db", STATE, full=True, first=_NO_REPLAYS)
            try:
                history, slower = opened("history.db", HISTORY, full=False)
                shift = set_back.shift(state, history, clock.now_us())
                return cls(data, clock, state, history, fallback=fallback or slower, damage=damage, set_back_us=shift)
            except (StoreError, *FAILURES) as error:
                state.close()
                raise explain(error, data / "state.db") from error

        try:
            return made()
        except CorruptError:  # met behind the checks of opening, by the counts that a start takes: now all is checked
            suspect(data / "state.db")
            suspect(data / "history.db")
            return made()

    def refusal(self) -> str | None:
        """Why nothing new is accepted at present. While something is, each look has the disk asked again."""
        if self._state.problem is not None and (self._asking is None or self._asking.done()):
            self._asking = self._state.submit(_write_something)
            self._asking.add_done_callback(lambda asked: asked.exception())  # the writer keeps what came of it
        return self._state.problem

    def problems(self) -> list[str]:
        """Why nothing new can be accepted, or history not be kept, at present: a sentence each."""
        found = {"nothing new is accepted": self._state.problem, "history is not being written": self.history.problem}
        return [f"{what}: {why}" for what, why in found.items() if why is not None]

    async def start(self) -> None:
        """Begin writing, and tidy up from time to time."""
        await self.history.start()
        self._tidying = asyncio.get_running_loop().create_task(self._tidy_for_ever())

    async def close(self) -> None:
        """Write everything that was accepted, then close."""
        if self._tidying is not None:
            self._tidying.cancel()
        try:
            await self.history.close()
            await self._state.run(lambda _: None)
        finally:
            self._reads.close()  # the writers go last: the last connection to close tidies the WAL away
            self._history_reads.close()
            await self._state.close()
            await self._history.close()

    async def tidy(self, *, code: bool = True) -> None:
        """Retention now: trim history, hand free pages back, forget code that nothing names. Safe at any time."""
        await self.history.trim()
        while await self._state.run(history_rows.vacuum_step):
            pass
        if code:
            await self.code.collect(_published(self.made))

    async def _tidy_for_ever(self) -> None:
        for turn in itertools.count(1):
            await asyncio.sleep(TIDY_EVERY_S)
            with contextlib.suppress(StoreError, OSError):  # a full disk, say: those who write are told
                await self.tidy(code=turn % COLLECT_EVERY == 0)


def _is_empty(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0


def _write_something(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR REPLACE INTO override VALUES ('', '', '', '')")
    connection.execute("DELETE FROM override WHERE function = ''")


def _published(made: MadeStore) -> set[str]:
    """The code of published versions, of functions that no project has now, too."""
    snapshots = (row.config.get("snapshot") for row in made.all() if row.kind == "version")
    return {str(one["sha"]) for one in snapshots if isinstance(one, dict) and "sha" in one}


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.chmod(0o700)
        ignore = data / ".gitignore"
        if not ignore.exists():
            ignore.write_text(IGNORE)
            ignore.chmod(0o600)
    except OSError as error:
        raise RefusedError(
            f"the data directory {data} cannot be used ({error.strerror or error}): {remedy(error)}."
        ) from error

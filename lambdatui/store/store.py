"""The data directory as one thing: open, start, close. Knows nothing of processes, HTTP or the functions' code."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from pathlib import Path

from lambdatui.clock import Clock
from lambdatui.errors import StoreError
from lambdatui.store import history_rows, stream_rows
from lambdatui.store.code import CodeStore
from lambdatui.store.database import CorruptError, explain, open_writable
from lambdatui.store.events import EventStore
from lambdatui.store.history import HistoryStore
from lambdatui.store.limits import COLLECT_EVERY, TIDY_EVERY_S
from lambdatui.store.logs import LogStore
from lambdatui.store.made import MadeStore
from lambdatui.store.moves import MoveStore
from lambdatui.store.overrides import OverrideStore
from lambdatui.store.queues import QueueStore
from lambdatui.store.readpool import ReadPool
from lambdatui.store.streams import StreamStore
from lambdatui.store.tables import HISTORY, STATE
from lambdatui.store.writer import Writer


class Store:
    """Everything durable. Exactly one engine has it open; readers use `store.reader.Reader`.

    `fallback` is a sentence where a store without WAL had to take over, `notices` are sentences about what opening
    found (a history that was set aside).
    """

    def __init__(
        self,
        data: Path,
        clock: Clock,
        state: sqlite3.Connection,
        history: sqlite3.Connection,
        *,
        fallback: str | None,
        notices: list[str],
    ) -> None:
        self.data = data
        self.fallback = fallback
        self.notices = notices
        self._tidying: asyncio.Task[None] | None = None
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

        A damaged history is set aside under another name and said in `notices`; a damaged state is left untouched and
        refused. `wal` False takes the slower journal at once.
        """
        _make_folder(data)
        state, fallback = open_writable(data / "state.db", STATE, full=True, wal=wal)
        try:
            state.execute("UPDATE message SET replaying = 0 WHERE replaying <> 0")  # an engine died in a replay
            notices: list[str] = []
            try:
                history, slower = open_writable(data / "history.db", HISTORY, full=False, wal=wal)
            except CorruptError as error:
                notices.append(_set_aside(data / "history.db", clock, error))
                history, slower = open_writable(data / "history.db", HISTORY, full=False, wal=wal)
        except (sqlite3.Error, StoreError) as error:
            state.close()
            raise explain(error, data / "state.db") from error
        return cls(data, clock, state, history, fallback=fallback or slower, notices=notices)

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
            ignore.write_text("*\n")
            ignore.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"the data directory {data} cannot be used ({error.strerror or error}): choose another with --data."
        ) from error


def _set_aside(path: Path, clock: Clock, error: CorruptError) -> str:
    """Move a damaged history away, whole, and say where it is."""
    target = path.with_name(f"{path.name}.damaged-{clock.now_us() // 1_000_000}")
    try:
        for suffix in ("", "-wal", "-shm", "-journal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
    except OSError as failure:
        raise StoreError(f"{error} (It could not be moved: {failure.strerror or failure}.)") from failure
    return f"{path.name} was damaged; it is kept as {target.name}, and history begins anew."

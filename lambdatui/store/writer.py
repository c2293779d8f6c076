"""The one thread that writes a database. Jobs that wait together are committed together (group commit)."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from lambdatui.errors import StoreError
from lambdatui.store.database import suspect
from lambdatui.store.refusals import FAILURES, CorruptError, RefusedError, explain

T = TypeVar("T")
MAX_GROUP = 1_000  # jobs in one transaction


class _Job(Generic[T]):
    __slots__ = ("committed", "error", "future", "loop", "result", "work")

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        committed: Callable[[T], None] | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.work = work
        self.committed = committed
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """On the job's loop, after the commit. A caller that was cancelled meanwhile does not undo the write."""
        if self.error is not None:
            if not self.future.done():
                self.future.set_exception(self.error)
            return
        if not self.future.done():
            self.future.set_result(self.result)
        if self.committed is not None:
            try:
                self.committed(self.result)
            except Exception as error:  # noqa: BLE001 - a listener's fault must not leave the other jobs unsettled
                self.loop.call_exception_handler({"message": "after a write", "exception": error})


class Writer:
    """Runs jobs `(connection) -> result` in order; a job that fails takes back its own changes and nobody else's.

    A job may run twice (when a whole transaction fails its jobs are tried one by one), so it must not change anything
    but the database.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._queue: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.problem: str | None = None  # why the last write was refused, None where it went through

    def start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._serve, name=f"write {self._path.name}", daemon=True)
            self._thread.start()

    def submit(
        self, work: Callable[[sqlite3.Connection], T], committed: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        """A future of `work`'s result, resolved after the commit. `committed` runs first, whoever waits or not."""
        if self._closed:
            raise StoreError(f"{self._path} is closed: the engine is ending.")
        self.start()
        job = _Job(work, committed, asyncio.get_running_loop())
        self._queue.put(job)
        return job.future

    async def run(self, work: Callable[[sqlite3.Connection], T], committed: Callable[[T], None] | None = None) -> T:
        """As `submit`, awaited. Raises StoreError where the database refuses."""
        return await self.submit(work, committed)

    async def close(self) -> None:
        """Finish every job, then close the connection."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        else:
            self._connection.close()
        await asyncio.sleep(0)  # the last callbacks of the thread are already on the loop: let them run

    def abandon(self) -> None:
        """Close a connection whose thread never started."""
        self._closed = True
        self._connection.close()

    def _serve(self) -> None:
        last = False
        while not last:
            group, last = self._gather()
            if not group:
                continue
            self._commit(group)
            loops = {job.loop for job in group}
            for loop in loops:
                settled = [job for job in group if job.loop is loop]
                with contextlib.suppress(RuntimeError):  # the loop ended meanwhile: nobody waits any more
                    loop.call_soon_threadsafe(_settle, settled)
        self._connection.close()

    def _gather(self) -> tuple[list[_Job[Any]], bool]:
        first = self._queue.get()
        if first is None:
            return [], True
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _commit(self, group: list[_Job[Any]]) -> None:
        changes = self._connection.total_changes
        if self._together(group):
            if self._connection.total_changes != changes:  # what writes nothing proves nothing
                self.problem = None
            return
        self._one_by_one(group)
        refused = [job.error for job in group if isinstance(job.error, RefusedError | CorruptError)]
        self.problem = str(refused[0]) if refused else None
        if any(isinstance(error, CorruptError) for error in refused):
            suspect(self._path)

    def _one_by_one(self, group: list[_Job[Any]]) -> None:
        """Find out whose fault it is that `group` could not be written, and write the others."""
        error = self._transaction(group)
        if error is None:
            return
        if len(group) == 1:
            group[0].error = explain(error, self._path)
            return
        for job in group:  # one of them is what the disk refuses: it must not take the others with it
            job.error = None
            alone = self._transaction([job])
            if alone is not None:
                job.error = explain(alone, self._path)

    def _together(self, group: list[_Job[Any]]) -> bool:
        """Run `group` without savepoints, as all goes well nearly always; False, and nothing done, where it did not."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in group:
                job.result = job.work(connection)
            connection.execute("COMMIT")
        except Exception:  # noqa: BLE001 - whose it is comes out when they run one by one
            self._roll_back()
            return False
        return True

    def _transaction(self, group: list[_Job[Any]]) -> Exception | None:
        """Run `group` in one transaction, each job apart; the error that ended the whole of it, else None."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in group:
                connection.execute("SAVEPOINT job")
                try:
                    job.result = job.work(connection)
                except Exception as error:  # noqa: BLE001 - it belongs to the job's own caller
                    if not connection.in_transaction:  # SQLite took the whole transaction back: a full disk, say
                        return error if isinstance(error, FAILURES) else sqlite3.OperationalError(str(error))
                    connection.execute("ROLLBACK TO job")
                    job.error = explain(error, self._path) if isinstance(error, FAILURES) else error
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except FAILURES as error:
            self._roll_back()
            return error
        return None

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # this thread must go on: all who write wait for it
                self._connection.execute("ROLLBACK")


def _settle(jobs: list[_Job[Any]]) -> None:
    for job in jobs:
        job.settle()

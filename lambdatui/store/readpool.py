"""Read connections of the running engine: one for quick looks on the loop, a thread for whatever brings payloads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lambdatui.errors import StoreError
from lambdatui.store.database import open_readonly, suspect
from lambdatui.store.refusals import FAILURES, CorruptError, explain

T = TypeVar("T")


class ReadPool:
    """Reads see every write whose future has resolved."""

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None] = lambda _: None) -> None:
        """`prepare` is done to the reading thread's connection when it is opened."""
        self._path = path
        self._prepare = prepare
        self._quick = open_readonly(path)
        self._lock = threading.Lock()
        self._slow: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"read {path.name}")

    def now(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows, at once: for looks of a few microseconds through an index."""
        try:
            with self._lock:
                return self._quick.execute(sql, parameters).fetchall()
        except FAILURES as error:
            raise self._failure(error) from error

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` on the reading thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._slow is None:
                self._slow = open_readonly(self._path)
                self._prepare(self._slow)
            return work(self._slow)
        except FAILURES as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreError:
        failure = explain(error, self._path)
        if isinstance(failure, CorruptError):
            suspect(self._path)
        return failure

    def close(self) -> None:
        self._executor.shutdown(wait=True)
        with self._lock:
            self._quick.close()
        if self._slow is not None:
            self._slow.close()

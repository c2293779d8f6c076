"""What `run --headless` prints: one ready line and the log on stdout, what happened on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, TextIO

from lambdatui import schema
from lambdatui.terminal import harmless

if TYPE_CHECKING:
    from lambdatui.telemetry.telemetry import Telemetry

_PAUSE_S = 0.1  # between two looks, however much happens
_AT_ONCE, _AT_ONCE_BYTES = 5000, 512 * 1024
_MAX_WAITING = 2 * 1024 * 1024  # bytes that wait for a reader who is slow
_LAST_PATIENCE = 1.0  # seconds for what is still to print when the engine ends


class Console:
    """Follows telemetry. A reader that has gone (a closed pipe) silences it, a slow one misses lines; nothing else."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._task: asyncio.Task[None] | None = None
        self._log_id = telemetry.logs.newest_id
        told = telemetry.happenings_after(0)  # an earlier engine's
        self._happening_id = told[-1].id if told else 0
        self._printer = Printer()
        self._news_came = asyncio.Event()
        telemetry.on_news(self._news_came.set)

    def start(self, info: schema.EngineInfo) -> None:
        self._print(f"lambdatui ready: Lambda API {info.url}  HTTP triggers {info.http_url}", sys.stdout)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._news()
        await asyncio.to_thread(self._printer.settle, _LAST_PATIENCE)

    async def _follow(self) -> None:
        while True:
            await self._news_came.wait()  # an idle engine prints nothing and wakes for nothing
            self._news_came.clear()
            self._news()
            await asyncio.sleep(_PAUSE_S)

    def _news(self) -> None:
        for happening in self._telemetry.happenings_after(self._happening_id):
            self._happening_id = happening.id
            who = f"{happening.function}: " if happening.function else ""
            self._print(f"{happening.time[11:23]} {who}{happening.message}", sys.stderr)
        batches, dropped = self._telemetry.logs.packed_after(self._log_id, (), _AT_ONCE, _AT_ONCE_BYTES)
        if dropped:
            self._print(
                f"… {dropped} log lines came faster than they could be printed: `lambdatui logs` has them", sys.stderr
            )
        texts: list[str] = []
        for packed in batches:
            self._log_id = packed.last
            batch = packed.batch()
            head = f"{batch.time[11:23]} {batch.function} "
            texts.append(head + f"\n{head}".join(batch.messages).replace("\r", "\n    "))
        if texts:  # in one piece: the printer's thread wants the interpreter's lock for each
            self._print("\n".join(texts), sys.stdout)

    def _print(self, text: str, file: TextIO) -> None:
        self._printer.put(text, file)


class Printer:
    """Writes in a thread of its own, so that a terminal that is held (Ctrl-S) or a full pipe never holds the engine.

    Past Python's buffers: their locks, held by a thread that waits for a reader, would keep the process from ending.
    """

    def __init__(self, max_waiting: int = _MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._queue: deque[tuple[int, bytes]] = deque()
        self._waiting = 0  # bytes queued or being written
        self._dropped = 0
        self._silent = False
        self._thread: threading.Thread | None = None

    def put(self, text: str, file: TextIO) -> None:
        """Queue a line, or some; where too much waits they are dropped and counted. Never blocks, never raises."""
        encoding = file.encoding or "utf-8"
        try:
            number = file.fileno()
        except (OSError, ValueError):
            return  # closed, or no file at all
        if os.isatty(number):
            text = harmless(text)
        data = (text + "\n").encode(encoding, "replace")
        with self._changed:
            if self._silent:
                return
            if self._waiting and self._waiting + len(data) > self._max_waiting:
                self._dropped += text.count("\n") + 1
                return
            if self._dropped:
                note = f"… {self._dropped} lines were not printed: nobody read them in time\n"
                self._dropped = 0
                self._append(number, note.encode(encoding, "replace"))
            self._append(number, data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="console", daemon=True)
                self._thread.start()

    def settle(self, seconds: float) -> bool:
        """Wait until everything is printed, but not longer than that; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting or self._silent, seconds)

    def _append(self, number: int, data: bytes) -> None:
        self._queue.append((number, data))
        self._waiting += len(data)
        self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                number, data = self._queue.popleft()
                pieces = [data]
                while self._queue and self._queue[0][0] == number:
                    pieces.append(self._queue.popleft()[1])
            data = b"".join(pieces)
            whole = _write(number, data)
            with self._changed:
                self._waiting -= len(data)
                self._silent = not whole
                self._changed.notify_all()
            if not whole:
                return


def _write(number: int, data: bytes) -> bool:
    """Write all of it, however long that takes; False where there is no reader any more."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(number, rest) :]
        except BlockingIOError:
            select.select([], [number], [])
        except OSError:
            return False
    return True

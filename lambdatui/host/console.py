"""What `run --headless` prints: one ready line and the log on stdout, what happened on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, TextIO

from lambdatui import schema

if TYPE_CHECKING:
    from lambdatui.telemetry.telemetry import Telemetry

_EVERY = 0.1
_AT_ONCE = 5000


class Console:
    """Follows telemetry. A reader that has gone (a closed pipe) silences it and nothing else."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._task: asyncio.Task[None] | None = None
        self._log_id = telemetry.logs.newest_id
        self._happening_id = 0
        self._silent = False

    def start(self, info: schema.EngineInfo) -> None:
        self._print(f"lambdatui ready: Lambda API {info.url}  HTTP triggers {info.http_url}", sys.stdout)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._news()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self._news()

    def _news(self) -> None:
        for happening in self._telemetry.happenings_after(self._happening_id):
            self._happening_id = happening.id
            who = f"{happening.function}: " if happening.function else ""
            self._print(f"{happening.time[11:23]} {who}{happening.message}", sys.stderr)
        lines, dropped = self._telemetry.logs.after(self._log_id, (), _AT_ONCE)
        if dropped:
            self._print(
                f"… {dropped} log lines came faster than they could be printed: `lambdatui logs` has them", sys.stderr
            )
        for line in lines:
            self._log_id = line.id
            message = line.message.replace("\r", "\n    ")
            self._print(f"{line.time[11:23]} {line.function} {message}", sys.stdout, flush=False)
        if lines and not self._silent:
            with contextlib.suppress(OSError):
                sys.stdout.flush()

    def _print(self, text: str, file: TextIO, *, flush: bool = True) -> None:
        if self._silent:
            return
        try:
            print(text, file=file, flush=flush)
        except (BrokenPipeError, OSError):
            self._silent = True

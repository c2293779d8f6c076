"""Runs before an engine of `benchmarks.idle`: its event loop notes what wakes it, and writes that down on SIGUSR1."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio import events
from collections import Counter
from typing import Any


def task_behind(future: asyncio.Future[Any]) -> str:
    """The coroutine that waits for it, or that it is."""
    for task in asyncio.all_tasks(future.get_loop()):
        if task is future or task._fut_waiter is future:  # type: ignore[attr-defined]
            return str(task.get_coro().__qualname__)  # type: ignore[union-attr]
    return "a future"


def named(handle: events.Handle) -> str:
    """What a timer is for."""
    callback = handle._callback  # type: ignore[attr-defined]
    owner = getattr(callback, "__self__", None)
    name = str(getattr(callback, "__qualname__", callback))
    if isinstance(owner, asyncio.Future):
        return task_behind(owner)
    if name == "_set_result_unless_cancelled":  # a sleep
        return task_behind(handle._args[0])  # type: ignore[attr-defined]
    if name.startswith("Timeout."):
        return task_behind(owner._task)  # type: ignore[union-attr]
    return name


class Noting(asyncio.SelectorEventLoop):
    """Counts waits that ended, by the timer that was due or by the descriptor that had news."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: dict[str, Counter[str]] = {"timers": Counter(), "events": Counter()}

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        waits = not ready
        due = named(scheduled[0]) if waits and scheduled and not scheduled[0].cancelled() else "nothing"
        before = self.noted["events"].total()
        super()._run_once()  # type: ignore[misc]
        if waits and self.noted["events"].total() == before:
            self.noted["timers"][due] += 1

    def _process_events(self, event_list: list[Any]) -> None:
        for key, _ in event_list:
            reader = key.data[0]
            self.noted["events"][str(getattr(reader and reader._callback, "__qualname__", "a writer"))] += 1
        super()._process_events(event_list)  # type: ignore[misc]


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes that loop, and lets a signal ask it."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = Noting()

        def write(*_: object) -> None:
            new = os.environ["IDLE_PROBE"] + ".new"
            with open(new, "w") as file:  # noqa: PTH123
                json.dump(loop.noted, file)
            os.rename(new, os.environ["IDLE_PROBE"])  # noqa: PTH104

        signal.signal(signal.SIGUSR1, write)
        return loop


if "lambdatui.host" in sys.orig_argv:
    asyncio.set_event_loop_policy(Policy())

"""What an environment takes of the machine, memory and processes, and whether that is more than it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdatui.spawner import tree
from lambdatui.spawner.protocol import MAX_PROCESSES

if TYPE_CHECKING:
    from lambdatui.clock import Clock

MEMORY, PROCESSES = "memory", "processes"
# More processes than this run behind everybody else: a thousand that spin at `nice` 10 leave the engine 2 % of a core.
_CROWD = 32
_SHORT_LOOK = 0.002  # seconds; what takes longer is done beside the loop from then on
_MB = 1_048_576


class Footprint:
    """Of one environment's process and all below it. A look costs about 40 µs a process and 10 µs a thread."""

    def __init__(self, pid: int, clock: Clock) -> None:
        self._pid = pid
        self._clock = clock
        self._root = tree.ResidentSize(pid)
        self._last = tree.Size(0, 0, ())
        self._behind: set[int] = set()  # processes that have been put behind
        self._cost = 0.0  # of the last look, seconds
        self._beside: asyncio.Future[tree.Size] | None = None

    def look(self, most_mb: int, exceeded: Callable[[str], None]) -> None:
        """Call `exceeded` with MEMORY or PROCESSES where there is too much: now, or soon where a look takes long."""
        if self._beside is not None:
            return
        if self._cost < _SHORT_LOOK:
            self._look()
            self._judge(most_mb, exceeded)
            return
        began = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        self._beside = loop.run_in_executor(None, tree.size_of, self._pid, MAX_PROCESSES)

        def looked(size: asyncio.Future[tree.Size]) -> None:
            self._beside = None
            self._cost = self._clock.monotonic() - began
            if not size.cancelled() and size.exception() is None:
                self._last = size.result()
                self._judge(most_mb, exceeded)

        self._beside.add_done_callback(looked)

    def _look(self) -> None:
        began = self._clock.monotonic()
        self._last = self._root.with_tree(MAX_PROCESSES)
        self._cost = self._clock.monotonic() - began

    def _judge(self, most_mb: int, exceeded: Callable[[str], None]) -> None:
        if len(self._last.below) > _CROWD:
            tree.put_behind(set(self._last.below) - self._behind)
            self._behind = set(self._last.below)
        if self._last.resident > most_mb * _MB:
            exceeded(MEMORY)
        elif self._last.tasks > MAX_PROCESSES:
            exceeded(PROCESSES)

    def resident_mb(self) -> float:
        """Now, or at the last look where a look takes long."""
        if self._cost < _SHORT_LOOK:
            self._look()
        return self._last.resident / _MB

    def close(self) -> None:
        self._root.close()

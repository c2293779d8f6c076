"""How much memory the bodies of all requests that are being answered, and all answers that wait to be read, may take.

One may have 6 MB and a port 4,096 connections: without a cap a few clients could have the system end the engine.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

UNCOUNTED = 16 * 1024  # bytes of a body that costs no more than its connection
MOST = 512 * 1024 * 1024  # bytes of each of the two; an eighth of a machine with less than 4 GB


class NoRoomError(Exception):
    """Others' bodies take all there is. The message is for the caller."""


class Bodies:
    """Bytes of bodies in memory; each is counted until the task that answers its request has ended."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        self._by: dict[asyncio.Task[Any], int] = {}

    def hold(self, size: int) -> None:
        """Count `size` bytes more for the present task; NoRoomError where they are too many."""
        if self.held + size > self.most:
            raise NoRoomError(
                f"The bodies of the requests that are being answered take {self.held >> 20} MB, and "
                f"{self.most >> 20} MB at most are held: try again when some have ended."
            )
        task = asyncio.current_task()
        assert task is not None
        if task not in self._by:
            task.add_done_callback(self._release)
        self._by[task] = self._by.get(task, 0) + size
        self.held += size

    def _release(self, task: asyncio.Task[Any]) -> None:
        self.held -= self._by.pop(task)


def cap() -> int:
    """MOST, less on a small machine."""
    return min(MOST, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)


class Unread:
    """Bytes of answers that wait in the engine for clients that do not keep up.

    An answer is made by the time it is counted, so that none is refused: who has kept the engine waiting longest is
    cut off.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        self._of: dict[asyncio.WriteTransport, int] = {}  # the one that has waited longest first

    def waits(self, transport: asyncio.WriteTransport) -> None:
        """More was written to it than goes out at present."""
        self._of[transport] = size = transport.get_write_buffer_size()
        self.held += size
        while self.held > self.most and len(self._of) > 1:
            slowest = next(iter(self._of))
            self.over(slowest)
            slowest.abort()

    def over(self, transport: asyncio.WriteTransport) -> None:
        """What was written to it has been read, or never will be."""
        self.held -= self._of.pop(transport, 0)


BODIES = Bodies(cap())  # of this process
UNREAD = Unread(cap())

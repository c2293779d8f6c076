"""How much memory the bodies of all requests that are being answered may take together.

One may have 6 MB and a port 4,096 connections: without a cap a few clients could have the system end the engine.
"""

from __future__ import annotations

import asyncio
import os

UNCOUNTED = 16 * 1024  # bytes of a body that costs no more than its connection
MOST = 512 * 1024 * 1024  # bytes; an eighth of a machine with less than 4 GB


class NoRoomError(Exception):
    """Others' bodies take all there is. The message is for the caller."""


class Bodies:
    """Bytes of bodies in memory; each is counted until the task that answers its request has ended."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def hold(self, size: int) -> None:
        """Count `size` bytes more for the present task; NoRoomError where they are too many."""
        if self.held + size > self.most:
            raise NoRoomError(
                f"The bodies of the requests that are being answered take {self.held >> 20} MB, and "
                f"{self.most >> 20} MB at most are held: try again when some have ended."
            )
        task = asyncio.current_task()
        assert task is not None
        self.held += size
        task.add_done_callback(lambda _: self._release(size))

    def _release(self, size: int) -> None:
        self.held -= size


def cap() -> int:
    """MOST, less on a small machine."""
    return min(MOST, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)


BODIES = Bodies(cap())  # of this process

"""Root's special powers, which no function has on Lambda: environments give them up. Linux only.

A process that has made its user namespace, and does not execute a program then, as a fork of a zygote, has all of them
in there: it could take away what hides files from it. Root's could take away, besides, what keeps it from other
processes. https://man7.org/linux/man-pages/man7/capabilities.7.html
"""

from __future__ import annotations

import ctypes
import os
import struct

from . import tree

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    from typing import Any

# What root keeps, for files and users are as they are outside: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID,
# SETUID, NET_BIND_SERVICE.
_KEPT = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7, 10))
_VERSION = 0x20080522
_HEADER = struct.Struct("=Ii")
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable: the lower halves, then the upper ones
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_LAST = 63


def drop() -> None:
    """Give up all but what root keeps, for this process and all that it starts. Nothing where there is nothing."""
    if not tree.LINUX:
        return
    libc: Any = tree.libc
    root = os.geteuid() == 0
    if root:  # otherwise executing a program would bring them back
        for number in range(_LAST + 1):
            if not _KEPT >> number & 1 and libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) == 1:
                libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    header = _HEADER.pack(_VERSION, 0)
    sets = ctypes.create_string_buffer(_SETS.size)
    if libc.capget(header, sets) != 0:
        return
    low = (_KEPT if root else 0) & 0xFFFFFFFF
    effective, permitted, inheritable, *_ = _SETS.unpack(sets.raw)
    libc.capset(header, _SETS.pack(effective & low, permitted & low, inheritable & low, 0, 0, 0))

"""Keeps a process from what is not below it: no signal or trace of its own reaches further. Linux from 6.12 on.

Landlock does it without privileges: who signals or traces a process that it has not started itself, or whose parents
have not, gets EPERM. Without it an environment can stop or kill whatever is its user's, the spawner and the engine too.
https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import struct

from . import tree

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    from typing import Any

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # numbers of the system calls, on all architectures
_VERSION = 1
_FIRST_WITH_SCOPES = 6
_RULESET = struct.Struct("=QQQ")  # accesses to files and to the network that are handled; scopes
_SCOPE_SIGNAL = 2
_PR_SET_NO_NEW_PRIVS = 38


def possible() -> bool:
    """Whether this kernel can."""
    return tree.LINUX and _call(_CREATE_RULESET, None, 0, _VERSION) >= _FIRST_WITH_SCOPES


def stay_apart() -> bool:
    """From now on, for this process and all that it starts; False where this system cannot."""
    if not possible():
        return False
    attributes = _RULESET.pack(0, 0, _SCOPE_SIGNAL)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        libc: Any = tree.libc
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return _call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _call(number: int, first: bytes | int | None, *rest: int) -> int:
    libc: Any = tree.libc
    return int(libc.syscall(ctypes.c_long(number), first, *map(ctypes.c_size_t, rest)))

"""Whether environments can be forked from a process after it has imported libraries: what they must not have left.

Linux only, and for a zygote only. What a fork keeps as it is (atexit functions, sys.excepthook, settings of gc) may be
left: a fresh environment would have it too.
"""

from __future__ import annotations

import os
import sys
from _signal import (  # type: ignore[import-not-found]  # `signal` would bring modules that the libraries do not
    ITIMER_PROF,
    ITIMER_REAL,
    ITIMER_VIRTUAL,
    NSIG,
    getitimer,
    getsignal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SIGNALS = ("SigBlk", "SigIgn", "SigCgt")
_OWN_OF_THREADS = 1 << 31 | 1 << 32  # 32 and 33, which the C library handles from the first thread on


class State:
    """What libraries must leave as it is."""

    def __init__(self) -> None:
        status = _status()
        self._descriptors = _descriptors()
        self._parts: dict[str, Any] = {
            "changes how signals are handled": (
                [int(status[name], 16) & ~_OWN_OF_THREADS for name in _SIGNALS],
                [getsignal(number) for number in range(1, NSIG)],
            ),
            "changes the working directory": os.getcwd(),
            "changes the umask": status.get("Umask"),
            "changes sys.path": list(sys.path),
            "changes sys.path_hooks": list(sys.path_hooks),
            "changes sys.stdin, sys.stdout or sys.stderr": [sys.stdin, sys.stdout, sys.stderr],
            "starts a timer": [getitimer(which)[0] for which in (ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF)],
        }

    def change(self) -> str | None:
        """What is otherwise now, as words that follow "it"; None where nothing is."""
        now = State()
        for words, was in self._parts.items():
            if now._parts[words] != was:
                return words
        for fd in sorted(now._descriptors):
            if self._descriptors.get(fd) != now._descriptors[fd]:
                return "holds " + _description(now._descriptors[fd])
        return None


def threads() -> int:
    """How many threads run, of Python and of C libraries.

    Asked after a fork that ends at once: OpenBLAS and its like end theirs before a fork and start them when needed.
    """
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return len(os.listdir("/proc/self/task"))


def shared_memory() -> str | None:
    """The first memory that a fork would write to together with its parent; None where there is none."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split(None, 5)
            if fields[1].startswith("rw") and fields[1].endswith("s"):
                return fields[5].strip() if len(fields) > 5 else "anonymous memory"
    return None


def _status() -> dict[str, str]:
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        lines = [line.partition(":") for line in file]
    return {name: text.strip() for name, _, text in lines}


def _descriptors() -> dict[int, str]:
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        path = "/proc/self/fd/" + name
        if os.path.lexists(path):  # the listing's own is gone
            found[int(name)] = os.readlink(path)
    return found


def _description(link: str) -> str:
    """`link`: what /proc says of a descriptor, as "socket:[123]" or a file's path."""
    kind = link.partition(":")[0]
    if kind == "anon_inode":
        return "an open " + link[len("anon_inode:") :].strip("[]")
    return "a " + kind if kind in ("socket", "pipe") else link + " open"

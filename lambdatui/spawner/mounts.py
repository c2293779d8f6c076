"""Mounts in a namespace of this process's own: thin calls of the C library. Linux only; every failure is an OSError."""

from __future__ import annotations

import ctypes
import os

from . import tree

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    from typing import Any

NEWNS, NEWUSER = 0x00020000, 0x10000000
_READ_ONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000
_PATH = getattr(os, "O_PATH", 0)


def call(name: str, *arguments: Any) -> None:
    """A function of the C library that gives 0, or -1 and errno."""
    libc: Any = tree.libc
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (name, os.strerror(number)))


def hold(path: str) -> int:
    """A descriptor of what is at `path` now, to be bound somewhere whatever is mounted above it meanwhile."""
    return os.open(path, _PATH | os.O_CLOEXEC)


def separate() -> None:
    """What is mounted here from now on is seen by nobody outside of this namespace, and the other way round."""
    _mount(None, "/", None, _REC | _PRIVATE)


def memory(path: str, options: str, name: str = "tmp") -> None:
    """A file system in memory at `path`, which exists; the list of mounts calls it `name`."""
    _mount(name, path, "tmpfs", _NOSUID | _NODEV, options)


def close_memory(path: str) -> None:
    """Let nothing more be written to the file system in memory at `path`."""
    _mount(None, path, None, _REMOUNT | _READ_ONLY | _NOSUID | _NODEV)


def bind(fd: int, path: str) -> None:
    """Let what `fd` holds, and all that is mounted below it, be at `path`, too; closes `fd`."""
    source = "/proc/self/fd/%d" % fd
    try:
        if not os.path.exists(path):
            if os.path.isdir(source):
                os.makedirs(path)
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        _mount(source, path, None, _BIND | _REC)
    finally:
        os.close(fd)


def make_read_only(path: str) -> None:
    """The mount at `path` alone; others below it stay as they are."""
    # What was forbidden before has to stay so: a user namespace may not lift it.
    kept = os.statvfs(path).f_flag & (_NOSUID | _NODEV | _NOEXEC)
    _mount(None, path, None, _REMOUNT | _BIND | _READ_ONLY | kept)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])

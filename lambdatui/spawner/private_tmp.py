"""A /tmp of an environment's own: a file system in memory, of limited size, in a mount namespace. Linux only.

Root needs no more than that namespace; everyone else also gets a user namespace, in which they keep their own user id.
Where the system allows neither, `possible` says so and TMPDIR has to do.
https://man7.org/linux/man-pages/man7/mount_namespaces.7.html · user_namespaces.7.html
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, NoReturn, Sequence

from . import tree

_TMP = "/tmp"
_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_NOSUID, _NODEV, _BIND, _REC, _PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
_PATH = getattr(os, "O_PATH", 0)


class Namespaces:
    """Holds an environment's namespaces open, so that its /tmp outlives the process that it was made for."""

    def __init__(self, pid: int) -> None:
        """Raises OSError where the process has ended already."""
        names = ("mnt",) if os.geteuid() == 0 else ("user", "mnt")  # the order in which they are entered
        self._fds: list[int] = []
        try:
            for name in names:
                self._fds.append(os.open("/proc/%d/ns/%s" % (pid, name), os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self.close()
            raise

    @classmethod
    def held(cls, fds: Sequence[int]) -> Namespaces:
        """The same ones by descriptors that came from another process, which are this object's from now on."""
        self = cls.__new__(cls)
        self._fds = list(fds)
        return self

    @property
    def fds(self) -> list[int]:
        return list(self._fds)

    def enter(self) -> None:
        """Make this process, which has one thread, see that /tmp."""
        for fd in self._fds:
            _call("setns", fd, 0)

    def close(self) -> None:
        """Let go: /tmp is gone with the last process in it."""
        fds, self._fds = self._fds, []
        for fd in fds:
            os.close(fd)


def possible() -> bool:
    """Whether this system allows it: tried in a process of its own, which takes 2 ms.

    Not where /tmp is a link: what is mounted there would hide the folder that it leads to.
    """
    if not tree.LINUX or os.path.islink(_TMP):
        return False
    pid = os.fork()
    if pid == 0:
        _try()
    return os.waitpid(pid, 0)[1] == 0


def make(megabytes: int, keep: Sequence[str]) -> None:
    """Give this process, which has one thread, a new /tmp of that size.

    `keep`: files and folders below /tmp that stay where they are (the project may lie there). Raises OSError.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _call("unshare", _NEWNS)
    else:
        _call("unshare", _NEWUSER | _NEWNS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
        _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))
    kept = [(os.open(path, _PATH | os.O_CLOEXEC), path) for path in keep if os.path.exists(path)]
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmp", _TMP, "tmpfs", _NOSUID | _NODEV, "size=%dm,mode=1777" % megabytes)
    for fd, path in kept:
        _put_back(fd, path)


def used_bytes(pid: int) -> int | None:
    """What is in the /tmp of a process; None where that cannot be told."""
    try:
        found = os.statvfs("/proc/%d/root%s" % (pid, _TMP))
    except OSError:
        return None
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _put_back(fd: int, path: str) -> None:
    source = "/proc/self/fd/%d" % fd
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    _mount(source, path, None, _BIND | _REC)
    os.close(fd)


def _try() -> NoReturn:
    status = 1
    try:
        make(1, ())
        status = 0
    except OSError:
        pass
    finally:
        os._exit(status)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def _call(name: str, *arguments: Any) -> None:
    """A function of the C library that gives 0, or -1 and errno."""
    libc: Any = tree.libc
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (name, os.strerror(number)))


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)

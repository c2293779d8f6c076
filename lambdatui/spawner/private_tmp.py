"""A /tmp of an environment's own: a file system in memory, of limited size, in a mount namespace. Linux only.

There, too, is what `view` shows of other files.

Root needs no more than that namespace; everyone else also gets a user namespace, in which they keep their own user id.
Where the system allows neither, `possible` says so and TMPDIR has to do.
https://man7.org/linux/man-pages/man7/mount_namespaces.7.html · user_namespaces.7.html
"""

from __future__ import annotations

import os
import resource

from . import mounts, tree
from .view import READ_ONLY, View

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    from typing import NoReturn, Sequence

_TMP = "/tmp"
_ALL, _NOTHING, _NO_LIMIT = 0, 1, 2  # what a probe ends with


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
            mounts.call("setns", fd, 0)

    def close(self) -> None:
        """Let go: /tmp is gone with the last process in it."""
        fds, self._fds = self._fds, []
        for fd in fds:
            os.close(fd)


class Found:
    """What this system allows."""

    def __init__(self, possible: bool, process_limit: bool, reason: str = "") -> None:
        self.possible = possible  # a /tmp of an environment's own, and a view of other files
        self.process_limit = process_limit  # there the kernel also counts processes for each environment by itself
        self.reason = reason  # why it is not possible


def probe() -> Found:
    """Try what this system allows, in processes of its own, which takes 3 ms.

    Nothing where /tmp is a link: what is mounted there would hide the folder that it leads to.
    """
    if not tree.LINUX:
        return Found(False, False, "this is not Linux")
    if os.path.islink(_TMP):
        return Found(False, False, "/tmp is a link")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _try(writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
    status = os.WEXITSTATUS(os.waitpid(pid, 0)[1])
    return Found(status in (_ALL, _NO_LIMIT), status == _ALL, reason)


def possible() -> bool:
    """Whether this system allows an environment a /tmp of its own."""
    return probe().possible


def make(megabytes: int, keep: Sequence[str], view: Sequence[Sequence[str]] = (), engine: str | None = None) -> None:
    """Give this process, which has one thread, a new /tmp of that size, and the `view` of other files.

    `keep`: files and folders below /tmp that stay where they are (the project may lie there). `engine`: whose mark it
    carries for the sweep (`tree.carriers`). Raises OSError.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        mounts.call("unshare", mounts.NEWNS)
    else:
        mounts.call("unshare", mounts.NEWUSER | mounts.NEWNS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
        _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))
    kept = [(mounts.hold(path), path) for path in keep if os.path.exists(path)]
    viewed = View(view)
    mounts.separate()
    mounts.memory(_TMP, "size=%dm,mode=1777" % megabytes, tree.mount_name(engine) if engine else "tmp")
    for fd, path in kept:
        mounts.bind(fd, path)
    viewed.show()


def used_bytes(pid: int) -> int | None:
    """What is in the /tmp of a process; None where that cannot be told."""
    try:
        found = os.statvfs("/proc/%d/root%s" % (pid, _TMP))
    except OSError:
        return None
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _try(failures: int) -> NoReturn:
    status = _NOTHING
    try:
        make(1, (), [(READ_ONLY, os.path.dirname(os.path.abspath(__file__)))])
        status = _NO_LIMIT
        if _counted_apart():
            status = _ALL
    except OSError as error:
        os.write(failures, str(error).encode())
    finally:
        os._exit(status)


def _counted_apart() -> bool:
    """Whether RLIMIT_NPROC counts this namespace alone (Linux 5.14) and holds (never for root)."""
    resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))  # outside there are more: the engine, the spawner, this one
    reader, writer = os.pipe()
    first = _fork_to_wait(reader, writer)
    second = _fork_to_wait(reader, writer) if first else 0
    os.close(writer)
    for pid in filter(None, (first, second)):
        os.waitpid(pid, 0)
    return bool(first and not second)


def _fork_to_wait(reader: int, writer: int) -> int:
    """A child that ends when `writer` is closed everywhere; 0 where it may not be made."""
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    return pid


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)

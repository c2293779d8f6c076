"""Process trees: who descends from whom, and freezing, thawing, killing and measuring them. Engine and spawner use it.

Linux reads /proc. Elsewhere a tree is its process group: a daemon in a session of its own escapes, which the
documentation says.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    import signal
    from typing import Iterable, Iterator, Sequence
else:
    import _signal as signal

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LAST = 19  # of niceness
_PAGE = os.sysconf("SC_PAGE_SIZE")
libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def become_subreaper() -> bool:
    """Orphans below this process become its children instead of init's. False where the system cannot."""
    return libc is not None and libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def stop_being_subreaper() -> None:
    """Orphans below go past this process from now on."""
    if libc is not None:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """SIGKILL this process when the thread that forked it ends; call it in the child, `parent` is the forker's pid."""
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def run_on_after_parent() -> None:
    """Have this process, if somebody has stopped it, run on when the thread that started it ends."""
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGCONT), 0, 0, 0)


def children(pid: int) -> list[int]:
    """Direct children, zombies included; empty where the process is gone. Linux only."""
    return _children(pid, _threads(pid))


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir("/proc/%d/task" % pid)
    except OSError:
        return []


def _children(pid: int, threads: list[str]) -> list[int]:
    found: list[int] = []
    for task in threads:
        data = _read("/proc/%d/task/%s/children" % (pid, task))
        if data:
            found += map(int, data.split())
    if threads and not found and not _HAS_CHILDREN_FILES:
        return [each for each in _processes() if _parent(each) == pid]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, parents before their children. Linux only."""
    return _below(pid, sys.maxsize)[0]


def _below(pid: int, most: int) -> tuple[list[int], int]:
    """The descendants of `pid`, and how many threads they and `pid` have; no further than more than `most` of these."""
    found: list[int] = []
    tasks = 0
    level = [pid]
    while level:
        below: list[int] = []
        for each in level:
            threads = _threads(each)
            tasks += len(threads)
            if tasks > most:
                return found, tasks
            below += _children(each, threads)
        found += below
        level = below
    return found, tasks


def signal_process(pid: int, number: int) -> bool:
    """Send a signal; False where the process is gone."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_group(pid: int) -> None:
    """SIGKILL the process group that `pid` leads."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def kill_tree(pid: int) -> None:
    """SIGKILL `pid` and all below it; returns when all have been signalled, not when they are gone.

    Everything is stopped before anything is killed, again and again until no new process turns up: what is
    stopped cannot fork, so a fork bomb loses the race.
    """
    if not LINUX:
        kill_group(pid)
        signal_process(pid, signal.SIGKILL)
        return
    stopped = {pid}
    signal_process(pid, signal.SIGSTOP)
    while _stop_below(pid, stopped):
        pass
    # The root last: while it lives, whatever is orphaned by this comes back to it or to the spawner.
    for each in stopped - {pid}:
        signal_process(each, signal.SIGKILL)
    signal_process(pid, signal.SIGKILL)


def mount_name(value: str) -> str:
    """What an environment's own /tmp is called in the list of mounts, where a process without variables has it, too."""
    return "lambdatui-" + value


def carriers(name: str, value: str) -> list[int]:
    """This user's processes with the variable `name` of that value, or in a /tmp that was made for such a process.

    Without this process and those above it.
    """
    variable, mount = ("\0%s=%s\0" % (name, value)).encode(), (" - tmpfs %s " % mount_name(value)).encode()
    above = set(_ancestors(os.getpid()))
    has_mount = {_mounts_of(os.getpid()): False}  # by namespace: 150 µs each

    def carries(pid: int) -> bool:
        if variable in b"\0" + (_read("/proc/%d/environ" % pid) or b""):
            return True
        namespace = _mounts_of(pid)
        if namespace not in has_mount:
            has_mount[namespace] = mount in (_read("/proc/%d/mountinfo" % pid) or b"")
        return has_mount[namespace]

    return [pid for pid in _processes() if pid not in above and carries(pid)]


def _mounts_of(pid: int) -> str | None:
    """Which namespace of mounts a process is in; None where that is not told."""
    try:
        return os.readlink("/proc/%d/ns/mnt" % pid)
    except OSError:
        return None


def sweep(marker_name: str, value: str) -> int:
    """Kill what an earlier engine left, all of this user's processes with the marker; how many there were."""
    if not LINUX:
        return 0
    ended: set[int] = set()
    while True:
        left = [pid for pid in carriers(marker_name, value) if not _is_zombie(pid)]
        if not set(left) - ended:
            return len(ended)
        for pid in left:
            kill_tree(pid)
        ended.update(left)


def freeze(pid: int) -> bool:
    """Stop `pid` and all below it (SIGSTOP); False where the process is gone or this system does not freeze.

    Costs one signal and a look at an empty file where there is nothing below.
    """
    if not LINUX or not signal_process(pid, signal.SIGSTOP):
        return False
    stopped = {pid}
    while _stop_below(pid, stopped):
        pass
    return True


def _stop_below(pid: int, stopped: set[int]) -> bool:
    """Stop what is below `pid` as it is found, parents first; False where all of it was among `stopped` before."""
    new = False
    level = [pid]
    while level:
        below: list[int] = []
        for each in level:
            found = children(each)
            new |= _stop(found, stopped)
            below += found
        level = below
    return new


def _stop(pids: Iterable[int], stopped: set[int]) -> bool:
    new = [pid for pid in pids if pid not in stopped]
    for pid in new:
        signal_process(pid, signal.SIGSTOP)
    stopped.update(new)
    return bool(new)


def put_behind(pids: Iterable[int]) -> None:
    """Let everybody else run before these, their sessions and what they start from now on. Linux only.

    Not by SCHED_IDLE: what never runs does not even die of a SIGKILL.
    """
    for pid in pids:
        try:
            os.setpriority(os.PRIO_PROCESS, pid, _LAST)
        except OSError:
            pass
        # What counts between sessions where the kernel groups processes by these: man 7 sched, "The autogroup feature".
        # Without privileges it takes ten of them a second.
        try:
            with open("/proc/%d/autogroup" % pid, "w", encoding="ascii") as file:
                file.write(str(_LAST))
        except OSError:
            pass


def thaw(pid: int) -> None:
    """Let `pid` and all below it run again."""
    if not LINUX:
        return
    for each in descendants(pid):
        signal_process(each, signal.SIGCONT)
    signal_process(pid, signal.SIGCONT)


class Size:
    """Of a process and all below it. Shared pages count once for each."""

    __slots__ = ("below", "resident", "tasks")

    def __init__(self, resident: int, tasks: int, below: Sequence[int]) -> None:
        self.resident = resident  # bytes
        self.tasks = tasks  # threads of all of them
        self.below = below  # the others' ids


def size_of(pid: int, most: int) -> Size:
    """How large the tree is now; it is not looked through any further where it has more than `most` tasks."""
    below, tasks = _below(pid, most)
    return Size(sum(map(_resident, [pid, *below])), tasks, below)


def _resident(pid: int) -> int:
    return _resident_of(_read("/proc/%d/statm" % pid))


def _resident_of(statm: bytes | None) -> int:
    """Bytes, of what that file holds; 0 where it holds nothing."""
    return int(statm.split(None, 2)[1]) * _PAGE if statm else 0


class ResidentSize:
    """Resident memory of one process, read through a file that stays open (Linux). Close it with the environment."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = _open("/proc/%d/statm" % pid)

    def current(self) -> int:
        """Resident size now in bytes; 0 where the process is gone or the system does not tell."""
        if self._fd is None:
            return 0
        try:
            return _resident_of(os.pread(self._fd, 256, 0))
        except OSError:
            return 0

    def with_tree(self, most: int) -> Size:
        """As `size_of`, for less; the process alone where this system does not tell of trees."""
        below, tasks = _below(self.pid, most) if LINUX else ([], 1)
        return Size(self.current() + sum(map(_resident, below)), tasks, below)

    def close(self) -> None:
        """Close the kept-open file; the object reads 0 from now on."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _read(path: str) -> bytes | None:
    fd = _open(path)
    if fd is None:
        return None
    try:
        pieces: list[bytes] = []
        while True:
            piece = os.read(fd, 65536)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
    except OSError:
        return None
    finally:
        os.close(fd)


def _processes() -> Iterator[int]:
    """Ids of this user's processes."""
    user = os.geteuid()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat("/proc/" + name).st_uid == user:
                    yield int(name)
            except OSError:
                continue


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the command's name: state, parent, ..."""
    data = _read("/proc/%d/stat" % pid)
    return data[data.rindex(b")") + 2 :].split() if data else []


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _is_zombie(pid: int) -> bool:
    fields = _stat(pid)
    return not fields or fields[0] in (b"Z", b"X")


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        pid = _parent(pid)


_HAS_CHILDREN_FILES = os.path.exists("/proc/self/task/%d/children" % os.getpid()) if LINUX else False

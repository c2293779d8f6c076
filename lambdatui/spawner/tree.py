"""Process trees: who descends from whom, and freezing, thawing, killing and measuring them. Engine and spawner use it.

Linux reads /proc. Elsewhere a tree is its process group: a daemon in a session of its own escapes, which the
documentation says.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import Iterator

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
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
    found: list[int] = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for task in tasks:
        data = _read("/proc/%d/task/%s/children" % (pid, task))
        if data:
            found += map(int, data.split())
    if not found and not _HAS_CHILDREN_FILES:
        return [each for each in _processes() if _parent(each) == pid]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, parents before their children. Linux only."""
    found: list[int] = []
    level = [pid]
    while level:
        level = [below for each in level for below in children(each)]
        found += level
    return found


def signal_process(pid: int, number: int) -> bool:
    """Send a signal; False where the process is gone."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_group(pid: int) -> None:
    """SIGKILL the process group that `pid` leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_tree(pid: int, marker: str | None = None) -> None:
    """SIGKILL `pid` and all below it; returns when all have been signalled, not when they are gone.

    Everything is stopped before anything is killed, again and again until no new process turns up: what is
    stopped cannot fork, so a fork bomb loses the race. `marker` ("NAME=value") also finds processes that have
    left the tree but carry this variable.
    """
    if not LINUX:
        kill_group(pid)
        signal_process(pid, signal.SIGKILL)
        return
    stopped = {pid}
    signal_process(pid, signal.SIGSTOP)
    while True:
        new = set(descendants(pid)) - stopped
        if marker is not None:
            new |= {each for each in carriers(marker) if each not in stopped}
        if not new:
            break
        for each in new:
            signal_process(each, signal.SIGSTOP)
        stopped |= new
    # The root last: while it lives, whatever is orphaned by this comes back to it or to the spawner.
    for each in stopped - {pid}:
        signal_process(each, signal.SIGKILL)
    signal_process(pid, signal.SIGKILL)


def carriers(marker: str) -> list[int]:
    """This user's processes whose environment holds `marker` ("NAME=value"), but this process and those above it."""
    wanted = b"\0" + marker.encode() + b"\0"
    above = set(_ancestors(os.getpid()))
    found = []
    for pid in _processes():
        if pid not in above:
            data = _read("/proc/%d/environ" % pid)
            if data and wanted in b"\0" + data:
                found.append(pid)
    return found


def sweep(marker_name: str, value: str) -> int:
    """Kill what an earlier engine left, all of this user's processes with the marker; how many there were."""
    if not LINUX:
        return 0
    ended: set[int] = set()
    while True:
        left = [pid for pid in carriers(marker_name + "=" + value) if not _is_zombie(pid)]
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
    while True:
        new = set(descendants(pid)) - stopped
        if not new:
            return True
        for each in new:
            signal_process(each, signal.SIGSTOP)
        stopped |= new


def thaw(pid: int) -> None:
    """Let `pid` and all below it run again."""
    if not LINUX:
        return
    for each in descendants(pid):
        signal_process(each, signal.SIGCONT)
    signal_process(pid, signal.SIGCONT)


class ResidentSize:
    """Resident memory of one process, read through a file that stays open (Linux). Close it with the environment."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = _open("/proc/%d/status" % pid)
        self.tasks = 0  # processes and threads when the tree was looked at last
        self._above = True  # whether the peak may be above the present size: if not, it need not begin anew

    def current(self) -> int:
        """Resident size now in bytes; 0 where the process is gone or the system does not tell."""
        return self._read()[1]

    def current_tree(self) -> int:
        """The same for the process and all below it; shared pages count once for each. Sets `tasks`."""
        total, tasks = self.current(), _tasks(self.pid)
        for pid in descendants(self.pid):
            data = _read("/proc/%d/statm" % pid)
            if data:
                total += int(data.split()[1]) * _PAGE
            tasks += _tasks(pid)
        self.tasks = tasks
        return total

    def reset_peak(self) -> None:
        """Let the peak begin anew at the present size."""
        if not self._above:
            return
        try:
            fd = os.open("/proc/%d/clear_refs" % self.pid, os.O_WRONLY)
        except OSError:
            return
        try:
            os.write(fd, b"5")
        except OSError:
            pass
        finally:
            os.close(fd)

    def peak(self) -> int:
        """The largest resident size since the start or the last reset, in bytes; 0 where unknown."""
        peak, current = self._read()
        self._above = peak > current
        return peak

    def _read(self) -> tuple[int, int]:
        """Peak and present size in bytes: two lines, one below the other, of a file that costs 8 µs to read."""
        if self._fd is None:
            return 0, 0
        try:
            data = os.pread(self._fd, 4096, 0)
        except OSError:
            return 0, 0
        start = data.find(b"VmHWM:")
        if start < 0:
            return 0, 0
        fields = data[start : start + 80].split(None, 5)
        return int(fields[1]) * 1024, int(fields[4]) * 1024

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


def _tasks(pid: int) -> int:
    """How many threads a process has; 0 where it is gone or the system does not tell."""
    try:
        return max(0, os.stat("/proc/%d/task" % pid).st_nlink - 2)
    except OSError:
        return 0


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

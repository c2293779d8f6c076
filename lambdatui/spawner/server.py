"""The spawner's loop: starts environments and zygotes, reaps them, and leaves nothing behind when the engine goes.

Single-threaded on purpose: PR_SET_PDEATHSIG follows the thread that forked.
"""

from __future__ import annotations

import _socket as socket
import errno
import os
import select
import time

from . import child, private_tmp, protocol, tree
from .zygotes import Fork, Zygote

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    import signal
    from typing import Any, NoReturn
else:
    import _signal as signal

# How long an ended environment's left-over descendants may take to die before they are left to the next look.
_ORPHAN_WAIT_S = 1.0


class Spawner:
    """State of the spawner: environments and zygotes by process id."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._receiver = protocol.Receiver(control)
        self._ids: dict[int, str] = {}  # pid -> id of an environment or a zygote
        self._pids: dict[str, int] = {}
        self._kept: dict[str, private_tmp.Namespaces] = {}  # environment id -> where its /tmp is
        self._zygotes: dict[str, Zygote] = {}
        self._poll = select.poll()

    def serve(self, wake: int) -> None:
        """Until the engine closes its end. `wake`: readable when a child may have ended."""
        found = private_tmp.probe()
        self._say({"say": "hello", "id": "", "private_tmp": found.possible, "process_limit": found.process_limit})
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        while True:
            ready = [fd for fd, _ in self._poll.poll(self._patience_ms())]
            for zygote in list(self._zygotes.values()):
                if zygote.fileno() in ready:
                    self._hear(zygote)
            if wake in ready:
                _drain(wake)
                self._reap()
            if self._control.fileno() in ready:
                messages = self._receiver.receive()
                if messages is None:
                    return
                for message in messages:
                    self._handle(message)
            self._end_overdue()

    def end_everything(self) -> None:
        """Kill all that is below and reap until nothing is left."""
        while True:
            below = tree.children(os.getpid()) if tree.LINUX else list(self._ids)
            for pid in below:
                tree.kill_tree(pid)
            try:
                pid, _ = os.waitpid(-1, 0)
                self._ids.pop(pid, None)
            except ChildProcessError:
                return

    def _handle(self, message: protocol.Message) -> None:
        try:
            if message.body.get("do") == "spawn":
                self._spawn(message.body, message.fds)
            elif message.body.get("do") == "kill":
                self._kill(message.body["id"])
            elif message.body.get("do") == "forget":
                self._forget(message.body["id"])
            elif message.body.get("do") == "zygote":
                self._start_zygote(message.body)
        finally:
            for fd in message.fds:
                os.close(fd)

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> None:
        id = request["id"]
        try:
            if len(fds) < 2:  # the kernel drops what it has no number for
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))  # noqa: TRY301
            if request.get("zygote") is not None:
                self._fork(request, fds)
                return
            channel, log = fds
            pid = child.start(request, channel, log, self._kept.get(id))
        except (OSError, ValueError, KeyError, TypeError) as error:
            text, number = "%s: %s" % (type(error).__name__, error), getattr(error, "errno", None)
            self._say({"say": "failed", "id": id, "error": text, "errno": number})
            return
        self._know(id, pid)
        self._started(id, pid, bool(request.get("tmp")))

    def _know(self, id: str, pid: int) -> None:
        self._ids[pid] = id
        self._pids[id] = pid

    def _started(self, id: str, pid: int, own_tmp: bool) -> None:
        if own_tmp and id not in self._kept:
            try:
                self._kept[id] = private_tmp.Namespaces(pid)
            except OSError:
                pass  # it has ended already
        self._say({"say": "started", "id": id, "pid": pid})

    # --- zygotes

    def _start_zygote(self, request: dict[str, Any]) -> None:
        id = request["id"]
        if not tree.LINUX:
            self._say({"say": "unprepared", "id": id, "error": "this system has no subreaper"})
            return
        try:
            zygote = Zygote(request)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._say({"say": "unprepared", "id": id, "error": "%s: %s" % (type(error).__name__, error)})
            return
        self._zygotes[id] = zygote
        self._know(id, zygote.pid)
        self._poll.register(zygote, select.POLLIN)

    def _fork(self, request: dict[str, Any], fds: list[int]) -> None:
        id, kept = request["id"], self._kept.get(request["id"])
        zygote = self._zygotes.get(request["zygote"])
        if zygote is None or not zygote.prepared:
            self._say({"say": "failed", "id": id, "error": "its zygote has gone"})
            return
        try:
            zygote.fork(request, [*fds, *(kept.fds if kept else ())])
        except (OSError, ValueError) as error:
            zygote.forks.pop(id, None)
            self._say({"say": "failed", "id": id, "error": "its zygote has gone, or cannot make it: %s" % error})

    def _hear(self, zygote: Zygote) -> None:
        """Take what a zygote and its forks have said."""
        for body in zygote.messages():
            fork = zygote.forks.get(body.get("id", ""))
            if body["say"] == "prepared":
                zygote.prepared = True
                self._say({**body, "id": zygote.id, "pid": zygote.pid})
            elif body["say"] == "unprepared":
                self._unprepared(zygote, body["error"])
            elif body["say"] == "waits":
                zygote.waiting.add(body["pid"])
            elif body["say"] in ("started", "failed"):
                zygote.waiting.discard(body["pid"])
                if fork is not None:
                    self._forked(zygote, fork, body)

    def _forked(self, zygote: Zygote, fork: Fork, body: dict[str, Any]) -> None:
        """What came of an environment that was asked for."""
        del zygote.forks[fork.id]
        if body["say"] == "failed":
            self._say({"say": "failed", "id": fork.id, "error": body["error"]})
            return
        self._know(fork.id, body["pid"])
        self._started(fork.id, body["pid"], fork.private_tmp)
        if fork.killed:
            tree.kill_tree(body["pid"])

    def _unprepared(self, zygote: Zygote, error: str) -> None:
        zygote.given_up = True
        self._say({"say": "unprepared", "id": zygote.id, "error": error})
        tree.kill_tree(zygote.pid)

    def _zygote_ended(self, zygote: Zygote, how: dict[str, Any]) -> None:
        self._hear(zygote)
        self._poll.unregister(zygote)
        zygote.close()
        del self._zygotes[zygote.id]
        for pid in zygote.waiting:
            tree.kill_tree(pid)
        for id in zygote.forks:
            self._say({"say": "failed", "id": id, "error": "its zygote has ended"})
        if zygote.prepared:
            self._say(how)
        elif not zygote.given_up:
            by = "signal %d" % how["signal"] if how["signal"] else "status %d" % how["status"]
            self._say({"say": "unprepared", "id": zygote.id, "error": "ends with " + by})

    def _end_overdue(self) -> None:
        """Kill zygotes that owe an answer for too long; their end says the rest."""
        now = time.monotonic()
        for zygote in self._zygotes.values():
            if zygote.overdue is not None and zygote.overdue < now:
                tree.kill_tree(zygote.pid)

    def _patience_ms(self) -> float | None:
        """Until the first zygote has to have answered; None: none owes anything."""
        times = [zygote.overdue for zygote in self._zygotes.values() if zygote.overdue is not None]
        return max(0.0, min(times) - time.monotonic()) * 1000 + 1 if times else None

    # --- ends

    def _kill(self, id: str) -> None:
        for zygote in self._zygotes.values():
            if id in zygote.forks:
                zygote.forks[id].killed = True
        pid = self._pids.get(id)
        if pid is not None:
            tree.kill_tree(pid)

    def _forget(self, id: str) -> None:
        kept = self._kept.pop(id, None)
        if kept is not None:
            kept.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._fork_ended(pid)
            id = self._ids.pop(pid, None)
            if id is None:
                continue
            if self._pids.get(id) == pid:  # else the next one of its sandbox was started meanwhile
                del self._pids[id]
            self._ended(id, pid, status, usage.ru_maxrss if tree.LINUX else usage.ru_maxrss // 1024)

    def _ended(self, id: str, pid: int, status: int, max_rss_kb: int) -> None:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        sig = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        how = {"say": "exited", "id": id, "pid": pid, "status": code, "signal": sig, "max_rss_kb": max_rss_kb}
        zygote = self._zygotes.get(id)
        if zygote is not None:
            self._zygote_ended(zygote, how)
            self._end_orphans(pid)
            return
        self._end_orphans(pid)
        self._say(how)

    def _fork_ended(self, pid: int) -> None:
        """Where it was no environment yet, a request may have ended with it, and nobody can tell which."""
        for zygote in self._zygotes.values():
            self._hear(zygote)  # of those that came and went meanwhile
            if pid in zygote.waiting:
                zygote.waiting.discard(pid)
                tree.kill_tree(zygote.pid)

    def _end_orphans(self, ended: int) -> None:
        """Descendants outlive an environment only by coming to us: whatever child we did not start is one."""
        if not tree.LINUX:
            tree.kill_group(ended)
            return
        deadline = time.monotonic() + _ORPHAN_WAIT_S
        while True:
            below = tree.children(os.getpid())
            known = set(self._ids)
            for zygote in self._zygotes.values():
                self._hear(zygote)  # of forks that have come to us: it is told before they come
                known |= zygote.waiting
            orphans = [pid for pid in below if pid not in known and pid not in self._ids]
            for pid in orphans:
                if not _reaped(pid):
                    tree.kill_tree(pid)
            if not orphans or time.monotonic() > deadline:
                return
            time.sleep(0.0005)

    def _say(self, body: dict[str, Any]) -> None:
        try:
            protocol.send(self._control, body)
        except OSError:
            pass  # the engine has gone: the loop sees the end of the stream next


def _reaped(pid: int) -> bool:
    """Whether a child that is no environment has ended; where it has, its zombie is gone now."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _drain(fd: int) -> None:
    try:
        os.read(fd, 4096)
    except BlockingIOError:
        pass


def _ignore_signals() -> None:
    """An environment may signal its parent, a terminal its group: only the engine's end of the socket counts."""
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass  # some are the C library's own


def main(fd: int) -> NoReturn:
    """Serve the control socket `fd` until it ends, then leave nothing behind."""
    control = socket.socket(fileno=child.reserve_low_descriptors(fd))
    _ignore_signals()
    tree.become_subreaper()
    tree.run_on_after_parent()  # an environment may have stopped us, and what is stopped hears of no end
    wake, wake_writer = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    spawner = Spawner(control)
    try:
        spawner.serve(wake)
    finally:
        spawner.end_everything()
    os._exit(0)

"""The spawner's loop: starts environments, reaps them, and leaves nothing behind when the engine goes.

Single-threaded on purpose: PR_SET_PDEATHSIG follows the thread that forked.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from typing import Any, NoReturn

from . import child, private_tmp, protocol, tree

# How long an ended environment's left-over descendants may take to die before they are left to the next look.
_ORPHAN_WAIT_S = 1.0


class Spawner:
    """State of the spawner: environments by process id."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._receiver = protocol.Receiver(control)
        self._ids: dict[int, str] = {}  # pid -> environment id
        self._pids: dict[str, int] = {}
        self._kept: dict[str, private_tmp.Namespaces] = {}  # environment id -> where its /tmp is

    def serve(self, wake: int) -> None:
        """Until the engine closes its end. `wake`: readable when a child may have ended."""
        self._say({"say": "hello", "id": "", "private_tmp": private_tmp.possible()})
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if wake in ready:
                _drain(wake)
                self._reap()
            if self._control.fileno() in ready:
                messages = self._receiver.receive()
                if messages is None:
                    return
                for message in messages:
                    self._handle(message)

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
        finally:
            for fd in message.fds:
                os.close(fd)

    def _spawn(self, request: dict[str, Any], fds: list[int]) -> None:
        id = request["id"]
        try:
            channel, log = fds
            pid = child.start(request, channel, log, self._kept.get(id))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._say({"say": "failed", "id": id, "error": "%s: %s" % (type(error).__name__, error)})
            return
        self._ids[pid] = id
        self._pids[id] = pid
        if request.get("tmp") and id not in self._kept:
            with contextlib.suppress(OSError):  # it has ended already
                self._kept[id] = private_tmp.Namespaces(pid)
        self._say({"say": "started", "id": id, "pid": pid})

    def _kill(self, id: str) -> None:
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
            id = self._ids.pop(pid, None)
            if id is None:
                continue
            self._pids.pop(id, None)
            self._end_orphans(pid)
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
            sig = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            kilobytes = usage.ru_maxrss if tree.LINUX else usage.ru_maxrss // 1024
            ended = {"say": "exited", "id": id, "pid": pid, "status": code, "signal": sig, "max_rss_kb": kilobytes}
            self._say(ended)

    def _end_orphans(self, ended: int) -> None:
        """Descendants outlive an environment only by coming to us: whatever child we did not start is one."""
        if not tree.LINUX:
            tree.kill_group(ended)
            return
        deadline = time.monotonic() + _ORPHAN_WAIT_S
        while True:
            orphans = [pid for pid in tree.children(os.getpid()) if pid not in self._ids]
            for pid in orphans:
                if not _reaped(pid):
                    tree.kill_tree(pid)
            if not orphans or time.monotonic() > deadline:
                return
            time.sleep(0.0005)

    def _say(self, body: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the engine has gone: the loop sees the end of the stream next
            protocol.send(self._control, body)


def _reaped(pid: int) -> bool:
    """Whether a child that is no environment has ended; where it has, its zombie is gone now."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _drain(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(fd, 4096)


def _ignore_signals() -> None:
    """An environment may signal its parent, a terminal its group: only the engine's end of the socket counts."""
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            with contextlib.suppress(OSError, ValueError):  # some are the C library's own
                signal.signal(number, signal.SIG_IGN)


def main(fd: int) -> NoReturn:
    """Serve the control socket `fd` until it ends, then leave nothing behind."""
    control = socket.socket(fileno=child.reserve_low_descriptors(fd))
    _ignore_signals()
    tree.become_subreaper()
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

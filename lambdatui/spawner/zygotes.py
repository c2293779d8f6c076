"""Library zygotes as the spawner sees them: processes to fork environments from, and what they are asked for.

The spawner never waits for one: user code may have stopped or killed it. What goes on inside is `runtime.zygote`.
"""

from __future__ import annotations

import _socket as socket
import os
import select
import time

from .. import wire
from ..quickjson import encoder
from . import child, protocol

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    from typing import Any, Sequence

# Seconds. A fork takes milliseconds, the import of large libraries on a busy machine a minute at most.
FORK_PATIENCE_S = 2.0
BUILD_PATIENCE_S = 120.0
_SEND_PATIENCE_S = 2.0
_MAX_VARIABLES = 100_000  # characters: what an empty socket takes in one piece


class Fork:
    """An environment that has been asked for; `killed` where it is not wanted any more."""

    def __init__(self, id: str, private_tmp: bool) -> None:
        self.id = id
        self.private_tmp = private_tmp
        self.killed = False
        self.since = time.monotonic()


class Zygote:
    """One zygote: being prepared, or ready to be forked from."""

    def __init__(self, request: dict[str, Any]) -> None:
        """Start it; raises OSError, ValueError, KeyError or TypeError."""
        self.id: str = request["id"]
        self.prepared = False
        self.given_up = False  # said to be unprepared
        self.forks: dict[str, Fork] = {}
        self.waiting: set[int] = set()  # process ids of forks that are no environments yet
        self._heard = time.monotonic()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        # What the interpreter finds as its output while it starts is a pipe, as in an environment.
        reader, writer = os.pipe()
        try:
            self.pid = child.start(request, theirs.fileno(), writer)
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
            os.close(reader)
            os.close(writer)
        self._receiver = protocol.Receiver(self._socket)
        prepare = encoder(True)({**request["prepare"], "nice": request["nice"]}).encode()
        self._socket.settimeout(_SEND_PATIENCE_S)
        try:
            self._socket.sendall(wire.pack(wire.PREPARE, b"", prepare) + prepare)
        except OSError:
            pass  # it has ended, which is heard of
        self._socket.setblocking(False)
        self._unsent: list[tuple[dict[str, Any], list[int]]] = []
        self._writable = select.poll()
        self._writable.register(self._socket, select.POLLOUT)

    @property
    def overdue(self) -> float | None:
        """When it has to have said something; None where it owes nothing."""
        if not self.prepared:
            return self._heard + BUILD_PATIENCE_S
        if not self.forks:
            return None
        oldest = min(fork.since for fork in self.forks.values())
        return max(oldest, self._heard) + FORK_PATIENCE_S

    def fileno(self) -> int:
        return self._socket.fileno()

    def fork(self, request: dict[str, Any], fds: Sequence[int]) -> None:
        """Ask for a fork: `fds` are the request's and those of its namespaces. OSError where it has gone."""
        if sum(len(name) + len(value) for name, value in request["env"].items()) > _MAX_VARIABLES:
            raise ValueError("there are too many variables for a fork")
        self._unsent.append(({**request, "argv": None}, [os.dup(fd) for fd in fds]))
        self.forks[request["id"]] = Fork(request["id"], bool(request.get("tmp")))
        self._send()

    def _send(self) -> None:
        """What its socket takes, which may be stopped: the rest when it has said that it goes on."""
        while self._unsent and self._writable.poll(0):
            request, fds = self._unsent.pop(0)
            try:
                protocol.send(self._socket, request, fds)
            finally:
                _close(fds)

    def messages(self) -> list[dict[str, Any]]:
        """What it and its forks have said since."""
        found: list[dict[str, Any]] = []
        while True:
            messages = self._receiver.receive()
            if not messages:
                return found
            self._heard = time.monotonic()
            found += [message.body for message in messages]
            try:
                self._send()
            except OSError:
                pass  # it has ended, which is heard of

    def close(self) -> None:
        self._socket.close()
        for _, fds in self._unsent:
            _close(fds)


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)

"""Library zygotes as the spawner sees them: processes to fork environments from, and what they are asked for.

The spawner never waits for one: user code may have stopped or killed it. What goes on inside is `runtime.zygote`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from typing import Any, Sequence

from .. import wire
from . import child, protocol

# Seconds. A fork takes milliseconds, the import of large libraries on a busy machine a minute at most.
FORK_PATIENCE_S = 2.0
BUILD_PATIENCE_S = 120.0
_SEND_PATIENCE_S = 2.0


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
        prepare = json.dumps({**request["prepare"], "nice": request["nice"]}).encode()
        self._socket.settimeout(_SEND_PATIENCE_S)
        with contextlib.suppress(OSError):  # it has ended, which is heard of
            self._socket.sendall(wire.pack(wire.PREPARE, b"", prepare) + prepare)
        self._socket.setblocking(False)

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
        """Ask for a fork: `fds` are the request's and those of its namespaces. OSError where it takes no more."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        if not poll.poll(0):
            raise BlockingIOError("it has not read what it was sent")
        protocol.send(self._socket, {**request, "argv": None}, fds)
        self.forks[request["id"]] = Fork(request["id"], bool(request.get("tmp")))

    def messages(self) -> list[dict[str, Any]]:
        """What it and its forks have said since."""
        found: list[dict[str, Any]] = []
        while True:
            messages = self._receiver.receive()
            if not messages:
                return found
            self._heard = time.monotonic()
            found += [message.body for message in messages]

    def close(self) -> None:
        self._socket.close()

"""The engine's side of the spawner: asks for environments, hears of their ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from lambdatui.errors import OperationFailed
from lambdatui.spawner import launch, protocol, tree

_END_PATIENCE = 10.0
_REAP_PATIENCE = 2.0
_RESTART_PATIENCE = 10.0  # seconds to wait for a spawner that is being started again

_T = TypeVar("_T")


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: an exit status, or the number of the signal that ended it.

    `lost`: the spawner went and took it along; its own code had no part in that.
    """

    status: int | None = None
    signal: int | None = None
    peak_mb: int = 0  # largest resident size of its life, in whole MB, rounded up
    lost: bool = False


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A library zygote that can be forked from; see `spawner.protocol`."""

    pid: int
    rss_kb: int
    modules: dict[str, str | None]  # all that it holds, with their files
    missed: tuple[str, ...] = ()  # top-level names that were looked for in vain
    reads: tuple[str, ...] = ()  # variables that imports looked at, "*" for all


class SpawnerLost(OSError):
    """The spawner ended before it answered, or is not started again."""


class Unprepared(OSError):
    """A zygote that cannot be forked from; the message says why."""


class Spawner:
    """One spawner process. If it dies, `on_death` is called and every environment counts as killed."""

    def __init__(self, on_death: Callable[[], None]) -> None:
        self._on_death = on_death
        self._process: subprocess.Popen[bytes] | None = None
        self._exits: dict[str, Callable[[Exit], None]] = {}
        self._pids: dict[str, int] = {}  # of environments: the next process of a sandbox has the same id
        self._starting: dict[str, asyncio.Future[int]] = {}
        self._preparing: dict[str, asyncio.Future[Prepared]] = {}
        self._closing = False
        self._up = asyncio.Event()
        self._private_tmp: asyncio.Future[bool | None] | None = None  # the spawner's first word; None: it never came
        self.process_limit = False  # the kernel holds each environment with a /tmp of its own to `MAX_PROCESSES`
        self.deaths = 0  # how often a spawner has gone that was not told to

    async def start(self) -> None:
        """Start the process; environments that outlive it in a double kill come to this process and are swept."""
        tree.become_subreaper()
        self._process, self._sock = await asyncio.to_thread(launch.start)
        self._sock.setblocking(False)
        self._receiver = protocol.Receiver(self._sock)
        self._private_tmp = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._sock.fileno(), self._readable)
        self._up.set()

    @property
    def present(self) -> bool:
        """Whether it runs; False between its death and its successor's start."""
        return self._up.is_set()

    async def private_tmp(self) -> bool:
        """Whether this system lets environments have a /tmp of their own (see `spawner.private_tmp`)."""
        while True:
            while self._private_tmp is None:
                await self._presence()
            said = await asyncio.shield(self._private_tmp)
            if said is not None:
                return said

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def let_run(self) -> None:
        """A handler may have stopped it; nothing happens to one that runs."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                os.kill(self._process.pid, signal.SIGCONT)

    async def spawn(
        self,
        environment_id: str,
        argv: Sequence[str],
        variables: dict[str, str],
        cwd: str,
        fds: Sequence[int],
        *,
        tmp: dict[str, Any] | None = None,
        zygote: str | None = None,
        on_exit: Callable[[Exit], None],
    ) -> int:
        """Start a process and return its pid; OSError where it cannot be started. `on_exit` comes once, later.

        `tmp`: {"mb", "keep", "view"} of a /tmp of its own, kept for the next process of this id until `forget`.
        `zygote`: what to fork it from instead of starting a fresh one.

        While the spawner is being started again it waits for the new one, and asks that one where the old one went
        before it answered: nothing of the user's has run yet.
        """
        limits = dict(protocol.DEFAULT_LIMITS)
        if tmp is not None and self.process_limit:
            limits["nproc"] = protocol.MAX_PROCESSES
        body = protocol.spawn(environment_id, argv, variables, cwd, limits=limits, tmp=tmp, zygote=zygote)
        while True:
            deaths = self.deaths
            try:
                return await self._ask(body, fds, self._starting, on_exit)
            except SpawnerLost:
                if self.deaths == deaths:  # it is not started again
                    raise

    async def zygote(
        self,
        id: str,
        argv: Sequence[str],
        variables: dict[str, str],
        prepare: dict[str, Any],
        *,
        on_exit: Callable[[Exit], None],
    ) -> Prepared:
        """Prepare a library zygote. Raises Unprepared, other OSErrors where the spawner has gone.

        `on_exit` comes once, later, where it was prepared.
        """
        return await self._ask(protocol.zygote(id, argv, variables, "/", prepare), (), self._preparing, on_exit)

    async def _ask(
        self,
        body: dict[str, Any],
        fds: Sequence[int],
        waiting: dict[str, asyncio.Future[_T]],
        on_exit: Callable[[Exit], None],
    ) -> _T:
        """Send a request for a process and wait for the answer, as one of `waiting`."""
        while True:
            await self._presence()
            try:
                protocol.send(self._sock, body, fds, self.let_run)
                break
            except ConnectionError:  # it has gone, and the loop has not read that yet
                self._lost()
        id: str = body["id"]
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        waiting[id] = answer
        self._exits[id] = on_exit
        self._pids.pop(id, None)
        try:
            return await answer
        except OSError:
            self._exits.pop(id, None)
            raise
        finally:
            waiting.pop(id, None)

    async def _presence(self) -> None:
        """Returns when there is a spawner; OSError where there will be none."""
        try:
            async with asyncio.timeout(0 if self._closing else _RESTART_PATIENCE):
                await self._up.wait()
        except TimeoutError:
            raise SpawnerLost("the spawner ended and was not started again") from None

    def kill(self, environment_id: str) -> None:
        """SIGKILL for the environment and all that it started; its `on_exit` tells when all are gone."""
        with contextlib.suppress(OSError):
            protocol.send(self._sock, protocol.kill(environment_id), wake=self.let_run)

    def forget(self, environment_id: str) -> None:
        """Nobody will be started in the /tmp of that environment again."""
        with contextlib.suppress(OSError):
            protocol.send(self._sock, protocol.forget(environment_id), wake=self.let_run)

    def _readable(self) -> None:
        messages = self._receiver.receive()
        if messages is None:
            self._lost()
            return
        for message in messages:
            self._handle(message.body)

    def _handle(self, body: dict[str, Any]) -> None:
        environment_id = body["id"]
        started, preparing = self._starting.get(environment_id), self._preparing.get(environment_id)
        if body["say"] == "hello" and self._private_tmp is not None and not self._private_tmp.done():
            self.process_limit = body["process_limit"]
            self._private_tmp.set_result(body["private_tmp"])
        elif body["say"] == "started" and started is not None and not started.done():
            self._pids[environment_id] = body["pid"]
            started.set_result(body["pid"])
        elif body["say"] == "failed" and started is not None and not started.done():
            error = OSError(body["error"])
            error.errno = body.get("errno")
            started.set_exception(error)
        elif body["say"] == "prepared" and preparing is not None and not preparing.done():
            preparing.set_result(msgspec.convert(body, Prepared))
        elif body["say"] == "unprepared" and preparing is not None and not preparing.done():
            preparing.set_exception(Unprepared(body["error"]))
        elif body["say"] == "exited" and started is not None and not started.done():
            return  # of an earlier process of its sandbox, whose end was not waited for any longer
        elif body["say"] == "exited" and self._pids.get(environment_id, body["pid"]) == body["pid"]:
            self._pids.pop(environment_id, None)
            on_exit = self._exits.pop(environment_id, None)
            if on_exit is not None:
                peak_mb = -(-body.get("max_rss_kb", 0) // 1024)
                on_exit(Exit(status=body.get("status"), signal=body.get("signal"), peak_mb=peak_mb))

    def _lost(self) -> None:
        """The spawner has gone: its children die with it (PDEATHSIG), what is left comes to us."""
        self._up.clear()
        self.deaths += not self._closing
        asyncio.get_running_loop().remove_reader(self._sock.fileno())
        self._sock.close()
        if self._private_tmp is not None and not self._private_tmp.done():
            self._private_tmp.set_result(None)
        self._private_tmp = None
        answers: dict[str, asyncio.Future[Any]] = {**self._starting, **self._preparing}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(SpawnerLost("the spawner ended"))
        exits, self._exits = self._exits, {}
        self._pids.clear()
        for on_exit in (exits[id] for id in exits if id not in answers):
            on_exit(Exit(signal=9, lost=True))
        if not self._closing:
            self._on_death()

    def reap(self) -> None:
        """After the spawner's death: end what came to us, marked or not, and take its end and the spawner's. Blocking.

        What the engine itself started beside it (a look at an interpreter) is of its own session, which the
        spawner and all below it have left.
        """
        if self._process is not None:
            self._process.wait()
        end = time.monotonic() + _REAP_PATIENCE
        while time.monotonic() < end:
            left = [pid for pid in tree.children(os.getpid()) if _has_left(pid)]
            for pid in left:
                tree.kill_tree(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if not left:
                return
            time.sleep(0.005)

    async def close(self) -> None:
        """End the spawner with everything below it; returns when it has gone."""
        if self._process is None:
            return
        self._closing = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(2)
        try:
            await asyncio.to_thread(self._process.wait, _END_PATIENCE)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            raise OperationFailed("the spawner did not end; processes of functions may be left") from error


def _has_left(pid: int) -> bool:
    """Whether a process is of another session than this one."""
    try:
        return os.getsid(pid) != os.getsid(0)
    except ProcessLookupError:
        return False

"""The program under the kill loop: an engine process, screens on it, what runs below it, and who is killed next."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from lambdatui import wire
from tests.soak.kill_project import KillProject

START_S = 60.0
_IN_START = 0.25  # how often the moment may lie before the engine is ready
SWEEP_S = 10.0
TARGETS = ("engine", "spawner", "both", "environment", "screen", "stop")
_WEIGHTS = (30, 15, 20, 25, 5, 5)


class Process(NamedTuple):
    """A process that is not mistaken for a later one of its id."""

    pid: int
    created: float

    @property
    def lives(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def __str__(self) -> str:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            return f"{self.pid} below {process.ppid()} ({process.status()}): {' '.join(process.cmdline())[:200]}"
        return str(self.pid)


class Kill(NamedTuple):
    """What was killed, and when (monotonic seconds)."""

    target: str
    at: float


class Engine:
    """One `python -m lambdatui.host` after the other on the same data."""

    def __init__(self, project: KillProject) -> None:
        self.project = project
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: threading.Thread | None = None
        self._said = b""
        self._leash = -1
        self.output = project.root.parent / "engine.txt"
        self._mark = hashlib.sha256(os.fsencode(project.data.resolve())).hexdigest()[:16]

    def start(self) -> None:
        """Start the next one; `ready` waits for it."""
        ready_read, ready_write = os.pipe()
        leash_read, self._leash = os.pipe()
        self.starts += 1
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-P", "-m", "lambdatui.host", str(self.project.root), "--port", "0",
                    "--http-port", "0", "--aws", "none", "--ready", str(ready_write), "--leash", str(leash_read),
                    "--retry-delays", "0.2,0.4", "--max-environments", "20", "--grace", "1",
                ],
                pass_fds=(ready_write, leash_read), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        os.close(ready_write)
        os.close(leash_read)
        self._said = b""
        self._ready = threading.Thread(target=self._listen, args=(ready_read,), daemon=True)
        self._ready.start()

    def _listen(self, fd: int) -> None:
        with os.fdopen(fd, "rb") as pipe:
            self._said = pipe.readline()

    def ready(self) -> None:
        """Returns when calls are answered."""
        assert self._ready is not None
        self._ready.join(START_S)
        assert self.answers, f"the engine did not start: {self._said!r}\n{self.output.read_text()[-4000:]}"

    @property
    def answers(self) -> bool:
        """Whether it has said that it is ready."""
        return b'"pid"' in self._said

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def kill(self, *, with_spawner: bool = False) -> None:
        """SIGKILL; at one moment where both go: neither can act on the other's end."""
        both = [self.pid]
        spawner = self.spawner()
        if with_spawner and spawner is not None:
            both.append(spawner.pid)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in both if len(both) > 1 else both[: number == signal.SIGKILL]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        self._over()

    def stop(self, *, patience_s: float) -> None:
        """SIGTERM, and SIGKILL where it takes longer."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._over()

    def _over(self) -> None:
        assert self._process is not None
        self._process.wait(30)
        with contextlib.suppress(OSError):
            os.close(self._leash)

    # --- below it

    def spawner(self) -> Process | None:
        """Its one child that is its own; others come to it where the spawner is killed."""
        for each in self.below(recursive=False):
            with contextlib.suppress(psutil.Error):
                if "spawner" in " ".join(psutil.Process(each.pid).cmdline()):
                    return each
        return None

    def below(self, *, recursive: bool = True) -> list[Process]:
        """All that descend from it at this moment."""
        with contextlib.suppress(psutil.Error):
            return [_known(each) for each in psutil.Process(self.pid).children(recursive=recursive)]
        return []

    def environments(self) -> list[Process]:
        spawner = self.spawner()
        if spawner is None:
            return []
        with contextlib.suppress(psutil.Error):
            return [_known(each) for each in psutil.Process(spawner.pid).children()]
        return []

    def marked(self) -> list[Process]:
        """Whatever carries the marker of this data directory, whoever its parent is."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(wire.MARK_ENGINE) == self._mark:
                    found.append(_known(process))
        return found


def _known(process: psutil.Process) -> Process:
    return Process(process.pid, process.create_time())


class Screen:
    """`lambdatui attach` in a terminal of its own, whose output somebody reads."""

    def __init__(self, project: KillProject) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-P", "-m", "lambdatui", "-p", str(project.root), "attach"])
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self._fd, 65536):
                pass

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


class Killer:
    """Kills at random moments, and checks after each that nothing of the killed is left."""

    def __init__(
        self,
        engine: Engine,
        rng: random.Random,
        *,
        pause_s: float,
        screens: bool,
        whole: Callable[[Path], Iterable[str]],
    ) -> None:
        """`pause_s`: the mean time from one kill to the next. `whole` says what is wrong with a data directory."""
        self._whole = whole
        self._engine = engine
        self._rng = rng
        self._pause_s = pause_s
        self._screens = screens
        self._screen: Screen | None = None
        self.kills: list[Kill] = []
        self.left: list[str] = []  # processes that outlived those that they belonged to, and broken databases
        self.unready = 0  # kills of an engine that had not said that it was ready

    def one(self, target: str | None = None) -> str:
        """Wait for a random moment, kill (`target` None: a random one), and start again what has to be started."""
        rng, engine = self._rng, self._engine
        if self._screens and self._screen is None:
            self._screen = Screen(engine.project)
        if rng.random() > _IN_START:
            engine.ready()
        time.sleep(min(rng.expovariate(1 / self._pause_s), 4 * self._pause_s))
        target = target or rng.choices(TARGETS, _WEIGHTS)[0]
        below = engine.below()
        self.unready += not engine.answers
        self.kills.append(Kill(target, time.monotonic()))
        if target == "screen" and self._screen is not None:
            self._screen.kill()
            self._screen = None
        elif target == "spawner":
            self._kill_spawner(below)
        elif target == "environment":
            self._kill_environment()
        elif target == "stop":
            engine.stop(patience_s=rng.uniform(0, 1.5))
            self._restart(below)
        else:
            engine.kill(with_spawner=target == "both")
            self._restart(below, swept=target == "both")
        if engine.ended:
            self.left.append(f"the engine ended at the kill of {target}")
            self._restart(below)
        return target

    def _kill_spawner(self, below: list[Process]) -> None:
        spawner = self._engine.spawner()
        if spawner is None:
            return
        _kill(spawner)
        self._see_off(below, "the spawner")

    def _kill_environment(self) -> None:
        """One of the spawner's children: a fresh environment, a fork, or the zygote of forks."""
        found = self._engine.environments()
        if not found:
            return
        victim = self._rng.choice(found)
        below = []
        with contextlib.suppress(psutil.Error):
            below = [_known(each) for each in psutil.Process(victim.pid).children(recursive=True)]
        _kill(victim)
        self._see_off([victim, *below], "an environment")

    def _restart(self, below: list[Process], *, swept: bool = False) -> None:
        """`swept`: the next engine ends what is left, else the spawner has."""
        if not swept:
            self._see_off(below, "the engine")
        self.left += self._whole(self._engine.project.data)
        self._engine.start()
        if swept:
            self._engine.ready()
            self._see_off(below, "engine and spawner")

    def _see_off(self, below: list[Process], whose: str) -> None:
        end = time.monotonic() + SWEEP_S
        left = below
        while left and time.monotonic() < end:
            left = [each for each in left if each.lives]
            if left:
                time.sleep(0.02)
        self.left += [f"outlived {whose}: {each}" for each in left]

    def close(self) -> None:
        if self._screen is not None:
            self._screen.kill()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)

"""Installs functions' packages beside everything else: one folder a set of requirements, whole or not there at all.

What to install is decided in `provision.py`, how in `packages.py`. Installers run below the spawner, so that they end
with the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lambdatui import wire
from lambdatui.config.model import Problem
from lambdatui.engine import interpreters, packages
from lambdatui.engine.packages import Complete, Progress, Tool
from lambdatui.engine.provision import Need, Plan, Planner
from lambdatui.engine.spawner import Exit
from lambdatui.errors import LambdaTuiError

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.config.manifests import Manifest
    from lambdatui.engine.functions import Function
    from lambdatui.engine.spawner import Spawner
    from lambdatui.telemetry.telemetry import Telemetry

_AT_ONCE = 2
_STOPPING = "the engine is stopping"
_TRIES = 3  # where the spawner went and took the installer along
_PARTIAL = ".partial-"
_OUTPUT_KEPT = 400  # lines in memory; all of them are in the log
_HAS_PIP = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"


class State(StrEnum):
    ABSENT = "absent"  # not asked for yet
    WAITING = "waiting"
    INSTALLING = "installing"
    INSTALLED = "installed"
    FAILED = "failed"


class NotInstalled(LambdaTuiError):
    """A function's packages are not there; the message is the problem's."""


class Installation:
    """One set of packages for one version of Python, and the functions that use it."""

    def __init__(self, need: Need, python: str, folder: Path, root: Path) -> None:
        self._root = root
        self.key = need.key
        self.manifest = need.manifest
        self.python = python
        self.site = str(folder / need.key / "site-packages")
        self.log = folder / f"{need.key}.log"
        self.functions: set[str] = set()  # keys: "NAME", and "NAME:3" for a published version
        self.state = State.ABSENT
        self.progress = ""
        self.distributions: list[str] = []
        self.output: list[str] = []  # the last lines, of one that failed
        self.failed_at = 0.0  # monotonic seconds
        self.waiting = 0  # invocations that wait for it
        self.settled = asyncio.Event()
        if need.complete is not None:
            self.finish(State.INSTALLED, need.complete.distributions)

    def finish(self, state: State, distributions: Sequence[str] = (), output: Sequence[str] = ()) -> None:
        self.state = state
        self.distributions = list(distributions)
        self.output = list(output)
        self.settled.set()

    def problem(self, manifest: Manifest) -> Problem | None:
        """Why it failed, for a function that names these packages in `manifest`."""
        if self.state is not State.FAILED:
            return None
        return packages.failure(manifest, self.output, str(self.log), self._root)

    @property
    def names(self) -> set[str]:
        """Of the functions that use it, or versions of which do."""
        return {key.partition(":")[0] for key in self.functions}

    @property
    def pending(self) -> bool:
        """Whether it is being installed or is about to be."""
        return self.state in (State.WAITING, State.INSTALLING)

    def text(self, name: str) -> str:
        """As `schema.FunctionRow.packages` has it; `name`: the manifest's."""
        match self.state:
            case State.INSTALLED:
                return f"{name}: {packages.count(len(self.distributions))}"
            case State.FAILED:
                return f"{name}: failed"
            case State.ABSENT:
                return f"{name}: not installed yet"
            case _:
                return f"installing {name}: {self.progress or 'waiting'}"


class Installer:
    """Knows every installation that functions use, and makes those that are missing."""

    def __init__(
        self,
        root: Path,
        data: Path,
        spawner: Spawner,
        telemetry: Telemetry,
        clock: Clock,
        *,
        shell: Mapping[str, str],
        mark: str,
        use_venv: bool = False,
        eager: bool = True,
    ) -> None:
        """`eager`: install what functions need as soon as it is known, else at their first invocation."""
        self._root = root
        self._folder = data / "packages"
        self._spawner = spawner
        self._telemetry = telemetry
        self._clock = clock
        self._shell = shell
        self._mark = mark
        self._eager = eager
        self._planner = Planner(root, self._folder, shell, use_venv=use_venv)
        self._known: dict[str, Installation] = {}
        self._queue: list[Installation] = []
        self._running: dict[asyncio.Task[None], Installation] = {}
        self._count = 0
        self._closed = False
        self._passed_over: set[str] = set()
        self.before_first: Callable[[], Awaitable[None]] = _nothing
        self.on_settled: Callable[[str], None] = lambda function: None

    # --- what functions need

    def plan(self, function: Function) -> Plan:
        """Blocking; the plan is put in force by `take`."""
        return self._planner.plan(function.config)

    def plan_again(self, plan: Plan, function: Function) -> Plan:
        """Blocking; the plan of a published version as it can be carried out now."""
        return self._planner.plan_again(plan, function.config.runtime)

    def take(self, function: Function, plan: Plan) -> None:
        """Serve `function` as planned; what is missing is installed."""
        before = function.installations
        for one in before:
            one.functions.discard(function.key)
        function.interpreter = plan.interpreter
        function.boto3 = interpreters.boto3(plan.interpreter.version)
        function.manifest_problem = plan.problem
        function.needs = plan.needs
        function.installations = tuple(self._installation(need, plan.interpreter.path) for need in plan.needs)
        for one in function.installations:
            one.functions.add(function.key)
            if self._eager and (one.state is State.ABSENT or (one.state is State.FAILED and one not in before)):
                self._begin(one)
        if plan.passed_over and plan.passed_over not in self._passed_over:
            self._passed_over.add(plan.passed_over)
            first = plan.needs[0].manifest.name
            self._telemetry.say(
                "notice", None, f"packages come from {first}; --use-venv would take those of {plan.passed_over}"
            )

    def _installation(self, need: Need, python: str) -> Installation:
        known = self._known.get(need.key)
        gone = known is not None and known.state is State.INSTALLED and need.complete is None
        if known is None or gone:
            known = self._known[need.key] = Installation(need, python, self._folder, self._root)
        return known

    async def ready(self, function: Function) -> bool:
        """Returns when the function's packages are there; whether it had to wait. Raises NotInstalled.

        A failure is told at once to whoever comes within RETRY_AFTER of it; later ones try again.
        """
        waited = False
        while True:
            if function.manifest_problem is not None:
                raise NotInstalled(_spoken(function.manifest_problem))
            one = next((each for each in function.installations if self._missing(function, each)), None)
            if one is None:
                return waited
            if self._closed:
                raise NotInstalled(_STOPPING)
            if self._just_failed(one):
                raise NotInstalled(self._why(function, one))
            self._begin(one)
            one.waiting += 1
            try:
                await one.settled.wait()
            finally:
                one.waiting -= 1
            waited = True
            if one.state is State.FAILED and self._missing(function, one):
                raise NotInstalled(self._why(function, one))

    def _missing(self, function: Function, one: Installation) -> bool:
        """Whether the function has to wait for it: what is optional is not tried again and again."""
        if one.state is State.INSTALLED or one not in function.installations:
            return False
        return not (function.needs[function.installations.index(one)].optional and self._just_failed(one))

    def _just_failed(self, one: Installation) -> bool:
        return one.state is State.FAILED and self._clock.monotonic() - one.failed_at < packages.RETRY_AFTER

    def _why(self, function: Function, one: Installation) -> str:
        problem = one.problem(function.needs[function.installations.index(one)].manifest)
        return problem.message if problem else "its packages could not be installed"

    # --- carrying out

    def _begin(self, one: Installation) -> None:
        if one.pending or self._closed:
            return
        one.state = State.WAITING
        one.progress = ""
        one.settled.clear()
        self._queue.append(one)
        self._next()

    def _next(self) -> None:
        """Start what may start; first what invocations wait for."""
        while self._queue and len(self._running) < _AT_ONCE and not self._closed:
            one = max(self._queue, key=lambda each: each.waiting)
            self._queue.remove(one)
            task = asyncio.get_running_loop().create_task(self._install(one))
            self._running[task] = one
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        one = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(one, [f"ERROR: {error}"])
        self._next()
        for name in sorted(one.names):
            self.on_settled(name)

    async def _install(self, one: Installation) -> None:
        one.state = State.INSTALLING
        name, began = one.manifest.name, self._clock.monotonic()
        users = ", ".join(sorted(one.functions))
        about = next(iter(one.names)) if len(one.names) == 1 else None
        self._say(about, f"installing {name} for {users} …")
        tool = await asyncio.to_thread(find_tool, one.python, self._shell)
        if tool is None:
            self._failed(one, ["ERROR: there is neither uv nor pip here; install uv, or run python -m ensurepip"])
            return
        partial = self._folder / f"{_PARTIAL}{one.key}"
        try:
            if not self._folder.exists():
                self._folder.mkdir(parents=True, mode=0o700)
                await self.before_first()
            output = await self._attempts(one, tool, partial)
            if output is not None:
                self._failed(one, output)
                return
            seconds = round(self._clock.monotonic() - began, 1)
            complete = await asyncio.to_thread(_put_in_place, partial, self._folder / one.key, name, seconds)
        except OSError as error:
            self._failed(one, [f"ERROR: {error.strerror or error}: {error.filename or partial}"])
            return
        finally:
            await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
        one.finish(State.INSTALLED, complete.distributions)
        self._say(about, f"installed {packages.count(len(complete.distributions))} in {seconds:g} s ({name})")
        await self.tidy()

    async def _attempts(self, one: Installation, tool: Tool, partial: Path) -> list[str] | None:
        """None where it is installed in `partial`, else the output of the installer that failed."""
        lines: list[str] = []
        for _ in range(_TRIES):
            files = await asyncio.to_thread(_prepare, partial, one.manifest)
            argv = packages.command(tool, one.python, str(partial / "site-packages"), *files)
            lines.clear()
            end = await self._run(argv, partial, one, lines)
            if not end.lost:
                break
        if end.status == 0:
            return None
        return lines or [
            f"ERROR: {tool.kind} ended with {end.status if end.signal is None else f'signal {end.signal}'}"
        ]

    async def _run(self, argv: list[str], cwd: Path, one: Installation, lines: list[str]) -> Exit:
        """Run an installer; its output goes into the log and, as lines, into `lines`."""
        loop = asyncio.get_running_loop()
        self._count += 1
        name = f"installer-{self._count}"
        exited: asyncio.Future[Exit] = loop.create_future()
        variables = packages.variables(self._shell) | {wire.MARK_ENGINE: self._mark}
        reading, writing = os.pipe()
        output = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(reading, "rb", 0)
        )
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            try:
                await self._spawner.spawn(
                    name, argv, variables, str(cwd), (nowhere, writing),
                    on_exit=lambda end: None if exited.done() else exited.set_result(end),
                )  # fmt: skip
            finally:
                os.close(nowhere)
                os.close(writing)
            await self._read(output, one, lines)
            return await exited
        except BaseException:
            self._spawner.kill(name)
            raise
        finally:
            transport.close()

    async def _read(self, output: asyncio.StreamReader, one: Installation, lines: list[str]) -> None:
        progress = Progress(one.manifest.pinned)
        rest = ""
        with one.log.open("wb") as log:
            while data := await output.read(65_536):
                log.write(data)
                *whole, rest = (rest + data.decode(errors="replace")).replace("\r", "\n").split("\n")
                for line in whole:
                    progress.feed(line)
                lines += whole
                del lines[:-_OUTPUT_KEPT]
                one.progress = progress.text
        lines.append(rest)

    def _failed(self, one: Installation, output: list[str]) -> None:
        one.failed_at = self._clock.monotonic()
        one.finish(State.FAILED, output=output)
        about = next(iter(one.names)) if len(one.names) == 1 else None
        problem = one.problem(one.manifest)
        if problem is not None:
            self._telemetry.say("error", about, _spoken(problem))

    def _say(self, function: str | None, sentence: str) -> None:
        self._telemetry.say("packages", function, sentence)

    # --- life

    async def start(self) -> None:
        """Remove what an engine that was killed left half done."""
        await asyncio.to_thread(self._sweep)

    def _sweep(self) -> None:
        for partial in self._folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(partial, ignore_errors=True)

    async def close(self) -> None:
        """End the installers; what is not whole is gone."""
        self._closed = True
        self._queue.clear()
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in self._known.values():
            if one.pending:  # whoever waits for it must not wait for ever
                one.failed_at = self._clock.monotonic()
                one.finish(State.FAILED, output=[_STOPPING])

    async def tidy(self) -> None:
        """Keep the disk bounded: installations that no function has used for long go (`packages.outdated`)."""
        for key, one in list(self._known.items()):
            if not one.functions and not one.pending:
                del self._known[key]
        await asyncio.to_thread(_remove_unused, self._folder, set(self._known))


async def _nothing() -> None:
    pass


def _spoken(problem: Problem) -> str:
    where = f"{problem.file}:{problem.line}" if problem.line else str(problem.file)
    return f"{where} {problem.message.removeprefix(f'{Path(str(problem.file)).name} ')}"


def _prepare(partial: Path, manifest: Manifest) -> tuple[str, str | None]:
    """An empty folder to install into; the paths of the requirements and constraints files in it."""
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "site-packages").mkdir(parents=True, mode=0o700)
    copies: dict[str, str] = {}
    for line in (*manifest.lines, *manifest.constraints):
        if line.local is not None and Path(line.local).is_dir() and line.local not in copies:
            copy = partial / "sources" / str(len(copies)) / Path(line.local).name
            shutil.copytree(line.local, copy, ignore=_not_copied, symlinks=False, ignore_dangling_symlinks=True)
            copies[line.local] = str(copy)
    requirements = partial / "requirements.txt"
    requirements.write_text(packages.requirements_text(manifest.lines, copies))
    if not manifest.constraints:
        return str(requirements), None
    constraints = partial / "constraints.txt"
    constraints.write_text(packages.requirements_text(manifest.constraints, copies))
    return str(requirements), str(constraints)


def _not_copied(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if packages.ignored(name) and Path(folder, name).is_dir()}


def _put_in_place(partial: Path, folder: Path, manifest: str, seconds: float) -> Complete:
    """Make a finished installation the one that is used. A rename: it is whole or not there."""
    shutil.rmtree(partial / "sources", ignore_errors=True)
    complete = Complete(manifest, packages.distributions(partial / "site-packages"), seconds)
    (partial / "complete.json").write_bytes(msgspec.json.encode(complete))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return complete


def _remove_unused(folder: Path, used: set[str]) -> None:
    last_used = {}
    for complete in folder.glob("*/complete.json"):
        with contextlib.suppress(OSError):
            last_used[complete.parent.name] = complete.stat().st_mtime
    for key in packages.outdated(last_used, used, time.time()):
        (folder / key / "complete.json").unlink(missing_ok=True)  # first: half of it must not look whole
        shutil.rmtree(folder / key, ignore_errors=True)
    for log in folder.glob("*.log"):  # of failures that nothing refers to any more, too
        if log.stem not in used and not (folder / log.stem).exists():
            log.unlink(missing_ok=True)


def find_tool(python: str, shell: Mapping[str, str]) -> Tool | None:
    """uv, else the pip of `python`, else the engine's own pip on behalf of `python`. Blocking."""
    home = Path(shell.get("HOME") or Path.home())
    beside = [Path(shell[name], "bin") for name in ("VIRTUAL_ENV",) if shell.get(name)]
    folders = [*beside, Path(sys.executable).parent, home / ".local/bin", home / ".cargo/bin"]
    path = os.pathsep.join([shell.get("PATH", os.defpath), *map(str, folders)])
    uv = shutil.which("uv", path=path)
    if uv is not None and _starts(uv, "--version"):  # a version manager's shim may have nothing behind it
        return Tool("uv", (uv,))
    if _starts(python, "-c", _HAS_PIP):
        return Tool("pip", (python, "-m", "pip"))
    import importlib.metadata  # brings email and csv

    try:
        version = tuple(int(part) for part in importlib.metadata.version("pip").split(".")[:2])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
    return Tool("pip", (sys.executable, "-P", "-m", "pip", "--python", python)) if version >= (22, 3) else None


@cache
def _starts(*argv: str) -> bool:
    """Whether this command succeeds. The folder is one without modules that could stand before Python's own."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

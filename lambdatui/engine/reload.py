"""Hot reload: a save becomes a new code snapshot, and no invocation that starts after it runs the old one.

From the first event of a save until its outcome is known, new invocations of the functions concerned wait; where files
go on changing, HOLD seconds at most. A save that does not compile changes nothing but the problem that is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lambdatui.config.handlers import SyntaxFault, check_handler, compiles, find_module
from lambdatui.config.model import Problem
from lambdatui.engine import interpreters
from lambdatui.engine.code import CodeTree, Signature, compile_error, signature
from lambdatui.engine.functions import LATEST, Function, Snapshot
from lambdatui.engine.provision import Plan
from lambdatui.errors import FunctionGone, StoreError

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.installer import Installer
    from lambdatui.engine.pool import Pool
    from lambdatui.store.store import Store
    from lambdatui.telemetry.telemetry import Telemetry

HOLD = 2.0  # seconds that invocations wait for files that go on changing before the old code serves them
_QUIET = 0.02  # a save has ended when nothing changed for so long (watchers fire up to 29 ms before a slow one ends)
_QUIET_BURST = 0.06  # the same while many files change: a checkout pauses between files
_BURST = 3
_STORE_PAUSE = 1.0
# An invocation looks at the files itself where nobody has for so long; half of the promised 100 ms.
_LOOK_EVERY = 0.05
_LOOK_AT_MOST = 500  # files: below a millisecond


class _Unit:
    """One code folder and the functions that are served from it."""

    def __init__(self, tree: CodeTree) -> None:
        self.tree = tree
        self.functions: dict[str, Function] = {}
        self.dirty: set[str] = set()
        self.broken: dict[str, Problem] = {}  # files that a save broke: the old version serves until all are mended
        self.touched_at = 0.0
        self.restless = False  # its files were still changing when they were looked at last
        self.looked_at = 0.0
        self.task: asyncio.Task[None] | None = None
        self.loaded = asyncio.Lock()
        self.served: Snapshot | None = None  # the last code that was put in force
        self.refused = False  # a save could not be kept, which has been said
        self.sound = False  # it loads as far as can be seen: worth keeping when a save does not compile

    def serves(self, function: Function) -> bool:
        """Whether it is served from here still: the configuration may have named another folder meanwhile."""
        return self.functions.get(function.name) is function

    def in_layer(self, path: str) -> bool:
        """Whether a path outside the code folder is a layer's of one of its functions."""
        layers = {layer for function in self.functions.values() for layer in function.config.layers}
        return any(_inside(path, layer) for layer in layers) and not _inside(path, str(self.tree.root))


class Reloader:
    """Keeps every function's snapshot current."""

    def __init__(
        self, root: Path, store: Store, pool: Pool, installer: Installer, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._root = root
        self._installer = installer
        self._store = store
        self._pool = pool
        self._telemetry = telemetry
        self._clock = clock
        self._units: dict[str, _Unit] = {}
        # Project files outside a code folder -> keys of the units that import them.
        self._outside: dict[str, set[str]] = {}
        self.on_reload: Callable[[str], None] = lambda function: None
        self.on_outside: Callable[[set[str]], None] = lambda folders: None
        self.catch_up: Callable[[], None] = lambda: None  # has `touched` called for what the system has told already

    # --- what is served

    def serve(self, functions: Iterable[Function]) -> None:
        """Take over the functions of a (re)loaded project; those with the same code folder share one reading of it."""
        wanted: dict[str, dict[str, Function]] = {}
        for function in functions:
            wanted.setdefault(_key(function), {})[function.name] = function
        for key in self._units.keys() - wanted.keys():
            self._units.pop(key).functions = {}  # what is read of it just now is nobody's
        for key, members in wanted.items():
            unit = self._units.get(key)
            if unit is None:
                one = next(iter(members.values())).config
                unit = self._units[key] = _Unit(CodeTree(Path(one.code_root), one.inline_code))
            for name, function in members.items():
                if unit.functions.get(name) is not function:  # new here: what it had came from another folder
                    function.snapshot = None
                    function.settled.clear()
            unit.functions = members

    async def ready(self, function: Function) -> None:
        """Returns when the function's code and interpreter are known and no save is being read.

        A published version is independent of the files. Raises StoreError where what it consists of is gone, and
        FunctionGone.
        """
        if function.version != LATEST:
            await self._restore(function)
            return
        unit = self._unit(function)
        if function.loaded and (function.init_problem is not None or function.manifest_problem is not None):
            await self._choose_again(unit, function)
        if not function.loaded:
            await self._load(unit)  # it may have been scanned before this was asked for, and a save have come since
        if function.settled.is_set():
            self._look(unit)
        if not function.settled.is_set():
            await self._outcome(function)

    def _unit(self, function: Function) -> _Unit:
        """Where it is served from now."""
        unit = self._units.get(_key(function))
        if unit is None or not unit.serves(function):
            raise FunctionGone(f"there is no function {function.name}")
        return unit

    async def _outcome(self, function: Function) -> None:
        """Wait for a save's outcome: as long as reading it takes on a slow machine, unless it is without end.

        A save in two steps may take the function away for a moment: its file is empty, then it is there again.
        """
        until = self._clock.monotonic() + HOLD
        while not function.settled.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(until - self._clock.monotonic(), _QUIET)):
                    await function.settled.wait()
            unit = self._unit(function)
            if unit.restless and self._clock.monotonic() >= until:
                return  # the old version serves meanwhile
            if function.settled.is_set():
                self._look(unit)  # the next save may have come while this one was put in force

    async def settled(self, function: Function) -> None:
        """As `ready`, and known files have been looked at just now."""
        if function.version == LATEST:
            self._unit(function).looked_at = float("-inf")
        await self.ready(function)

    async def _restore(self, function: Function) -> None:
        """Find a published version's Python and packages again; its code is there, or that is said."""
        assert function.plan is not None
        if not function.loaded:
            self._installer.take(function, await asyncio.to_thread(self._installer.plan_again, function.plan, function))
        parts = [function.snapshot.manifest if function.snapshot else None, *function.config.layers]
        if function.config.inline_code is None:
            parts.append(function.config.code_root)
        missing = [part for part in parts if part is not None and not Path(part).exists()]
        if missing:
            raise StoreError(
                f"version {function.version} of {function.name} cannot run: {missing[0]} is gone. Delete the version "
                "and publish again."
            )

    async def configured(self, function: Function) -> None:
        """The function's configuration has changed, its code has not: serve it as it is configured now."""
        unit = self._units.get(_key(function))
        if unit is None:
            return
        async with unit.loaded:
            if unit.served is not None:
                await self._plan(unit, function)
                await self._adopt(unit, function)

    async def _choose_again(self, unit: _Unit, function: Function) -> None:
        """After an import failed: perhaps what the remedy names is there now, a virtual environment or a file."""
        async with unit.loaded:  # a save that comes meanwhile is planned for later, not before
            config = function.config
            plan = await asyncio.to_thread(self._installer.plan, function)
            if function.config is config and function.loaded and unit.serves(function):  # else it is planned anew
                self._take(unit, function, plan)

    def _look(self, unit: _Unit) -> None:
        """Notice a save whose event is late (a busy machine) or lost (a busy tree): compare stat signatures.

        Of a file that was not there before, nothing but its event tells: those that wait are read first.
        """
        now = self._clock.monotonic()
        if now - unit.looked_at < _LOOK_EVERY:
            return
        unit.looked_at = now
        self.catch_up()
        if len(unit.tree) <= _LOOK_AT_MOST:
            changed = unit.tree.look()
            if changed:
                self.touched(changed)

    async def load_all(self) -> None:
        """Read every code folder once, one after the other; invocations that come first do it for themselves."""
        for unit in list(self._units.values()):
            await self._load(unit)

    def recheck(self) -> None:
        """Look again at what was read before its folder was watched: a save in between was told by nobody."""
        self.touched({str(unit.tree.root) for unit in self._units.values() if unit.served is not None})

    async def _load(self, unit: _Unit) -> None:
        async with unit.loaded:
            waiting = [function for function in unit.functions.values() if not function.loaded]
            if not waiting:
                return
            await self._provide(unit)
            if unit.served is None:
                await asyncio.to_thread(unit.tree.scan)
                await self._put(unit)
            for function in waiting:
                await self._adopt(unit, function)
            unit.sound = unit.sound or not any(_has_error(function) for function in unit.functions.values())

    def imported(self, function: Function, files: list[str]) -> None:
        """Watch also the project's files that an environment imported from outside its code folder."""
        if function.version == LATEST:
            self._watch_also(function, files)

    def _watch_also(self, function: Function, files: list[str]) -> None:
        news = {file for file in files if _key(function) not in self._outside.get(file, ())}
        for file in news:
            self._outside.setdefault(file, set()).add(_key(function))
        if news:
            self.on_outside({str(Path(file).parent) for file in self._outside})

    # --- saves

    def touched(self, paths: set[str]) -> None:
        """Files have changed (absolute paths); called on the loop for every delivery of the watch."""
        now = self._clock.monotonic()
        for key, unit in self._units.items():
            root = str(unit.tree.root)
            mine = {
                path
                for path in paths
                if unit.in_layer(path)
                or (not unit.tree.inline and (_inside(path, root) or key in self._outside.get(path, ())))
            }
            if not mine:
                continue
            unit.dirty |= mine
            unit.touched_at = now
            for function in unit.functions.values():
                if function.snapshot is not None:
                    function.settled.clear()
            if unit.task is None:
                unit.task = asyncio.get_running_loop().create_task(self._settle(unit))

    async def _settle(self, unit: _Unit) -> None:
        """Wait for the end of the save, read it, and put it in force."""
        try:
            while unit.dirty:
                await self._quiet(unit)
                unit.restless = False
                touched, unit.dirty = unit.dirty, set()
                await self._read(unit, touched)
                unit.restless = bool(unit.dirty)
        finally:
            unit.task, unit.restless = None, False
            _let_serve(unit)

    async def _read(self, unit: _Unit, touched: set[str]) -> None:
        async with unit.loaded:
            root = str(unit.tree.root)
            whole = any(path == root or root.startswith(path + "/") for path in touched)  # the folder was replaced
            changed: list[str] = []
            try:
                changed = await asyncio.to_thread(unit.tree.scan, None if whole else touched)
                changed += sorted(path for path in touched if path in self._outside or unit.in_layer(path))
                if changed and not unit.dirty:
                    await self._commit(unit, changed)
                    unit.refused = False
                    return
            except (StoreError, OSError) as error:  # a full disk: the old code serves until the new one is kept
                if not unit.refused:
                    unit.refused = True
                    self._telemetry.say("notice", None, f"a save waits to be read: {error}")
                _let_serve(unit)
                unit.dirty |= touched
                await asyncio.sleep(_STORE_PAUSE)
            if changed:  # it went on while it was read, or could not be kept: read it all again
                unit.dirty |= {str(unit.tree.root / name) for name in changed}
                unit.tree.forget(changed)

    async def _quiet(self, unit: _Unit) -> None:
        """Return when the files have been still for the quiet time; while many change, no event may come either.

        One save is often told of twice, by the watch and by an invocation that looked itself: the second word is none
        of another change.
        """
        while True:
            few = len(unit.dirty) <= _BURST
            before = _signatures(unit.dirty)
            seen_at = unit.touched_at
            await asyncio.sleep(_QUIET if few else _QUIET_BURST)
            if _signatures(unit.dirty) == before and (few or unit.touched_at == seen_at):
                return
            unit.restless = True

    # --- outcome

    async def _commit(self, unit: _Unit, changed: list[str]) -> None:
        """Put a save in force, or keep the old version where it does not compile."""
        await asyncio.to_thread(self._check, unit, changed)
        if unit.broken and unit.sound:
            self._keep_old(unit)
            return
        await self._provide(unit)
        await self._put(unit)
        outside = any(name.startswith("/") for name in changed)
        told: list[str] = []
        before = next((function.code_sha for function in unit.functions.values()), "")
        for function in unit.functions.values():
            function.outside_changes += outside
            await self._adopt(unit, function)
            if not unit.dirty and unit.serves(function):
                function.settled.set()
            told.append(function.name)
        unit.sound = not any(_has_error(function) for function in unit.functions.values())
        self._announce(told, before, unit, changed)
        for name in told:
            self.on_reload(name)

    async def _put(self, unit: _Unit) -> None:
        """Keep what the tree holds as a snapshot in the data directory."""
        now, tree = self._clock.now_us(), unit.tree
        for name in unit.functions:
            await self._store.code.put(name, tree.sha, tree.manifest, tree.blobs, now)
        manifest = str(self._store.code.manifest_path(tree.sha))
        unit.served = Snapshot(
            sha=tree.sha, manifest=manifest, changed_us=now, size=tree.size, modified_us=tree.modified_us
        )

    async def _adopt(self, unit: _Unit, function: Function) -> None:
        """Let `function` be served from the unit's snapshot; its outdated environments go.

        While a save is being settled, invocations go on waiting for its outcome.
        """
        assert unit.served is not None
        problems = await asyncio.to_thread(self._handler_problems, function)
        if not unit.serves(function):
            return
        if function.code_sha != unit.served.sha:
            function.init_problem = None
            function.seen_errors.clear()
        function.code_problems = problems + list(unit.broken.values())
        function.snapshot = unit.served
        if unit.task is None:
            function.settled.set()
        self._pool.retire(function.name, keep=function.generation)

    def _handler_problems(self, function: Function) -> list[Problem]:
        """Whether the handler is there, asked of the function's own Python where the engine's cannot tell."""
        python = function.interpreter

        def check(path: Path) -> SyntaxFault | None:
            fault = compiles(path)
            if fault is None or python is None or python.version == interpreters.own_version():
                return fault
            found = interpreters.syntax_error(python, str(path))
            return None if found is None else SyntaxFault(message=found[1], line=found[0])

        return check_handler(function.config, self._root, check)

    async def _provide(self, unit: _Unit) -> None:
        """Give each function its Python and its packages, as the files say now."""
        for function in list(unit.functions.values()):
            await self._plan(unit, function)

    async def _plan(self, unit: _Unit, function: Function) -> None:
        """The same for one function, as it is configured when that is known."""
        config = None
        while function.config is not config and unit.serves(function):
            config = function.config
            plan = await asyncio.to_thread(self._installer.plan, function)
            if function.config is config and unit.serves(function):
                self._take(unit, function, plan)

    def _take(self, unit: _Unit, function: Function, plan: Plan) -> None:
        self._installer.take(function, plan)
        root = str(unit.tree.root)
        self._watch_also(function, [file for file in plan.files if not _inside(file, root)])

    def _check(self, unit: _Unit, changed: list[str]) -> None:
        """Note which of the changed sources do not compile, and which compile again."""
        for name in changed:
            source = unit.tree.source(name)
            fault = compile_error(source, name) if source is not None else None
            if fault is not None and self._newer_python(unit):
                one = next(iter(unit.functions.values())).interpreter
                fault = interpreters.syntax_error(one, str(unit.tree.root / name)) if one else fault
            if fault is None:
                unit.broken.pop(name, None)
            else:
                unit.broken[name] = self._syntax_problem(unit, name, *fault)

    @staticmethod
    def _newer_python(unit: _Unit) -> bool:
        own = interpreters.own_version()
        return any(one.interpreter is not None and one.interpreter.version != own for one in unit.functions.values())

    def _syntax_problem(self, unit: _Unit, name: str, line: int | None, message: str) -> Problem:
        return Problem(
            severity="error",
            file=self._shown(unit.tree.root / name),
            line=line,
            message=f"does not compile: {message}",
            remedy="the version before this save still serves; mend the line and save",
        )

    def _keep_old(self, unit: _Unit) -> None:
        """The old version serves on: an error for functions whose handler's file is broken, else a warning."""
        problems = list(unit.broken.values())
        first = problems[0]
        for function in unit.functions.values():
            own = find_module(unit.tree.root, function.config.handler.rpartition(".")[0].replace("/", "."))
            shown = None if own is None else self._shown(own)
            function.code_problems = [
                one
                if shown == one.file or len(unit.functions) == 1
                else msgspec.structs.replace(one, severity="warning")
                for one in problems
            ]
        where = f"{first.file}:{first.line}" if first.line else str(first.file)
        self._telemetry.say("syntax", _one_name(unit), f"{where} {first.message}; the old version still serves")

    def _announce(self, functions: list[str], before: str, unit: _Unit, changed: list[str]) -> None:
        names = ", ".join(Path(name).name for name in changed[:3]) + (" …" if len(changed) > 3 else "")
        also = "" if len(functions) < 2 else f" ({len(functions)} functions)"
        self._telemetry.say("reload", _one_name(unit), f"{names}  {before[:4]} → {unit.tree.sha[:4]}{also}")

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)


def _has_error(function: Function) -> bool:
    return any(problem.severity == "error" for problem in function.code_problems)


def _one_name(unit: _Unit) -> str | None:
    """The function that a sentence is about, where the folder serves only one."""
    return next(iter(unit.functions)) if len(unit.functions) == 1 else None


def _inside(path: str, root: str) -> bool:
    """Whether a change at `path` concerns the folder `root`: it lies in it, is it, or holds it."""
    return path == root or path.startswith(root.rstrip("/") + "/") or root.startswith(path.rstrip("/") + "/")


def _key(function: Function) -> str:
    config = function.config
    if config.inline_code is None:
        return config.code_root
    return f"inline:{config.name}:{hashlib.sha256(config.inline_code.encode('utf-8', 'replace')).hexdigest()}"


def _signatures(paths: Iterable[str]) -> list[tuple[str, Signature | None]]:
    return [(path, signature(path)) for path in sorted(paths)[:64]]


def _let_serve(unit: _Unit) -> None:
    """Let no invocation wait for a save."""
    for function in unit.functions.values():
        if function.loaded:
            function.settled.set()

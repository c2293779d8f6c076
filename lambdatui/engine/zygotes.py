"""Library zygotes: learns what functions import, has processes wait that have imported it, and says which of them an
environment may be forked from.

Decisions stand in `libraries.py`, the process in `runtime/zygote.py`. Whoever is given none starts a fresh process.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambdatui.engine import libraries, snapshots
from lambdatui.engine.code import Signature
from lambdatui.engine.libraries import Manifest, Modules, Parts
from lambdatui.engine.spawner import Exit, Prepared, Unprepared
from lambdatui.engine.variables import INITIALIZATION, ON_DEMAND

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.environment import Launch

_CHECK_EVERY = 1.0  # seconds between looks at the files that a zygote stands on
_BUILD_LIMIT = 60.0  # seconds; the slowest libraries take ten on a busy machine
_FORKS_AT_ONCE = 4  # of one zygote, which forks one after the other; what waits with the engine can be given up
_MOST_LOSSES = 3  # ends of one zygote that nobody asked for: then it is left alone
_MOST_LEARNED = 2000  # functions and versions

Marks = dict[str, Signature | None]


def memory_cap() -> int:
    """Bytes that all zygotes together may take: a tenth of the machine's, 1 GB at most."""
    return min(1 << 30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 10)


def unavailable(*, fresh: bool) -> str:
    """Why there are to be no zygotes; "" where there may be. macOS' own libraries do not bear a fork."""
    if fresh:
        return "off (--fresh)"
    return "" if sys.platform == "linux" else "off (not on this system)"


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What an init of a function has shown."""

    basis: str  # of all but the code: another one may import something else
    code_sha: str
    manifest: Manifest  # the sources that imported it
    moving: bool  # one of them changes where modules are looked for
    modules: Modules  # every library that was in memory
    names: tuple[str, ...]  # those that a zygote may import, in their order
    digest: str  # of the names


class Fork(msgspec.Struct, frozen=True):
    """A zygote to fork an environment from, and what it was chosen by."""

    zygote: str
    learned: Learned
    turns: asyncio.Semaphore  # to be held while it is forked


class Recipe(msgspec.Struct, frozen=True):
    """What a zygote is made from, beside the modules; functions with the same `key` share one."""

    key: str
    variables: dict[str, str]


class Zygote(msgspec.Struct, kw_only=True):
    """A process that waits."""

    id: str
    key: str
    pid: int
    bytes: int  # resident
    modules: Modules  # all that it holds
    missed: tuple[str, ...]  # top-level names that it has looked for in vain
    marks: Marks  # of the files that it stands on, as they were when it was built
    checked_at: float  # monotonic seconds
    used_at: float
    turns: asyncio.Semaphore


class Processes(Protocol):
    """What this needs of the spawner."""

    async def zygote(
        self,
        id: str,
        argv: Sequence[str],
        variables: dict[str, str],
        prepare: dict[str, Any],
        *,
        on_exit: Callable[[Exit], None],
    ) -> Prepared:
        """Raises Unprepared with the reason, other OSErrors where there is no spawner."""
        ...

    def kill(self, environment_id: str) -> None: ...


class Zygotes:
    """All zygotes of the engine. Built one at a time, in the background, after an init that went well."""

    def __init__(self, processes: Processes, clock: Clock, *, cap: int, off: str = "") -> None:
        """`cap`: bytes for all of them. `off`: why there are to be none."""
        self._processes = processes
        self._clock = clock
        self._cap = cap
        self._off = off
        self._learned: dict[str, Learned] = {}  # by `_name`
        self._zygotes: dict[str, Zygote] = {}  # by `Recipe.key`
        self._reads: dict[str, tuple[str, ...]] = {}  # by `Recipe.key`: variables that imports have read
        self._refused: dict[str, tuple[str, Marks]] = {}  # by `Recipe.key`: why, and with which files
        self._losses: dict[str, int] = {}  # by `Recipe.key`
        self._used: dict[str, str] = {}  # `_name` -> `Recipe.key`
        self._why: dict[str, str] = {}  # by `_name`: why it starts fresh
        self._sets: dict[str, Modules] = {}  # what many functions have imported is kept once
        self._news: dict[str, tuple[Launch, Modules]] = {}  # by `_name`: inits that were not looked at yet
        self._worker: asyncio.Task[None] | None = None
        self._count = 0

    # --- choosing

    async def choose(self, launch: Launch) -> Fork | None:
        """The zygote to fork an environment from; None: it has to be a fresh process."""
        learned = self._learned.get(_name(launch))
        if learned is None or launch.parts is None:
            return None
        try:
            return await self._choose(launch, launch.parts, learned)
        except (OSError, ValueError):  # the snapshot that it runs, or that was learned from, has been tidied away
            return None

    async def _choose(self, launch: Launch, parts: Parts, learned: Learned) -> Fork | None:
        if learned.basis != _basis(launch, parts) or not await self._keeps(learned, launch):
            self._why[_name(launch)] = "it has changed what it imports"
            return None
        recipe = self._recipe(launch, parts, learned.digest)
        zygote = None if isinstance(recipe, str) else self._zygotes.get(recipe.key)
        if zygote is None:
            return None
        own = libraries.claimed(
            (libraries.claims(parts.folders), snapshots.claims(_manifest_path(launch))), zygote.modules, zygote.missed
        )
        if own:
            self._why[_name(launch)] = f"its own code has a module {own[0]}, which its libraries look for, too"
            return None
        if not await self._is_current(zygote):
            return None
        self._why.pop(_name(launch), None)
        zygote.used_at = self._clock.monotonic()
        return Fork(zygote.id, learned, zygote.turns)

    async def _keeps(self, learned: Learned, launch: Launch) -> bool:
        """Whether the code still imports all that the zygote has imported for it."""
        if learned.code_sha == launch.code_sha:
            return True
        return await asyncio.to_thread(snapshots.keeps, learned.manifest, _manifest_path(launch), moving=learned.moving)

    async def _is_current(self, zygote: Zygote) -> bool:
        """Whether what it has imported is what stands there now; one that is outdated ends."""
        now = self._clock.monotonic()
        if now - zygote.checked_at >= _CHECK_EVERY:
            if await asyncio.to_thread(libraries.fingerprint, zygote.marks) != zygote.marks:
                self._end(zygote)
                return False
            zygote.checked_at = now
        return self._zygotes.get(zygote.key) is zygote

    def _recipe(self, launch: Launch, parts: Parts, digest: str) -> Recipe | str:
        """What its zygote is made from, or why it cannot have one."""
        name: str | None = None
        for alone in (False, True):
            variables = libraries.shared(launch.variables, parts, alone=alone)
            key = libraries.digest(
                launch.argv,
                parts.sites,
                launch.start.get("fallback"),
                variables,
                digest,
                _name(launch) if alone else "",
            )
            name = libraries.conflict(self._reads.get(key, ()), parts, alone=alone)
            if name is None:
                return Recipe(key, variables)
        return f"a library looks at {'all variables' if name == libraries.ANYTHING else name} when it is imported"

    def lost(self, fork: Fork) -> None:
        """It could not be forked from: it goes, if it has not gone already."""
        self._processes.kill(fork.zygote)
        for zygote in [one for one in self._zygotes.values() if one.id == fork.zygote]:
            self._lose(zygote)

    # --- learning

    def learn(self, launch: Launch, loaded: Sequence[tuple[str, str | None]], fork: Fork | None) -> None:
        """An init went well, with the libraries `loaded`: all of them, or those that are not in the zygote that it was
        forked from."""
        if self._off or launch.parts is None or launch.start.get("manifest") is None:
            return
        known = None if fork is None else fork.learned
        if known is not None and known.code_sha == launch.code_sha and not loaded:
            return
        self._why.pop(_name(launch), None)
        self._used.pop(_name(launch), None)
        self._news[_name(launch)] = (launch, dict(loaded) if known is None else {**known.modules, **dict(loaded)})
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._news:
                launch, loaded = self._news.pop(next(iter(self._news)))
                await self._consider(launch, loaded)
        finally:
            self._worker = None

    async def _consider(self, launch: Launch, loaded: Modules) -> None:
        """Note what one init has shown, and build the zygote for it unless it is there or cannot be."""
        parts = launch.parts
        assert parts is not None
        try:
            manifest, moving = await asyncio.to_thread(snapshots.sources, _manifest_path(launch))
        except (OSError, ValueError):
            return  # that code has been tidied away already
        modules = self._kept_once(loaded)
        names = tuple(libraries.libraries(modules.items(), parts, _fallback(launch)))
        learned = self._learned[_name(launch)] = Learned(
            basis=_basis(launch, parts), code_sha=launch.code_sha, manifest=manifest, moving=moving, modules=modules,
            names=names, digest=libraries.digest(sorted(names)),
        )  # fmt: skip
        if len(self._learned) > _MOST_LEARNED:
            del self._learned[next(iter(self._learned))]
        why: str | None = None
        tried: set[str] = set()
        while why is None:
            recipe = self._recipe(launch, parts, learned.digest)
            if isinstance(recipe, str):
                why = recipe
            elif recipe.key in tried or recipe.key in self._zygotes:
                self._why.pop(_name(launch), None)
                self._used[_name(launch)] = recipe.key
                return
            else:
                tried.add(recipe.key)
                why = await self._refusal(recipe) or await self._build(launch, parts, recipe, learned)
        self._why[_name(launch)] = why

    def _kept_once(self, loaded: Modules) -> Modules:
        found = self._sets.setdefault(libraries.digest(loaded), loaded)
        if len(self._sets) > _MOST_LEARNED:
            del self._sets[next(iter(self._sets))]
        return found

    async def _refusal(self, recipe: Recipe) -> str | None:
        """Why it failed before, while the files are what they were then."""
        known = self._refused.get(recipe.key)
        if known is None or await asyncio.to_thread(libraries.fingerprint, known[1]) != known[1]:
            return None
        return known[0]

    # --- building

    async def _build(self, launch: Launch, parts: Parts, recipe: Recipe, learned: Learned) -> str | None:
        """Build a zygote and put it in force; why it cannot be, None also where another recipe is needed."""
        self._count += 1
        id, began_ns = f"zygote-{self._count}", time.time_ns()
        expected = {name: learned.modules[name] for name in learned.names}
        marks = await self._marks(launch, parts, expected)
        prepare = {
            "packages": list(parts.sites), "sys_path": [], "fallback": launch.start.get("fallback"),
            "modules": list(learned.names),
        }  # fmt: skip
        ends: list[Exit] = []
        try:
            async with asyncio.timeout(_BUILD_LIMIT):
                prepared = await self._processes.zygote(
                    id, launch.argv, recipe.variables, prepare, on_exit=lambda end: self._exited(id, end, ends)
                )
        except TimeoutError:
            self._processes.kill(id)
            return self._refuse(recipe, f"its libraries were not imported within {_BUILD_LIMIT:g} seconds", marks)
        except Unprepared as error:
            return self._refuse(recipe, f"a process that imports its libraries {error}", marks)
        except asyncio.CancelledError:
            self._processes.kill(id)
            raise
        except OSError as error:  # the spawner has gone: the next fresh init asks again
            return str(error)
        self._reads[recipe.key] = tuple(prepared.reads)
        after = await self._marks(launch, parts, prepared.modules)
        now = self._clock.monotonic()
        zygote = Zygote(
            id=id, key=recipe.key, pid=prepared.pid, bytes=prepared.rss_kb * 1024, modules=prepared.modules,
            missed=tuple(prepared.missed), marks=after, checked_at=now, used_at=now,
            turns=asyncio.Semaphore(_FORKS_AT_ONCE),
        )  # fmt: skip
        why = self._fault(zygote, learned)
        unsettled = libraries.changed_since(after, began_ns)
        unsettled |= any(after.get(path, mark) != mark for path, mark in marks.items())
        if why is None and not unsettled and not ends and self._recipe(launch, parts, learned.digest) == recipe:
            self._take(zygote)
            return None
        self._processes.kill(id)
        if why is not None:
            return self._refuse(recipe, why, after)
        return "its libraries are being changed" if unsettled else None

    async def _marks(self, launch: Launch, parts: Parts, modules: Modules) -> Marks:
        files = libraries.watched(launch.argv, parts, _fallback(launch), modules)
        return await asyncio.to_thread(libraries.fingerprint, files)

    def _fault(self, zygote: Zygote, learned: Learned) -> str | None:
        """Why it cannot stand for a fresh environment."""
        other = libraries.differences(zygote.modules, learned.modules)
        if other:
            return f"its libraries find {other[0]} elsewhere than its code does"
        if zygote.bytes > self._cap:
            return f"its libraries take {zygote.bytes >> 20} MB, and all zygotes have {self._cap >> 20} MB"
        return None

    def _refuse(self, recipe: Recipe, why: str, marks: Marks) -> str:
        self._refused[recipe.key] = (why, marks)
        return why

    def _take(self, zygote: Zygote) -> None:
        """Put it in force; those that were used least recently make room for it."""
        self._refused.pop(zygote.key, None)
        self._zygotes[zygote.key] = zygote
        while sum(one.bytes for one in self._zygotes.values()) > self._cap:
            self._end(min((one for one in self._zygotes.values() if one is not zygote), key=lambda one: one.used_at))

    # --- endings

    def _end(self, zygote: Zygote) -> None:
        if self._zygotes.get(zygote.key) is zygote:
            del self._zygotes[zygote.key]
            self._processes.kill(zygote.id)

    def _exited(self, id: str, end: Exit, ends: list[Exit]) -> None:
        ends.append(end)
        for zygote in [one for one in self._zygotes.values() if one.id == id]:
            if end.lost:
                del self._zygotes[zygote.key]
            else:
                self._lose(zygote)

    def _lose(self, zygote: Zygote) -> None:
        """It ended unasked: a handler may have killed it. One that does so again and again is not built any more."""
        del self._zygotes[zygote.key]
        losses = self._losses[zygote.key] = self._losses.get(zygote.key, 0) + 1
        if losses >= _MOST_LOSSES:
            self._refused[zygote.key] = (f"its zygote ended {losses} times", zygote.marks)

    async def close(self) -> None:
        """End all of them."""
        self._off = self._off or "off (the engine is stopping)"
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        for zygote in list(self._zygotes.values()):
            self._end(zygote)

    # --- what there is

    def pids(self) -> list[int]:
        return [one.pid for one in self._zygotes.values()]

    def text(self, key: str) -> str:
        """As `schema.FunctionRow.zygote` has it, of the function or version with that `Launch.key`."""
        if self._off:
            return self._off
        if key in self._why:
            return f"none: {self._why[key]}"
        zygote = self._zygotes.get(self._used.get(key, ""))
        if zygote is None:
            return "being prepared" if key in self._news or key in self._learned else ""
        return f"{len(zygote.modules)} modules imported ahead, {zygote.bytes >> 20} MB"


def _name(launch: Launch) -> str:
    """Whose inits import the same: `Launch.key`, and another one for those that are provisioned."""
    kind = launch.variables.get(INITIALIZATION, ON_DEMAND)
    return launch.key if kind == ON_DEMAND else f"{launch.key} {kind}"


def _fallback(launch: Launch) -> str | None:
    found = launch.start.get("fallback")
    return found["path"] if isinstance(found, dict) else None


def _basis(launch: Launch, parts: Parts) -> str:
    variables = {name: launch.variables.get(name) for name in parts.of_function}
    return libraries.digest(
        launch.argv, launch.start.get("handler"), launch.start.get("fallback"), variables, parts.sites, parts.folders,
        parts.outside_changes,
    )  # fmt: skip


def _manifest_path(launch: Launch) -> str:
    return str(launch.start["manifest"])

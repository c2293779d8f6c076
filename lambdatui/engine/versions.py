"""Published versions and the aliases that point to them.

A version is a `Function` of its own: its configuration is fixed, its code a snapshot, its folders copies by content.
Neither saves nor reloads change it. What is published is durable before anybody hears of it.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lambdatui.config.made import Made
from lambdatui.config.model import FunctionConfig
from lambdatui.engine.freezing import Freezer
from lambdatui.engine.frozen import Frozen
from lambdatui.engine.functions import LATEST, Function, Snapshot
from lambdatui.engine.provision import Plan
from lambdatui.engine.weights import choose
from lambdatui.errors import LambdaTuiError, NotFound

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.reload import Reloader
    from lambdatui.engine.variables import Surroundings
    from lambdatui.store.made import MadeStore
    from lambdatui.telemetry.telemetry import Telemetry


class Named(Protocol):
    """A function, as far as its name goes."""

    @property
    def name(self) -> str: ...


class VersionInUse(LambdaTuiError):
    """A version cannot be deleted while aliases point to it."""

    def __init__(self, name: str, aliases: list[str]) -> None:
        super().__init__(f"{name} cannot be deleted: {', '.join(aliases)} points to it")
        self.aliases = aliases


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """`Made.config` of a version."""

    config: FunctionConfig
    snapshot: Snapshot | None
    plan: Plan | None
    fingerprint: str  # of all that makes it differ from another version
    followed: bool = False  # published because of a save, not because somebody asked


class Version(Function):
    """A published version."""

    def __init__(
        self,
        row: Made,
        stored: _Row,
        latest: Function,
        around: Surroundings,
        data: Path,
        status: Callable[[Function], str],
    ) -> None:
        super().__init__(stored.config, latest.arn, around, data, status, version=row.name.rpartition(":")[2])
        self.latest = latest
        self.created_us = row.created_us
        self.fingerprint = stored.fingerprint
        self.followed = stored.followed
        self.snapshot = stored.snapshot
        self.plan = stored.plan
        self.settled.set()

    @property
    def modified_us(self) -> int:
        return self.created_us

    @property
    def revision(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.arn}:{self.version} {self.created_us}"))


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """An alias as it is in force. `version` gets what `weights` leave."""

    name: str
    version: str
    weights: dict[str, float] = {}
    description: str = ""
    declared: bool = False  # by the project
    modified_us: int = 0

    @property
    def versions(self) -> set[str]:
        return {self.version, *self.weights}

    def revision(self, function_arn: str) -> str:
        """RevisionId: another one after each change, the same after a restart."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{function_arn}:{self.name} {self.modified_us}"))


class Versions:
    """Every version and alias of the project's functions: publishes and resolves them."""

    def __init__(
        self,
        made: MadeStore,
        reloader: Reloader,
        telemetry: Telemetry,
        clock: Clock,
        around: Surroundings,
        data: Path,
        status: Callable[[Function], str],
        tell: Callable[[], Awaitable[None]],
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`tell`: versions or aliases have changed. `draw`: a number of 0..1 for weighted aliases."""
        self._made = made
        self._telemetry = telemetry
        self._clock = clock
        self._around = around
        self._data = data
        self._status = status
        self._tell = tell
        self._draw = draw
        self._copies = Frozen(data)
        self._freezer = Freezer(reloader, self._copies)
        self._all: dict[str, dict[str, Version]] = {}  # function -> number -> version, oldest first
        self._aliases: dict[str, dict[str, Alias]] = {}
        self._publishing = asyncio.Lock()

    # --- what there is

    def load(self, functions: Iterable[Function]) -> None:
        """Take over the functions of a (re)loaded project, with what was published of them before."""
        known = {function.name: function for function in functions}
        kept = {name: self._all.get(name, {}) for name in known}
        self._all = {name: {} for name in known}
        self._aliases = {name: {} for name in known}
        for row in self._made.all():
            name, _, last = row.name.partition(":")
            if name not in known or not last:
                continue
            if row.kind == "alias":
                self._aliases[name][last] = _alias(row)
            elif row.kind == "version":
                version = kept[name].get(last)
                if version is None or version.latest is not known[name]:
                    version = self._restored(row, known[name])
                if version is not None:
                    self._all[name][last] = version
        for name, found in self._all.items():
            self._all[name] = dict(sorted(found.items(), key=lambda one: int(one[0])))

    def _restored(self, row: Made, latest: Function) -> Version | None:
        try:
            return Version(row, msgspec.convert(row.config, _Row), latest, self._around, self._data, self._status)
        except msgspec.ValidationError as error:
            self._telemetry.say("notice", latest.name, f"{row.name} cannot be read, publish it again: {error}")
            return None

    def of(self, function: Named) -> list[Version]:
        """Oldest first."""
        return list(self._all.get(function.name, {}).values())

    def aliases(self, function: Named) -> list[Alias]:
        """By name."""
        return sorted(self._aliases.get(function.name, {}).values(), key=lambda one: one.name)

    def alias(self, function: Named, name: str) -> Alias:
        """Raises NotFound."""
        found = self._aliases.get(function.name, {}).get(name)
        if found is None:
            raise NotFound(f"{function.name} has no alias {name}")
        return found

    def folders(self) -> set[str]:
        """The copies that versions run in, of functions that are not in the project now, too."""
        found: set[str] = set()
        for row in self._made.all():
            config = row.config.get("config") if row.kind == "version" else None
            if isinstance(config, dict):
                found |= {str(config.get("code_root")), *map(str, config.get("layers") or ())}
        return found

    async def tidy(self) -> None:
        """Remove copies that no version runs in any more."""
        await asyncio.to_thread(self._copies.tidy, self.folders())

    # --- which one runs

    def resolve(self, function: Function, qualifier: str | None) -> Function:
        """What a qualifier stands for at this moment; a weighted alias is drawn anew each time. Raises NotFound."""
        if qualifier is None or qualifier == LATEST:
            return function
        alias = self._aliases.get(function.name, {}).get(qualifier)
        if alias is None and any(one.name == qualifier for one in function.config.published_aliases):
            return function  # the first version is about to be published
        if alias is not None and alias.weights:
            return self._version(function.name, choose(alias.version, alias.weights, self._draw())) or function
        return self.primary(function, qualifier) or function

    def primary(self, function: Named, qualifier: str | None) -> Version | None:
        """The version of a number or of an alias, without its weights; None for $LATEST. Raises NotFound."""
        alias = self._aliases.get(function.name, {}).get(qualifier or LATEST)
        number = alias.version if alias is not None else qualifier
        return self._version(function.name, number or LATEST)

    def _version(self, function: str, number: str) -> Version | None:
        if number == LATEST:
            return None
        version = self._all.get(function, {}).get(number)
        if version is None:
            raise NotFound(f"{function} has no version or alias {number}")
        return version

    # --- publishing

    async def publish(
        self,
        function: Function,
        *,
        description: str | None = None,
        followed: bool = False,
        expects: Callable[[Function], None] = lambda _: None,
    ) -> tuple[Version, bool]:
        """A version of the present code and configuration, and whether it is a new one.

        What has not changed since the newest version was published is that version. `expects` may refuse the function
        as it is at that moment. Raises NotFound, StoreError, OSError.
        """
        async with self._publishing:
            config, snapshot, plan = await self._freezer.settled(function)
            expects(function)
            print_ = await asyncio.to_thread(self._freezer.fingerprint, config, snapshot, plan)
            newest = next(reversed(self.of(function)), None)
            if newest is not None and newest.fingerprint == print_:
                return newest, False
            config, plan = await asyncio.to_thread(self._freezer.freeze, config, snapshot, plan)
            if description is not None:
                config = msgspec.structs.replace(config, description=description)
            number = await self._next_number(function.name)
            stored = _Row(config=config, snapshot=snapshot, plan=plan, fingerprint=print_, followed=followed)
            now = self._clock.now_us()
            row = Made(
                kind="version", name=f"{function.name}:{number}", own=True, config=msgspec.to_builtins(stored),
                created_us=now, modified_us=now,
            )  # fmt: skip
            version = Version(row, stored, function, self._around, self._data, self._status)
            await self._made.put(row)
            self._all.setdefault(function.name, {})[version.version] = version
            await self._tell()
            return version, True

    async def _next_number(self, name: str) -> int:
        """Numbers are never used again. The row without a number keeps the last one."""
        kept = self._made.get("version", name)
        last = max([int(one) for one in self._all.get(name, {})], default=0)
        number = max(last, int(kept.config.get("last", 0)) if kept else 0) + 1
        now = self._clock.now_us()
        await self._made.put(
            Made(kind="version", name=name, own=True, config={"last": number}, created_us=now, modified_us=now)
        )
        return number

    async def delete(self, function: Named, number: str) -> Version:
        """Forget a version; the caller ends its environments. Raises NotFound, VersionInUse."""
        version = self._all.get(function.name, {}).get(number)
        if version is None:
            raise NotFound(f"{function.name} has no version {number}")
        users = [alias.name for alias in self.aliases(function) if number in alias.versions]
        if users:
            raise VersionInUse(version.key, users)
        await self._made.delete("version", version.key)
        await self._made.delete("event-invoke", version.key)
        self._all[function.name].pop(number, None)
        await self._tell()
        return version

    async def forget(self, function: Named, versions: Iterable[Version]) -> None:
        """Drop versions that nobody needs any more, with the copies that they ran in."""
        async with self._publishing:  # nothing is being copied meanwhile
            for one in versions:
                await self._made.delete("version", one.key)
                self._all[function.name].pop(one.version, None)
            await self.tidy()
        await self._tell()

    # --- aliases

    def alias_row(self, function: Named, name: str) -> Made | None:
        """What is stored of an alias."""
        return self._made.get("alias", f"{function.name}:{name}")

    async def put_alias(
        self, function: Named, name: str, version: str, weights: dict[str, float], description: str
    ) -> Alias:
        """Make or change an alias."""
        kept = self.alias_row(function, name)
        config: dict[str, Any] = {"version": version, "weights": weights, "description": description}
        base, own = (kept.base, kept.own) if kept else ({}, True)
        return await self.keep_alias(function, name, config, base, own=own)

    async def delete_alias(self, function: Named, name: str) -> None:
        """With its settings for asynchronous events. Nothing happens where there is none."""
        await self._made.delete("alias", f"{function.name}:{name}")
        await self._made.delete("event-invoke", f"{function.name}:{name}")
        if self._aliases.get(function.name, {}).pop(name, None) is not None:
            await self._tell()

    async def keep_alias(
        self, function: Named, name: str, config: dict[str, Any], base: dict[str, Any], *, own: bool
    ) -> Alias:
        """Store an alias and put it in force; `base` and `own` as in `Made`."""
        kept = self.alias_row(function, name)
        now = self._clock.now_us()
        row = Made(
            kind="alias", name=f"{function.name}:{name}", own=own, config=config, base=base,
            created_us=kept.created_us if kept else now, modified_us=max(now, kept.modified_us + 1 if kept else 0),
        )  # fmt: skip
        await self._made.put(row)
        alias = self._aliases.setdefault(function.name, {})[name] = _alias(row)
        await self._tell()
        return alias


def _alias(row: Made) -> Alias:
    config = row.config
    return Alias(
        name=row.name.partition(":")[2],
        version=str(config.get("version")),
        weights=dict(config.get("weights") or {}),
        description=str(config.get("description") or ""),
        declared=not row.own,
        modified_us=row.modified_us,
    )

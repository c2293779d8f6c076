"""Aliases that the project declares: they follow what is saved (`AutoPublishAlias`), one version after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from lambdatui.config.model import AliasConfig
from lambdatui.engine.functions import LATEST, Function
from lambdatui.errors import LambdaTuiError

if TYPE_CHECKING:
    from lambdatui.engine.reload import Reloader
    from lambdatui.engine.versions import Version, Versions
    from lambdatui.telemetry.telemetry import Telemetry

KEPT = 20  # versions of a function that follow its saves, beside those that are in use: each has a copy of its folder


class Follower:
    """Publishes and moves the declared aliases, before the call that comes next."""

    def __init__(
        self, versions: Versions, reloader: Reloader, telemetry: Telemetry, used: Callable[[str], bool]
    ) -> None:
        """`used`: whether a version, by its `Blueprint.key`, must be kept."""
        self._versions = versions
        self._reloader = reloader
        self._telemetry = telemetry
        self._used = used
        self._followed: dict[str, _State] = {}
        self._following: dict[str, asyncio.Lock] = {}

    async def serving(self, function: Function, qualifier: str | None) -> Function:
        """As `Versions.resolve`, when the qualifier is up to date."""
        await self.caught_up(function, qualifier)
        return self._versions.resolve(function, qualifier)

    async def caught_up(self, function: Function, qualifier: str | None) -> None:
        """Returns when an alias that follows the files has moved to what was saved just now."""
        if qualifier is not None and any(one.name == qualifier for one in function.config.published_aliases):
            await self.follow(function)

    async def follow(self, function: Function) -> None:
        """Publish what was saved and move the declared aliases to it. Code that does not compile changes nothing."""
        try:
            if function.config.published_aliases and not function.config.unserved:
                await self._reloader.ready(function)
            if not self._follows(function):
                async with self._following.setdefault(function.name, asyncio.Lock()):
                    if not self._follows(function):
                        await self._follow(function)
        except (OSError, LambdaTuiError) as error:
            self._telemetry.say("notice", function.name, f"no version was published: {error}")

    def _follows(self, function: Function) -> bool:
        """Whether the declared aliases have seen the function as it is; they do not look at code that cannot run."""
        broken = any(problem.severity == "error" for problem in function.code_problems)
        return broken or self._followed.get(function.name) == _state(function)

    async def _follow(self, function: Function) -> None:
        declared, state = function.config.published_aliases, _state(function)
        await self._forget_undeclared(function)
        if declared:
            version, new = await self._published(function, declared)
            texts = [text for one in declared if (text := await self._move(function, one, version))]
            if texts:
                start = f"version {version.version} published; " if new else ""
                self._telemetry.say("config", function.name, start + ", ".join(texts))
        self._followed[function.name] = state
        await self._prune(function)

    async def _prune(self, function: Function) -> None:
        """Forget the oldest of the versions that only followed saves, with the copies that they ran in."""
        pointed_to = {number for alias in self._versions.aliases(function) for number in alias.versions}
        old = [
            one
            for one in [each for each in self._versions.of(function) if each.followed][:-KEPT]
            if one.version not in pointed_to and not self._used(one.key)
        ]
        if old:
            await self._versions.forget(function, old)

    async def _published(self, function: Function, declared: tuple[AliasConfig, ...]) -> tuple[Version, bool]:
        """The version for aliases that follow the newest. Those of a fixed one need it only to exist."""
        known = {one.version: one for one in self._versions.of(function)}
        if known and all(one.version in (LATEST, *known) for one in declared):
            return next(reversed(known.values())), False
        return await self._versions.publish(function, followed=True)

    async def _move(self, function: Function, declared: AliasConfig, newest: Version) -> str:
        """Bring one declared alias up to date, unless nothing of it has changed since: what is to be said of it."""
        base: dict[str, Any] = {"declared": msgspec.to_builtins(declared)}
        if declared.version is None:
            base["newest"] = newest.version
        kept = self._versions.alias_row(function, declared.name)
        if kept is not None and not kept.own and kept.base == base:
            return ""
        published = {one.version for one in self._versions.of(function)}
        version = declared.version or newest.version
        missing = [each for each in (version, *declared.weights) if each not in published and each != LATEST]
        if version in missing:
            version = newest.version
        weights = {each: share for each, share in declared.weights.items() if each in published and each != version}
        config: dict[str, Any] = {"version": version, "weights": weights, "description": declared.description}
        await self._versions.keep_alias(function, declared.name, config, base, own=False)
        told = f"{declared.name} points to version {version}"
        return f"{told} (there is no version {', '.join(missing)} here)" if missing else told

    async def _forget_undeclared(self, function: Function) -> None:
        names = {one.name for one in function.config.published_aliases}
        for alias in self._versions.aliases(function):
            if alias.declared and alias.name not in names:
                await self._versions.delete_alias(function, alias.name)


_State = tuple[str, str, tuple[AliasConfig, ...]]


def _state(function: Function) -> _State:
    """What declared aliases follow."""
    return function.generation, function.revision, function.config.published_aliases

"""What provisioned concurrency is asked for, by version or alias: declared, or set by API and kept over restarts.

Knows no environment; `provisioner` starts them.
https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from lambdatui.config.made import Made

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.functions import Function
    from lambdatui.engine.versions import Versions
    from lambdatui.store.made import MadeStore


UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Provisioned concurrency of one version or alias."""

    function: str
    qualifier: str
    requested: int
    modified_us: int

    @property
    def name(self) -> str:
        return f"{self.function}:{self.qualifier}"


def shares(requested: int, version: str, weights: Mapping[str, float]) -> dict[str, int]:
    """How many environments each version of an alias gets: additional ones by their weight, `version` the rest."""
    found: dict[str, int] = {}
    left = requested
    for other, weight in weights.items():
        found[other] = min(left, round(requested * weight))
        left -= found[other]
    return {each: count for each, count in {version: left, **found}.items() if count}


class ProvisionedConfigs:
    """All that is wanted. A declared alias' figure holds until the API sets one, and again once it is edited."""

    def __init__(self, made: MadeStore, versions: Versions, clock: Clock) -> None:
        self._made = made
        self._versions = versions
        self._clock = clock
        self._began_us = clock.now_us()

    def of(self, function: Function) -> list[Wanted]:
        """Of the versions and aliases that there are; by qualifier."""
        versions = [version.version for version in self._versions.of(function)]
        aliases = [alias.name for alias in self._versions.aliases(function)]
        if not versions and not aliases:
            return []
        declared = self._declared(function)
        found = (self._wanted(function.name, each, declared.get(each)) for each in sorted([*versions, *aliases]))
        return [one for one in found if one is not None]

    def _wanted(self, function: str, qualifier: str, declared: int | None) -> Wanted | None:
        requested, modified_us = declared, self._began_us
        row = self._made.get("provisioned", f"{function}:{qualifier}")
        if row is not None and row.base.get("declared") == declared:  # else the file was edited since
            requested, modified_us = row.config.get("requested"), row.modified_us
        if requested is None:
            return None
        return Wanted(function=function, qualifier=qualifier, requested=requested, modified_us=modified_us)

    def get(self, function: Function, qualifier: str) -> Wanted | None:
        return next((one for one in self.of(function) if one.qualifier == qualifier), None)

    def targets(self, wanted: Wanted, function: Function) -> dict[str, int]:
        """Published version -> environments; nothing for an alias of $LATEST or of a version that is not there."""
        found = {wanted.qualifier: wanted.requested}
        for alias in self._versions.aliases(function):
            if alias.name == wanted.qualifier:
                found = shares(wanted.requested, alias.version, alias.weights)
        published = {one.version for one in self._versions.of(function)}
        return {version: count for version, count in found.items() if version in published}

    async def put(self, function: Function, qualifier: str, requested: int | None) -> None:
        """None: no more, whatever is declared."""
        declared = self._declared(function).get(qualifier)
        name = f"{function.name}:{qualifier}"
        if requested is None and declared is None:
            await self._made.delete("provisioned", name)
            return
        kept = self._made.get("provisioned", name)
        now = self._clock.now_us()
        await self._made.put(
            Made(
                kind="provisioned",
                name=name,
                own=declared is None,
                config={"requested": requested},
                base={} if declared is None else {"declared": declared},
                created_us=kept.created_us if kept else now,
                modified_us=now,
            )
        )

    async def forget_gone(self, functions: Iterable[Function]) -> None:
        """What was set for a version or alias that has been deleted since does not come back with another one."""
        by_name = {function.name: function for function in functions}
        for row in [row for row in self._made.all() if row.kind == "provisioned"]:
            name, _, qualifier = row.name.partition(":")
            function = by_name.get(name)
            if function is None:  # it may come back, with its versions
                continue
            known = {version.version for version in self._versions.of(function)}
            known |= {alias.name for alias in self._versions.aliases(function)} | set(self._declared(function))
            if qualifier not in known:
                await self._made.delete("provisioned", row.name)

    @staticmethod
    def _declared(function: Function) -> dict[str, int]:
        return {
            one.name: one.provisioned_concurrency
            for one in function.config.published_aliases
            if one.provisioned_concurrency
        }

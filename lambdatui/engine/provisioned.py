"""What provisioned concurrency is asked for, by version or alias: declared, or set by API and kept over restarts.

Knows no environment; `provisioner` starts them.
https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from lambdatui.config.made import Made

if TYPE_CHECKING:
    from lambdatui.clock import Clock
    from lambdatui.engine.functions import Function
    from lambdatui.engine.versions import Versions
    from lambdatui.store.made import MadeStore


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
        declared, rows = self._declared(function), self._rows(function)
        if not declared and not rows:
            return []
        versions = {version.version for version in self._versions.of(function)}
        aliases = {alias.name for alias in self._versions.aliases(function)}
        found = {
            qualifier: Wanted(
                function=function.name, qualifier=qualifier, requested=requested, modified_us=self._began_us
            )
            for qualifier, requested in declared.items()
        }
        for row in rows:
            qualifier = row.name.partition(":")[2]
            if row.base and row.base.get("declared") != declared.get(qualifier):
                continue
            requested = row.config.get("requested")
            if requested is None:
                found.pop(qualifier, None)
            else:
                found[qualifier] = Wanted(
                    function=function.name, qualifier=qualifier, requested=requested, modified_us=row.modified_us
                )
        return [found[each] for each in sorted(found) if each in versions or each in aliases]

    def get(self, function: Function, qualifier: str) -> Wanted | None:
        return next((one for one in self.of(function) if one.qualifier == qualifier), None)

    def targets(self, wanted: Wanted, function: Function) -> dict[str, int]:
        """Version -> environments; nothing where the version or alias has just gone."""
        for alias in self._versions.aliases(function):
            if alias.name == wanted.qualifier:
                return shares(wanted.requested, alias.version, alias.weights)
        if any(one.version == wanted.qualifier for one in self._versions.of(function)):
            return {wanted.qualifier: wanted.requested}
        return {}

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

    async def forget_gone(self, function: Function) -> None:
        """What was set for a version or alias that has been deleted since does not come back with another one."""
        known = {version.version for version in self._versions.of(function)}
        known |= {alias.name for alias in self._versions.aliases(function)} | set(self._declared(function))
        for row in self._rows(function):
            if row.name.partition(":")[2] not in known:
                await self._made.delete("provisioned", row.name)

    def _rows(self, function: Function) -> list[Made]:
        return [row for row in self._made.all() if row.kind == "provisioned" and _function(row) == function.name]

    @staticmethod
    def _declared(function: Function) -> dict[str, int]:
        return {
            one.name: one.provisioned_concurrency
            for one in function.config.published_aliases
            if one.provisioned_concurrency
        }


def _function(row: Made) -> str:
    return row.name.partition(":")[0]

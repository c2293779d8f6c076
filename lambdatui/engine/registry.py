"""The functions of the project by all their names, and the changes that API or screen have laid over them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from lambdatui.config.model import FunctionConfig, Project
from lambdatui.engine.functions import Function
from lambdatui.engine.variables import Surroundings
from lambdatui.errors import NotFound

if TYPE_CHECKING:
    from lambdatui.store.overrides import OverrideStore

RESERVED = "reserved_concurrency"
_ARN = re.compile(r"(?:arn:aws[\w-]*:lambda:)?(?:[a-z0-9-]+:)?(?:(?P<account>\d{12}):)?function:(?P<rest>.+)")


class Registry:
    """Name, logical id, alias, partial and full ARN, each with or without a qualifier, lead to one `Function`."""

    def __init__(
        self, overrides: OverrideStore, around: Surroundings, data: Path, status: Callable[[Function], str]
    ) -> None:
        self._overrides = overrides
        self._around = around
        self._data = data
        self._status = status
        self._by_name: dict[str, Function] = {}
        self._by_other_name: dict[str, Function] = {}

    def __iter__(self) -> Iterator[Function]:
        return iter(list(self._by_name.values()))

    def load(self, project: Project) -> list[Function]:
        """Take over a project's functions; those known before stay the same objects. Returns the removed ones."""
        before = self._by_name
        self._by_name = {}
        for config in project.functions:
            arn = f"arn:aws:lambda:{project.region}:{project.account}:function:{config.name}"
            function = before.get(config.name) or Function(config, arn, self._around, self._data, self._status)
            if _provided(function.declared) != _provided(config):
                function.interpreter = None
                function.settled.clear()
            function.declared = config
            self._by_name[config.name] = function
        self._by_other_name = {alias: one for one in self._by_name.values() for alias in one.declared.aliases}
        self._by_other_name |= {one.declared.logical_id: one for one in self._by_name.values()}
        return [function for name, function in before.items() if name not in self._by_name]

    def find(self, name_or_arn: str, qualifier: str | None = None) -> tuple[Function, str | None]:
        """The function and the qualifier of a name in any form; NotFound names the nearest."""
        plain = self._by_name.get(name_or_arn)
        if plain is not None:
            return plain, qualifier or None
        match = _ARN.fullmatch(name_or_arn)
        name, _, inside = (match["rest"] if match else name_or_arn).partition(":")
        function = self._by_name.get(name) or self._by_other_name.get(name)
        if function is None:
            import difflib

            near = difflib.get_close_matches(name, self._by_name, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise NotFound(f"there is no function {name}{hint}")
        return function, qualifier or inside or None

    # --- overrides

    def apply_overrides(self) -> list[tuple[str, str]]:
        """Lay the stored changes over what the files say. Those whose property was edited in a file have to give way:
        their function and property.
        """
        for function in self._by_name.values():
            function.overrides = {}
            function.config = function.declared
        edited = []
        for (name, prop), (value, base) in self._overrides.all().items():
            known = self._by_name.get(name)
            if known is not None and (base != _encode(known.declared, prop) or not self._lay(known, prop, value)):
                edited.append((name, prop))
        return edited

    async def give_way(self, edited: Iterable[tuple[str, str]]) -> list[str]:
        """Forget stored changes; a sentence for each."""
        said = []
        for name, prop in edited:
            await self._overrides.delete(name, prop)
            said.append(f"{prop} of {name} was edited in its file: the change made here gave way")
        return said

    async def override(self, function: Function, prop: str, value: object) -> None:
        """Store a change and put it in force; one to what the files say anyway forgets an earlier change."""
        if value == getattr(function.declared, prop):
            if prop in function.overrides:
                await self.reset(function, prop)
            return
        text = msgspec.json.encode(value).decode()
        await self._overrides.put(function.name, prop, text, _encode(function.declared, prop))
        self._lay(function, prop, text)

    async def reset(self, function: Function, prop: str) -> None:
        """Forget a change; NotFound where there is none."""
        if prop not in function.overrides:
            raise NotFound(f"{prop} of {function.name} has not been changed here")
        await self._overrides.delete(function.name, prop)
        del function.overrides[prop]
        function.config = msgspec.structs.replace(function.config, **{prop: getattr(function.declared, prop)})

    @staticmethod
    def _lay(function: Function, prop: str, value: str) -> bool:
        """False for what another lambdatui has stored and this one cannot read."""
        try:
            decoded = msgspec.json.decode(value, type=_types()[prop])
        except (KeyError, msgspec.ValidationError):
            return False
        function.overrides[prop] = value
        function.config = msgspec.structs.replace(function.config, **{prop: decoded})
        return True


@cache
def _types() -> dict[str, Any]:
    return get_type_hints(FunctionConfig)


def _provided(config: FunctionConfig) -> tuple[object, ...]:
    """What decides about Python and packages."""
    return config.runtime, config.layers, config.requirements


def _encode(config: FunctionConfig, prop: str) -> str:
    return msgspec.json.encode(getattr(config, prop)).decode()

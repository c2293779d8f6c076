"""What a version is made of, at a moment when its files are at rest: configuration, code, Python and packages."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lambdatui.config.model import FunctionConfig
from lambdatui.engine.frozen import Frozen
from lambdatui.engine.functions import Function, Snapshot
from lambdatui.engine.provision import Plan
from lambdatui.errors import StoreError

if TYPE_CHECKING:
    from lambdatui.engine.reload import Reloader

_TRIES = 5  # copies of a folder that was saved to meanwhile
# What belongs to the function, or says where a version's content comes from, and is no part of that content.
_UNVERSIONED = frozenset({
    "name", "logical_id", "code_root", "inline_code", "layers", "requirements", "reserved_concurrency", "aliases",
    "published_aliases", "on_failure", "on_success", "maximum_retry_attempts", "maximum_event_age",
    "event_invoke_qualifier", "recursive_loop", "file", "line",
})  # fmt: skip


class Freezer:
    """Takes a function as it is, and puts copies by content in the place of the project's folders."""

    def __init__(self, reloader: Reloader, copies: Frozen) -> None:
        self._reloader = reloader
        self._copies = copies

    async def settled(self, function: Function) -> tuple[FunctionConfig, Snapshot | None, Plan | None]:
        """What the function is, at a moment when its files and the copy of them are the same."""
        if function.config.unserved:
            return function.config, None, None
        for _ in range(_TRIES):
            await self._reloader.settled(function)
            config, snapshot, interpreter = function.config, function.snapshot, function.interpreter
            assert snapshot is not None and interpreter is not None
            plan = Plan(interpreter=interpreter, needs=function.needs, problem=function.manifest_problem)
            if config.inline_code is None:
                await asyncio.to_thread(self._copies.copy, Path(config.code_root), snapshot.sha)
            await self._reloader.settled(function)
            if function.code_sha == snapshot.sha:
                return function.config, snapshot, plan
        raise StoreError(f"the code of {function.name} does not come to rest: publish it when it is saved")

    def fingerprint(self, config: FunctionConfig, snapshot: Snapshot | None, plan: Plan | None) -> str:
        content = {name: each for name, each in msgspec.to_builtins(config).items() if name not in _UNVERSIONED}
        layers = [self._copies.content(layer) for layer in config.layers]
        needs = [need.key for need in plan.needs] if plan else []
        text = msgspec.json.encode([content, snapshot.sha if snapshot else "", layers, needs], order="sorted")
        return hashlib.sha256(text).hexdigest()

    def freeze(
        self, config: FunctionConfig, snapshot: Snapshot | None, plan: Plan | None
    ) -> tuple[FunctionConfig, Plan | None]:
        """The same with the copies in place of the project's folders."""
        root, inline = config.code_root, None if config.inline_code is None else ""  # the snapshot has it
        if snapshot is not None and inline is None:
            root = str(self._copies.path(snapshot.sha))
        copies = {layer: str(self._copies.copy(Path(layer), self._copies.content(layer))) for layer in config.layers}
        if plan is not None:
            needs = [msgspec.structs.replace(one, layer=copies.get(one.layer or "")) for one in plan.needs]
            plan = msgspec.structs.replace(plan, needs=tuple(needs))
        layers = tuple(copies[layer] for layer in config.layers)
        return msgspec.structs.replace(config, code_root=root, inline_code=inline, layers=layers), plan

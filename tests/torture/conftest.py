"""One engine for all attacks of a file, with a neighbour that counts its calls: it must not miss one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from lambdatui import wire
from lambdatui.engine.engine import Engine
from lambdatui.engine.model import InvokeResult
from lambdatui.spawner import tree
from tests.engine.conftest import call, running
from tests.torture.attacks import ATTACKS

NEIGHBOUR = "calls = []\ndef handler(event, context):\n    calls.append(1)\n    return len(calls)\n"


class World:
    """The engine, what its loop was told of failures, and the names of the functions."""

    def __init__(self, engine: Engine, mark: str) -> None:
        self.engine = engine
        self.mark = mark
        self.raised: list[str] = []  # by callbacks of the engine's loop
        self.asked = 0
        self.names = dict(zip(ATTACKS, map(_name, range(len(ATTACKS))), strict=True))

    async def ask_neighbour(self) -> None:
        """It answers, and from the process that it has always been."""
        self.asked += 1
        answer = await call(self.engine, "neighbour")
        assert (answer.status, json.loads(answer.payload)) == ("ok", self.asked)

    async def attack(self, name: str, event: object = None) -> InvokeResult:
        """The attack's end; the neighbour is asked until then."""
        attack = asyncio.create_task(call(self.engine, self.names[name], event))
        while not attack.done():
            await self.ask_neighbour()
            await asyncio.wait([attack], timeout=0.05)
        await self.ask_neighbour()
        return await attack

    def left_of(self, environment: str) -> list[int]:
        return tree.carriers(wire.MARK_ENVIRONMENT, environment)


def _name(number: int) -> str:
    return f"attack{number}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    root = tmp_path_factory.mktemp("torture")
    toml = ["[functions.neighbour]", "handler = 'neighbour.handler'", "code = 'neighbour'"]
    _write(root / "neighbour/neighbour.py", NEIGHBOUR)
    for number, attack in enumerate(ATTACKS.values()):
        name = _name(number)
        _write(root / name / "app.py", attack.code)
        toml += [f"[functions.{name}]", "handler = 'app.handler'", f"code = '{name}'"]
        toml += [f"timeout = {attack.timeout}", f"memory = {attack.memory}"]
    _write(root / "lambdatui.toml", "\n".join(toml))
    mark = f"torture-{uuid4().hex}"
    async with running(root, engine_mark=mark, fresh=True) as engine:  # a fork keeps its zygote's variables in /proc
        world = World(engine, mark)
        asyncio.get_running_loop().set_exception_handler(lambda _, context: world.raised.append(str(context)))
        yield world
    assert tree.carriers(wire.MARK_ENGINE, mark) == []


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from lambdatui.config.model import Project
from tests.sources.support import Handler, World

Make = Callable[..., Awaitable[World]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes a running world from a project and the functions' handlers; everything is closed at the end."""
    made: list[World] = []

    async def make(project: Project, *, start: bool = True, **handlers: Handler) -> World:
        for old in made:
            await close(old)
        made.clear()
        fresh = World(tmp_path / "data", project)
        made.append(fresh)
        fresh.engine.handlers.update(handlers)
        await fresh.store.start()
        if start:
            await fresh.manager.start()
            await fresh.settle()
        return fresh

    yield make
    for each in made:
        await close(each)


async def close(world: World) -> None:
    await world.manager.stop(grace=0.5)
    world.engine.reader.close()
    await world.store.close()

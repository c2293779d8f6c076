"""A real engine on a project in a temporary folder: real processes, real SQLite, the machine's clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lambdatui.clock import SystemClock
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions
from lambdatui.engine.engine import Engine, EngineOptions
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry

Start = Callable[..., Any]


@asynccontextmanager
async def running(root: Path, **options: Any) -> AsyncIterator[Engine]:
    """An engine on `root`, ended with everything below it.

    Without zygotes, which are two processes a function that only a second cold start needs; `fresh=False`: with them.
    """
    clock = SystemClock()
    data = root / ".lambdatui"
    load = LoadOptions()
    store = Store.open(data, clock)
    await store.start()
    telemetry = Telemetry(store.history, clock)
    await telemetry.start()
    defaults: dict[str, Any] = {
        "url": "http://127.0.0.1:1",
        "http_url": "http://127.0.0.1:2",
        "region": "us-east-1",
        "account": "000000000000",
        "fresh": True,
        "engine_mark": f"test-{uuid4().hex}",  # another run of these tests must not sweep ours
    }
    engine = Engine(
        load_project(root, load, data), store, telemetry, clock, EngineOptions(**(defaults | options)), load
    )
    try:
        await engine.start()
        await engine.settle_in()
        yield engine
    finally:
        await engine.stop()
        await telemetry.close()
        await store.close()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """`await start({"app.py": "..."}, **options)` -> a running engine on those files."""
    async with AsyncExitStack() as stack:

        async def begin(files: dict[str, str], **options: Any) -> Engine:
            for name, text in files.items():
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return await stack.enter_async_context(running(tmp_path, **options))

        yield begin


async def call(engine: Engine, function: str, event: object = None, **request: Any) -> InvokeResult:
    """Invoke synchronously with a JSON event."""
    return await engine.invoke(
        InvokeRequest(function=function, payload=json.dumps({} if event is None else event).encode(), **request)
    )


async def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for a condition of the running system; fails the test where it does not come."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        found = condition()
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")

"""The door over a real engine on a project in a folder: for what a small engine could only repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from lambdatui.clock import SystemClock
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions
from lambdatui.engine.engine import Engine, EngineOptions
from tests.api.api_support import ACCOUNT, Running


class Whole(Running):
    """`root` holds the project; its state is kept in it over several of these, one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._load = LoadOptions()
        data = root / ".lambdatui"
        super().__init__(data, load_project(root, self._load, data), {})

    async def _engine(self) -> Any:
        options = EngineOptions(
            url="http://127.0.0.1:1", http_url="http://127.0.0.1:2", region="us-east-1", account=ACCOUNT,
            engine_mark=f"test-{uuid4().hex}",
        )  # fmt: skip
        engine = Engine(self._project, self.store, self.telemetry, SystemClock(), options, self._load)
        await engine.start()
        await engine.settle_in()
        return engine

    async def _end_engine(self) -> None:
        await self.engine.stop()

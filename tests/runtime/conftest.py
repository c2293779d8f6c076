from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `runtime_harness`

import runtime_harness as harness


@pytest.fixture(scope="session")
def spawner() -> Iterator[harness.SpawnerProcess]:
    process = harness.SpawnerProcess()
    yield process
    process.close()


@pytest.fixture
def start(spawner: harness.SpawnerProcess, tmp_path: Path) -> Iterator[harness.Start]:
    """Start an environment from `{path: source}` (or one source for app.py); READY is the caller's to read."""
    running = []

    def begin(code: dict[str, str] | str, handler: str = "app.handler", **kwargs: Any) -> harness.EnvironmentProcess:
        files = {"app.py": code} if isinstance(code, str) else code
        root = harness.write(tmp_path / "task", files)
        root.mkdir(exist_ok=True)
        environment = harness.EnvironmentProcess(spawner, root, handler, **kwargs)
        running.append(environment)
        return environment

    yield begin
    for environment in running:
        harness.protocol.send(spawner.socket, harness.protocol.kill(environment.id))
        environment.close()

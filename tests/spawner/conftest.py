from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "runtime"))  # for `runtime_harness`

import runtime_harness as harness


@pytest.fixture
def spawner() -> Iterator[harness.SpawnerProcess]:
    process = harness.SpawnerProcess()
    yield process
    process.close()

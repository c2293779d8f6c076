"""A real store in a temporary folder, on a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock
from lambdatui.store.store import Store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def store(data: Path, clock: ManualClock) -> AsyncIterator[Store]:
    opened = Store.open(data, clock)
    await opened.start()
    yield opened
    await opened.close()

"""What `run --headless` prints, and that it looks for news only when there is some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambdatui import schema
from lambdatui.clock import SystemClock
from lambdatui.host import console
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry

INFO = schema.EngineInfo(
    pid=1, url="http://a", http_url="http://b", aws_url=None, token="t", project="p", version="0", started_at="now"
)


class Counted(Telemetry):
    looks = 0

    def happenings_after(self, happening_id: int) -> list[schema.Happening]:
        self.looks += 1
        return super().happenings_after(happening_id)


@pytest.fixture
async def telemetry(tmp_path: Path) -> AsyncIterator[Counted]:
    store = Store.open(tmp_path, SystemClock())
    await store.start()
    yield Counted(store.history, SystemClock())
    await store.close()


async def passes() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_console_looks_only_when_there_is_news_and_prints_all_of_it(
    telemetry: Counted, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_PAUSE_S", 0)
    printing = console.Console(telemetry)
    printing.start(INFO)
    await passes()
    before = telemetry.looks
    await passes()
    assert telemetry.looks == before
    telemetry.say("notice", "orders", "it was said")
    telemetry.log_lines("orders", "r", 0, [("INFO", "the first line")])
    await passes()
    assert telemetry.looks > before
    telemetry.log_lines("orders", "r", 0, [("INFO", "the last line")])
    await printing.stop()
    out, err = capfd.readouterr()
    assert "orders: it was said" in err
    assert [line.partition("orders ")[2] for line in out.splitlines()[1:]] == ["the first line", "the last line"]

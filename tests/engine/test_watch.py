"""What is watched: functions that appear later, folders that are replaced, edits that follow each other closely."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine.watch import FolderWatch
from tests.engine.conftest import Start, call, eventually
from tests.engine.test_reload import SAM, answer, code, said


async def test_a_handler_written_into_a_folder_made_before_is_found(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    (tmp_path / "later").mkdir()
    await asyncio.sleep(0.3)
    (tmp_path / "later" / "handler.py").write_text(code(5))
    await eventually(lambda: "later" in [one.name for one in engine.functions()])
    assert await answer(engine, "later") == 1005


async def test_a_handler_that_goes_and_comes_back_is_found_again(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1), "ok/handler.py": code(2)})
    (tmp_path / "ok" / "handler.py").unlink()
    await eventually(lambda: "ok" not in [one.name for one in engine.functions()])
    (tmp_path / "ok" / "handler.py").write_text(code(3))
    await eventually(lambda: "ok" in [one.name for one in engine.functions()])
    assert await answer(engine, "ok") == 1003


async def test_a_code_folder_that_was_swapped_is_served_and_watched(start: Start, tmp_path: Path) -> None:
    engine = await start({"a/app.py": code(1), "template.yaml": SAM % "a"})
    assert await answer(engine, "App") == 1001
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "app.py").write_text(code(2))
    (tmp_path / "a").rename(tmp_path / "old")
    stage.rename(tmp_path / "a")
    await eventually(lambda: said(engine, "reload"))
    assert await answer(engine, "App") == 1002
    await asyncio.sleep(0.3)
    (tmp_path / "a" / "app.py").write_text(code(3))
    await eventually(lambda: len(said(engine, "reload")) == 2)
    assert await answer(engine, "App") == 1003


async def test_an_edit_right_after_another_is_not_lost(start: Start, tmp_path: Path) -> None:
    engine = await start({"a/app.py": code(1), "b/app.py": code(2), "c/app.py": code(3), "template.yaml": SAM % "a"})
    for first, second, expected in (("b", "c", 1003), ("a", "b", 1002), ("c", "a", 1001)):
        (tmp_path / "template.yaml").write_text(SAM % first)
        await asyncio.sleep(0.04)
        (tmp_path / "template.yaml").write_text(SAM % second)
        await eventually(lambda second=second: engine.function("App").config.code_root.endswith(second))
        assert await answer(engine, "App") == expected


async def test_a_pipe_in_a_code_folder_hangs_nothing(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    engine = await start({"app.py": code(1)})
    assert (await call(engine, "app")).status == "ok"


@pytest.mark.skipif(sys.platform != "linux", reason="slows inotify's threads")
async def test_a_save_that_only_the_old_watch_saw_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers.inotify import InotifyEmitter  # imports on Linux alone

    queue_events = InotifyEmitter.queue_events

    def late(self: Any, timeout: float) -> None:
        """As on a machine that has other things to do."""
        time.sleep(0.1)
        queue_events(self, timeout)

    monkeypatch.setattr(InotifyEmitter, "queue_events", late)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    told: set[str] = set()
    watch = FolderWatch(told.update)
    try:
        await asyncio.to_thread(watch.watch, [tmp_path / "one"], [])
        (tmp_path / "one/app.py").write_text("saved")
        await asyncio.to_thread(watch.watch, [tmp_path / "one", tmp_path / "two"], [])
        await eventually(lambda: str(tmp_path / "one/app.py") in told, seconds=3.0)
    finally:
        watch.close()

"""What is watched: functions that appear later, folders that are replaced, edits that follow each other closely."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine.observed import Observed
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


linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify")


class Told(set[str]):
    """What a watch has told so far, relative to its folder."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.watch = FolderWatch(self.take)

    def take(self, paths: set[str]) -> None:
        self |= {str(Path(path).relative_to(self.root)) for path in paths}


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    made = Told(tmp_path)
    yield made
    made.watch.close()


@linux
async def test_many_trees_take_one_descriptor_and_no_thread(told: Told, tmp_path: Path) -> None:
    trees = [tmp_path / f"f{number}" for number in range(200)]
    for tree in trees:
        tree.mkdir()
    before, threads = len(list(Path("/proc/self/fd").iterdir())), set(threading.enumerate())
    told.watch.watch(trees, [tmp_path])
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    assert set(threading.enumerate()) == threads
    (trees[150] / "app.py").write_text("saved")
    await eventually(lambda: "f150/app.py" in told)


@linux
async def test_folders_that_are_made_or_moved_into_a_tree_are_watched_too(told: Told, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "outside/deep").mkdir(parents=True)
    (tmp_path / "outside/deep/old.py").write_text("before")
    told.watch.watch([tmp_path / "code"], [])
    (tmp_path / "code/new/inner").mkdir(parents=True)
    (tmp_path / "outside/deep").rename(tmp_path / "code/moved")
    await eventually(lambda: {"code/new/inner", "code/moved/old.py"} <= told)
    told.clear()
    (tmp_path / "code/new/inner/app.py").write_text("saved")
    (tmp_path / "code/moved/old.py").write_text("saved")
    await eventually(lambda: {"code/new/inner/app.py", "code/moved/old.py"} <= told)


@linux
async def test_a_renamed_folder_is_told_by_its_new_name(told: Told, tmp_path: Path) -> None:
    (tmp_path / "code/old").mkdir(parents=True)
    told.watch.watch([tmp_path / "code"], [])
    (tmp_path / "code/old").rename(tmp_path / "code/new")
    await eventually(lambda: {"code/old", "code/new"} <= told)
    await asyncio.sleep(0.05)  # for the walk through it
    told.clear()
    (tmp_path / "code/new/app.py").write_text("saved")
    await eventually(lambda: "code/new/app.py" in told)
    assert not [path for path in told if path.startswith("code/old")]


@linux
async def test_a_tree_that_comes_back_below_a_watched_folder_is_watched_again(told: Told, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    told.watch.watch([tmp_path / "code"], [tmp_path])
    (tmp_path / "code").rename(tmp_path / "aside")
    (tmp_path / "code/inner").mkdir(parents=True)
    await eventually(lambda: "code/inner" in told)
    (tmp_path / "code/inner/app.py").write_text("saved")
    await eventually(lambda: "code/inner/app.py" in told)


@linux
async def test_ignored_folders_and_what_editors_leave_are_silent(told: Told, tmp_path: Path) -> None:
    (tmp_path / "code/node_modules").mkdir(parents=True)
    told.watch.watch([tmp_path / "code"], [])
    (tmp_path / "code/node_modules/app.py").write_text("saved")
    (tmp_path / "code/.git").mkdir()
    (tmp_path / "code/.git/index").write_text("saved")
    (tmp_path / "code/app.py~").write_text("saved")
    (tmp_path / "code/app.py").write_text("saved")
    await eventually(lambda: "code/app.py" in told)
    assert told == {"code/app.py"}


@linux
async def test_a_save_in_a_tree_that_is_just_let_go_is_told(told: Told, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    told.watch.watch([tmp_path / "one"], [])
    (tmp_path / "one/app.py").write_text("saved")
    told.watch.watch([tmp_path / "two"], [])  # nothing has been read of the first watch so far
    await eventually(lambda: "one/app.py" in told)


@linux
async def test_where_events_were_lost_everything_counts_as_touched(told: Told, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    told.watch.watch([tmp_path / "code"], [])
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(most // 3 + 1):  # made, closed, gone: three events
        (tmp_path / "code/app.py").touch()
        (tmp_path / "code/app.py").unlink()
    await eventually(lambda: "code" in told)


@linux
async def test_a_save_that_only_an_old_observer_saw_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    watch = Observed(told.update, asyncio.get_running_loop(), polling=False)
    try:
        await asyncio.to_thread(watch.watch, [str(tmp_path / "one")], [])
        (tmp_path / "one/app.py").write_text("saved")
        await asyncio.to_thread(watch.watch, [str(tmp_path / "one"), str(tmp_path / "two")], [])
        await eventually(lambda: str(tmp_path / "one/app.py") in told)
    finally:
        watch.close()

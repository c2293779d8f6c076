"""What an environment takes is seen with all that it has started, and a crowd comes behind everybody else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lambdatui.clock import SystemClock
from lambdatui.engine.footprint import MEMORY, Footprint
from lambdatui.spawner import tree
from tests.engine.conftest import eventually

pytestmark = pytest.mark.skipif(not tree.LINUX, reason="there is no /proc")
CROWD = 33
CODE = f"""
import os, threading, time
for _ in range({CROWD}):
    if os.fork() == 0:
        time.sleep(600)
threading.Thread(target=time.sleep, args=(600,)).start()
os.write(1, b"x")
time.sleep(600)
"""


@pytest.fixture
def crowd() -> Iterator[int]:
    """A process with two threads and a crowd of processes below it."""
    command = [sys.executable, "-I", "-S", "-c", CODE]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)  # as an environment is
    assert process.stdout is not None
    process.stdout.read(1)
    yield process.pid
    tree.kill_tree(process.pid)
    process.wait()
    process.stdout.close()


async def test_a_crowd_is_put_behind_and_its_memory_is_one(crowd: int) -> None:
    footprint, exceeded = Footprint(crowd, SystemClock()), list[str]()
    alone = tree.ResidentSize(crowd)
    footprint.look(100_000, exceeded.append)
    below = tree.descendants(crowd)
    assert len(below) == CROWD and exceeded == []
    await eventually(lambda: footprint.resident_mb() * 1_048_576 > 2 * alone.current())
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in below} == {19}
    assert os.getpriority(os.PRIO_PROCESS, crowd) == os.getpriority(os.PRIO_PROCESS, 0)
    footprint.look(1, exceeded.append)
    await eventually(lambda: exceeded == [MEMORY])
    alone.close()
    footprint.close()


async def test_what_takes_long_to_look_at_does_not_hold_the_loop(crowd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a look costs is too much here: the first one is told of later, and no second begins meanwhile."""
    monkeypatch.setattr("lambdatui.engine.footprint._SHORT_LOOK", 0.0)
    footprint, exceeded = Footprint(crowd, SystemClock()), list[str]()
    footprint.look(1, exceeded.append)
    footprint.look(1, exceeded.append)
    assert exceeded == []
    await eventually(lambda: exceeded)
    await asyncio.sleep(0)
    assert exceeded == [MEMORY]
    footprint.close()


def test_a_tree_is_looked_through_no_further_than_it_may_be_large(crowd: int) -> None:
    assert tree.size_of(crowd, 1000).tasks == CROWD + 2
    cut = tree.size_of(crowd, 10)
    assert cut.tasks == 11
    assert tree.size_of(crowd, 1).below == []

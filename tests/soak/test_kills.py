"""SIGKILL at random moments under mixed load: nothing accepted is lost, and nothing is left.

A few kills in `make test`, as many as are asked for in `make soak KILLS=100 SEED=7`. A seed brings the same kills after
the same pauses; what they hit is the machine's.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.soak import kill_judge
from tests.soak.kill_engine import Engine, Killer
from tests.soak.kill_load import Load
from tests.soak.kill_project import KillProject, make

SETTLE_S = 120.0

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")


def settle(project: KillProject, load: Load) -> None:
    """Wait until nothing is waiting; the judge says what is missing."""
    end = time.monotonic() + SETTLE_S
    while kill_judge.unfinished(project, load) and time.monotonic() < end:
        time.sleep(0.5)


def run(tmp_path: Path, seed: int, targets: list[str | None], *, pause_s: float, load_pause_s: float) -> str:
    """Kill `targets` one after the other (None: a random one); what was done, as a sentence. Fails where it was not
    survived."""
    rng = random.Random(seed)
    project = make(tmp_path / "p")
    engine = Engine(project)
    engine.start()
    engine.ready()
    load = Load(project, rng, pause_s=load_pause_s)
    killer = Killer(engine, rng, pause_s=pause_s, screens=len(targets) > 10, whole=kill_judge.whole)
    load.start()
    try:
        for target in targets:
            killer.one(target)
        engine.ready()
        load.stop()
        settle(project, load)
    finally:
        load.stop()
        killer.close()
        engine.stop(patience_s=20)
    found = kill_judge.judge(project, load, killer.kills)
    faults = [*found.faults, *killer.left, *(f"is left: {each}" for each in engine.marked())]
    kills = ", ".join(f"{count} {target}" for target, count in Counter(kill.target for kill in killer.kills).items())
    counts = ", ".join(f"{count} {what}" for what, count in found.counts.items())
    told = f"seed {seed}: killed {kills} ({killer.unready} before it was ready); {counts}"
    assert not faults, "\n".join([told, *faults[:40], f"{len(faults)} faults"])
    return told


def test_what_was_accepted_survives_the_kill_of_engine_and_spawner(tmp_path: Path) -> None:
    run(tmp_path, 1, ["engine", "environment", "spawner", "both"], pause_s=0.3, load_pause_s=0.04)


@pytest.mark.soak
def test_a_hundred_random_kills(tmp_path: Path) -> None:
    kills = int(os.environ.get("LAMBDATUI_SOAK_KILLS") or 100)
    seed = int(os.environ.get("LAMBDATUI_SOAK_SEED") or time.time())
    print(f"\n{run(tmp_path, seed, [None] * kills, pause_s=1.0, load_pause_s=0.02)}")

"""Full throughput with a save every second and a screen attached: nothing grows beyond its cap.

A moment of it in `make test`; `make soak MINUTES=60` is the long one, with memory and the disk looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sqlite3
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from benchmarks.common import Engine, plain_project, rss_mb
from benchmarks.hammer import invoke_request
from benchmarks.terminal import Terminal
from lambdatui.store.limits import HISTORY_BYTES, MAX_INVOCATIONS, MAX_LOG_LINES
from lambdatui.store.reader import Reader
from tests.soak.callers import called, press

MINUTES = float(os.environ.get("LAMBDATUI_SOAK_MINUTES") or 5)
CONNECTIONS = 8
SAVE_EVERY_S = 1.0
LOOK_EVERY_S = 5.0
SETTLED = 0.4  # of the run: by then the log's ring (40,000 lines) has gone round and SQLite's caches are full
NOISE_MB = 8.0  # malloc's
WAL_BYTES = 128 * 1024 * 1024  # twice what a checkpoint leaves of it
TRIM_LAG = 1.2  # retention looks every 30 s
WORK = "def handler(event, context):\n    print('order', event['order'])\n    return event\n"
EDITED = "NUMBER = {number}\ndef handler(event, context):\n    return NUMBER\n"
FAILING = "def handler(event, context):\n    raise ValueError('no such order')\n"
SETTINGS = """
[functions.work]
handler = "work.handler"
code = "work"
[functions.edited]
handler = "edited.handler"
code = "edited"
[functions.failing]
handler = "failing.handler"
code = "failing"
maximum_retry_attempts = 0
dead_letter_queue = "dead"
reserved_concurrency = 1
[queues.dead]
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")


class Look(NamedTuple):
    """What the program takes at a moment: the engine's and the screen's own, and everything below the engine."""

    engine_mb: float
    spawner_mb: float
    screen_mb: float
    descriptors: int
    threads: int
    processes: int
    history_bytes: int
    wal_bytes: int
    snapshots: int

    @classmethod
    def at(cls, engine: Engine, screen: Terminal) -> Look:
        process = psutil.Process(engine.pid)
        (spawner,) = process.children()
        history = engine.data / "history.db"
        wal = engine.data / "history.db-wal"
        return cls(
            engine.rss_mb(),
            rss_mb(spawner.pid),
            screen.rss_mb(),
            process.num_fds() + spawner.num_fds(),
            process.num_threads() + spawner.num_threads(),
            len(process.children(recursive=True)),
            history.stat().st_size,
            wal.stat().st_size if wal.exists() else 0,
            sum(1 for _ in (engine.data / "code" / "manifests").iterdir()),
        )


def project(root: Path) -> Path:
    sources = {"work": WORK, "edited": EDITED.format(number=0), "failing": FAILING}
    for name, source in sources.items():
        plain_project(root / name, **{name: source})
    (root / "lambdatui.toml").write_text(SETTINGS)
    return root


async def saves(root: Path, url: str, done: asyncio.Event, every_s: float) -> int:
    """Save, ask, and have the new code's answer; how often."""
    request = invoke_request("edited", b"{}")
    for number in itertools.count(1):
        (root / "edited" / "edited.py").write_text(EDITED.format(number=number))
        until = time.monotonic() + 60
        while (answer := await called(url, request)).body != b"%d" % number:
            assert answer.status == 200, answer
            assert time.monotonic() < until, f"save {number} is not answered by its code: {answer}"
            await asyncio.sleep(0.01)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), every_s)
        if done.is_set():
            return number
    raise AssertionError


async def looks(engine: Engine, screen: Terminal, done: asyncio.Event, every_s: float) -> list[Look]:
    found: list[Look] = []
    while not done.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), every_s)
        found.append(await asyncio.to_thread(Look.at, engine, screen))
    return found


async def loaded(root: Path, seconds: float, *, most: int, save_every_s: float, look_every_s: float) -> list[Look]:
    """What the program took while it was loaded; says what it did."""
    with Engine(root) as engine, Terminal(root) as screen:
        await asyncio.to_thread(screen.until, "failing")
        work, failing = invoke_request("work", b'{"order": 17}'), invoke_request("failing", b"{}", event=True)
        assert (await called(engine.url, work)).status == 200
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, done.set)
        edits = asyncio.create_task(saves(root, engine.url, done, save_every_s))
        seen = asyncio.create_task(looks(engine, screen, done, look_every_s))
        began = time.monotonic()
        answered, accepted = await asyncio.gather(
            press(engine.url, work, CONNECTIONS, done, most), press(engine.url, failing, 1, done, most // 20)
        )
        took = time.monotonic() - began
        done.set()
        edited, found = await edits, await seen
        assert set(answered.statuses) == {200}, "neither saves nor a full history are seen by callers"
        assert set(accepted.statuses) <= {202}
        assert screen.process.poll() is None, "the screen is still there"
        print(
            json.dumps(
                {
                    "invocations": len(answered.seconds),
                    "per_s": round(len(answered.seconds) / took),
                    "p50_ms": round(statistics.median(answered.seconds) * 1e3, 2),
                    "p99_ms": round(statistics.quantiles(answered.seconds, n=100)[-1] * 1e3, 2),
                    "longest_ms": round(answered.longest * 1e3),
                    "events": len(accepted.seconds),
                    "saves": edited,
                    "looks": [one._asdict() for one in found[:: max(1, len(found) // 10)]],
                    "most": {name: max(getattr(one, name) for one in found) for name in Look._fields},
                }
            )
        )
    return found


def held(found: list[Look]) -> None:
    """Descriptors, threads and processes are as many at the end as when the load had just begun."""
    early, late = found[: max(1, len(found) // 3)], found[-max(1, len(found) // 3) :]
    for name, slack in (("descriptors", 60), ("threads", 12), ("processes", 30)):
        before, after = (max(getattr(one, name) for one in part) for part in (early, late))
        assert after <= before + slack, f"{name}: {before}, then {after}"


async def test_a_moment_of_full_load_with_saves_and_a_screen_leaves_nothing_behind(tmp_path: Path) -> None:
    held(await loaded(project(tmp_path / "p"), 20.0, most=250, save_every_s=0.2, look_every_s=0.1))


@pytest.mark.soak
async def test_load_for_minutes_stays_within_every_cap(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    found = await loaded(root, MINUTES * 60, most=2**62, save_every_s=SAVE_EVERY_S, look_every_s=LOOK_EVERY_S)
    held(found)
    settled = found[int(len(found) * SETTLED) :]
    third = max(1, len(settled) // 3)
    for name in ("engine_mb", "spawner_mb", "screen_mb"):
        before, after = (
            statistics.median(getattr(one, name) for one in part) for part in (settled[:third], settled[-third:])
        )
        assert after - before < NOISE_MB, f"{name}: {before:.1f}, then {after:.1f}"
    assert max(one.history_bytes for one in found) < HISTORY_BYTES * TRIM_LAG
    assert max(one.wal_bytes for one in found) < WAL_BYTES
    assert max(one.snapshots for one in found) < 30 * 60, "code that nothing names goes every ten minutes"
    reader = Reader(root / ".lambdatui")
    assert len(reader.invocations()) < MAX_INVOCATIONS * TRIM_LAG + 30 * 2_000
    assert max(line.id for line in reader.logs(limit=1)) - _first_line(root) < (MAX_LOG_LINES + 30 * 8_000) * TRIM_LAG
    reader.close()


def _first_line(root: Path) -> int:
    connection = sqlite3.connect(root / ".lambdatui" / "history.db")
    try:
        return int(connection.execute("SELECT min(id) FROM log").fetchone()[0])
    finally:
        connection.close()

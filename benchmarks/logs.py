"""A function that logs 50,000 lines a second with `logging`: how soon they are shown, any lost, what keys cost.

    python -m benchmarks.logs [--rate 50000] [--seconds 5] [--rounds N] [--json FILE]

A real screen in a pseudo-terminal follows the log. Each line says when it was written; between two paints the oldest
line that came new had waited longest, and that is what counts. Keys (`f`, `G`) count until their effect is painted.
Lost are lines that the history lacks, that a feed did not bring, or that miss in what the screen holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import statistics
import threading
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.common import (
    Connection,
    Engine,
    figure,
    folder,
    load,
    parser,
    percentile,
    plain_project,
    report,
    request,
    within,
)
from benchmarks.terminal import Terminal
from lambdatui.client.feed import Feed
from lambdatui.client.locate import locator
from lambdatui.schema import Subscription

LOGS = """
import logging, time
log = logging.getLogger()
log.setLevel("INFO")

def handler(event, context):
    number, began, rate = 0, time.perf_counter(), event["rate"]
    while (passed := time.perf_counter() - began) < event["seconds"]:
        due = int(passed * rate)
        if number >= due:
            time.sleep(0.0005)
        while number < due:
            log.info("line %d at %d", number, time.time_ns() // 1000)
            number += 1
    return {"lines": number, "seconds": time.perf_counter() - began}
"""
PROJECT = """
[functions.talks]
handler = "talks.handler"
timeout = 120
memory = 256
"""
LINE = re.compile(rb"line (\d+) at (\d{16})")
KEY_PAUSE_S = 0.05
QUIET_PRESSES = 15


class Talking(threading.Thread):
    """The invocation that logs, waited for by a thread."""

    def __init__(self, engine: Engine, rate: int, seconds: float) -> None:
        super().__init__()
        self._url = engine.url
        self._event = json.dumps({"rate": rate, "seconds": seconds}).encode()
        self.lines = 0
        self.rate = 0.0
        self.start()

    def run(self) -> None:
        answer = json.loads(Connection(self._url).call(request("talks", self._event)))
        self.lines = answer["lines"]
        self.rate = answer["lines"] / answer["seconds"]


class Told:
    """What is measured, over all rounds."""

    def __init__(self) -> None:
        self.waits: list[float] = []  # seconds from a line's writing to its paint, the longest of each paint
        self.keys: list[float] = []  # milliseconds
        self.quiet_keys: list[float] = []  # of the same keys while nothing is logged
        self.rates: list[float] = []
        self.written = 0
        self.stored = 0
        self.left_out = 0  # that a feed did not bring
        self.missing = 0  # of the newest that the screen holds


def once(rate: int, seconds: float, told: Told) -> None:
    """One engine: the screen's latency, its keys, what it holds, and what another feed gets."""
    with folder() as root:
        plain_project(root, talks=LOGS)
        (root / "lambdatui.toml").write_text(PROJECT)
        with Engine(root) as engine:
            lines = _talked(told, Talking(engine, 1000, 0.1))  # the cold start
            with Terminal(root) as screen:
                screen.until("talks")
                screen.press("4")
                screen.until("following")
                time.sleep(0.5)
                for _ in range(QUIET_PRESSES):
                    _press(screen, told.quiet_keys)
                lines += _shown(engine, screen, told, rate, seconds)
                lines += _pressed(engine, screen, told, rate, seconds)
                told.missing += _missing(engine, screen)
            lines += asyncio.run(_fed(engine, told, rate, seconds / 2))
            told.written += lines
            told.stored += _stored(engine.data)


def _talked(told: Told, talking: Talking) -> int:
    talking.join()
    if talking.lines > 1000:
        told.rates.append(talking.rate)
    return talking.lines


def _shown(engine: Engine, screen: Terminal, told: Told, rate: int, seconds: float) -> int:
    """How long the line behind the newest of one paint waited until the next paint."""
    screen.keep = True
    lines = _talked(told, Talking(engine, rate, seconds))
    time.sleep(0.5)
    screen.keep = False
    newest: tuple[int, int] | None = None
    for at, data in screen.paints:
        found = max(((int(number), int(written)) for number, written in LINE.findall(data)), default=None)
        if found is None or (newest is not None and found <= newest):
            continue
        if newest is not None:
            told.waits.append(at - newest[1] / 1e6)
        newest = found
    screen.paints.clear()
    return lines


def _pressed(engine: Engine, screen: Terminal, told: Told, rate: int, seconds: float) -> int:
    talking = Talking(engine, rate, seconds)
    time.sleep(0.3)
    while talking.is_alive():
        _press(screen, told.keys)
    return _talked(told, talking)


def _press(screen: Terminal, times: list[float]) -> None:
    for key, effect in (("f", "standing still"), ("G", "following")):
        times.append(screen.press_ms(key, effect))
        time.sleep(KEY_PAUSE_S)


def _missing(engine: Engine, screen: Terminal) -> int:
    """Lines that miss among those which the screen writes to a file when it is asked for all that it holds."""
    time.sleep(1.0)
    screen.press("w")
    screen.until("written to")
    (file,) = (engine.data / "written").glob("logs-*.txt")
    numbers = [int(number) for number, _ in LINE.findall(file.read_bytes())]
    return sum(after - before - 1 for before, after in pairwise(numbers) if after > before)  # each run begins at 0


async def _fed(engine: Engine, told: Told, rate: int, seconds: float) -> int:
    """A feed of our own beside the function: what it did not bring."""
    feed = Feed(locator(engine.data), Subscription(logs=True))
    begun = asyncio.Event()
    count = 0

    async def take() -> None:
        nonlocal count
        async for state in feed:
            if state.logs_reset:
                begun.set()
            else:
                count += sum(line.message.startswith("[INFO]") for line in state.new_logs)

    taking = asyncio.create_task(take())
    await begun.wait()
    await asyncio.sleep(0.5)
    lines = await asyncio.to_thread(_talked, told, Talking(engine, rate, seconds))
    await asyncio.sleep(1.0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await feed.close()
    told.left_out += lines - count
    return lines


def _stored(data: Path) -> int:
    time.sleep(1.0)
    with contextlib.closing(sqlite3.connect(f"file:{data}/history.db?mode=ro", uri=True)) as connection:
        count: int = connection.execute("SELECT count(*) FROM log WHERE level = 'INFO'").fetchone()[0]
    return count


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rate", type=int, default=50_000, help="lines a second")
    arguments.add_argument("--seconds", type=float, default=5, help="of each part")
    asked = arguments.parse_args()
    before = load()
    told = Told()
    for _ in range(max(1, min(asked.rounds, 2))):
        once(asked.rate, asked.seconds, told)
    what = f"`logging` {asked.rate:,} lines/s"
    written = f"{told.written:,} lines at {statistics.median(told.rates):,.0f}/s"
    quiet = (
        f"{percentile(told.quiet_keys, 95):.0f} ms (p50 {statistics.median(told.quiet_keys):.0f}) with nothing logged"
    )
    rows = [
        within(
            f"{what}: shown, p95", percentile(told.waits, 95), "s", 0.5, f"longest {max(told.waits):.2f} s; {written}"
        ),
        within(f"{what}: lost on disk", told.written - told.stored, "lines", 0),
        within(f"{what}: lost on the way to a screen", told.left_out, "lines", 0),
        within(f"{what}: missing in what a screen holds", told.missing, "lines", 0),
        within(f"{what}: key to paint, p95", percentile(told.keys, 95), "ms", 50, quiet),
        figure(f"{what}: key to paint, p50", statistics.median(told.keys), "ms"),
    ]
    report(asked, rows, before)


if __name__ == "__main__":
    main()

"""What a screen costs: its share of a core with 50 busy functions, and, when nothing happens, that and what it paints.

    python -m benchmarks.screen [--functions 50] [--seconds 12] [--rounds N] [--json FILE]

Real screens in pseudo-terminals of 120×40. The idle one is looked at when its engine is more than a minute old and no
minute ends, because until then the header counts the seconds and its clock the minutes.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import Connection, Engine, figure, folder, load, parser, plain_project, report, request, within
from benchmarks.terminal import Terminal

WORK = """
import time
def handler(event, context):
    print("order", event["number"], "taken")
    time.sleep(0.002)
"""
RATE = 2.0  # invocations a second of each function
CLEAR_S = 3.0  # around the end of a minute


class Share(NamedTuple):
    """Of one core, in percent, over some seconds; `painted` in bytes a second."""

    screen: float
    engine: float
    painted: float


def share(screen: Terminal, engine: Engine, seconds: float) -> Share:
    began, screen_ms, engine_ms, painted = time.perf_counter(), screen.cpu_ms(), engine.cpu_ms(), screen.painted
    time.sleep(seconds)
    passed = time.perf_counter() - began
    return Share(
        (screen.cpu_ms() - screen_ms) / passed / 10,
        (engine.cpu_ms() - engine_ms) / passed / 10,
        (screen.painted - painted) / passed,
    )


class Busy(threading.Thread):
    """Invokes every function in turn."""

    def __init__(self, engine: Engine, names: list[str], rate: float) -> None:
        super().__init__()
        self._engine = engine
        self._names = names
        self._rate = rate
        self.done = threading.Event()
        self.count = 0
        self.start()

    def run(self) -> None:
        connection, began = Connection(self._engine.url), time.perf_counter()
        while not self.done.is_set():
            name = self._names[self.count % len(self._names)]
            connection.call(request(name, b'{"number": %d}' % self.count))
            self.count += 1
            if (early := began + self.count / self._rate - time.perf_counter()) > 0:
                self.done.wait(early)


def project(root: Path, count: int) -> list[str]:
    names = [f"function_{number:03}" for number in range(count)]
    plain_project(root, **dict.fromkeys(names, WORK))
    return names


def busy(count: int, seconds: float) -> tuple[Share, float]:
    with folder() as root:
        names = project(root, count)
        with Engine(root) as engine:
            connection = Connection(engine.url)
            for name in names:
                connection.call(request(name, b'{"number": 0}'))
            with Terminal(root) as screen:
                screen.until(names[0])
                work = Busy(engine, names, count * RATE)
                time.sleep(3.0)
                before, began = work.count, time.perf_counter()
                found = share(screen, engine, seconds)
                rate = (work.count - before) / (time.perf_counter() - began)
                work.done.set()
                work.join()
    return found, rate


def idle(root: Path, engine: Engine, started: float, seconds: float) -> Share:
    with Terminal(root) as screen:
        screen.until("function_000")
        while not _calm(started, seconds):
            time.sleep(0.2)
        return share(screen, engine, seconds)


def _calm(started: float, seconds: float) -> bool:
    """Neither the clock nor the engine's age changes its minute before the end."""
    now = time.time()
    age = now - started
    return age > 60 and all(at % 60 > CLEAR_S and at % 60 + seconds + CLEAR_S < 60 for at in (now, age))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--functions", type=int, default=50)
    arguments.add_argument("--seconds", type=float, default=12, help="of each look")
    asked = arguments.parse_args()
    before = load()
    count = asked.functions
    with folder() as root:
        project(root, count)
        with Engine(root) as engine:
            started = time.time() - 1
            worked, rate = busy(count, asked.seconds)
            rested = idle(root, engine, started, asked.seconds)
    note = f"{rate:.0f} invocations/s; the engine {worked.engine:.1f} %; {worked.painted / 1000:.0f} KB/s painted"
    rows = [
        within(f"screen, {count} busy functions: of a core", worked.screen, "%", 10, note),
        within(f"screen, {count} idle functions: of a core", rested.screen, "%", 0.5),
        within(f"screen, {count} idle functions: painted", rested.painted * asked.seconds, "bytes", 0),
        figure(f"engine with an idle screen, {count} functions: of a core", rested.engine, "%"),
    ]
    report(asked, rows, before)


if __name__ == "__main__":
    main()

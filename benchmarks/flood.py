"""200 MB of prints from one function: what the engine grows by, and what another function's callers notice.

    python -m benchmarks.flood [--megabytes 200] [--line 250] [--rounds N] [--json FILE]

The neighbour's p50 is of thousands of calls during the one flood, beside those before and after it; every line has to
be in the history.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import statistics
import threading
import time
from pathlib import Path

from benchmarks.common import (
    NOTHING,
    Connection,
    Engine,
    Row,
    at_most,
    figure,
    folder,
    load,
    parser,
    plain_project,
    report,
    request,
    within,
)

CALLS = 800  # of the neighbour, before and after
PRINTS = """
def handler(event, context):
    line = "x" * (event["line"] - 1)
    for _ in range(event["lines"]):
        print(line)
"""
PROJECT = """
[functions.noisy]
handler = "noisy.handler"
timeout = 300
memory = 256
[functions.quiet]
handler = "quiet.handler"
"""


def once(megabytes: int, line: int) -> dict[str, float]:
    """One flood in an engine of its own."""
    with folder() as root:
        plain_project(root, noisy=PRINTS, quiet=NOTHING)
        (root / "lambdatui.toml").write_text(PROJECT)
        with Engine(root) as engine:
            quiet = Connection(engine.url)
            lines = megabytes * 1_000_000 // line
            small = json.dumps({"line": line, "lines": 2_000}).encode()
            for _ in range(3):
                Connection(engine.url).call(request("noisy", small))  # the pages that any log costs once
            quiet.times_ms(request("quiet", b"{}"), CALLS)
            before = quiet.p50_ms(request("quiet", b"{}"), CALLS)
            rss = engine.rss_mb()
            flood = _Flood(engine, json.dumps({"line": line, "lines": lines}).encode())
            times: list[float] = []
            peak = rss
            while flood.running:
                times += quiet.times_ms(request("quiet", b"{}"), 20)
                peak = max(peak, engine.rss_mb())
            after = quiet.p50_ms(request("quiet", b"{}"), CALLS)
            time.sleep(1.0)
            stored = _stored(engine.data)
            return {
                "before": before,
                "during": statistics.median(times),
                "p99": sorted(times)[int(len(times) * 0.99)],
                "after": after,
                "growth": peak - rss,
                "seconds": flood.seconds,
                "lost": lines + 3 * 2_000 - stored,
            }


class _Flood:
    """The flooding invocation, waited for by a thread."""

    def __init__(self, engine: Engine, event: bytes) -> None:
        self._engine = engine
        self._event = event
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        began = time.perf_counter()
        Connection(self._engine.url).call(request("noisy", self._event))
        self.seconds = time.perf_counter() - began

    @property
    def running(self) -> bool:
        return self._thread.is_alive()


def _stored(data: Path) -> int:
    """Lines of the flood that the history has or had: their ids are given out without a gap."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/history.db?mode=ro", uri=True)) as connection:
        kept, first = connection.execute("SELECT count(*), ifnull(min(id), 1) FROM log").fetchone()
        others = connection.execute("SELECT count(*) FROM log WHERE level = 'PLATFORM'").fetchone()[0]
    return int(kept + first - 1 - others)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--megabytes", type=int, default=200)
    arguments.add_argument("--line", type=int, default=250, help="bytes of a line, newline included")
    asked = arguments.parse_args()
    before = load()
    middle = once(asked.megabytes, asked.line)
    floor = (middle["before"] + middle["after"]) / 2
    what = f"{asked.megabytes} MB of prints"
    pace = f"{asked.megabytes / middle['seconds']:.1f} MB/s for {middle['seconds']:.0f} s"
    rows: list[Row] = [
        within(f"{what}: engine grows by", middle["growth"], "MB", 8, pace),
        at_most(f"{what}: another function's p50", middle["during"], "ms", "before and after", floor, 2),
        figure(f"{what}: another function's p99", middle["p99"], "ms"),
        within(f"{what}: lines lost", middle["lost"], "", 0),
    ]
    report(asked, rows, before)


if __name__ == "__main__":
    main()

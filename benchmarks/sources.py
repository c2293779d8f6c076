"""What queues and streams get through, against asynchronous events: the same trivial handler, four at once each.

    python -m benchmarks.sources [--rounds N] [--json FILE]

Counted are events, messages and records a second that an invocation has succeeded with. Each turn writes them into a
data directory of its own, starts an engine over it, and takes the last four fifths by the invocations' start, as
history has it: cold starts are not among them. Four at once: the function's reserved concurrency, the mapping's
MaximumConcurrency, the stream's shards.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import stored_rows
from benchmarks.common import (
    NOTHING,
    PATIENCE_S,
    Engine,
    at_least,
    figure,
    folder,
    in_turns,
    load,
    parser,
    plain_project,
    report,
)

COUNT = 2_000
WORK = '[functions.work]\nhandler = "work.handler"\n'
EVENTS = WORK + "reserved_concurrency = 4\n"
QUEUE = WORK + '[[functions.work.events]]\ntype = "queue"\nqueue = "orders"\nmaximum_concurrency = 4\n'
STREAM = WORK + '[[functions.work.events]]\ntype = "stream"\nstream = "orders"\nstarting_position = "TRIM_HORIZON"\n'
# How much of it waits on the disk, or in front of the checkpoints.
WAITING = {
    EVENTS: "SELECT count(*) FROM event",
    QUEUE: "SELECT count(*) FROM message",
    STREAM: "SELECT count(*) FROM record r LEFT JOIN checkpoint c ON c.shard = r.shard"
    " WHERE r.seq > ifnull(CAST(substr(c.seq, -15) AS INTEGER), 0)",
}


def rate(root: Path, settings: str, batch: int, count: int) -> float:
    """Events, messages or records a second of one engine that begins with `count` of them."""
    plain_project(root, work=NOTHING)
    further = f"batch_size = {batch}\n" if batch else ""
    ends = {QUEUE: "[queues.orders]\n", STREAM: "[streams.orders]\nshards = 4\n"}.get(settings, "")
    (root / "lambdatui.toml").write_text(settings + further + ends)
    stored_rows.backlog(root, count)
    with Engine(root) as engine:
        until = time.monotonic() + PATIENCE_S
        while stored_rows.rows(engine.data / "state.db", WAITING[settings]) != [(0,)]:
            if time.monotonic() > until:
                sys.exit(f"not done within {PATIENCE_S:.0f} s: {settings}")
            time.sleep(0.1)
    sql = "SELECT started_us, duration_us FROM invocation WHERE status = 'ok' ORDER BY started_us"
    times = stored_rows.rows(root / ".lambdatui" / "history.db", sql)
    skipped = len(times) // 5
    seconds = (max(began + lasted for began, lasted in times) - times[skipped][0]) / 1e6
    return count * (len(times) - skipped) / len(times) / seconds


def main() -> None:
    asked = parser(__doc__).parse_args()
    before = load()
    with folder() as root:
        number = itertools.count()

        def of(settings: str, batch: int = 0, count: int = COUNT) -> Callable[[], float]:
            return lambda: rate(root / str(next(number)), settings, batch, count)

        found = in_turns(
            asked.rounds,
            {
                "events": of(EVENTS),
                "queue 1": of(QUEUE, 1),
                "queue 10": of(QUEUE, 10, 5 * COUNT),
                "stream 1": of(STREAM, 1),
                "stream 10": of(STREAM, 10, 5 * COUNT),
            },
        )
    against, floor = "asynchronous events", found.pop("events")
    rows = [figure("asynchronous events that ran, 4 at once", floor, "/s")]
    for name, value in found.items():
        source, batch = name.split()
        rows.append(at_least(f"{source} source, batches of {batch}, 4 at once", value, "/s", against, floor, 0.5))
    report(asked, rows, before)


if __name__ == "__main__":
    main()

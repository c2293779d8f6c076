"""What a history costs: start-up, memory, queries and a screen's first picture, with 10^4 to 10^6 stored invocations.

    python -m benchmarks.stored [--most 1000000] [--rounds N] [--json FILE]

Each size is a data directory of so many invocations, twice as many log lines and a thousand dead letters, written by
the store itself. Queries are what the commands ask (`invocations`, `show`, `logs`, `stats`, `dlq list`), by the same
two clients: from the files while no engine runs, and from a running engine; each value is the median of a few calls,
without the process of a command around it. History keeps 100,000 invocations and 1,000,000 lines: what is above that
is given up while the engine runs, in small steps; how long an invocation takes meanwhile is a row of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import stored_rows
from benchmarks.common import (
    NOTHING,
    PATIENCE_S,
    Engine,
    Row,
    at_most,
    folder,
    load,
    parser,
    percentile,
    plain_project,
    report,
)
from lambdatui.client.client import Client
from lambdatui.client.feed import Feed
from lambdatui.client.locate import read_engine
from lambdatui.client.offline import Offline
from lambdatui.client.reading import Reading
from lambdatui.schema import EngineInfo, Subscription

FUNCTIONS = [f"work{number}" for number in range(5)]
SETTINGS = (
    "".join(f'[functions.{name}]\nhandler = "work.handler"\ndead_letter_queue = "dead"\n' for name in FUNCTIONS)
    + "[queues.dead]\n"
)
LETTERS = 1_000
SCANS = ("logs, a pattern in nothing", "stats")  # these read everything that there is, or an hour of it
CALLS = 5


def project(root: Path, count: int) -> Path:
    plain_project(root, work=NOTHING)
    (root / "lambdatui.toml").write_text(SETTINGS)
    stored_rows.history(root / ".lambdatui", count, FUNCTIONS)
    stored_rows.dead_letters(root / ".lambdatui", "dead", LETTERS, FUNCTIONS[0])
    return root


def median_ms(call: Callable[[], object], calls: int = CALLS) -> float:
    found = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def queries(reading: Reading) -> dict[str, float]:
    """Milliseconds of what the commands ask, with their usual limits."""
    newest = reading.invocations(limit=1)[0].request_id
    hour_ago = int((time.time() - 3600) * 1e6)
    return {
        "invocations": median_ms(lambda: reading.invocations(limit=50)),
        "invocations, one function's errors": median_ms(
            lambda: reading.invocations(function=FUNCTIONS[0], status="error", limit=50)
        ),
        "show": median_ms(lambda: reading.invocation(newest)),
        "logs": median_ms(lambda: reading.logs(limit=200)),
        "logs, one function's": median_ms(lambda: reading.logs(functions=[FUNCTIONS[0]], limit=200)),
        "logs, a pattern in nothing": median_ms(lambda: reading.logs(pattern="no such text", limit=200), 1),
        "stats": median_ms(lambda: reading.stats(since_us=hour_ago)),
        "dlq list": median_ms(reading.dlq),
    }


def first_picture_ms(info: EngineInfo) -> float:
    """From a screen's connect to its first state with everything that its pages show."""

    async def work() -> float:
        wanted = Subscription(logs=True, invocations=True, dlq=True, sources=True, environments=True)
        feed = Feed(lambda: info, wanted)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE_S):
                async for state in feed:
                    if state.connected and state.functions and state.invocations and state.dlq:
                        break
        finally:
            await feed.close()
        return (time.perf_counter() - began) * 1e3

    return asyncio.run(work())


def invocations_ms(client: Client, seconds: float) -> list[float]:
    """How long invocations take, one after the other."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        client.invoke(FUNCTIONS[0], b"{}")
        found.append((time.perf_counter() - began) * 1e3)
    return found


def of_size(root: Path, count: int) -> dict[str, float]:
    """Every figure of a project with so much history."""
    reading = Offline(root, root / ".lambdatui")
    found = {f"{name}, no engine": value for name, value in queries(reading).items()}
    reading.close()
    with Engine(root) as engine:
        found["start-up"] = engine.ready_ms
        info = read_engine(engine.data)
        assert info is not None
        time.sleep(1.0)
        found["engine memory"] = engine.rss_mb()
        found["screen's first picture"] = statistics.median(first_picture_ms(info) for _ in range(3))
        client = Client.of(info)
        found |= {f"{name}, engine": value for name, value in queries(client).items()}
        found["engine memory after the queries"] = engine.rss_mb()
        client.invoke(FUNCTIONS[0], b"{}")
        until = time.monotonic() + 45
        found["invocation, longest"] = 0.0
        sql = "SELECT (SELECT count(*) FROM invocation) <= 100500 AND (SELECT count(*) FROM log) <= 1005000"
        times: list[float] = []
        while time.monotonic() < until:
            times += invocations_ms(client, 1.0)
            if len(times) > 500 and stored_rows.rows(engine.data / "history.db", sql) == [(1,)]:
                break
        found["invocation, p50"], found["invocation, longest"] = statistics.median(times), percentile(times, 100)
    return found


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--most", type=int, default=100_000, help="the largest of 10,000, 100,000 and 1,000,000")
    asked = arguments.parse_args()
    before = load()
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size <= asked.most]
    found: dict[int, dict[str, float]] = {}
    for size in sizes:
        with folder() as root:
            found[size] = of_size(project(root / "p", size), size)
        print(f"{size:,} stored", flush=True)
    least, most = sizes[0], sizes[-1]
    report(asked, [_row(name, found, least, most) for name in found[least]], before)


def _row(name: str, found: Mapping[int, Mapping[str, float]], least: int, most: int) -> Row:
    """The largest against the smallest: a scan may grow with its rows, the rest is looked up."""
    unit = "MB" if "memory" in name else "ms"
    limit = most / least if name.startswith(SCANS) else 3.0
    between = ", ".join(f"{size:,}: {one[name]:,.1f} {unit}" for size, one in found.items())
    return at_most(
        f"{name}, {most:,} stored", found[most][name], unit, f"{least:,}", found[least][name], limit, between
    )


if __name__ == "__main__":
    main()

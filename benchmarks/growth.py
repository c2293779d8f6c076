"""How cost grows: with functions in a project, with concurrent invocations, with the size of events, with stored rows.

    python -m benchmarks.growth [--rounds N] [--only functions,concurrency,events,stored] [--keep]

`--keep` writes the figures as JSON and the plots as SVG into docs/pictures/performance/, and the section of RESULTS.md.
Sizes take turns within a round, and every figure is the median of the rounds.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from websockets.sync.client import connect

from benchmarks import hammer
from benchmarks.common import (
    NOTHING,
    Connection,
    Engine,
    folder,
    load,
    parser,
    plain_project,
    request,
    template_project,
    users_variables,
)
from benchmarks.plots import Line, plot, short
from benchmarks.results import circumstances, keep
from lambdatui.client.feed import feed_url
from lambdatui.schema import Subscription
from lambdatui.spawner import tree
from lambdatui.wire import MAX_SYNC_REQUEST

SHOWN = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "performance"
FUNCTIONS = (1, 10, 100, 500)
CONCURRENT = (1, 8, 64, 256)
STORED = (10_000, 100_000, 1_000_000)
SIZES = {"1 KB": 1_000, "100 KB": 100_000, "1 MB": 1_000_000, "6 MB": MAX_SYNC_REQUEST}
EVENT_MOST = 1_048_576  # of an asynchronous event
SETTLE_S, IDLE_S, BUSY_S = 15.0, 3.0, 3.0
QUIET_MS = 3.0  # of CPU in half a second
PACE_S = 0.02  # between the calls beside which a screen is attached
SLEEP = "import time\n\ndef handler(event, context):\n    time.sleep(0.05)\n"

Figures = dict[str, dict[int, float]]  # figure -> size -> median


def in_rounds(rounds: int, sizes: Sequence[int], measure: Callable[[int], dict[str, float]]) -> Figures:
    """Every size once a round, in an order that alternates."""
    found: dict[str, dict[int, list[float]]] = {}
    for number in range(max(rounds, 1)):
        for size in sizes if number % 2 == 0 else reversed(sizes):
            for name, value in measure(size).items():
                found.setdefault(name, {}).setdefault(size, []).append(value)
    return {
        name: {size: statistics.median(values[size]) for size in sizes if size in values}
        for name, values in found.items()
    }


# --- functions of a project


def of_functions(projects: dict[int, Path]) -> Callable[[int], dict[str, float]]:
    def measured(count: int) -> dict[str, float]:
        with folder() as data, Engine(projects[count], data=data / "data") as engine:
            processes = len(tree.descendants(engine.pid))
            background = settled_ms(engine)
            idle = spent_ms(engine, lambda: time.sleep(IDLE_S))
            rss = engine.rss_mb()
            connection, asked = Connection(engine.url), request("f0", b"{}")
            connection.times_ms(asked, 200)
            found = {
                "ready": engine.ready_ms,
                "processes": processes,
                "background after ready, CPU ms": max(background, 0.1),
                "memory, MB": rss,
                "warm invocation, p50": connection.p50_ms(asked, 500),
                "idle, CPU": max(idle, 0.1),
                "lambdatui list": statistics.median(list_ms(projects[count], data) for _ in range(3)),
                "/metrics": statistics.median(metrics_ms(engine) for _ in range(5)),
            }
            with feed(engine) as first:
                found["snapshot, KB"] = snapshot_bytes(first) / 1e3
                watched = spent_ms(engine, lambda: paced(connection, asked))
            time.sleep(0.5)
            without = spent_ms(engine, lambda: paced(connection, asked))
            found["screen, CPU"] = max(watched - without, 0.1)
            return found

    return measured


def spent_ms(engine: Engine, work: Callable[[], object]) -> float:
    """CPU time of the engine in ms per second, while `work` goes on."""
    before, began = engine.cpu_ms(), time.perf_counter()
    work()
    return (engine.cpu_ms() - before) / (time.perf_counter() - began)


def settled_ms(engine: Engine) -> float:
    """CPU time of what the engine does after it is ready, reading the code of every function; returns at its end."""
    began = before = engine.cpu_ms()
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end:
        time.sleep(0.5)
        now = engine.cpu_ms()
        if now - before < QUIET_MS:
            break
        before = now
    return engine.cpu_ms() - began


def snapshot_bytes(frame: bytes) -> int:
    """Of the first frame, without log lines and invocations, which do not come with functions."""
    members = msgspec.msgpack.decode(frame)
    return len(msgspec.msgpack.encode({name: members[name] for name in members if not name.startswith("new_")}))


def paced(connection: Connection, asked: bytes) -> None:
    end = time.perf_counter() + BUSY_S
    while time.perf_counter() < end:
        connection.call(asked)
        time.sleep(PACE_S)


def list_ms(project: Path, data: Path) -> float:
    command = [sys.executable, "-P", "-m", "lambdatui", "list", "--project", str(project), "--data", str(data / "data")]
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=users_variables(), check=True, timeout=60)
    return (time.perf_counter() - began) * 1e3


def metrics_ms(engine: Engine) -> float:
    began = time.perf_counter()
    urllib.request.urlopen(engine.url + "/metrics").read()
    return (time.perf_counter() - began) * 1e3


@contextlib.contextmanager
def feed(engine: Engine) -> Iterator[bytes]:
    """A screen that shows everything, attached while the block runs; the frame that answered its subscription."""
    token = {"Authorization": f"Bearer {engine.info['token']}"}
    wanted = Subscription(logs=True, invocations=True, dlq=True, sources=True, environments=True, function="f0")
    with connect(feed_url(engine.url), additional_headers=token, compression=None, max_size=None, proxy=None) as socket:
        socket.send(msgspec.msgpack.encode(wanted))
        while "sources" not in msgspec.msgpack.decode(first := socket.recv(10, decode=False)):
            pass
        reader = threading.Thread(target=lambda: [None for _ in socket], daemon=True)
        reader.start()
        yield first


# --- concurrent invocations


def of_concurrency(engine: Engine, function: str) -> Callable[[int], dict[str, float]]:
    def measured(connections: int) -> dict[str, float]:
        asked = hammer.invoke_request(function, b"{}")
        hammer.hammered(engine.url, asked, status=200, connections=connections, count=4 * connections)
        before = served(engine)
        answers = hammer.answered(hammer.start(engine.url, asked, status=200, connections=connections, seconds=BUSY_S))
        return {
            f"{function}, calls a second": answers.rate,
            f"{function}, p50": answers.p50_ms,
            f"{function}, p99": answers.p99_ms,
            f"{function}, environments": sum(count > before.get(id, 0) for id, count in served(engine).items()),
        }

    return measured


def served(engine: Engine) -> dict[str, int]:
    """Invocations so far, by environment."""
    asked = urllib.request.Request(
        engine.url + "/_lambdatui/v1/environments", headers={"Authorization": f"Bearer {engine.info['token']}"}
    )
    return {row["id"]: row["invocations"] for row in json.loads(urllib.request.urlopen(asked).read())}


# --- the size of events


def of_events(engine: Engine) -> Callable[[int], dict[str, float]]:
    connection = Connection(engine.url)

    def measured(size: int) -> dict[str, float]:
        body = event(size)
        calls = 300 if size < 10_000 else 50 if size < 1_000_000 else 10
        connection.times_ms(request("nothing", body), 3)
        own = statistics.median(loads_ms(body) for _ in range(calls))
        whole = connection.p50_ms(request("nothing", body), calls)
        found = {"synchronous, without json": max(whole - own, 0.01), "json.loads of it": own}
        if size <= EVENT_MOST:
            asked = hammer.invoke_request("nothing", body, event=True)
            answers = hammer.answered(hammer.start(engine.url, asked, status=202, connections=1, count=calls))
            found["asynchronous, on disk"] = answers.p50_ms
        return found

    return measured


def event(size: int) -> bytes:
    """JSON of exactly `size` bytes, of records as an API gives them."""
    record = json.dumps({"id": 1_000_000, "sku": "a-1", "price": 12.5, "tags": ["new"], "text": "as usual " * 6})
    records = ", ".join([record] * max(1, (size - 20) // (len(record) + 2)))
    text = f'{{"all": [{records}]}}' if size > 200 else '{"all": []}'
    return text.ljust(size).encode()[:size]


def loads_ms(body: bytes) -> float:
    began = time.perf_counter()
    json.loads(body)
    return (time.perf_counter() - began) * 1e3


# --- all of it


def measure_functions(rounds: int) -> Figures:
    with folder() as root:
        projects = {count: template_project(root / str(count), count) for count in FUNCTIONS}
        with folder() as data:  # writes the bytecode
            Engine(projects[1], data=data / "data").end()
        return in_rounds(rounds, FUNCTIONS, of_functions(projects))


def measure_concurrency(rounds: int) -> Figures:
    found: Figures = {}
    for function, source in {"trivial": NOTHING, "waiting": SLEEP}.items():
        with folder() as root, Engine(plain_project(root, **{function: source})) as engine:
            found |= in_rounds(rounds, CONCURRENT, of_concurrency(engine, function))
    return found


def measure_events(rounds: int) -> Figures:
    with folder() as root, Engine(plain_project(root, nothing=NOTHING)) as engine:
        return in_rounds(rounds, list(SIZES.values()), of_events(engine))


def measure_stored(rounds: int) -> Figures:
    """Once: a million rows take a while to write."""
    from benchmarks import stored

    with folder() as root:
        return in_rounds(1, STORED, lambda count: stored.of_size(stored.project(root / str(count), count), count))


PARTS: dict[str, Callable[[int], Figures]] = {
    "functions": measure_functions,
    "concurrency": measure_concurrency,
    "events": measure_events,
    "stored": measure_stored,
}


class Picture(NamedTuple):
    """A plot of some figures of a part; `told` writes a size."""

    part: str
    title: str
    across: str
    up: str
    figures: Sequence[str]
    told: Callable[[float], str] = short


def told_bytes(size: float) -> str:
    return next(name for name, value in SIZES.items() if value == size)


PICTURES = {
    "functions-time": Picture(
        "functions", "Time against functions", "functions in the project", "ms",
        ("ready", "lambdatui list", "/metrics", "warm invocation, p50"),
    ),
    "functions-cost": Picture(
        "functions", "Memory, CPU and bytes against functions", "functions in the project", "",
        ("memory, MB", "snapshot, KB", "screen, CPU", "idle, CPU"),
    ),
    "concurrency-rate": Picture(
        "concurrency", "Invocations a second against concurrency", "concurrent invocations", "per s",
        ("trivial, calls a second", "waiting, calls a second"),
    ),
    "concurrency-time": Picture(
        "concurrency", "Latency against concurrency", "concurrent invocations", "ms",
        ("trivial, p50", "trivial, p99", "waiting, p50", "waiting, p99"),
    ),
    "events": Picture(
        "events", "Latency against the size of the event", "size of the event", "ms",
        ("synchronous, without json", "json.loads of it", "asynchronous, on disk"), told_bytes,
    ),
    "stored": Picture(
        "stored", "Time against stored invocations", "stored invocations", "ms",
        ("start-up", "screen's first picture", "stats, engine", "invocations, engine"),
    ),
}  # fmt: skip


def drawn(picture: Picture, figures: Figures) -> str:
    lines = [Line(name, sorted(figures[name].items())) for name in picture.figures if name in figures]
    return plot(picture.title, picture.across, picture.up, lines, told=picture.told)


def tables(kept: dict[str, Any]) -> list[str]:
    """The section of RESULTS.md: a table for each part."""
    lines = ["Costs against size; CPU is ms per second of one core, times are ms where nothing else is said.", ""]
    for part, found in kept.items():
        figures: dict[str, dict[str, float]] = found["figures"]
        sizes = list(next(iter(figures.values())))
        lines += [f"### {part.capitalize()}", "", found["measured"], ""]
        lines += [f"| | {' | '.join(sizes)} |", "|---|" + "---|" * len(sizes)]
        for name, values in figures.items():
            cells = [f"{values[size]:,.{0 if values[size] >= 100 else 2}f}" if size in values else "" for size in sizes]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return lines


def write(part: str, figures: Figures, measured: str) -> None:
    """The figures of one part beside those that were kept before, its plots, and the tables of all."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    file = SHOWN / "growth.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    kept[part] = {"measured": measured, "figures": figures}
    kept = json.loads(json.dumps({name: kept[name] for name in PARTS if name in kept}))
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    for name, picture in PICTURES.items():
        if picture.part == part:
            (SHOWN / f"{name}.svg").write_text(drawn(picture, figures))
    keep("Growth", tables(kept))


def main() -> None:
    asking = parser(__doc__)
    asking.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    asking.add_argument("--keep", action="store_true", help="write figures, plots and the section of RESULTS.md")
    asked = asking.parse_args()
    for name in asked.only.split(","):
        before = load()
        figures = PARTS[name](asked.rounds)
        print(f"\n{name}")
        for what, values in figures.items():
            print(
                f"{what:<40}", "  ".join(f"{short(size)}: {value:,.2f}" for size, value in values.items()), flush=True
            )
        if asked.keep:
            write(name, figures, circumstances(before, load()))


if __name__ == "__main__":
    main()

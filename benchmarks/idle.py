"""What an engine costs while nobody calls: CPU, wake-ups by their cause, memory, with 50 frozen environments.

    python -m benchmarks.idle [--environments 50] [--seconds 10]

The figures are of an engine as users have it. A second one, whose event loop notes what it runs, names the causes; a
wake-up is a timer's where nothing but timers was due. Linux.
"""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from pathlib import Path

from benchmarks.common import (
    NOTHING,
    Engine,
    Row,
    figure,
    folder,
    load,
    parser,
    plain_project,
    report,
    users_variables,
    within,
)

CPU_PERCENT = 1.0
RSS_MB = 80.0
SETTLE_S = 8.0  # until all are frozen, and what the last calls left is written
PROBE = Path(__file__).parent / "idle_probe"  # its sitecustomize runs before the engine's own modules


def fill(engine: Engine, functions: list[str]) -> None:
    """An environment for each function."""
    for name in functions:
        url = f"{engine.url}/2015-03-31/functions/{name}/invocations"
        urllib.request.urlopen(urllib.request.Request(url, data=b"{}")).read()
    time.sleep(SETTLE_S)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--environments", type=int, default=50)
    arguments.add_argument("--seconds", type=float, default=10.0)
    asked = arguments.parse_args()
    before = load()
    names = [f"f{number}" for number in range(asked.environments)]
    with folder() as work:
        root = plain_project(work / "project", **dict.fromkeys(names, NOTHING))
        with Engine(root, "--max-environments", str(asked.environments + 2)) as engine:
            fresh_mb = engine.rss_mb()
            fill(engine, names)
            cpu, wakes = engine.cpu_ms(), engine.wakes()
            time.sleep(asked.seconds)
            cpu_percent = (engine.cpu_ms() - cpu) / asked.seconds / 10
            wakes_s = (engine.wakes() - wakes) / asked.seconds
            rss = engine.rss_mb()
            alive = sum(1 for one in environments(engine) if one["state"] == "frozen")
        timers, events = causes(root, work, names, asked.seconds)
    rows: list[Row] = [
        within(f"engine idle, {alive} frozen environments: CPU of a core", cpu_percent, "%", CPU_PERCENT),
        figure("its wake-ups, all threads", wakes_s, "/s", listed(timers)),
        within("its wake-ups that no timer asked for", sum(events.values()), "/s", 0.0, listed(events)),
        within("engine memory, idle", rss, "MB", RSS_MB, f"{fresh_mb:.0f} MB when it was ready"),
    ]
    report(asked, rows, before)


def environments(engine: Engine) -> list[dict[str, str]]:
    asked = urllib.request.Request(
        engine.url + "/_lambdatui/v1/environments", headers={"Authorization": f"Bearer {engine.info['token']}"}
    )
    found: list[dict[str, str]] = json.load(urllib.request.urlopen(asked))
    return found


def causes(root: Path, work: Path, names: list[str], seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Wake-ups a second by the timer that asked for them, and by the descriptor that had news."""
    (work / "probe").mkdir()
    told = work / "probe" / "told.json"  # beside the project it would be seen
    path = os.pathsep.join((str(PROBE), users_variables()["PYTHONPATH"]))
    more = {"IDLE_PROBE": str(told), "PYTHONPATH": path}
    with Engine(root, "--max-environments", str(len(names) + 2), data=work / "data", variables=more) as engine:
        fill(engine, names)
        first = asked_of(engine, told)
        time.sleep(seconds)
        last = asked_of(engine, told)
    timers, events = (
        {name: (count - first[kind].get(name, 0)) / seconds for name, count in last[kind].items()}
        for kind in ("timers", "events")
    )
    # The question itself comes as a signal, once.
    events = {name: each for name, each in events.items() if each > 1 / seconds or "_read_from_self" not in name}
    return timers, {name: each for name, each in events.items() if each}


def asked_of(engine: Engine, told: Path) -> dict[str, dict[str, int]]:
    told.unlink(missing_ok=True)
    os.kill(engine.pid, signal.SIGUSR1)
    while not told.exists():
        time.sleep(0.01)
    found: dict[str, dict[str, int]] = json.loads(told.read_text())
    return found


def listed(found: dict[str, float]) -> str:
    often = sorted(found.items(), key=lambda one: -one[1])
    return ", ".join(f"{name} {each:.1f}/s" for name, each in often if each >= 0.05)


if __name__ == "__main__":
    main()

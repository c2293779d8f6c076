"""What the engine's time for a warm invocation goes to: the reason of the ratios that `warm` finds.

    python -m benchmarks.shares [--rounds N] [--json FILE]

Invocations inside the engine, first timed, then under cProfile. Its shares, by the part of the program that a function
belongs to, are given of the CPU time of the loop's thread that was measured without it. What the C functions take
(system calls, JSON) is counted to who calls them.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.common import ECHO, figure, folder, load, parser, plain_project, report
from benchmarks.warm import CALLS, in_process, inside_ms

_LOOP = "the loop: select, callbacks, futures"
_PROCESS = "to its process and back: frames, time limit, freezing, memory"
_PLACE = "a place: admission, concurrency, a warm environment, is the code current"
_LOG = "the log: START, END, REPORT as lines with their time, stream and tail"
_RECORD = "the record: what it was, took and cost, for history and the feed"
_METRICS = "the metrics, by function, version and resource"
_REST = "everything else: the order of it all, the trace"
# The longest path that a file's ends with decides.
_PARTS = {
    "asyncio/": _LOOP,
    "selectors.py": _LOOP,
    "engine/channel.py": _PROCESS,
    "engine/environment.py": _PROCESS,
    "engine/limit.py": _PROCESS,
    "engine/footprint.py": _PROCESS,
    "spawner/": _PROCESS,
    "lambdatui/wire.py": _PROCESS,
    "engine/admission.py": _PLACE,
    "engine/token_bucket.py": _PLACE,
    "engine/scaling.py": _PLACE,
    "engine/pool.py": _PLACE,
    "engine/provision": _PLACE,
    "engine/installer.py": _PLACE,
    "engine/reload.py": _PLACE,
    "engine/functions.py": _PLACE,
    "engine/registry.py": _PLACE,
    "engine/log.py": _LOG,
    "telemetry/framing.py": _LOG,
    "telemetry/lines.py": _LOG,
    "telemetry/report": _LOG,
    "telemetry/loghub.py": _LOG,
    "telemetry/telemetry.py": _LOG,
    "telemetry/metrics.py": _METRICS,
    "telemetry/histogram.py": _METRICS,
    "telemetry/seconds.py": _METRICS,
    "telemetry/cost.py": _RECORD,
    "store/": _RECORD,
    "engine/results.py": _RECORD,
}


def part(file: str) -> str:
    """The part of the program that a source file belongs to."""
    found = [known for known in _PARTS if f"/{known}" in file]
    return _PARTS[max(found, key=len)] if found else _REST


def seconds_by_part(profile: cProfile.Profile) -> Counter[str]:
    """Seconds of each part's own functions and of the C functions that they call; waiting is nobody's."""
    stats: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, callers) in stats.items():
        if "poll" in name and "select" in name:
            continue
        if file != "~":
            found[part(file)] += own
            continue
        for (caller, _, _), (_, _, own_there, _) in callers.items():
            found[part(caller)] += own_there
    return found


async def measured(project: Path, rounds: int) -> tuple[float, Counter[str]]:
    """Microseconds of the loop's thread for an invocation, and the seconds by part of as many under the profiler."""
    async with in_process(project) as engine:
        await inside_ms(engine)
        found = []
        for _ in range(rounds):
            began = time.thread_time()
            await inside_ms(engine)
            found.append((time.thread_time() - began) / CALLS * 1e6)
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        await inside_ms(engine)
        profile.disable()
    return statistics.median(found), seconds_by_part(profile)


def main() -> None:
    asked = parser(__doc__).parse_args()
    before = load()
    with folder() as root:
        whole_us, seconds = asyncio.run(measured(plain_project(root, echo=ECHO), asked.rounds))
    rows = [figure("the engine's CPU for a warm invocation", whole_us, "µs")]
    for name, spent in seconds.most_common():
        rows.append(figure(f"… {name}", whole_us * spent / seconds.total(), "µs"))
    report(asked, rows, before)


if __name__ == "__main__":
    main()

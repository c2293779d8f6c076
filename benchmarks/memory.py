"""What the engine's memory comes to: idle, and while invocations go on and on.

    python -m benchmarks.memory [--invocations 1000000] [--rounds N] [--json FILE]

Eight connections invoke a function that prints a line, as fast as it goes; without `--invocations` for about a minute.
Resident size of the engine alone (its spawner and environments are other processes), printed as it goes. Two caps fill
up first: the ring of the newest log lines (40,000) and SQLite's page caches (16 MB of what waits, 2 MB of history).
So growth is measured from the point where every ring has gone round, to the end; malloc's own fluctuation is about
3 MB either way, and what grew with each invocation would be on top of that.
"""

from __future__ import annotations

import statistics
import time

from benchmarks.common import Engine, figure, folder, load, parser, plain_project, report, within
from benchmarks.hammer import hammered, invoke_request

SOURCE = "def handler(event, context):\n    print('order', event['order'])\n    return event\n"
EVENT = b'{"order": 17, "items": [{"sku": "a-1", "count": 2}], "note": "as usual"}'
CONNECTIONS = 8
SECONDS = 60.0
PORTION = 2_000
FULL_AFTER = 15_000  # invocations of four lines each: the ring of 40,000 has gone round
SETTLE_S = 5.0
NOISE_MB = 4.0


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--invocations", type=int, help="so many, however long it takes")
    asked = arguments.parse_args()
    before = load()
    with folder() as root, Engine(plain_project(root, work=SOURCE)) as engine:
        time.sleep(SETTLE_S)
        idle = engine.rss_mb()
        print(f"{'idle':>10}  {idle:6.1f} MB")
        request, done, began = invoke_request("work", EVENT), 0, time.monotonic()
        seen: list[tuple[int, float]] = []
        portion = max(PORTION, (asked.invocations or 0) // 50)
        while done < asked.invocations if asked.invocations else time.monotonic() < began + SECONDS:
            done += hammered(engine.url, request, status=200, connections=CONNECTIONS, count=portion)
            seen.append((done, engine.rss_mb()))
            print(f"{done:>10,}  {seen[-1][1]:6.1f} MB  {done / (time.monotonic() - began):6.0f}/s", flush=True)
        time.sleep(SETTLE_S)
        after = engine.rss_mb()
    full = [mb for count, mb in seen if count >= min(FULL_AFTER, done // 2)]
    third = max(1, len(full) // 3)
    growth = statistics.median(full[-third:]) - statistics.median(full[:third])
    report(
        asked,
        [
            within("engine memory: idle", idle, "MB", 80),
            figure(f"engine memory: after {done:,} invocations", after, "MB"),
            within(f"growth behind the caps, up to {done:,} invocations", max(growth, 0.0), "MB", NOISE_MB),
        ],
        before,
    )


if __name__ == "__main__":
    main()

"""How long a `run` takes: to ready without a screen, to the functions on the screen, and with 1 to 500 functions.

    python -m benchmarks.start [--rounds 3] [--functions 1 10 100 500]

Ready is from exec until /healthz answers, in a data directory that is new (the first start makes two databases). First
paint is measured in a real terminal: from exec until a row of the function table is on it. The floor of it is a Python
that imports `textual.app`. Each function of the large projects has a folder of its own, a route and a queue. Linux.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pexpect
import pyte

from benchmarks.common import (
    NOTHING,
    PATIENCE_S,
    Engine,
    Row,
    at_most,
    figure,
    folder,
    in_turns,
    load,
    parser,
    plain_project,
    report,
    rss_mb,
    template_project,
    users_variables,
    within,
)

READY_MS = 400.0
MANY_S = 2.0
COLUMNS, LINES = 120, 40


class Started:
    """An engine that has answered once; what it took, held and had started by then."""

    def __init__(self, root: Path, data: Path, invoke: str) -> None:
        shutil.rmtree(data, ignore_errors=True)
        began = time.perf_counter()
        with Engine(root, data=data) as engine:
            urllib.request.urlopen(engine.url + "/healthz").read()
            self.ready_ms = (time.perf_counter() - began) * 1e3
            self.cpu_ms = engine.cpu_ms()
            urllib.request.urlopen(f"{engine.url}/2015-03-31/functions/{invoke}/invocations", data=b"{}").read()
            self.answer_ms = (time.perf_counter() - began) * 1e3
            time.sleep(1.0)  # what it does beside the first calls
            self.rss_mb = rss_mb(engine.pid)
            self.processes = len(below(engine.pid))


def below(pid: int) -> list[int]:
    """The processes that it has started, and theirs."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += [int(child), *below(int(child))]
    return found


def first_paint_ms(root: Path, data: Path, row: str) -> float:
    """From exec of `run` until `row` is on its screen."""
    shutil.rmtree(data, ignore_errors=True)
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    words = ["-P", "-m", "lambdatui", "run", str(root), "--aws", "none", "--port", "0", "--http-port", "0"]
    variables = {**users_variables(), "TERM": "xterm-256color"}
    began = time.perf_counter()
    terminal = pexpect.spawn(
        sys.executable, [*words, "--data", str(data)], env=variables, dimensions=(LINES, COLUMNS), timeout=PATIENCE_S
    )
    wanted = re.compile(rf"\b{row}\b.*\b(idle|ready|never|python|loading|new)\b|^\W*{row}\b")
    try:
        while time.perf_counter() - began < PATIENCE_S:
            stream.feed(terminal.read_nonblocking(1 << 16, PATIENCE_S))
            if any(wanted.search(line) for line in screen.display):
                return (time.perf_counter() - began) * 1e3
        sys.exit("the screen never showed the function:\n" + "\n".join(screen.display))
    finally:
        terminal.send("q")
        terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=10)
        terminal.close(force=True)


def import_ms(module: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=users_variables())
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--functions", type=int, nargs="*", default=[1, 10, 100, 500])
    asked = arguments.parse_args()
    before = load()
    with folder() as work:
        plain = plain_project(work / "plain", first_function=NOTHING)
        projects = {count: template_project(work / f"sam{count}", count) for count in asked.functions}
        data = work / "data"
        Started(plain, data, "first_function")  # writes the bytecode
        import_ms("textual.app")
        first_paint_ms(plain, data, "first_function")
        kept: dict[int, list[Started]] = {count: [] for count in (0, *projects)}

        def start(count: int) -> float:
            kept[count].append(
                Started(projects[count], data, "F0") if count else Started(plain, data, "first_function")
            )
            return kept[count][-1].ready_ms

        found = in_turns(
            asked.rounds,
            {
                "python": lambda: import_ms("sys"),  # which is there
                "textual": lambda: import_ms("textual.app"),
                "paint": lambda: first_paint_ms(plain, data, "first_function"),
                **{f"ready {count}": lambda count=count: start(count) for count in kept},  # type: ignore[misc]
            },
        )

    def median(count: int, what: str) -> float:
        return statistics.median(getattr(one, what) for one in kept[count])

    bare = f"{median(0, 'cpu_ms'):.0f} ms of CPU time; a bare Python took {found['python']:.0f} ms in the same run"
    rows: list[Row] = [
        within("`run --headless` to ready", found["ready 0"], "ms", READY_MS, bare),
        at_most("first paint of `run`", found["paint"], "ms", "`import textual.app`", found["textual"], 2.5),
        figure("exec to the first invocation's answer", median(0, "answer_ms"), "ms"),
    ]
    for count in projects:
        what = f"ready with {count} functions, a route and a queue each"
        note = f"{median(count, 'rss_mb'):.0f} MB, {median(count, 'processes'):.0f} processes below the engine"
        value = found[f"ready {count}"]
        rows.append(
            within(what, value / 1e3, "s", MANY_S, note) if count >= 500 else figure(what, value / 1e3, "s", note)
        )
    report(asked, rows, before)


if __name__ == "__main__":
    main()

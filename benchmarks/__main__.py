"""Run every benchmark, one after the other, and write RESULTS.md.

    python -m benchmarks [NAME...] [--rounds N]

Without names all of them, and their section of RESULTS.md is written anew. A script that has missed a goal runs a
second time at the end: a machine is not equally busy all the time. One that fails or takes longer than LIMIT_S is a row
that says so; the others' rows stay. Peers and growth are measured apart: `make bench-peers`,
`python -m benchmarks.growth`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from benchmarks.common import load, users_variables
from benchmarks.results import HERE, circumstances, keep, table

APART = ("growth", "peers")
# From one call to the whole program; what is not named here comes last.
ORDER = (
    "warm",
    "shares",
    "payload",
    "coldstart",
    "screen",
    "flood",
    "logs",
    "accepted",
    "sources",
    "wake",
    "memory",
    "stored",
    "idle",
    "start",
    "command",
)
LIMIT_S = 240.0  # of one script; each is made for 60 to 90
ALL_S = 1500.0
FAILED = "did not finish"
MET = 6  # its place in a row
UNWIND_S = 20.0  # for a script that was interrupted to end what it started
INTRODUCTION = (
    "`make bench` measures this anew: every row beside its floor in the same run, in turns, medians of the rounds. "
    "[docs/performance.md](../docs/performance.md) says what the rows mean. A script that has missed a goal ran a "
    "second time at the end; that run stands unless it met fewer."
)


def scripts() -> list[str]:
    """What takes the arguments that all benchmarks take; the other modules are what they share."""
    names = sorted(file.stem for file in HERE.glob("*.py") if "parser(__doc__)" in file.read_text())
    names = [name for name in names if name not in APART and name != "__main__"]
    return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*scripts(), []], help=", ".join(scripts()))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    before, end_s = load(), time.monotonic() + ALL_S

    def measured(name: str) -> list[list[Any]]:
        print(f"\n{name}", flush=True)
        found, fault = run([sys.executable, "-m", f"benchmarks.{name}", "--rounds", str(asked.rounds)], end_s)
        if fault:
            print(f"{name} {fault}")
            found.append([name, f"`{name}`", FAILED, "", "", "", False, fault])
        return found

    by_script = {name: measured(name) for name in asked.names or scripts()}
    for name, first in by_script.items():
        if any(row[MET] is False for row in first):
            by_script[name] = better(first, measured(name))
    rows = [row for found in by_script.values() for row in found]
    if not asked.names:
        keep("The goals", [INTRODUCTION, "", circumstances(before, load()), "", *table(rows)])
    sys.exit(any(row[2] == FAILED for row in rows))


def better(first: list[list[Any]], second: list[list[Any]]) -> list[list[Any]]:
    """Which of a script's two runs stands: the second, unless it has met fewer goals."""
    met, met_then = (sum(row[MET] is True for row in rows) for rows in (first, second))
    return second if met_then >= met else first


def run(command: list[str], end_s: float) -> tuple[list[list[Any]], str]:
    """The rows that a script keeps with `--json`, [script, *Row], and what became of it where it failed."""
    limit_s = min(LIMIT_S, end_s - time.monotonic())
    if limit_s <= 0:
        return [], "was not begun: the time for all of them was over"
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as kept, tempfile.TemporaryFile() as errors:
        # A session of its own, so that what it leaves behind can be ended with it.
        process = subprocess.Popen(
            [*command, "--json", kept.name], cwd=HERE.parent, env=users_variables(), stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        fault = ""
        try:
            if process.wait(limit_s):
                fault = f"ended with {process.returncode}: {last_line(errors)}"
        except subprocess.TimeoutExpired:
            fault = f"took longer than {limit_s:.0f} s"
        finally:
            end(process)
        return [json.loads(line) for line in Path(kept.name).read_text().splitlines()], fault


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt it, so that it ends its engines; then nothing of its session stays."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(UNWIND_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


if __name__ == "__main__":
    main()

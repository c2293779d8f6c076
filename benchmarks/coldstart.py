"""What a cold start costs: fresh processes beside bare Pythons, forks of library zygotes beside fresh processes.

    python -m benchmarks.coldstart [--rounds N] [--json FILE]

A cold start is an invocation inside the engine from its call to its recorded result, of a function whose environments
have just been let go. Everything takes turns in one run: engines with and without `--fresh` on the same sources, and
the floors. pandas comes into a virtual environment of the benchmark's own; its rows are left out where pip fails.
Memory is the proportional set size (PSS): pages that processes share count in parts. Linux.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import (
    PATIENCE_S,
    Row,
    at_most,
    folder,
    in_turns,
    load,
    parser,
    plain_project,
    report,
    users_variables,
)
from benchmarks.warm import in_process
from lambdatui.engine.engine import Engine
from lambdatui.engine.model import InvokeRequest

EACH = 5  # cold starts, or runs of a floor, a turn: their median
AT_ONCE = 20
_BARE = "def handler(event, context):\n    return 1\n"
_IMPORTS = "import {0}\n\n\ndef handler(event, context):\n    return {0}.__name__\n"


class Project:
    """A function `app`, served with and without zygotes by engines of this process."""

    def __init__(self, runner: asyncio.Runner, stack: contextlib.ExitStack, root: Path, source: str) -> None:
        self._runner = runner
        self.fresh = self._engine(stack, plain_project(root / "fresh", app=source), fresh=True)
        self.forked = self._engine(stack, plain_project(root / "forked", app=source), fresh=False)
        self._await_zygote()

    def _engine(self, stack: contextlib.ExitStack, root: Path, *, fresh: bool) -> Engine:
        running = in_process(root, fresh=fresh)
        engine = self._runner.run(running.__aenter__())
        stack.callback(lambda: self._runner.run(running.__aexit__(None, None, None)))
        return engine

    def _await_zygote(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            self.cold_ms(self.forked, 1)
            if [row.start for row in self.forked.environment_rows()] == ["forked"]:
                return
            self._runner.run(asyncio.sleep(0.2))
        sys.exit(f"no zygote came: {self.forked.function_rows()[0].zygote}")

    def cold_ms(self, engine: Engine, times: int = EACH) -> float:
        return self._runner.run(self._cold_ms(engine, times))

    async def _cold_ms(self, engine: Engine, times: int) -> float:
        found = []
        for _ in range(times):
            await self._without_environments(engine)
            found.append(await _call_ms(engine))
        return statistics.median(found)

    async def _without_environments(self, engine: Engine) -> None:
        engine.pool.retire("app")
        while len(engine.pool):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)  # their folders are being removed

    def many(self, engine: Engine) -> tuple[float, float]:
        """Milliseconds until as many environments have answered at once, and their memory in MB with the zygote's."""
        return self._runner.run(self._many(engine))

    async def _many(self, engine: Engine) -> tuple[float, float]:
        await self._without_environments(engine)
        began = time.perf_counter()
        await asyncio.gather(*(_call_ms(engine) for _ in range(AT_ONCE)))
        took = (time.perf_counter() - began) * 1e3
        pids = [row.pid for row in engine.environment_rows()]
        if len(pids) != AT_ONCE:
            sys.exit(f"{len(pids)} environments instead of {AT_ONCE}")
        return took, sum(map(pss_mb, [*pids, *engine.zygotes.pids()]))


async def _call_ms(engine: Engine) -> float:
    began = time.perf_counter()
    result = await engine.invoke(InvokeRequest(function="app", payload=b"{}"))
    if result.status != "ok":
        sys.exit(f"the function failed: {result.error_message}")
    return (time.perf_counter() - began) * 1e3


def pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def python_ms(python: str, *arguments: str) -> float:
    """Median of a whole Python from its exec to its end."""
    found = []
    for _ in range(EACH):
        began = time.perf_counter()
        subprocess.run([python, *arguments], check=True, env=users_variables(PYTHONPATH=""))
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def faster(what: str, value: float, unit: str, against: str, floor: float, times: float, note: str = "") -> Row:
    """A row that has to be so many times smaller than what it is compared with."""
    row = at_most(what, value, unit, against, floor, 1.0, note)
    return row._replace(ratio=f"{floor / value:.1f}× faster", goal=f"≥ {times:g}× faster", met=floor >= times * value)


def bare(runner: asyncio.Runner, root: Path, rounds: int) -> list[Row]:
    with contextlib.ExitStack() as stack:
        project = Project(runner, stack, root, _BARE)
        found = in_turns(
            rounds,
            {
                "fresh": lambda: project.cold_ms(project.fresh),
                "forked": lambda: project.cold_ms(project.forked),
                "python": lambda: python_ms(sys.executable, "-I", "-S", "-c", "pass"),
            },
        )
    note = f"forked from a zygote: {found['forked']:.1f} ms"
    return [at_most("fresh cold start, bare", found["fresh"], "ms", "`python -I -S -c pass`", found["python"], 3, note)]


def libraries(runner: asyncio.Runner, root: Path, rounds: int, name: str, python: str) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        project = Project(runner, stack, root, _IMPORTS.format(name))
        found = in_turns(
            rounds,
            {
                "fresh": lambda: project.cold_ms(project.fresh),
                "forked": lambda: project.cold_ms(project.forked),
                "python": lambda: python_ms(python, "-c", f"import {name}"),
            },
        )
        against = f'`python -c "import {name}"`'
        yield at_most(f"fresh cold start with libraries: {name}", found["fresh"], "ms", against, found["python"], 1.2)
        what = f"cold start from a library zygote: {name}"
        yield faster(what, found["forked"], "ms", "the fresh one", found["fresh"], 20)
        if name == "boto3":
            yield from at_once(project, rounds)


def at_once(project: Project, rounds: int) -> Iterator[Row]:
    memory: dict[str, float] = {}

    def measured(name: str, engine: Engine) -> float:
        took, memory[name] = project.many(engine)
        return took

    found = in_turns(
        rounds,
        {
            "fresh": lambda: measured("fresh", project.fresh),
            "forked": lambda: measured("forked", project.forked),
        },
    )
    what = f"{AT_ONCE} environments at once, boto3"
    yield faster(what, found["forked"], "ms", "fresh", found["fresh"], 15)
    row = at_most(what + ": memory (PSS)", memory["forked"], "MB", "fresh", memory["fresh"], 0.2)
    yield row._replace(ratio=f"{memory['forked'] / memory['fresh']:.0%}", goal="≤ 20 %")


def with_pandas(root: Path) -> str | None:
    """The Python of a new virtual environment in `root` that has pandas; None where it cannot be had."""
    python = root / ".venv" / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(root / ".venv")],
        [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "pandas",
        ],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=users_variables(), check=False)
        if done.returncode:
            print(f"skipped: pandas, as pip fails: {(done.stderr.strip() or '?').splitlines()[-1]}")
            return None
    return str(python)


def main() -> None:
    asked = parser(__doc__).parse_args()
    before, rows = load(), []
    with folder() as root, asyncio.Runner() as runner:
        rows += bare(runner, root / "bare", asked.rounds)
        rows += libraries(runner, root / "boto3", asked.rounds, "boto3", sys.executable)
        both = root / "pandas"
        for each in ("fresh", "forked"):
            (both / each).mkdir(parents=True)
        python = with_pandas(both / "fresh")
        if python is not None:
            (both / "forked" / ".venv").symlink_to(both / "fresh" / ".venv")
            rows += libraries(runner, both, asked.rounds, "pandas", python)
    report(asked, rows, before)


if __name__ == "__main__":
    main()

"""What a short command costs as a whole process: `invoke` on a warm function, `list` and `--help`.

    python -m benchmarks.command [--rounds 3] [--times 7]

The floor is `python -c pass`. Commands run as the installed script does, against an engine that runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import (
    ECHO,
    Engine,
    at_most,
    figure,
    folder,
    in_turns,
    load,
    parser,
    plain_project,
    report,
    users_variables,
)

SCRIPT = "import sys\nfrom lambdatui.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
LIMIT = 6.0


def process_ms(words: Sequence[str | Path], times: int, variables: dict[str, str]) -> float:
    """The fastest of some whole processes: others on the machine interrupt a long one more often than the floor."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=variables)
        found.append((time.perf_counter() - began) * 1e3)
    return min(found)


def cpu_ms(words: Sequence[str | Path], variables: dict[str, str]) -> float:
    """CPU time of one process."""
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=variables)
    used = os.wait4(process.pid, 0)[2]
    return (used.ru_utime + used.ru_stime) * 1e3


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--times", type=int, default=7, help="processes a turn (the fastest counts)")
    asked = arguments.parse_args()
    before = load()
    with folder() as work:
        root = plain_project(work / "project", echo=ECHO)
        script = work / "lambdatui"
        script.write_text(SCRIPT)
        with Engine(root) as engine:
            variables = users_variables(LAMBDATUI_PROJECT=str(root))
            commands: dict[str, list[str | Path]] = {
                "pass": ["-c", "pass"],
                "invoke": [script, "invoke", "echo", "-e", '{"key": "value"}'],
                "list": [script, "list"],
                "help": [script, "--help"],
            }
            for words in commands.values():  # bytecode, and a warm environment
                process_ms(words, 1, variables)
            found = in_turns(
                asked.rounds,
                {
                    name: lambda words=words: process_ms(words, asked.times, variables)
                    for name, words in commands.items()
                },  # type: ignore[misc]
            )
            cpu = {name: min(cpu_ms(words, variables) for _ in range(asked.times)) for name, words in commands.items()}
            assert engine.process.poll() is None
    note = "CPU time alone: {:.0f} ms, {:.1f}× that of `python -c pass`".format
    floor, of = found["pass"], "`python -c pass`"
    rows = [
        at_most(
            "`lambdatui invoke` on a running engine, whole process",
            found["invoke"], "ms", of, floor, LIMIT, note(cpu["invoke"], cpu["invoke"] / cpu["pass"]),
        ),
        figure("`lambdatui list`", found["list"], "ms", note(cpu["list"], cpu["list"] / cpu["pass"])),
        figure("`lambdatui --help`", found["help"], "ms", note(cpu["help"], cpu["help"] / cpu["pass"])),
    ]  # fmt: skip
    report(asked, rows, before)


if __name__ == "__main__":
    main()

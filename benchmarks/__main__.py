"""Run every benchmark, one after the other, and write RESULTS.md.

    python -m benchmarks [NAME...] [--rounds N]

Without names all of them; RESULTS.md is then written anew.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import load, users_variables, versions

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
NOT_SCRIPTS = {"__init__", "__main__", "common", "peers", "growth"}


def scripts() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem not in NOT_SCRIPTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*scripts(), []], help=", ".join(scripts()))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    names = asked.names or scripts()
    before = load()
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as kept:
        for name in names:
            print(f"\n{name}")
            command = [sys.executable, "-m", f"benchmarks.{name}", "--rounds", str(asked.rounds), "--json", kept.name]
            subprocess.run(command, cwd=HERE.parent, env=users_variables(), check=False)
        rows = [json.loads(line) for line in Path(kept.name).read_text().splitlines()]
    if not asked.names:
        RESULTS.write_text(document(rows, before))


def document(rows: list[list[str]], load_before: float) -> str:
    """RESULTS.md of these rows: [script, *Row]."""
    mark = {True: "yes", False: "**no**", None: ""}
    lines = [
        "# Results",
        "",
        f"{datetime.date.today().isoformat()}, {versions()}.",
        f"Load average {load_before:.2f} before and {load():.2f} after.",
        "`make bench` measures this anew: every row beside its floor in the same run, in turns, medians of the rounds.",
        "",
        "| script | what | measured | against | ratio | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    notes = []
    for script, what, value, against, ratio, goal, met, note in rows:
        if note:
            notes.append(f"- **{what}**: {note}")
        lines.append(f"| {script} | {what} | {value} | {against} | {ratio} | {goal} | {mark[met]} |")  # type: ignore[index]
    return "\n".join([*lines, "", *(["## Notes", "", *notes, ""] if notes else [])])


if __name__ == "__main__":
    main()

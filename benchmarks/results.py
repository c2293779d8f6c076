"""RESULTS.md: tables of rows by section, each with when and on what it was measured. Text alone, measures nothing."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import re
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import versions

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
_LIBRARIES = ("uvicorn", "httptools", "msgspec", "textual", "psutil")
_MARK = {True: "yes", False: "**no**", None: ""}


def table(rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of these rows, [script, *Row], and of the notes that belong to them."""
    lines = ["| script | what | measured | against | ratio | goal | met |", "|---|---|---|---|---|---|---|"]
    notes = []
    for script, what, value, against, ratio, goal, met, note in rows:
        if note:
            notes.append(f"- **{what}**: {note}")
        lines.append(f"| {script} | {what} | {value} | {against} | {ratio} | {goal} | {_MARK[met]} |")  # type: ignore[index]
    return [*lines, *(["", *notes] if notes else [])]


def with_section(document: str, title: str, lines: Sequence[str]) -> str:
    """The document with this section in the place of the one of that title, or at its end."""
    section = "\n".join([f"## {title}", "", *lines, "", ""])
    before, found, rest = document.partition(f"## {title}\n")
    if not found:
        return f"{document.rstrip()}\n\n{section}".rstrip() + "\n"
    following = re.search(r"^## ", rest, re.MULTILINE)
    return (before + section + (rest[following.start() :] if following else "")).rstrip() + "\n"


def keep(title: str, lines: Sequence[str]) -> None:
    """Write a section into RESULTS.md; the others stay."""
    before = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    RESULTS.write_text(with_section(before, title, lines))


def with_block(document: str, name: str, lines: Sequence[str]) -> str:
    """The document with these lines between `<!-- NAME... -->` and the next `<!-- end -->`."""
    begin = re.search(rf"^<!-- {name}\b.*-->\n", document, re.MULTILINE)
    end = document.find("<!-- end -->", begin.end()) if begin else -1
    if begin is None or end < 0:
        raise ValueError(f"there is no block {name}")
    return "\n".join([document[: begin.end()].rstrip("\n"), "", *lines, "", document[end:]])


def circumstances(load_before: float, load_after: float) -> str:
    """When, of which code and on what something was measured."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return (
        f"{today}, revision {revision()}, {versions()}, SQLite {sqlite3.sqlite_version}, {libraries()}; "
        f"{os.cpu_count()} CPUs ({processor()}), load average {load_before:.2f} before and {load_after:.2f} after."
    )


def libraries() -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)


def revision() -> str:
    """The commit, and whether files differ from it; RESULTS.md and the pictures are what a run writes."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/RESULTS.md", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE.parent, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return os.uname().machine
    return found[1] if found else os.uname().machine

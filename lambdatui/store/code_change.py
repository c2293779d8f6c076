"""What changed between two code snapshots, as a diff to read."""

from __future__ import annotations

import difflib
from pathlib import Path

from lambdatui.store.code import read_snapshot
from lambdatui.store.limits import DIFF_LINES


def diff(folder: Path, old_sha: str, new_sha: str) -> list[str]:
    """Unified diff lines of DATA/code's two snapshots; each file begins with "file NAME"; cut after 2,000 lines."""
    old, new = read_snapshot(folder, old_sha), read_snapshot(folder, new_sha)
    lines: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        note = " (new)" if before is None else " (gone)" if after is None else ""
        lines.append(f"file {name}{note}")
        lines.extend(_file_diff(before or b"", after or b""))
        if len(lines) > DIFF_LINES:
            return [*lines[:DIFF_LINES], "(the rest of the change is not shown)"]
    return lines


def _file_diff(before: bytes, after: bytes) -> list[str]:
    try:
        old, new = before.decode().splitlines(), after.decode().splitlines()
    except UnicodeDecodeError:
        return [f"(not text: {len(before)} bytes before, {len(after)} now)"]
    return list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]  # without the two lines that name the files

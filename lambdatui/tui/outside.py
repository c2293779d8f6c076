"""What leaves the screen: the clipboard, files, the user's editor."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from lambdatui.errors import OperationFailed

CLIPBOARDS = (
    ("pbcopy", ()),
    ("wl-copy", ()),
    ("xclip", ("-selection", "clipboard")),
)


def copy_outside(text: str) -> None:
    """Hand the text to the desktop's clipboard where there is a program for it; OSC 52 has been sent already."""
    for name, arguments in CLIPBOARDS:
        if name == "wl-copy" and not os.environ.get("WAYLAND_DISPLAY"):
            continue
        if name == "xclip" and not os.environ.get("DISPLAY"):
            continue
        if path := shutil.which(name):
            try:
                subprocess.run(
                    [path, *arguments],
                    input=text.encode(),
                    timeout=2,
                    check=False,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            except (OSError, subprocess.TimeoutExpired):
                continue
            return


def write_file(data: Path | None, name: str, suffix: str, text: str) -> Path:
    """Write under DATA/written, which git ignores, or where that is not at hand among the temporary files."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-").lower() or "screen"
    for folder in (data / "written" if data else None, Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            if folder != Path(tempfile.gettempdir()):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = _free(folder / f"{safe}-{stamp}{suffix}")
            # What is shown may hold payloads: for the user's eyes only.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text if text.endswith("\n") else text + "\n")
        except OSError:
            continue
        return path
    raise OperationFailed("nothing could be written: neither the data folder nor the temporary one takes files")


def _free(path: Path) -> Path:
    number = 2
    wanted = path
    while wanted.exists():
        wanted = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return wanted


def editor_command(file: str, line: int | None) -> list[str]:
    """The user's editor at a line, in that editor's own way of saying so. Raises OperationFailed without one."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    words = shlex.split(editor) if editor else [name for name in ("vi", "nano") if shutil.which(name)][:1]
    if not words or shutil.which(words[0]) is None:
        named = f"$EDITOR is {editor!r}, which is not installed" if editor else "$EDITOR is not set"
        raise OperationFailed(f"{named}: set it, for example EDITOR=nano, and start the screen again")
    program = Path(words[0]).name
    if not line:
        return [*words, file]
    if program in ("code", "codium", "code-insiders", "cursor"):
        return [*words, *([] if "--wait" in words or "-w" in words else ["--wait"]), "--goto", f"{file}:{line}"]
    if program in ("subl", "hx", "helix", "zed"):
        return [*words, f"{file}:{line}"]
    return [*words, f"+{line}", file]


def find_file(file: str, *roots: str) -> Path:
    """A frame's file on this disk: absolute, or below one of the roots. Raises OperationFailed."""
    for candidate in (Path(file), *(Path(root) / file for root in roots if root)):
        if candidate.is_absolute() and candidate.is_file():
            return candidate
    raise OperationFailed(f"{file} is not on this machine")

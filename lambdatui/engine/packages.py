"""A function's own packages: what names an installation, how it is made, and what an installer's output says. Pure.

An installation is DATA/packages/KEY: `site-packages`, and `complete.json` once it is whole. Functions with the same key
share it. `installer.py` makes them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from lambdatui.config.lockfiles import canonical
from lambdatui.config.manifests import Line, Manifest, shown
from lambdatui.config.model import Problem
from lambdatui.engine.code import IGNORED_FOLDERS

RETRY_AFTER = 30.0  # seconds after a failure in which invocations are told of it instead of trying again
KEPT_UNUSED = 5  # installations that no function uses now, kept for the way back
KEPT_DAYS = 30.0
_SHOWN = 400  # characters of an installer's last lines
# What would send packages elsewhere, or let the engine's own Python interfere with the function's.
_NOT_PASSED_ON = frozenset({
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PIP_TARGET",
    "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIREMENT", "PIP_CONSTRAINT", "UV_PYTHON", "UV_SYSTEM_PYTHON",
    "UV_PROJECT_ENVIRONMENT", "LAMBDATUI_TOKEN",
})  # fmt: skip
_BUILD_FOLDERS = IGNORED_FOLDERS | {"build", "dist"}


class Tool(msgspec.Struct, frozen=True):
    """What installs: uv, or a pip; `argv` begins its command line."""

    kind: Literal["uv", "pip"]
    argv: tuple[str, ...]


class Complete(msgspec.Struct, frozen=True):
    """complete.json."""

    manifest: str
    distributions: list[str]
    seconds: float


def key(manifest: Manifest, python: str, platform: str) -> str:
    """Names what an installation of `manifest` holds. `python`: "3.12"; `platform`: system, machine, implementation.

    Blocking where a line installs a folder: its files' sizes and times count.
    """
    whole = hashlib.sha256(f"{python}\0{platform}\0".encode())
    for group in (manifest.lines, manifest.constraints):
        whole.update(b"\0\0")
        for line in group:
            whole.update(line.text.encode("utf-8", "surrogateescape") + b"\n")
            if line.local is not None:
                whole.update(repr(_content(Path(line.local))).encode())
    return whole.hexdigest()[:24]


def _content(place: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of each file of a local package."""
    files = [place] if place.is_file() else _files(place)
    found = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        found.append((os.path.relpath(file, place), stat.st_size, stat.st_mtime_ns))
    return sorted(found)


def _files(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not ignored(name)]
        yield from (Path(parent, name) for name in names)


def ignored(name: str) -> bool:
    """Whether a folder of a local package holds nothing that is installed from it."""
    return name in _BUILD_FOLDERS or name.endswith(".egg-info")


def requirements_text(lines: Sequence[Line], copies: Mapping[str, str]) -> str:
    """A requirements file. `copies`: local folder -> the copy that is built instead, as building writes beside."""
    texts = []
    for line in lines:
        copy = copies.get(line.local or "")
        texts.append(line.text if copy is None else line.text.replace(line.local or "", copy, 1))
    return "".join(f"{text}\n" for text in texts)


def command(tool: Tool, python: str, target: str, requirements: str, constraints: str | None) -> list[str]:
    """The installer's command line. `python`: the interpreter that will run the packages."""
    more = ["--requirement", requirements] + (["--constraint", constraints] if constraints else [])
    if tool.kind == "uv":
        # Copied: what a function writes into its packages must not reach the cache, which all projects share.
        switches = [
            "--link-mode",
            "copy",
            "--no-python-downloads",
            "--no-progress",
            "--compile-bytecode",
            "--color",
            "never",
        ]
        return [*tool.argv, "pip", "install", "--python", python, "--target", target, *switches, *more]
    switches = ["--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar", "off"]
    return [*tool.argv, "install", "--target", target, *switches, "--no-color", *more]


def variables(shell: Mapping[str, str]) -> dict[str, str]:
    """An installer's variables: the user's own (indexes, proxies, certificates, caches, keyrings), but for those that
    would send packages elsewhere."""
    kept = {name: value for name, value in shell.items() if name not in _NOT_PASSED_ON}
    return {**kept, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


# --- output

_PIP_STEP = re.compile(r"(Collecting|Downloading|Building|Installing|Preparing|Processing|Using cached)\b")
_NOISE = re.compile(r"(\[notice\]|WARNING|DEPRECATION|note:|hint: See above)")
_FRAME = re.compile(r"\[\d+ lines? of output\]")
_BUILD_LINES = 2
_ERROR = re.compile(r"\s*(ERROR|error)\b:?|\s*[×✗]")
_UNREACHABLE = re.compile(r"Retrying \(|NewConnectionError|name resolution|failed to fetch|Connection refused", re.I)


class Progress:
    """Reads an installer's output line by line. `text`: how far it is, for people."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._collected: set[str] = set()
        self.text = "starting"

    def feed(self, line: str) -> None:
        line = line.strip()
        if line.startswith("Collecting ") or line.startswith("Processing "):
            name = re.split(r"[\s\[(<>=!~;@]", line.split(" ", 1)[1])[0]
            self._collected.add(name)
            self.text = f"{Path(name).name}{self._count()}"
        elif line.startswith("Installing collected packages"):
            self.text = f"unpacking {line.count(',') + 1} packages"
        elif _PIP_STEP.match(line) is None and line and not _NOISE.match(line) and "satisfied" not in line:
            self.text = line[:80]

    def _count(self) -> str:
        done = len(self._collected)
        return f", {done} of {self._total}" if self._total and done <= self._total else ""


def last_words(output: Sequence[str]) -> str:
    """Why it failed, from the last lines of the output, as one line."""
    lines = [line.strip() for line in _without_builds(output) if line.strip() and not _NOISE.match(line.strip())]
    first = next((number for number, line in enumerate(lines) if _ERROR.match(line)), max(0, len(lines) - 3))
    words = [re.sub(r"^(ERROR|error):\s*|^[×✗│╰─▶\s]+", "", line) for line in lines[first:]]
    text = "; ".join(dict.fromkeys(filter(None, words))).rstrip(".")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _without_builds(output: Sequence[str]) -> list[str]:
    """Of what a package's own build said, which pip frames, the last lines alone: they say how it failed."""
    lines: list[str] = []
    framed: list[str] | None = None
    for line in output:
        if _FRAME.search(line):
            framed = []
        elif framed is None:
            lines.append(line)
        elif "[end of output]" in line:
            lines += framed[-_BUILD_LINES:]
            framed = None
        else:
            framed.append(line)
    return lines + (framed or [])[-_BUILD_LINES:]


def failure(manifest: Manifest, output: Sequence[str], log: str, root: Path) -> Problem:
    """The problem of a manifest whose installation ended with this output."""
    why = last_words(output) or "the installer ended without a word"
    if any(_UNREACHABLE.search(line) for line in output):
        remedy = "Look at the network and the package index; the next invocation tries again. "
    else:
        remedy = "Correct it and save: it is tried again at once. "
    return Problem(
        severity="error",
        file=shown(manifest.file, root),
        line=line_of(manifest, why),
        message=f"{manifest.name} could not be installed: {why}",
        remedy=f"{remedy}All that was said: {shown(log, root)}",
    )


def line_of(manifest: Manifest, words: str) -> int | None:
    """Where the requirement stands that `words` name first."""
    best: tuple[int, int] | None = None
    for line in manifest.lines:
        match = re.match(r"[\w.-]+", line.text)
        if line.line is None or line.file != manifest.file or line.text.startswith("-") or match is None:
            continue
        name = re.escape(canonical(match[0])).replace(r"\-", "[-_.]+")
        found = re.search(rf"(?<![\w.-]){name}(?![\w-])", words, re.I)
        if found is not None and (best is None or found.start() < best[0]):
            best = (found.start(), line.line)
    return best[1] if best else None


def distributions(site: Path) -> list[str]:
    """Names and versions of what lies in a site-packages folder."""
    found = [folder.name.removesuffix(".dist-info").replace("-", "==", 1) for folder in site.glob("*.dist-info")]
    return sorted(found, key=str.lower)


def outdated(last_used: Mapping[str, float], used: Iterable[str], now: float) -> list[str]:
    """Keys of installations to remove. `last_used`: epoch seconds of every one that is there; `used`: by functions."""
    unused = sorted(last_used.keys() - set(used), key=lambda each: last_used[each], reverse=True)
    oldest = now - KEPT_DAYS * 86_400
    return [each for place, each in enumerate(unused) if place >= KEPT_UNUSED or last_used[each] < oldest]


def count(number: int) -> str:
    return f"{number} package" if number == 1 else f"{number} packages"

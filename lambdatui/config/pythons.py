"""The Pythons of this machine: looked for where they are usually installed, asked for their version, never downloaded.

Knows nothing of functions' packages; `check` and the engine both ask here.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec

from lambdatui.config import files
from lambdatui.config.model import FunctionConfig, Problem

OLDEST, _NEWEST = 9, 19  # minor versions that can run functions here: what runs inside environments needs 3.9
# In an environment of its own `sys.executable` may be gone tomorrow: the Python below it is what counts.
_NOTED = re.compile(r"^version(?:_info)? *= *(3\.\d+)", re.MULTILINE)
_ASK = (
    "import os, sys; base = getattr(sys, '_base_executable', None);"
    "print('%d.%d' % sys.version_info[:2], base if base and os.path.exists(base) else sys.executable)"
)


class Python(msgspec.Struct, frozen=True):
    """One that starts. `version`: "3.12"."""

    path: str
    version: str


def wanted_version(runtime: str) -> str | None:
    """ "3.12" from "python3.12"; None for anything else."""
    match = re.fullmatch(r"python(3\.\d{1,2})", runtime)
    return match[1] if match else None


def own() -> Python:
    """The Python of this process, without the packages beside it."""
    base = getattr(sys, "_base_executable", None)
    path = base if base and Path(base).exists() else sys.executable
    return Python(path, "{}.{}".format(*sys.version_info[:2]))


def own_runtime() -> str:
    """What a function that names no Runtime runs on: this process's own Python, which is there."""
    return f"python{own().version}"


def find(version: str, variables: Mapping[str, str] = os.environ) -> Python | None:
    """The Python of exactly that version. Blocking: starts each candidate once."""
    if not OLDEST <= _minor(version) <= _NEWEST:
        return None
    if version == own().version:
        return own()
    for path in candidates(version, variables):
        python = ask(path)
        if python is not None and python.version == version:
            return python
    return None


def nearest(version: str, variables: Mapping[str, str] = os.environ) -> Python:
    """The Python of that version, else the one that is closest to it, the newer of two. Blocking as `find`."""
    wanted = _minor(version)
    for minor in sorted(range(OLDEST, _NEWEST + 1), key=lambda each: (abs(each - wanted), -each)):
        python = find(f"3.{minor}", variables)
        if python is not None:
            return python
    return own()


def candidates(version: str, variables: Mapping[str, str]) -> Iterator[str]:
    """Paths where Python `version` may be: PATH, then pyenv, asdf, mise, uv, Homebrew, python.org, /opt."""
    name = f"python{version}"
    seen: set[str] = set()
    for path in _places(name, version, variables):
        if str(path) not in seen and os.access(path, os.X_OK):
            seen.add(str(path))
            yield str(path)


def _places(name: str, version: str, variables: Mapping[str, str]) -> Iterator[Path]:
    home = Path(variables.get("HOME") or Path.home())
    for entry in variables.get("PATH", os.defpath).split(os.pathsep):
        if entry and Path(entry).name != "shims":  # a shim starts only the version that its manager has chosen
            yield Path(entry, name)
    shared = Path(variables.get("XDG_DATA_HOME") or home / ".local/share")
    for root, pattern in (
        (Path(variables.get("PYENV_ROOT") or home / ".pyenv") / "versions", f"{version}.*"),
        (Path(variables.get("ASDF_DATA_DIR") or home / ".asdf") / "installs/python", f"{version}.*"),
        (Path(variables.get("MISE_DATA_DIR") or shared / "mise") / "installs/python", f"{version}*"),
        (Path(variables.get("UV_PYTHON_INSTALL_DIR") or shared / "uv/python"), f"cpython-{version}[.-]*"),
        (Path("/opt/python"), f"{version}*"),
        (Path("/opt/python"), f"cp{version.replace('.', '')}-cp{version.replace('.', '')}"),
    ):
        for folder in _folders(root, pattern):
            yield folder / "bin" / name
    yield from (Path(folder, name) for folder in ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"))
    for prefix in ("/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"):
        yield Path(prefix, f"python@{version}", "bin", name)
    yield Path("/Library/Frameworks/Python.framework/Versions", version, "bin", name)


@cache
def ask(path: str) -> Python | None:
    """The Python at `path`, by its own words; None where it does not start."""
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, base = done.stdout.strip().partition(" ")
    return Python(base or path, version) if done.returncode == 0 and version else None


class VirtualEnvironment(msgspec.Struct, frozen=True):
    """A virtual environment and its Python."""

    folder: str
    python: str
    version: str


def virtual_environment(root: Path, active: str | None) -> VirtualEnvironment | None:
    """The one that is active (`active`: VIRTUAL_ENV), else the project's .venv; None where neither has a Python.

    The project's is not started to ask for its version: whoever made the project would run a program of theirs by it.
    """
    for folder, version_of in ((active, _asked), (str(root / ".venv"), _written)):
        python = Path(folder, "bin", "python") if folder else None
        version = version_of(python) if python is not None and os.access(python, os.X_OK) else None
        if folder and version is not None:
            return VirtualEnvironment(folder, str(python), version)
    return None


def _asked(python: Path) -> str | None:
    answer = ask(str(python))
    return answer.version if answer is not None else None


def _written(python: Path) -> str | None:
    """The version that a virtual environment notes of its Python, else that of its folder of packages."""
    folder = python.parents[1]
    with contextlib.suppress(OSError):
        noted = _NOTED.search(files.read(folder / "pyvenv.cfg").decode(errors="replace"))
        if noted is not None:
            return noted[1]
    packages = _folders(folder / "lib", "python3.*")
    return packages[0].name.removeprefix("python") if packages else None


def runtime_notice(function: FunctionConfig, version: str) -> Problem | None:
    """The notice for a function that Python `version` serves; None where that is the one that Runtime names."""
    wanted = wanted_version(function.runtime)
    if wanted is None or wanted == version:
        return None
    if _minor(wanted) < OLDEST:
        message = f"Runtime {function.runtime} is older than what runs here: Python {version} runs it"
        remedy = f"Name a newer Runtime, or go on if Python {version} is near enough."
    else:
        message = f"Runtime {function.runtime} is not installed here: Python {version} runs it"
        remedy = f"Install Python {wanted} (`uv python install {wanted}`, `pyenv install {wanted}`), or go on if "
        remedy += f"Python {version} is near enough."
    return Problem(
        severity="notice", file=function.file, line=function.line, message=message, remedy=remedy,
        function=function.name,
    )  # fmt: skip


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def _folders(root: Path, pattern: str) -> list[Path]:
    """Those that match, the newest version first; none where `root` is another user's, as PYENV_ROOT is behind `su`."""
    try:
        return sorted(root.glob(pattern), key=_natural, reverse=True)
    except OSError:
        return []


def _natural(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]

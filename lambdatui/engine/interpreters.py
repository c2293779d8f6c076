"""Which Python serves a function: a virtual environment's, the one that its Runtime names, or the nearest to it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from lambdatui.config import pythons

# What boto3 is made of: reached by name from the engine's [aws] extra, never the engine's other packages.
BOTO3_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """A Python that starts."""

    path: str
    flags: tuple[str, ...]
    version: str  # "3.12"
    virtual_env: str | None = None


class Boto3(msgspec.Struct, frozen=True):
    """The folder that holds the engine's boto3, and the names that may be imported from it."""

    path: str
    modules: tuple[str, ...]


def choose(runtime: str, venv: pythons.VirtualEnvironment | None, shell: Mapping[str, str]) -> Interpreter:
    """The interpreter for `runtime` ("python3.12"): that of `venv`, else the version named, else the nearest one.

    Blocking: asks each candidate once.
    """
    wanted = pythons.wanted_version(runtime)
    if venv is not None:
        return Interpreter(path=venv.python, flags=("-I",), version=venv.version, virtual_env=venv.folder)
    python = pythons.nearest(wanted, shell) if wanted else pythons.own()
    return Interpreter(path=python.path, flags=("-I", "-S"), version=python.version)


def own_version() -> str:
    """Major and minor version of the engine's Python."""
    return pythons.own().version


@cache
def boto3(version: str) -> Boto3 | None:
    """Where the engine's own boto3 lies; None without the [aws] extra, or where it does not run on Python `version`."""
    spec = importlib.util.find_spec("boto3")
    if spec is None or spec.origin is None or boto3_needs() > tuple(map(int, version.split("."))):
        return None
    folder = Path(spec.origin).parent.parent
    names = [name for name in BOTO3_MODULES if (folder / name).exists() or (folder / f"{name}.py").exists()]
    return Boto3(str(folder), tuple(names))


def boto3_elsewhere(version: str) -> bool:
    """Whether there is a boto3 here, which does not run on Python `version`."""
    return boto3(version) is None and boto3(own_version()) is not None


def boto3_needs() -> tuple[int, int]:
    """The least Python that the engine's boto3, with all that it is made of, runs on."""
    import importlib.metadata  # brings email and csv

    least = (3, 0)
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        try:
            texts = importlib.metadata.metadata(name).get_all("Requires-Python") or [""]
        except importlib.metadata.PackageNotFoundError:
            continue
        match = re.search(r">=\s*3\.(\d+)", texts[0])
        least = max(least, (3, int(match[1]) if match else 0))
    return least


def syntax_error(interpreter: Interpreter, path: str) -> tuple[int | None, str] | None:
    """Ask the function's own Python whether the file at `path` compiles; for syntax newer than the engine's."""
    ask = (
        "import sys\n"
        "try: compile(open(sys.argv[1],'rb').read(), sys.argv[1], 'exec', dont_inherit=True)\n"
        "except SyntaxError as e: print(e.lineno or 0, e.msg); sys.exit(3)\n"
    )
    command = [interpreter.path, "-I", "-S", "-c", ask, path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 3:
        return None
    line, _, message = done.stdout.strip().partition(" ")
    return int(line) or None, message

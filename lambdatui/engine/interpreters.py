"""Which Python serves a function: the project's virtual environment, the one its Runtime names, or the engine's own."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec

# What boto3 is made of: reached by name from the engine's [aws] extra, never the engine's other packages.
BOTO3_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """A Python that starts. `notice`: a sentence where it is not the one that Runtime names."""

    path: str
    flags: tuple[str, ...]
    version: str  # "3.12"
    virtual_env: str | None = None
    notice: str | None = None


class Boto3(msgspec.Struct, frozen=True):
    """The folder that holds the engine's boto3, and the names that may be imported from it."""

    path: str
    modules: tuple[str, ...]


def choose(root: Path, runtime: str, active: str | None) -> Interpreter:
    """The interpreter for `runtime` ("python3.12") in the project at `root`.

    `active` is the VIRTUAL_ENV of the shell that started the engine. Blocking: asks each candidate once.
    """
    wanted = wanted_version(runtime)
    for folder in (active, str(root / ".venv")):
        python = Path(folder, "bin", "python") if folder else None
        answer = _answer(str(python)) if python is not None and python.exists() else None
        if answer is not None:
            version = answer[0]
            return Interpreter(
                path=str(python), flags=("-I",), version=version, virtual_env=folder, notice=_notice(wanted, version)
            )
    found = shutil.which(f"python{wanted}") if wanted else None
    answer = _answer(found) if found else None
    if answer is not None and answer[0] == wanted:
        return Interpreter(path=answer[1], flags=("-I", "-S"), version=answer[0])
    own = own_version()
    return Interpreter(path=_base_python(), flags=("-I", "-S"), version=own, notice=_notice(wanted, own))


def own_version() -> str:
    """Major and minor version of the engine's Python."""
    return "{}.{}".format(*sys.version_info[:2])


def wanted_version(runtime: str) -> str | None:
    """ "3.12" from "python3.12"; None for anything else."""
    match = re.fullmatch(r"python(3\.\d+)", runtime)
    return match[1] if match else None


def _notice(wanted: str | None, got: str) -> str | None:
    return None if wanted in (None, got) else f"Runtime python{wanted} is not installed here: Python {got} runs it"


def _base_python() -> str:
    """The engine's Python without the engine's packages."""
    base = getattr(sys, "_base_executable", None)
    return base if base and Path(base).exists() else sys.executable


@cache
def _answer(path: str) -> tuple[str, str] | None:
    """Version and own path of the Python at `path`, which may be a slow shim; None where it does not start."""
    try:
        done = subprocess.run([path, "-I", "-S", "-c", _ASK], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, own = done.stdout.strip().partition(" ")
    return (version, own or path) if done.returncode == 0 else None


@cache
def boto3() -> Boto3 | None:
    """Where the engine's own boto3 lies; None without the [aws] extra."""
    spec = importlib.util.find_spec("boto3")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.parent
    names = [name for name in BOTO3_MODULES if (folder / name).exists() or (folder / f"{name}.py").exists()]
    return Boto3(str(folder), tuple(names))


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

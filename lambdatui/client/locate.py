"""Where a project's state lies, and whether an engine runs on it.

`DATA/lock` (flock) is the truth about who runs; `DATA/engine.json` only says where.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lambdatui.errors import NoEngine
from lambdatui.store.location import project_data

if TYPE_CHECKING:
    from lambdatui.schema import EngineInfo

__all__ = [
    "Locator",
    "await_engine",
    "find_project",
    "is_locked",
    "is_running",
    "locator",
    "project_data",
    "read_door",
    "read_engine",
]

# Where the engine is now; None while none runs.
Locator = Callable[[], "EngineInfo | None"]


class Door(NamedTuple):
    """How to reach a running engine: less than EngineInfo, and read without what decodes rows."""

    url: str
    token: str


def find_project(start: Path, data: str | Path | None = None) -> Path:
    """The nearest folder upward from `start` with a running engine, else `start` itself."""
    start = start.expanduser().resolve()
    if data:
        return start
    for folder in (start, *start.parents):
        if is_running(project_data(folder)):
            return folder
    return start


def is_locked(data: Path) -> bool:
    """Whether a process holds DATA/lock, an engine that still starts or already stops included."""
    try:
        handle = os.open(data / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def is_running(data: Path) -> bool:
    """Whether an engine runs and has said where."""
    # Path.exists() raises where a folder on the way may not be entered
    return os.path.exists(data / "engine.json") and is_locked(data)  # noqa: PTH110


def read_engine(data: Path) -> EngineInfo | None:
    """What the running engine says of itself; None where none runs. Raises NoEngine where it may not be read."""
    written = _written(data)
    if written is None:
        return None
    import msgspec

    from lambdatui.schema import EngineInfo

    try:
        return msgspec.json.decode(written, type=EngineInfo)
    except msgspec.DecodeError as error:
        raise _damaged(data, error) from error


def read_door(data: Path) -> Door | None:
    """As `read_engine`, but only what a call needs."""
    written = _written(data)
    if written is None:
        return None
    try:
        found = json.loads(written)
        return Door(str(found["url"]), str(found["token"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(data, error) from error


def _written(data: Path) -> bytes | None:
    """What engine.json holds while an engine runs."""
    if not is_running(data):
        return None
    path = data / "engine.json"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise NoEngine(f"an engine runs here, but {path} belongs to another user; run as that user") from error


def _damaged(data: Path, error: Exception) -> NoEngine:
    return NoEngine(f"{data / 'engine.json'} is damaged ({error}); stop the engine by hand and start it again")


def await_engine(data: Path, seconds: float) -> EngineInfo | None:
    """As `read_engine`, but waits for an engine that is just starting, and for the end of one that is ending."""
    deadline = time.monotonic() + seconds
    while is_locked(data):
        info = read_engine(data)
        if (info is not None and not _is_ending(info)) or time.monotonic() >= deadline:
            return info
        time.sleep(0.05)
    return None


def _is_ending(engine: EngineInfo) -> bool:
    """Whether it takes nothing on any more. One that does not answer at all may be stopped, and go on."""
    from lambdatui.client.http import Transport

    try:
        return Transport(engine.url, engine.token, 2.0).request("GET", "/healthz").status == 503
    except NoEngine as error:
        return not isinstance(error.__cause__, TimeoutError)


def locator(data: Path) -> Locator:
    """A Locator that rereads engine.json at every call and never raises."""

    def locate() -> EngineInfo | None:
        try:
            return read_engine(data)
        except NoEngine:
            return None

    return locate

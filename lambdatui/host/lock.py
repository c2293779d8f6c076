"""DATA/lock and DATA/engine.json: who runs, and where."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

import msgspec

from lambdatui.errors import OperationFailed
from lambdatui.schema import EngineInfo

_TRIES = 10
_BETWEEN = 0.01


class EngineLock:
    """Held while an engine uses a data directory. The flock is the truth; engine.json only tells where it listens."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._info = data / "engine.json"
        self._fd = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not self._take():
            os.close(self._fd)
            raise OperationFailed(
                f"an engine already runs on {data}: `lambdatui attach` shows it, `lambdatui stop` ends it"
            )
        with contextlib.suppress(FileNotFoundError):
            self._info.unlink()  # an earlier engine's: it holds the lock no more

    def _take(self) -> bool:
        """Whether the lock is ours now; a client that only looks whether it is held does so for microseconds."""
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_BETWEEN)
            else:
                return True
        return False

    def publish(self, info: EngineInfo) -> None:
        """Write engine.json, whole or not at all, readable by its owner only."""
        new = self._info.with_name("engine.json.new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(msgspec.json.encode(info))
        new.replace(self._info)

    def release(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._info.unlink()
        os.close(self._fd)

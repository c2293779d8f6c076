"""DATA/lock and DATA/engine.json: who runs, and where."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lambdatui.errors import OperationFailed, StoreError
from lambdatui.schema import EngineInfo
from lambdatui.store.refusals import remedy

_TRIES = 10
_BETWEEN = 0.01


class EngineLock:
    """Held while an engine uses a data directory. The flock is the truth; engine.json only tells where it listens."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._info = data / "engine.json"
        with _explained(data / "lock"):
            self._fd = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with _explained(data / "lock"):
                taken = self._take()
            if taken:
                with _explained(self._info), contextlib.suppress(FileNotFoundError):
                    self._info.unlink()  # an earlier engine's: it holds the lock no more
        except BaseException:
            os.close(self._fd)
            raise
        if not taken:
            os.close(self._fd)
            raise OperationFailed(
                f"an engine already runs on {data}: `lambdatui attach` shows it, `lambdatui stop` ends it"
            )

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
        with _explained(self._info):
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(msgspec.json.encode(info))
            new.replace(self._info)

    def lost(self) -> bool:
        """Whether the folder was removed or moved under the engine: its path leads to another one, or to none."""
        try:
            found = (self._data / "lock").stat()
        except OSError as error:
            return error.errno in (errno.ENOENT, errno.ENOTDIR)  # what cannot be told for a moment is no loss
        ours = os.fstat(self._fd)
        return (found.st_dev, found.st_ino) != (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        if not self.lost():  # else it is another engine's
            with contextlib.suppress(OSError):  # one that stays says nothing: the lock is the truth
                self._info.unlink()
        os.close(self._fd)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be used ({error.strerror or error}): {remedy(error)}") from error

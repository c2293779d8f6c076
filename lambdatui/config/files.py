"""Reads a project's files: regular ones of a bounded size, so that a link to a device or a giant takes no memory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_BYTES = 4_000_000  # of what a person writes; CloudFormation itself refuses templates of more than 1 MB
MAX_LOCK_BYTES = 64_000_000  # of what a tool writes


def read(path: Path, most: int = MAX_BYTES) -> bytes:
    """The content; OSError, with a sentence as its strerror, also where it is no file or larger than `most` bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO would wait for its writer
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 1_000_000} MB", str(path))
    return data

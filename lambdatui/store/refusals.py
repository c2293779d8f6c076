"""What a disk or a system that refuses means for whoever reads the message."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from lambdatui.errors import StoreError

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FORBIDDEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
FAILURES = (sqlite3.Error, UnicodeDecodeError)  # what a database may raise; the latter from within damaged pages
NO_DESCRIPTORS = "no file descriptors are left: close programs, or allow more with `ulimit -n`"


class CorruptError(StoreError):
    """The file is no SQLite database, or a damaged one."""


class RefusedError(StoreError):
    """The disk or the system takes nothing at present. What was accepted is kept, and another try may help."""


def explain(error: BaseException, path: Path) -> StoreError:
    """The StoreError that tells a user what `error` means for the file at `path`."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, OSError):
        return RefusedError(f"{path} cannot be used ({error.strerror or error}): {remedy(error)}.")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return RefusedError(
            f"the disk that holds {path} is full: free some space. What was accepted before is kept, and it goes on "
            "by itself when there is room."
        )
    if code in _CORRUPT or isinstance(error, UnicodeDecodeError):
        return CorruptError(
            f"{path} is damaged ({error}): start lambdatui again, which sets it aside and says so, or restore it "
            "from a backup."
        )
    if code == sqlite3.SQLITE_CANTOPEN and _out_of_descriptors():
        return RefusedError(f"{path} cannot be opened: {NO_DESCRIPTORS}.")
    if code in _FORBIDDEN:
        return RefusedError(
            f"{path} cannot be written ({error}): make its folder writable, or choose another with --data."
        )
    if code == sqlite3.SQLITE_BUSY:
        return RefusedError(f"{path} is held by another program ({error}): end that program and try again.")
    if code == sqlite3.SQLITE_IOERR:
        return RefusedError(f"reading or writing {path} failed ({error}): check the disk that holds it.")
    return StoreError(f"{path}: {error}")


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be made or written, or a process that cannot be started."""
    if error.errno in _NO_ROOM:
        return "its disk is full, free some space"
    if error.errno in _NO_DESCRIPTORS:
        return NO_DESCRIPTORS
    if error.errno == errno.ENOMEM:
        return "the memory is full, close programs"
    if error.errno == errno.EAGAIN:
        return "no more processes can be started: close programs, or allow more with `ulimit -u`"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "make its folder writable, or choose another with --data"
    return "move it away, or choose another folder with --data"


def passes(error: BaseException) -> bool:
    """Whether `error` is the machine's state and nobody's fault: it goes when there is room again."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM | _NO_DESCRIPTORS | {errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.EROFS}
    return isinstance(error, RefusedError)


def _out_of_descriptors() -> bool:
    """SQLite does not tell why it cannot open a file."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in _NO_DESCRIPTORS
    return False

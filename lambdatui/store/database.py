"""Opening a SQLite file: creation, pragmas, migrations, errors as sentences. Knows nothing of what tables mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lambdatui.errors import StoreError
from lambdatui.store.limits import CHECK_BYTES

BUSY_S = 10.0
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PERMISSION = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}


class CorruptError(StoreError):
    """The file is no SQLite database, or a damaged one."""


class NewerError(StoreError):
    """A later lambdatui wrote the file."""


def explain(error: BaseException, path: Path) -> StoreError:
    """The StoreError that tells a user what `error` means for the file at `path`."""
    if isinstance(error, StoreError):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreError(
            f"the disk that holds {path} is full: free some space. What was accepted before is kept; "
            "new events are refused until there is room."
        )
    if code in _CORRUPT:
        return CorruptError(
            f"{path} is damaged ({error}). Stop lambdatui, move {path.name} and its -wal and -shm files away "
            "(or restore them from a backup), and start again."
        )
    if code in _PERMISSION or isinstance(error, PermissionError):
        return StoreError(
            f"{path} cannot be written ({error}): make its folder writable, or choose another with --data."
        )
    if code == sqlite3.SQLITE_BUSY:
        return StoreError(f"{path} is held by another program ({error}): end that program and try again.")
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"reading or writing {path} failed ({error}): check the disk that holds it.")
    return StoreError(f"{path}: {error}")


def open_writable(
    path: Path, migrations: Sequence[Sequence[str]], *, full: bool, wal: bool = True
) -> tuple[sqlite3.Connection, str | None]:
    """The writer's connection, migrated, and a sentence where WAL could not be had.

    `full`: a commit is on the disk when it returns (else at the next checkpoint).
    Raises CorruptError, NewerError, StoreError.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise explain(error, path) from error
    try:
        _check(connection, path, len(migrations))
        fallback = _settle_pragmas(connection, path, full=full, wal=wal)
        _migrate(connection, migrations)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection, fallback


def _check(connection: sqlite3.Connection, path: Path, newest: int) -> None:
    check_version(connection, path, newest)
    if 0 < path.stat().st_size <= CHECK_BYTES:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error


def check_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The file's schema version; NewerError where this program does not know it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > newest:
        raise NewerError(
            f"{path} was written by a newer lambdatui (its version is {version}, this one knows up to {newest}): "
            "upgrade lambdatui, or choose another folder with --data."
        )
    return version


def _settle_pragmas(connection: sqlite3.Connection, path: Path, *, full: bool, wal: bool) -> str | None:
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # takes effect only before the first page is written
    fallback = None
    if not (wal and _has_wal(connection)):
        connection.execute("PRAGMA journal_mode=TRUNCATE")
        fallback = f"{path.name}: this file system has no shared memory for SQLite's WAL; a slower journal took over."
    connection.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
    if full:
        connection.execute("PRAGMA fullfsync=1")  # macOS: its fsync alone does not reach the disk
    connection.execute("PRAGMA temp_store=MEMORY")
    # KB. History is only appended to and read by others: what it had in the cache a flood of log would leave there.
    connection.execute(f"PRAGMA cache_size={-16384 if full else -2048}")
    connection.execute("PRAGMA journal_size_limit=67108864")
    return fallback


def _has_wal(connection: sqlite3.Connection) -> bool:
    try:
        if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            return False
        connection.execute("BEGIN IMMEDIATE")  # some network file systems agree and then fail on the shared memory
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL):
            return False
        raise
    return True


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """All steps that are missing, or none: each commit would wait for the disk, nine times where the files are new."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(migrations)}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_readonly(path: Path) -> sqlite3.Connection:
    """A connection that never writes. Raises sqlite3.Error.

    In a folder that cannot be written SQLite may be unable to set up the WAL's index: then the file is read as it
    stands, without what a WAL beside it may hold.
    """
    quoted = path.absolute().as_uri()
    connection = sqlite3.connect(
        f"{quoted}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        connection = open_immutable(path)
    return connection


def open_immutable(path: Path) -> sqlite3.Connection:
    """The file as it stands, for folders in which SQLite can make nothing."""
    address = f"{path.absolute().as_uri()}?immutable=1"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    return connection

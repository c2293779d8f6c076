"""Opening a SQLite file: creation, pragmas, migrations, errors as sentences. Knows nothing of what tables mean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lambdatui.errors import StoreError
from lambdatui.store.limits import CHECK_BYTES
from lambdatui.store.refusals import FAILURES, CorruptError, explain

BUSY_S = 10.0


class NewerError(StoreError):
    """A later lambdatui wrote the file."""


def open_writable(
    path: Path,
    migrations: Sequence[Sequence[str]],
    *,
    full: bool,
    wal: bool = True,
    first: str = "",
    aside: str | None = None,
) -> tuple[sqlite3.Connection, str | None]:
    """The writer's connection, migrated, with the statement `first` carried out, and a sentence where WAL could not be
    had.

    `full`: a commit is on the disk when it returns (else at the next checkpoint). A damaged file has been moved to the
    name `aside`, if one is given, when CorruptError is raised. Raises NewerError and StoreError, too.
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
        connection.execute(first)
    except (*FAILURES, StoreError) as error:
        failure = explain(error, path)
        if aside is not None and isinstance(failure, CorruptError):
            _set_aside(path, aside, failure)  # before the connection is closed, which would end the WAL
        connection.close()
        raise failure from error
    return connection, fallback


def _set_aside(path: Path, name: str, error: CorruptError) -> None:
    try:
        # The file itself last: after a kill in between, a new one must not take the WAL of the other for its own.
        for suffix in ("-wal", "-shm", "-journal", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(path.with_name(name + suffix))
    except OSError as failure:
        raise StoreError(f"{error} (It could not be moved: {failure.strerror or failure}.)") from failure


def suspect(path: Path) -> None:
    """Have the file at `path` checked when it is opened next, whatever its size: it gave damaged content."""
    with contextlib.suppress(OSError):
        _suspicion(path).touch(mode=0o600)


def _suspicion(path: Path) -> Path:
    return path.with_name(path.name + ".suspect")


def _check(connection: sqlite3.Connection, path: Path, newest: int) -> None:
    check_version(connection, path, newest)
    suspected = _suspicion(path)
    if suspected.exists() or 0 < path.stat().st_size <= CHECK_BYTES:
        with contextlib.suppress(OSError):
            suspected.unlink()
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

"""Unpacks the zip archives that a project names as code or as a layer: once per content, below the data folder.

An archive is foreign input: nothing is written outside of its folder, and its size is known before anything is.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 262_144_000  # what Lambda takes unzipped, layers included
MAX_FILES = 50_000
FOLDER = "archives"


class ArchiveError(Exception):
    """It cannot be unpacked; the message completes "code.zip …"."""


def unpacked(archive: Path, data: Path) -> Path:
    """The folder that holds the archive's content, made where it is not there yet. Raises ArchiveError."""
    try:
        state = archive.stat()
        target = data / FOLDER / _digest(str(archive), state.st_size, state.st_mtime_ns)
        if not target.is_dir():
            _make_data(data)
            _unpack(archive, target)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as exc:
        raise ArchiveError(f"is no zip archive that can be read: {exc}") from None
    except ValueError as exc:  # a name with a null byte, a damaged number
        raise ArchiveError(f"is damaged: {exc}") from None
    except OSError as exc:
        raise ArchiveError(f"cannot be unpacked: {exc.strerror or exc}") from None
    return target


def forget(data: Path, used: Iterable[str]) -> None:
    """Remove what was unpacked before and is not among the folders in use. Only where no environment runs."""
    names = {Path(folder).name for folder in used}
    folder = data / FOLDER
    if folder.is_dir():
        for old in folder.iterdir():
            if old.name not in names:
                shutil.rmtree(old, ignore_errors=True)


@functools.lru_cache(maxsize=64)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 (file_digest wants a file object)
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _make_data(data: Path) -> None:
    """The data folder as the store makes it: private, and ignored by git."""
    if not data.exists():
        data.mkdir(mode=0o700, parents=True)
        (data / ".gitignore").write_text("*\n", encoding="utf-8")


def _unpack(archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            _write(opened, work)
        work.rename(target)
    except OSError:
        if not target.is_dir():  # another process was faster
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(opened: zipfile.ZipFile, work: Path) -> None:
    entries = opened.infolist()
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES or len(entries) > MAX_FILES:
        size = f"{total / 1_000_000:,.0f} MB in {len(entries):,} files"
        raise ArchiveError(f"holds {size}, and Lambda takes {MAX_BYTES // 1_048_576} MB")
    root = work.resolve()
    links: list[tuple[Path, str]] = []
    for entry in entries:
        path = work / entry.filename
        if entry.filename.startswith(("/", "\\")) or not path.resolve().is_relative_to(root):
            raise ArchiveError(f"has a member outside of itself: {entry.filename[:80]}")
        mode = entry.external_attr >> 16
        if stat.S_ISLNK(mode):
            links.append((path, opened.read(entry).decode("utf-8", "surrogateescape")))
        elif entry.is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A member never gives more than its header says, which is counted above.
            with opened.open(entry) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            path.chmod(0o600 | (mode & 0o100))
    for path, to in links:  # last, so that nothing is written through one
        if not (path.parent / to).resolve().is_relative_to(root):
            raise ArchiveError(f"has a link to the outside: {path.name}")
        if not path.parent.resolve().is_relative_to(root):  # through a link that an earlier one has turned
            raise ArchiveError(f"has a link to the outside: {path.parent.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(to, path)  # noqa: PTH211 (kept relative, as written)
    for path, _ in links:  # again: one that leads through a later one led elsewhere before that was there
        if _goes_round(path):
            raise ArchiveError(f"has links that lead in a circle: {path.name}")
        if not path.resolve().is_relative_to(root):
            raise ArchiveError(f"has a link to the outside: {path.name}")


def _goes_round(path: Path) -> bool:
    """Whether the link leads back to itself; `Path.resolve` tells that before Python 3.13 alone."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False

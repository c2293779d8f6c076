"""What a function's code is at this moment: every file below its code folder by content, never by time stamp.

Blocking file work; callers run it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISREG

import msgspec

from lambdatui.store.refusals import passes

# Folders that are no part of what a deployment package would carry, or belong to tools.
IGNORED_FOLDERS = frozenset({
    ".git", ".hg", ".svn", ".lambdatui", ".aws-sam", ".serverless", ".venv", "venv", "node_modules", "__pycache__",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".idea", ".vscode", "cdk.out",
})  # fmt: skip
_IGNORED_ENDINGS = (
    ".pyc",
    ".pyo",
    ".swp",
    ".swx",
    ".tmp",
    "~",
    ".log",
    ".db",
    ".sqlite",
    ".sqlite3",
    "-journal",
    "-wal",
)
# More is no deployment package (AWS allows 250 MB unzipped); what lies beyond is served from disk, but not watched.
MOST_FILES = 20_000
_HASHED_WHOLE = 8 * 1024 * 1024


def counts(name: str) -> bool:
    """Whether a file of that name is part of the code (editors' and databases' leavings are not)."""
    return not name.startswith((".", "#")) and not name.endswith(_IGNORED_ENDINGS)


Signature = tuple[int, int, int, int]


class FileState(msgspec.Struct, frozen=True):
    """One file: its stat signature (size, mtime, inode, ctime; nanoseconds) and the SHA-256 of its content."""

    signature: Signature
    sha: str


class CodeTree:
    """The files of one code folder. `sha` names the whole; `sources` are the Python files with their content."""

    def __init__(self, root: Path, inline: str | None = None) -> None:
        self.root = root
        self._inline = inline.encode() if inline is not None else None
        self._files: dict[str, FileState] = {}
        self._sources: dict[str, bytes] = {}
        self.sha = ""

    @property
    def manifest(self) -> dict[str, str]:
        """Relative path -> SHA-256 of every Python source."""
        return {name: self._files[name].sha for name in self._sources}

    @property
    def blobs(self) -> dict[str, bytes]:
        """SHA-256 -> content of every Python source."""
        return {self._files[name].sha: data for name, data in self._sources.items()}

    def __len__(self) -> int:
        return len(self._files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return len(self._inline) if self._inline is not None else sum(one.signature[0] for one in self._files.values())

    @property
    def modified_us(self) -> int:
        """When the newest file was written; 0 for code that stands in the template."""
        return max((one.signature[1] // 1000 for one in self._files.values()), default=0)

    @property
    def inline(self) -> bool:
        """Whether the code stands in the template instead of a folder."""
        return self._inline is not None

    def look(self) -> set[str]:
        """Absolute paths of known files whose stat signature differs now; without reading any (1.5 µs a file)."""
        if self._inline is not None:
            return set()
        root = f"{self.root}{os.sep}"  # text: a Path for each file would take three times as long as its stat
        return {
            root + name
            for name, known in self._files.items()
            if signature(root + name, regular=True) != known.signature
        }

    def forget(self, names: Iterable[str]) -> None:
        """Let the next scan read `names` again and count them as changed."""
        for name in names:
            self._files.pop(name, None)

    def source(self, name: str) -> bytes | None:
        return self._sources.get(name)

    def scan(self, touched: Iterable[str] | None = None) -> list[str]:
        """Read the folder anew and return the relative paths that changed, came or went.

        A file is read again if it is among `touched` (absolute paths; None: all) or its stat signature differs.
        """
        if self._inline is not None:
            return self._take({"index.py": (FileState((0, 0, 0, 0), _sha(self._inline)), self._inline)})
        again = None if touched is None else {os.path.relpath(path, self.root) for path in touched}
        found: dict[str, tuple[FileState, bytes | None]] = {}
        for name in _walk(self.root):
            state = self._read(name, force=again is None or name in again)
            if state is not None:
                found[name] = state
        return self._take(found)

    def _take(self, found: dict[str, tuple[FileState, bytes | None]]) -> list[str]:
        changed = sorted(
            name
            for name in found.keys() | self._files.keys()
            if name not in found or name not in self._files or found[name][0].sha != self._files[name].sha
        )
        self._files = {name: state for name, (state, _) in found.items()}
        self._sources = {name: data for name, (_, data) in found.items() if data is not None}
        whole = hashlib.sha256()
        for name in sorted(self._files):
            whole.update(f"{name}\0{self._files[name].sha}\n".encode("utf-8", "surrogateescape"))
        self.sha = whole.hexdigest()
        return changed

    def _read(self, name: str, *, force: bool) -> tuple[FileState, bytes | None] | None:
        path = self.root / name
        known = self._files.get(name)
        try:
            found = signature(path, regular=True)
            if found is None:
                return None
            if known is not None and not force and known.signature == found:
                return known, self._sources.get(name)
            if not name.endswith(".py") and found[0] > _HASHED_WHOLE:
                return FileState(found, _sha(repr(found).encode())), None
            data = path.read_bytes()
        except OSError as error:  # it went away between the listing and the read, or may not be read
            _unless_passing(error)
            return None
        return FileState(found, _sha(data)), data if name.endswith(".py") else None


def signature(path: Path | str, *, regular: bool = False) -> Signature | None:
    """What changes when a file or a folder's list of names does; None where there is nothing.

    `regular`: None for all but files whose reading ends. A pipe's would hang, a device's never end.
    """
    try:
        stat = os.stat(path)  # noqa: PTH116 (a third of Path's time, and there are hundreds)
    except OSError:
        return None
    if regular and not S_ISREG(stat.st_mode):
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _walk(root: Path) -> list[str]:
    """Relative paths of the files that count. Links to folders are followed (shared packages), each folder once."""
    names: list[str] = []
    seen: set[tuple[int, int]] = set()
    _first_time(root, seen)
    for folder, subfolders, files in os.walk(root, onerror=_unless_passing, followlinks=True):
        if len(names) > MOST_FILES:
            break
        subfolders[:] = sorted(
            name for name in subfolders if name not in IGNORED_FOLDERS and _first_time(Path(folder, name), seen)
        )
        prefix = "" if folder == str(root) else os.path.relpath(folder, root) + os.sep
        names.extend(prefix + name for name in files if counts(name))
    return names


def _unless_passing(error: OSError) -> None:
    """A file is not gone because there is no descriptor to open it with."""
    if passes(error):
        raise error


def mentions(root: Path, word: bytes) -> bool:
    """Whether a Python source below `root` has `word` in it. Blocking."""
    for name in _walk(root):
        if name.endswith(".py"):
            with contextlib.suppress(OSError):
                if word in (root / name).read_bytes():
                    return True
    return False


def _first_time(folder: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        stat = folder.stat()
    except OSError:
        return False
    key = (stat.st_dev, stat.st_ino)
    known = key in seen
    seen.add(key)
    return not known


def compile_error(source: bytes, name: str) -> tuple[int | None, str] | None:
    """Line and message of the syntax error in `source`, or None where it compiles in the engine's own Python."""
    try:
        compile(source, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno, error.msg
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, nesting too deep
        return None, str(error)
    return None

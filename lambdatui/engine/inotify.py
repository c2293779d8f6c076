"""Linux's file events for whole trees: one inotify instance, read on the loop. No threads, no wake-up without a change.

Knows folders and names; what a change means, and which names do not count, is said by the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _OVERFLOW, _IGNORED, _ISDIR = 0x400, 0x800, 0x4000, 0x8000, 0x4000_0000
_ONLYDIR = 0x0100_0000
# A save ends with a close or a rename; IN_MODIFY would only multiply the events, and SQLite's writes, which never
# close, stay silent.
_MASK = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_AT_ONCE = 64 * 1024
_MOST_FOLDERS = 4000  # of one tree; a larger one would use up the user's watches, and its root alone is watched

Counts = Callable[[str, bool], bool]  # whether a file or folder (True) of that name can matter


class Inotify:
    """Calls `on_touched` on the loop with the absolute paths that changed. OSError where no instance is left."""

    def __init__(self, on_touched: Callable[[set[str]], None], counts: Counts, loop: asyncio.AbstractEventLoop) -> None:
        self._on_touched = on_touched
        self._counts = counts
        self._loop = loop
        self._fd = _checked(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._paths: dict[int, set[str]] = {}  # by watch; a folder may be reached by several
        self._deep: set[str] = set()
        self._lock = threading.Lock()  # for what the loop and the threads that walk both touch
        self._walking = threading.Lock()  # one tree after the other
        self._closed = False
        loop.call_soon_threadsafe(self._listen)

    def watch(self, deep: Iterable[str], flat: Iterable[str]) -> None:
        """Watch the trees `deep` and the folders `flat`, and nothing else. Blocking; OSError where watches are used up.

        What had happened in a folder that is let go is told all the same.
        """
        with self._walking:
            self._deep = set(deep)
            wanted: dict[int, set[str]] = {}
            for folder in flat:
                self._add(folder, wanted)
            for root in self._deep:
                for folder, _ in self._folders(root):
                    self._add(folder, wanted)
            with self._lock:
                for watch in self._paths.keys() - wanted.keys():
                    self._remove(watch)
                self._paths.update(wanted)

    def catch_up(self) -> None:
        """Tell at once what the kernel has told already; on the loop. Some µs where that is nothing."""
        if not self._closed:
            self._readable()

    def close(self) -> None:
        """End it; on the loop."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._loop.remove_reader(self._fd)
                os.close(self._fd)

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._fd, self._readable)

    # --- watches

    def _folders(self, root: str) -> Iterator[tuple[str, list[str]]]:
        """Each folder of a tree that counts, with its files; of one that is too large only the first."""
        found = []
        for folder, subfolders, files in os.walk(root):
            found.append((folder, files))
            if len(found) > _MOST_FOLDERS:
                return iter(found[:1])
            subfolders[:] = [name for name in subfolders if self._counts(name, True)]
        return iter(found)

    def _add(self, folder: str, wanted: dict[int, set[str]] | None = None) -> None:
        with self._lock:
            if self._closed:
                return
            try:
                watch = _checked(_libc().inotify_add_watch(self._fd, os.fsencode(folder), _MASK))
            except (FileNotFoundError, NotADirectoryError, PermissionError):  # it went while the tree was walked
                return
            self._paths.setdefault(watch, set()).add(folder)
        if wanted is not None:
            wanted.setdefault(watch, set()).add(folder)

    def _remove(self, watch: int) -> None:
        """Its paths stay known until the kernel has said its last word about it."""
        if not self._closed:
            _libc().inotify_rm_watch(self._fd, watch)

    def _forget(self, moved: str) -> None:
        """A folder has another name now: what was known below the old one is not true any more."""
        below = moved + "/"
        with self._lock:
            for watch, paths in self._paths.items():
                gone = {path for path in paths if path == moved or path.startswith(below)}
                if gone:
                    paths -= gone
                    if not paths:
                        self._remove(watch)

    async def _grow(self, folders: set[str]) -> None:
        """Watch new folders too, and tell what they held before that."""
        found = await asyncio.to_thread(self._watch_new, folders)
        if found and not self._closed:
            self._on_touched(found)

    def _watch_new(self, folders: set[str]) -> set[str]:
        found = set()
        with self._walking, contextlib.suppress(OSError):  # the watches are used up: invocations look at the files
            for root in {one for folder in folders for one in self._trees(folder)}:
                for folder, files in self._folders(root):
                    self._add(folder)
                    found.add(folder)
                    found.update(f"{folder}/{name}" for name in files if self._counts(name, False))
        return found

    def _trees(self, folder: str) -> Iterator[str]:
        """What of a new folder belongs to the trees: all of it, those in it, or nothing."""
        for root in self._deep:
            if folder == root or folder.startswith(root + "/"):
                yield folder
            elif root.startswith(folder + "/"):
                yield root

    # --- events

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _AT_ONCE)
        except BlockingIOError:
            return
        touched: set[str] = set()
        new: set[str] = set()
        for watch, mask, name in _events(data):
            if mask & _OVERFLOW:  # some were lost: everything may have changed
                touched |= self._deep.union(*self._paths.values())
                continue
            if mask & _IGNORED:
                with self._lock:
                    self._paths.pop(watch, None)
                continue
            folders = tuple(self._paths.get(watch, ()))
            if not name:
                touched.update(folders)
                continue
            is_folder = bool(mask & _ISDIR)
            if not self._counts(name, is_folder):
                continue
            paths = {f"{folder}/{name}" for folder in folders}
            touched |= paths
            if is_folder and mask & _MOVED_FROM:
                for path in paths:
                    self._forget(path)
                new -= paths
            elif is_folder and mask & (_CREATE | _MOVED_TO):
                new |= paths
        if touched:
            self._on_touched(touched)
        new = {folder for folder in new if any(self._trees(folder))}
        if new:
            task = self._loop.create_task(self._grow(new))
            task.add_done_callback(lambda _: None)


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    """(watch, mask, name) of each event in what was read."""
    at = 0
    while at < len(data):
        watch, mask, _, length = _EVENT.unpack_from(data, at)
        at += _EVENT.size
        yield watch, mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))
        at += length


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

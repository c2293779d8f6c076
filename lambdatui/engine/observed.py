"""File events through watchdog: on macOS, and by polling wherever a system tells of no changes."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from lambdatui.engine.code import IGNORED_FOLDERS, counts

# watchdog's own, of a folder that it met twice because it was made while its parent was being walked: it does no harm.
warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
# On Linux a save ends with a close or a rename. Elsewhere there is no close event.
_KINDS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileDeletedEvent, FileMovedEvent, DirCreatedEvent, DirDeletedEvent, DirMovedEvent,
    FileClosedEvent if sys.platform == "linux" else FileModifiedEvent,
]  # fmt: skip
# Small folders that may lie under a recursive watch; the others can hold thousands of folders, as the data directory
# does once it has packages.
_LIGHT = frozenset({".git", ".lambdatui", ".idea", ".vscode"})
_MOST_FOLDERS = 4000
_POLL_S = 0.5
_OVERLAP_S = 1.0  # what an old watch has seen reaches us within it, also where its threads wait for a CPU


class Observed:
    """Calls `on_touched` on the loop with the absolute paths that changed since the last call."""

    def __init__(self, on_touched: Callable[[set[str]], None], loop: AbstractEventLoop, *, polling: bool) -> None:
        self._on_touched = on_touched
        self._loop = loop
        self.polling = polling
        self._observer: BaseObserver | None = None
        self._leaving: list[BaseObserver] = []
        self._closed = False
        self._lock = threading.Lock()
        self._touched: set[str] = set()

    def watch(self, deep: Iterable[str], flat: Iterable[str]) -> None:
        """Watch the trees `deep` and the folders `flat`, and nothing else. Blocking: walks the trees.

        The old watch ends a while after the new one has begun, so that no event is missed: stopped at once it would
        take with it what it has seen and not yet told. OSError where the system's watches are used up.
        """
        wanted = {(folder, False) for folder in flat}
        for folder in deep:
            wanted |= cover(Path(folder))
        wanted = {one for one in wanted if one[1] or (one[0], True) not in wanted}
        observer: BaseObserver = PollingObserver(timeout=_POLL_S) if self.polling else Observer()
        for folder, recursive in sorted(wanted):
            handler = _Handler(folder, self._event)
            observer.schedule(handler, folder, recursive=recursive, event_filter=None if self.polling else _KINDS)
        observer.start()
        old, self._observer = self._observer, observer
        if self._closed:  # while the trees were walked
            _stop(observer)
        self._leave(old)

    def _leave(self, old: BaseObserver | None) -> None:
        self._leaving = [one for one in self._leaving if one.is_alive()]
        if old is not None:
            self._leaving.append(old)
            timer = threading.Timer(_OVERLAP_S, _stop, (old,))
            timer.daemon = True
            timer.start()

    def _event(self, path: str) -> None:
        """Runs in watchdog's thread; one call on the loop however many events come, none once it is closed."""
        if self._closed:
            return
        with self._lock:
            first = not self._touched
            self._touched.add(path)
        if first:
            with contextlib.suppress(RuntimeError):  # the loop ended in this moment
                self._loop.call_soon_threadsafe(self._deliver)

    def catch_up(self) -> None:
        """Tell at once what its threads have seen; on the loop."""
        if self._touched:
            self._deliver()

    def _deliver(self) -> None:
        with self._lock:
            touched, self._touched = self._touched, set()
        if touched and not self._closed:
            self._on_touched(touched)

    def close(self) -> None:
        self._closed = True
        observer, self._observer = self._observer, None
        for one in (observer, *self._leaving):
            _stop(one)


def _stop(observer: BaseObserver | None) -> None:
    if observer is not None:
        observer.stop()
        observer.join(2.0)


class _Handler(FileSystemEventHandler):
    def __init__(self, root: str, report: Callable[[str], None]) -> None:
        self._root = root
        self._report = report

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in ("opened", "closed_no_write") or (event.is_directory and event.event_type == "modified"):
            return
        for path in (event.src_path, event.dest_path):
            text = os.fsdecode(path)
            if text and relevant(os.path.relpath(text, self._root), is_folder=event.is_directory):
                self._report(text)


def relevant(path: str, *, is_folder: bool) -> bool:
    """Whether a change at `path` (relative to what is watched) can matter.

    What lies in an ignored folder cannot, nor what editors and databases leave.
    """
    parts = Path(path).parts
    folders = parts if is_folder else parts[:-1]
    return not IGNORED_FOLDERS.intersection(folders) and (is_folder or counts(parts[-1]))


def cover(root: Path) -> set[tuple[str, bool]]:
    """The fewest (folder, recursive) watches that see all of `root` but heavy ignored folders."""
    if not root.is_dir():
        return set()
    folders = list(islice(_walk(root), _MOST_FOLDERS + 1))
    if len(folders) > _MOST_FOLDERS:  # a watch each would exhaust the system's
        return {(str(root), False)}
    if not any(_heavy(folder, name) for folder, subfolders, _ in folders for name in subfolders):
        return {(str(root), True)}
    watches: set[tuple[str, bool]] = {(str(root), False)}
    for child in root.iterdir():
        if child.is_dir() and not child.is_symlink() and child.name not in IGNORED_FOLDERS:
            watches |= cover(child)
    return watches


def _heavy(folder: str, name: str) -> bool:
    return name in IGNORED_FOLDERS and (name not in _LIGHT or Path(folder, name, "packages").is_dir())


def _walk(root: Path) -> Iterable[tuple[str, list[str], list[str]]]:
    for folder, subfolders, files in os.walk(root):
        yield folder, list(subfolders), files
        subfolders[:] = [name for name in subfolders if name not in IGNORED_FOLDERS]

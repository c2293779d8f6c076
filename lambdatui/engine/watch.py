"""Hears of saved files: by inotify on Linux, through watchdog elsewhere, by polling where nothing else is left.

Does not know what the files mean.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from lambdatui.engine.code import IGNORED_FOLDERS, counts

_REMOTE = frozenset(
    {"9p", "drvfs", "nfs", "nfs4", "cifs", "smbfs", "smb3", "vboxsf", "fuse.sshfs", "fuse.osxfs", "fuse.grpcfuse"}
)


class _Watcher(Protocol):
    def watch(self, deep: Iterable[str], flat: Iterable[str]) -> None: ...
    def catch_up(self) -> None: ...
    def close(self) -> None: ...


class FolderWatch:
    """Calls `on_touched` on the loop with the absolute paths that changed since the last call."""

    def __init__(self, on_touched: Callable[[set[str]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_touched = on_touched
        self._watcher: _Watcher | None = None
        self._watched: set[tuple[str, bool, int]] = set()  # with the inode: a folder may be replaced
        self._closed = False
        self.notice: str | None = None  # a sentence where files are polled

    def watch(self, deep: Iterable[Path], flat: Iterable[Path]) -> bool:
        """Watch the trees `deep` and the folders `flat`, and nothing else; whether that is a change.

        Blocking: walks the trees. What an earlier watch has seen is told as well.
        """
        trees = {str(folder): inode for folder in deep if (inode := _inode(folder))}
        folders = {str(folder): inode for folder in flat if (inode := _inode(folder))}
        known = {(folder, True, inode) for folder, inode in trees.items()}
        known |= {(folder, False, inode) for folder, inode in folders.items()}
        if known == self._watched and self._watcher is not None:
            return False
        if self.notice is None and _any_remote([*trees, *folders]):
            self.notice = "this file system tells of no changes: files are looked at twice a second instead"
            self._let_go()
        try:
            self._watch(trees, folders)
        except OSError as error:  # the user's inotify watches or instances are used up
            self.notice = f"watching files failed ({error.strerror}): they are looked at twice a second instead"
            self._let_go()
            self._watch(trees, folders)
        self._watched = known
        return True

    def _watch(self, trees: Iterable[str], folders: Iterable[str]) -> None:
        if self._watcher is None:
            self._watcher = self._made()
        self._watcher.watch(trees, folders)
        if self._closed:  # while the trees were walked
            self._let_go()

    def _made(self) -> _Watcher:
        if sys.platform == "linux" and self.notice is None:
            from lambdatui.engine.inotify import Inotify

            return Inotify(self._touched, _matters, self._loop)
        from lambdatui.engine.observed import Observed  # watchdog

        return Observed(self._touched, self._loop, polling=self.notice is not None)

    def _touched(self, paths: set[str]) -> None:
        if not self._closed:
            self._on_touched(paths)

    def catch_up(self) -> None:
        """Call `on_touched` at once with what is known already and has not been told; on the loop."""
        watcher = self._watcher
        if watcher is not None:
            watcher.catch_up()

    def _let_go(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            self._loop.call_soon_threadsafe(watcher.close)

    def close(self) -> None:
        self._closed = True
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()


def _matters(name: str, is_folder: bool) -> bool:
    return name not in IGNORED_FOLDERS if is_folder else counts(name)


def _inode(folder: Path) -> int:
    """0: it is no folder."""
    try:
        return folder.stat().st_ino if folder.is_dir() else 0
    except OSError:
        return 0


def _any_remote(folders: Iterable[str]) -> bool:
    mounts = _mounts()
    if not _REMOTE.intersection(mounts.values()):
        return False
    return any(mounts.get(_mount_of(Path(folder), mounts), "") in _REMOTE for folder in folders)


def _mount_of(path: Path, mounts: dict[str, str]) -> str:
    return next((str(one) for one in (path, *path.parents) if str(one) in mounts), "")


def _mounts() -> dict[str, str]:
    """Mount point -> kind of file system."""
    try:
        lines = Path("/proc/self/mounts").read_bytes().splitlines()
    except OSError:
        import psutil

        return {one.mountpoint: one.fstype for one in psutil.disk_partitions(all=True)}
    fields = [line.split() for line in lines]
    return {one[1].decode("unicode_escape"): one[2].decode() for one in fields if len(one) > 2}

"""Copies of code folders and layers, named by content: what published versions run in, whatever becomes of the files.

Blocking file work; callers run it in a thread.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from lambdatui.engine.code import IGNORED_FOLDERS, CodeTree

FOLDER = "versions"
_PARTIAL = ".partial-"


class Frozen:
    """DATA/versions/<content>."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self._trees: dict[str, CodeTree] = {}  # of layers, so that only what has changed is read again

    def path(self, sha: str) -> Path:
        """Where the copy of that content is, or would be."""
        return self._folder / sha[:32]

    def copy(self, root: Path, sha: str) -> Path:
        """Copy what `root` holds now, which is named `sha`; nothing happens where that is there already."""
        target = self.path(sha)
        if target.is_dir():
            return target
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=self._folder))
        try:
            if root.is_dir():
                shutil.copytree(
                    root, partial / "root", ignore=_left_out, ignore_dangling_symlinks=True, copy_function=_copy
                )
            else:
                (partial / "root").mkdir(mode=0o700)
            (partial / "root").rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target

    def content(self, layer: str) -> str:
        """Names what a layer's folder holds now."""
        tree = self._trees.setdefault(layer, CodeTree(Path(layer)))
        tree.scan(())
        return tree.sha

    def tidy(self, used: Collection[str]) -> None:
        """Remove copies whose folder is not among `used`. Only while nothing is copied."""
        names = {Path(path).name for path in used}
        if self._folder.is_dir():
            for copy in self._folder.iterdir():
                if copy.name not in names:
                    shutil.rmtree(copy, ignore_errors=True)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What no deployment package carries, and what is no file (a pipe would hang the copying)."""
    found = set()
    for name in names:
        path = Path(folder, name)
        passed_over = name in IGNORED_FOLDERS or name.endswith((".pyc", ".pyo"))
        if passed_over or not (path.is_dir() or path.is_file()) or _leads_back(path):
            found.add(name)
    return found


def _leads_back(path: Path) -> bool:
    """Whether a link leads to a folder that it lies in: copying it would not end."""
    return path.is_symlink() and path.is_dir() and path.parent.resolve().is_relative_to(path.resolve())


def _copy(source: str, target: str) -> str:
    """One that goes away or may not be read meanwhile is left out, as from the snapshot."""
    try:
        return shutil.copy2(source, target)
    except PermissionError:
        return target
    except FileNotFoundError:
        return os.fspath(target)

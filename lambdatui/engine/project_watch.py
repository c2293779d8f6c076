"""Watches a project's folders: code goes to the reloader, a changed configuration is read again when it has settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lambdatui.config.loader import CONFIGURATION_FILES
from lambdatui.engine.code import IGNORED_FOLDERS
from lambdatui.engine.watch import FolderWatch
from lambdatui.errors import UsageError

if TYPE_CHECKING:
    from lambdatui.config.model import Project
    from lambdatui.telemetry.telemetry import Telemetry

_DISCOVERED = ("plain", "toml")  # kinds whose functions may be found by their files
_STEPS = 0.03  # seconds: an editor writes in several steps


class ProjectWatch:
    """One project's watch, on the loop."""

    def __init__(
        self,
        project: Callable[[], Project],
        code_touched: Callable[[set[str]], None],
        configure: Callable[[], Awaitable[None]],
        telemetry: Telemetry,
        stopping: Callable[[], bool],
    ) -> None:
        """`code_touched`: told of every path. `configure`: reads the configuration again."""
        self._project = project
        self._code_touched = code_touched
        self._configure = configure
        self._telemetry = telemetry
        self._stopping = stopping
        self._folders = FolderWatch(self._touched)
        self._outside: set[str] = set()
        self._watching = asyncio.Lock()
        self._touched_again = False
        self._settling: asyncio.Task[None] | None = None
        self._renewing: set[asyncio.Task[None]] = set()

    def catch_up(self) -> None:
        """Pass on at once what the system has told already."""
        self._folders.catch_up()

    async def close(self) -> None:
        """Watch nothing more; a reading that is under way is given up."""
        self._folders.close()
        tasks = [*self._renewing, *([self._settling] if self._settling else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def renew(self) -> None:
        """Watch the folders that the project has now."""
        project = self._project()
        root = Path(project.root)
        deep = {Path(one.code_root) for one in project.functions if one.inline_code is None}
        deep |= {Path(layer) for one in project.functions for layer in one.layers}
        flat = {root, *(Path(file).parent for file in project.files), *map(Path, self._outside)}
        flat |= {folder.parent for folder in deep}  # to see a folder that is gone come back
        if project.kind in _DISCOVERED:
            flat |= await asyncio.to_thread(_subfolders, root)
        async with self._watching:
            changed = await asyncio.to_thread(self._folders.watch, sorted(deep), sorted(flat))
        if changed:  # what was saved between the reading of the project and the new watch
            self._configure_soon()
        if self._folders.notice and changed:
            self._telemetry.say("notice", None, self._folders.notice)

    def outside(self, folders: set[str]) -> None:
        """Watch folders outside of the code too, from which something was imported."""
        if not folders <= self._outside:
            self._outside |= folders
            self._renew_soon()

    def _touched(self, paths: set[str]) -> None:
        self._code_touched(paths)
        project = self._project()
        files, root = set(project.files), Path(project.root)
        discovered = project.kind in _DISCOVERED
        folders = {one.code_root for one in project.functions}
        if any(
            path in files
            or path in folders
            or (Path(path).parent == root and Path(path).name in CONFIGURATION_FILES)
            or (discovered and (path.endswith(".py") or not Path(path).suffix))
            for path in paths
        ):
            self._configure_soon()
        elif any(str(Path(path).parent) in folders and Path(path).is_dir() for path in paths):
            self._renew_soon()  # a new folder of code may need a watch of its own

    def _configure_soon(self) -> None:
        self._touched_again = True
        if self._settling is None and not self._stopping():
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        try:
            while self._touched_again:
                self._touched_again = False
                await asyncio.sleep(_STEPS)
                if not self._touched_again:
                    try:
                        await self._configure()
                        await self.renew()
                    except UsageError:  # the folder itself is gone for a moment
                        continue
                    except Exception as error:  # noqa: BLE001 (this task's edge: the next save tries again)
                        self._telemetry.say("config", None, f"the configuration could not be taken over: {error}")
        finally:
            self._settling = None

    def _renew_soon(self) -> None:
        task = asyncio.create_task(self.renew())
        self._renewing.add(task)
        task.add_done_callback(self._renewed)

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._renewing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._telemetry.say("notice", None, f"the project's folders could not be watched: {error}")


def _subfolders(root: Path) -> set[Path]:
    """Folders right below the root, in which a function may appear."""
    try:
        return {one for one in root.iterdir() if one.is_dir() and one.name not in IGNORED_FOLDERS}
    except OSError:
        return set()

"""What `import` finds, as on Lambda: the code with its packages, layers, the standard library, last the SDK."""

from __future__ import annotations

import os
import sys

from . import loader

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from typing import Any

    from .logcapture import LogCapture

LIBRARY = os.path.dirname(os.__file__) + os.sep
_PROVIDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "provided")


class Imports:
    """sys.path and the finders: at first for libraries alone, which is all that a zygote has, then with the code."""

    def __init__(self, log: LogCapture, settings: dict[str, Any]) -> None:
        """`settings`: "packages", "sys_path" and "fallback" of `wire.START`."""
        self._last: str | None = None
        self._cached: str | None = None  # a line for each entry of sys.path_importer_cache
        self._standard = [entry for entry in sys.path if entry]
        folders = [each for each in self._standard if (each + os.sep).startswith(LIBRARY) and "-packages" not in each]
        self.first = loader.StandardLibraryFirst(folders)
        self.first.after("logging", log.equip)
        sys.meta_path.insert(0, self.first)
        sys.meta_path.append(loader.FallbackFinder(_PROVIDED, ("snapshot_restore_py",)))
        fallback = settings.get("fallback")
        if fallback:
            sys.meta_path.append(loader.FallbackFinder(fallback["path"], fallback["modules"]))
        sys.path[:] = self._path(settings)

    def add_code(self, snapshot: loader.Snapshot, settings: dict[str, Any]) -> None:
        """The user's code comes first from now on, out of its snapshot."""
        sys.path[:] = [snapshot.root, *self._path(settings, snapshot.root)]
        sys.path_hooks.insert(0, loader.path_hook(snapshot))
        if self._cached is None or any("\n" + root in self._cached for root in snapshot.roots):
            for entry in list(sys.path_importer_cache):  # which were found before the hook was there
                if snapshot.claimed(entry) is not None:
                    del sys.path_importer_cache[entry]
        self.first.after("linecache", loader.use_snapshot_lines(snapshot))

    def modules(self) -> list[str]:
        """Names of what has been imported, by when it began (`sys.modules` has when it ended), but for a zygote's."""
        while True:
            try:
                names = _names_behind(self._last)
                break
            except RuntimeError:
                pass  # a thread of the user's code imports
        rank = {name: number for number, name in enumerate(self.first.asked)}
        return sorted(names, key=lambda name: rank.get(name, -1))

    def begin_anew(self) -> None:
        """What is there now is a zygote's, and its forks are not to look at each."""
        self._last = next(reversed(sys.modules))
        self._cached = "\n".join(["", *sys.path_importer_cache])
        self.first.asked.clear()

    def _path(self, settings: dict[str, Any], root: str | None = None) -> list[str]:
        own = settings.get("packages") or []
        extra = [entry for entry in settings.get("sys_path") or [] if entry not in self._standard]
        packages = [entry for entry in extra if os.path.basename(entry) in ("site-packages", "dist-packages")]
        extra = [each for each in extra if each not in packages]
        return [*own, *extra, *(each for each in self._standard if each != root), *packages]


def _names_behind(last: str | None) -> list[str]:
    """Names in `sys.modules` behind `last`."""
    names: list[str] = []
    for name in reversed(sys.modules):
        if name == last:
            break
        names.append(name)
    names.reverse()
    return names

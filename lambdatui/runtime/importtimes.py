"""What a fresh init imports and what each import costs, as a tree.

`_bootstrap._find_and_load`, in which every import of a module that is not loaded yet ends, holds the module's lock for
as long as it finds and loads: the clock is read in that lock's context. So nothing stands in sys.meta_path, in specs or
in tracebacks, and no frame is added to the recursion. A finder that wraps loaders would show in all of these and misses
the search; `-X importtime` writes to the user's stderr.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from time import perf_counter_ns

from ..quickjson import encoder

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Sequence

    from .sampler import Sampler

    Import = list[Any]  # name, the import that it is part of, began, ended, time of those that are part of it, thread

MAX_IMPORTS = 20_000  # recorded
MAX_NODES = 300  # sent: the dearest
MAX_NAME = 200
_LEAST_SHARE = 2000  # of the whole: what costs less than a 2,000th is not sent
OWN, LAYER, PACKAGES, SDK, STANDARD, MISSING, OTHER = (
    "own", "layer", "packages", "sdk", "standard", "missing", "other",
)  # fmt: skip
_bootstrap: Any = sys.modules["_frozen_importlib"]
_Lock: Any = getattr(_bootstrap, "_ModuleLockManager", None)  # None: a Python that has changed it, nothing is recorded
_encode = encoder(ascii=True)
_NAME, _PARENT, _BEGAN, _ENDED, _INSIDE, _THREAD = range(6)


class ImportTimes:
    """Records what is imported inside of `with`: a tree for each thread."""

    def __init__(self, inner: Sampler | None) -> None:
        """`inner` is entered with it."""
        self._inner = inner
        self._imports: list[Import] = []
        self._lock = None if _Lock is None else _timed(self._imports)
        self._thread = get_ident()
        self._began = self._ended = 0

    def __enter__(self) -> None:
        self._began = perf_counter_ns()
        if self._lock is not None:
            _bootstrap._ModuleLockManager = self._lock
        if self._inner is not None:
            self._inner.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._inner is not None:
            self._inner.__exit__()
        self._ended = perf_counter_ns()
        if self._lock is not None:
            _bootstrap._ModuleLockManager = _Lock

    def report(self, places: Places) -> tuple[dict[str, int], bytes]:
        """Meta and payload of the IMPORTS frame (see `wire`)."""
        spent = self._ended - self._began
        least, called = spent // _LEAST_SHARE, self._thread
        libraries, nodes, place_of = 0, [], places.of
        for each in self._imports:
            name, _, began, ended, inside, thread = each
            whole, place = ended - began, place_of(name.partition(".")[0])
            if place.kind != OWN and thread == called:
                libraries += whole - inside
            if whole >= least:
                nodes.append((each, place))
        if len(nodes) > MAX_NODES:
            nodes.sort(key=_dearest)  # what holds an import costs no less, and stood before it: none is torn off
            del nodes[MAX_NODES:]
            nodes.sort(key=_first)
        meta = {"libraries_us": max(0, libraries) // 1000, "own_us": max(0, spent - libraries) // 1000}
        return meta, _encode({"modules": len(self._imports), **_tree(nodes)}).encode()


def _timed(imports: list[Import]) -> Any:
    current: dict[int, Import | None] = {}  # by thread
    modules = sys.modules

    class _ModuleLockManager(_Lock):  # type: ignore[misc]
        def __enter__(self) -> None:
            _Lock.__enter__(self)
            name = self._name
            if name in modules or len(imports) >= MAX_IMPORTS:  # another thread has loaded it meanwhile, or a reload
                self._import = None
                return
            thread = get_ident()
            began = perf_counter_ns()
            self._import = current[thread] = [name, current.get(thread), began, began, 0, thread]
            imports.append(self._import)

        def __exit__(self, *args: Any) -> None:
            this = self._import
            if this is not None:
                this[_ENDED] = ended = perf_counter_ns()
                parent = current[this[_THREAD]] = this[_PARENT]
                if parent is not None:
                    parent[_INSIDE] += ended - this[_BEGAN]
            _Lock.__exit__(self, *args)

    return _ModuleLockManager


class Place:
    """Where modules come from: `kind` and the folder on the search path."""

    __slots__ = ("folder", "kind")

    def __init__(self, kind: str, folder: str) -> None:
        self.kind = kind
        self.folder = folder


class Places:
    """Tells where modules and files come from: the folders of START, and the standard library's."""

    def __init__(self, code_root: str, packages: Sequence[str], start: dict[str, Any], library: str) -> None:
        fallback = start.get("fallback")
        self._folders = [(fallback["path"] + os.sep, SDK)] if fallback else []
        self._folders += [(each, PACKAGES) for each in packages]
        self._folders.append((code_root + os.sep, OWN))
        self._folders += [(os.path.join(each, ""), LAYER) for each in start.get("sys_path") or []]
        self._folders += [(library, STANDARD), ("<frozen ", STANDARD)]
        self._known: dict[str, Place] = {}

    def of(self, top: str) -> Place:
        """The place of a top-level module and of all below it."""
        place = self._known.get(top)
        if place is None:
            place = self._known[top] = self._find(top, sys.modules.get(top))
        return place

    def _find(self, top: str, module: ModuleType | None) -> Place:
        if module is None:
            return Place(MISSING, "")
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            paths = list(getattr(module, "__path__", ()))  # a namespace package
            file = os.path.join(str(paths[0]), "") if paths else ""
        if not file:
            return Place(STANDARD, "")
        folder = os.path.dirname(file)
        if os.path.basename(folder) == top:
            folder = os.path.dirname(folder)
        return Place(self.kind(file), folder)

    def kind(self, file: str) -> str:
        """One of the kinds above."""
        kind = next((kind for folder, kind in self._folders if file.startswith(folder)), OTHER)
        return PACKAGES if kind in (LAYER, STANDARD, OTHER) and "-packages" + os.sep in file else kind


def _tree(nodes: list[tuple[Import, Place]]) -> dict[str, object]:
    number = {id(each): index for index, (each, _) in enumerate(nodes)}
    places: dict[Place, int] = {}
    rows = []
    for each, place in nodes:
        name, parent, began, ended, inside, _ = each
        whole = ended - began
        at = places.setdefault(place, len(places))
        rows.append([name[:MAX_NAME], number.get(id(parent), -1), (whole - inside) // 1000, whole // 1000, at])
    return {"places": [[place.kind, place.folder] for place in places], "nodes": rows}


def _dearest(node: tuple[Import, Place]) -> Any:
    return node[0][_BEGAN] - node[0][_ENDED]


def _first(node: tuple[Import, Place]) -> Any:
    return node[0][_BEGAN]

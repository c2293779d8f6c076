"""Imports the user's modules from the snapshot that a version consists of, never from a .pyc in the user's folder.

A path hook, not a meta path finder: packages, namespace packages, sub-folders that the user adds to sys.path and
pkgutil then work by Python's own rules. What is no Python source (data, extension modules) comes from the real folder.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, decode_source  # importlib.util costs 1.5 ms more
from _imp import source_hash
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader

from ..quickjson import decode

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any, Callable, Iterator, Sequence

# Top-level modules that Lambda's own runtime has imported before any user code: a user's file of that name is never
# seen there, so it is not seen here either. Taken from what the runtime client imports on Python 3.9 to 3.13.
_NAMES = (
    "abc base64 binascii bisect calendar codecs collections concurrent contextlib copyreg datetime decimal email"
    " encodings enum functools genericpath heapq http importlib io json keyword linecache locale logging math numbers"
    " operator os posixpath quopri random re reprlib select selectors site socket ssl stat string struct threading"
    " token tokenize traceback types urllib warnings weakref zipimport"
)
LAMBDA_IMPORTS_FIRST = frozenset(_NAMES.split())


class Snapshot:
    """The Python sources below `root`: those of the manifest, or without one the files as they are now."""

    def __init__(self, root: str, manifest: str | None, bytecode: str | None) -> None:
        self.root = root
        self.roots = (root, os.path.realpath(root))
        self.bytecode = bytecode if manifest else None
        self.files: dict[str, str] | None = None
        self._folders: set[str] = set()
        if manifest:
            self.files = decode(_read(manifest).decode())
            self._blobs = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(manifest))), "blobs")
            for name in self.files or ():
                while "/" in name:
                    name = name.rpartition("/")[0]
                    if name in self._folders:
                        break
                    self._folders.add(name)

    def relative(self, path: str) -> str | None:
        """`path` relative to the code folder ("" for itself), None outside of it."""
        if path == self.root:
            return ""
        return path[len(self.root) + 1 :] if path.startswith(self.root + os.sep) else None

    def has(self, name: str) -> bool:
        """Whether there is a source of this relative path."""
        return os.path.isfile(os.path.join(self.root, name)) if self.files is None else name in self.files

    def owns(self, name: str) -> bool:
        """Whether a folder of this relative path is ours to import from (a virtual environment is not)."""
        if name == "":
            return True
        if self.files is not None:
            return name in self._folders
        return "site-packages" not in name.split("/") and os.path.isdir(os.path.join(self.root, name))

    def claimed(self, entry: str) -> str | None:
        """The relative path of the folder that an entry of sys.path leads to; None where it is not ours."""
        path = os.path.abspath(entry)
        name = self.relative(path)
        real = self.roots[1]
        if name is None and (path == real or path.startswith(real + os.sep)):
            name = path[len(real) + 1 :]
        return name if name is not None and self.owns(name) else None

    def is_folder(self, name: str) -> bool:
        """Whether a relative path can be a namespace package."""
        if name in self._folders:
            return True
        path = os.path.join(self.root, name)
        return os.path.isdir(path) and not os.path.exists(os.path.join(path, "__init__.py"))

    def read(self, name: str) -> bytes:
        """The source's bytes."""
        if self.files is None:
            path = os.path.join(self.root, name)
        else:
            path = os.path.join(self._blobs, self.files[name])
        return _read(path)

    def source_at(self, path: str) -> str | None:
        """The text of the source that stands for the real path `path`, None where it is none of ours."""
        name = self.relative(path)
        if name is None or self.files is None or name not in self.files:
            return None
        try:
            return decode_source(self.read(name))
        except (OSError, SyntaxError, UnicodeError):
            return None


class SnapshotLoader(SourceFileLoader):
    """Loads one module; `__file__` and resources are those of the real folder."""

    def __init__(self, fullname: str, snapshot: Snapshot, name: str) -> None:
        super().__init__(fullname, os.path.join(snapshot.root, name))
        self._snapshot = snapshot
        self._relative = name

    def get_source(self, fullname: str) -> str:
        """The snapshot's text."""
        return decode_source(self._snapshot.read(self._relative))

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the snapshot, or from the bytecode cache that is keyed by its content."""
        cached = self._cache_file()
        if cached:
            code = _load_code(cached)
            if code is not None:
                return code
        code = self.source_to_code(self._snapshot.read(self._relative), self.path)
        if cached:
            _save_code(cached, code)
        return code

    def _cache_file(self) -> str | None:
        snapshot = self._snapshot
        if snapshot.bytecode is None or snapshot.files is None:
            return None
        place = source_hash(0, self.path.encode("utf-8", "surrogateescape")).hex()
        tag = "%s-%d" % (sys.implementation.cache_tag, sys.flags.optimize)
        return os.path.join(snapshot.bytecode, "%s-%s.%s" % (snapshot.files[self._relative], place, tag))


class _FolderFinder:
    """Finds modules in one folder of the snapshot; the shape of importlib's FileFinder."""

    def __init__(self, snapshot: Snapshot, name: str) -> None:
        self._snapshot = snapshot
        self._name = name
        self.path = os.path.join(snapshot.root, name) if name else snapshot.root

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """A spec by the order of Python itself: package, extension module, source, namespace."""
        tail = fullname.rpartition(".")[2]
        name = self._name + "/" + tail if self._name else tail
        real = os.path.join(self.path, tail)
        for suffix in EXTENSION_SUFFIXES:
            init = os.path.join(real, "__init__" + suffix)
            if os.path.isfile(init):
                return _spec(fullname, ExtensionFileLoader(fullname, init), init, [real])
        init = name + "/__init__.py"
        if self._snapshot.has(init):
            loader = SnapshotLoader(fullname, self._snapshot, init)
            return _spec(fullname, loader, loader.path, [real])
        for suffix in EXTENSION_SUFFIXES:
            if os.path.isfile(real + suffix):
                return _spec(fullname, ExtensionFileLoader(fullname, real + suffix), real + suffix)
        if self._snapshot.has(name + ".py"):
            loader = SnapshotLoader(fullname, self._snapshot, name + ".py")
            return _spec(fullname, loader, loader.path)
        if self._snapshot.is_folder(name):
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [real]
            return spec
        return None

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """For pkgutil: names of modules and packages in this folder."""
        start = self._name + "/" if self._name else ""
        files = self._snapshot.files
        names = os.listdir(self.path) if files is None else {n[len(start) :] for n in files if n.startswith(start)}
        found = {}
        for each in names:
            head, _, rest = each.partition("/")
            if not rest and head.endswith(".py") and head != "__init__.py":
                found[head[:-3]] = False
            elif self._snapshot.has(start + head + "/__init__.py"):
                found[head] = True
        for name in sorted(found):
            if name.isidentifier():
                yield prefix + name, found[name]

    def invalidate_caches(self) -> None:
        """Nothing is cached here."""


def _spec(fullname: str, loader: Any, path: str, locations: list[str] | None = None) -> ModuleSpec:
    spec = ModuleSpec(fullname, loader, origin=path, is_package=locations is not None)
    if locations is not None:
        spec.submodule_search_locations = locations
    spec.has_location = True
    return spec


def path_hook(snapshot: Snapshot) -> Callable[[str], _FolderFinder]:
    """The hook for sys.path_hooks: claims folders of the snapshot, by their own path or by what links lead to them."""

    def hook(entry: str) -> _FolderFinder:
        name = snapshot.claimed(entry)
        if name is None:
            raise ImportError("not a folder of the code snapshot")
        return _FolderFinder(snapshot, name)

    return hook


class StandardLibraryFirst:
    """Finds what Lambda's runtime imports before user code in the standard library, and tells when it comes in."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = list(folders)
        self._after: dict[str, Callable[[ModuleType], None]] = {}
        self.asked: dict[str, None] = {}  # names of modules in the order in which their imports began

    def after(self, name: str, then: Callable[[ModuleType], None]) -> None:
        """Call `then` with one of the modules of LAMBDA_IMPORTS_FIRST once it has been imported."""
        if name in sys.modules:
            then(sys.modules[name])
        else:
            self._after[name] = then

    def forget(self, name: str) -> None:
        """Nobody waits for that module any more."""
        self._after.pop(name, None)

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A spec for the names of LAMBDA_IMPORTS_FIRST only."""
        self.asked[fullname] = None
        if path is not None or fullname not in LAMBDA_IMPORTS_FIRST:
            return None
        spec = PathFinder.find_spec(fullname, self._folders)
        after = self._after.pop(fullname, None)
        if after is not None and spec is not None and spec.loader is not None:
            _call_after(spec.loader, after)
        return spec


def _call_after(loader: Any, then: Callable[[ModuleType], None]) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        then(module)

    loader.exec_module = exec_module


class FallbackFinder:
    """Serves the named top-level modules, and nothing else, from one folder: the SDK that Lambda always has."""

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = frozenset(names)

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A spec for the named modules; what is below them is found through their own __path__."""
        if path is not None or fullname not in self._names:
            return None
        return PathFinder.find_spec(fullname, [self._folder])


def _read(path: str) -> bytes:
    """A whole file; without the objects of `open`, which are dear in a process that has just begun."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = piece = os.read(fd, os.fstat(fd).st_size + 1)
        while piece:
            piece = os.read(fd, 65536)
            data += piece
        return data
    finally:
        os.close(fd)


def _load_code(path: str) -> CodeType | None:
    """The cached code object; None where the file is missing, cut off or of another Python."""
    import marshal

    try:
        data = _read(path)
        body = data[12:]
        if data[:4] != MAGIC_NUMBER or data[4:12] != source_hash(0, body):
            return None
        code = marshal.loads(body)
        return code if isinstance(code, type(_load_code.__code__)) else None
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _save_code(path: str, code: CodeType) -> None:
    """Write whole or not at all; a cache that cannot be written is no error."""
    import marshal

    body = marshal.dumps(code)
    temporary = "%s.%d" % (path, os.getpid())
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(MAGIC_NUMBER + source_hash(0, body) + body)
        os.replace(temporary, path)
    except OSError:
        pass


def use_snapshot_lines(snapshot: Snapshot) -> Callable[[ModuleType], None]:
    """For `linecache`: traceback lines come from the snapshot that runs, not from a newer file on disk."""

    def equip(linecache: Any) -> None:
        read_disk = linecache.updatecache

        def updatecache(filename: str, module_globals: Any = None) -> Any:
            text = snapshot.source_at(filename)
            if text is None:
                return read_disk(filename, module_globals)
            lines = [line + "\n" for line in text.splitlines()]
            # Without a modification time: linecache then never compares it with the disk.
            linecache.cache[filename] = (len(text), None, lines, filename)
            return lines

        linecache.updatecache = updatecache

    return equip

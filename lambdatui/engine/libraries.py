"""What a library zygote may hold, and for which code it stands: decisions alone, over names, files and sources.

A zygote has imported libraries and nothing of the user's. An environment forked from it must be what a fresh one would
be: every module from the same file, and none in memory that the function's own code does not bring in.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePath

import msgspec

from lambdatui.engine.code import Signature, signature
from lambdatui.runtime.loader import LAMBDA_IMPORTS_FIRST

Modules = Mapping[str, str | None]  # name -> file; None for what is built in, and for packages without a file
Manifest = Mapping[str, str]  # relative path of a source -> SHA-256 of its content

_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages"})
# Read by the loader and the C library, or by C code while a library is imported, without that Python could tell: a
# process has them from its start.
_READ_AT_START = (
    "LD_", "LC_", "MALLOC_", "GLIBC_", "PYTHON",
    "OMP_", "KMP_", "GOMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "OPENSSL_", "ARROW_", "GRPC_", "RUST_",
)  # fmt: skip
_ALSO_AT_START = frozenset({"LANG", "LANGUAGE", "TZ"})
ANYTHING = "*"  # among the variables that were read: all of them were looked through


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What of a launch is a function's or an environment's own, and what it shares with others."""

    sites: tuple[str, ...]  # folders of installed packages, in the order in which they are searched
    folders: tuple[str, ...]  # what the user keeps on the import path: code, layers, PYTHONPATH
    of_function: frozenset[str]  # names of variables
    of_environment: frozenset[str]
    root: str  # the project's folder
    virtual_env: str | None = None
    outside_changes: int = 0  # saves of sources that no snapshot holds


# --- modules


def libraries(loaded: Iterable[tuple[str, str | None]], parts: Parts, fallback: str | None) -> dict[str, str | None]:
    """Those of the `loaded` modules that a zygote may import, in their order."""
    return {name: file for name, file in loaded if file is None or is_library(file, parts, fallback)}


def is_library(file: str, parts: Parts, fallback: str | None) -> bool:
    """Whether a module's file is an installed package's or the standard library's, and none of the user's own.

    A virtual environment and installed packages may lie in the project, even in the code folder. What stands in a
    package folder that this Python does not search by itself was found by the user's own code.
    """
    if any(inside(file, site) for site in (*parts.sites, *filter(None, (fallback,)))):
        return True
    installed = not _PACKAGE_FOLDERS.isdisjoint(PurePath(file).parts)
    if parts.virtual_env is not None and inside(file, parts.virtual_env):
        return installed
    own = any(inside(file, folder) for folder in (parts.root, *parts.folders))
    return not own and (parts.virtual_env is not None or not installed)


def inside(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def differences(held: Modules, learned: Modules) -> list[str]:
    """Names that a zygote holds and a fresh init has not brought in, or from another file; best none.

    What it needs for itself is of the standard library, and a package may hide some of its modules (cryptography puts
    others in their place).
    """
    library = learned.get("os")
    standard = "" if library is None else str(PurePath(library).parent)
    files = set(learned.values())  # a module may be known by several names
    return [
        name
        for name, file in held.items()
        if (learned[name] != file if name in learned else file not in files and not _is_standard(file, standard))
        and not _is_beside(name, file, learned)
    ]


def _is_beside(name: str, file: str | None, learned: Modules) -> bool:
    """Whether a module that has not been told of lies in the folder of a package that has."""
    package = learned.get(name.rpartition(".")[0])
    return name not in learned and None not in (package, file) and inside(str(file), str(PurePath(str(package)).parent))


def _is_standard(file: str | None, library: str) -> bool:
    return file is None or (inside(file, library) and _PACKAGE_FOLDERS.isdisjoint(PurePath(file).parts))


class Claims(msgspec.Struct, frozen=True):
    """Top-level names that the user's folders give to their own modules; `namespaces`: to folders that are no package
    by themselves, which a library of that name goes before."""

    modules: frozenset[str]
    namespaces: frozenset[str]


def claims(folders: Iterable[str]) -> Claims:
    """What the `folders` claim as they are now. Blocking: one look at each."""
    modules: set[str] = set()
    namespaces: set[str] = set()
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name, suffix = _module_name(entry.name)
                    if suffix is not None:
                        modules.add(name)
                    elif entry.is_dir():
                        (modules if _is_package(entry.path) else namespaces).add(name)
        except OSError:
            continue  # it is not there: nothing of it is imported
    return Claims(frozenset(modules), frozenset(namespaces))


def claims_of(manifest: Iterable[str]) -> Claims:
    """What sources claim that are served instead of what is in their folder now."""
    heads = [path.partition("/") for path in manifest]
    return Claims(
        frozenset(
            _module_name(head)[0] if not rest else head for head, _, rest in heads if rest in ("", "__init__.py")
        ),
        frozenset(head for head, _, rest in heads if rest),
    )


def _module_name(file: str) -> tuple[str, str | None]:
    name, _, suffix = file.partition(".")
    if suffix == "py" or file.endswith(".so"):  # whichever Python an extension is for: the function's is not ours
        return name, suffix
    return file, None


def _is_package(folder: str) -> bool:
    try:
        return any(each.name.startswith("__init__.") for each in os.scandir(folder))
    except OSError:
        return False


def claimed(claims: Iterable[Claims], held: Modules, missed: Iterable[str]) -> list[str]:
    """Names that mean the user's own module to a fresh environment, and something else, or nothing, to the zygote.

    What Lambda's runtime imports before any user code is never the user's.
    """
    looked_for = set(missed)
    top = {name for name in held if "." not in name}
    without_file = {name for name in top if held[name] is None}
    found: set[str] = set()
    for each in claims:
        found |= each.modules & (top | looked_for) | each.namespaces & (without_file | looked_for)
    return sorted(found - LAMBDA_IMPORTS_FIRST)


# --- variables


def shared(variables: Mapping[str, str], parts: Parts, *, alone: bool) -> dict[str, str]:
    """The variables that a zygote has; `alone`: it is one function's own, and has that function's too."""
    return {
        name: value
        for name, value in variables.items()
        if _is_read_at_start(name) or (name not in parts.of_environment and (alone or name not in parts.of_function))
    }


def _is_read_at_start(name: str) -> bool:
    return name in _ALSO_AT_START or name.startswith(_READ_AT_START)


def conflict(reads: Iterable[str], parts: Parts, *, alone: bool) -> str | None:
    """A variable that an import has read, and that this function or each of its environments has a value of its own of;
    None: there is none."""
    unknown = parts.of_environment if alone else parts.of_environment | parts.of_function
    for name in sorted(reads):
        if name == ANYTHING or (name in unknown and not _is_read_at_start(name)):
            return name
    return None


def digest(*parts: object) -> str:
    """Names what something is made from."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:32]


# --- sources


class Facts(msgspec.Struct, frozen=True):
    """What one source says about imports. `paths`: its lines that change where modules are looked for."""

    imports: frozenset[str] = frozenset()
    paths: frozenset[bytes] = frozenset()


_CALLS = (b"import_module", b"__import__")
_PATH_WORDS = (b"sys.path", b"sys.modules", b"meta_path", b"path_hooks", b"addsitedir", b"__path__")


def facts(source: bytes) -> Facts | None:
    """None where it does not parse. An import within a function or under a condition is another one than without."""
    try:
        tree = ast.parse(source)
        calls = any(word in source for word in _CALLS)
        imports = frozenset(text for node, place in _statements(tree, "") for text in _imports(node, place, calls))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if moves_paths(source):
        return Facts(imports, frozenset(line.strip() for line in source.splitlines() if moves_paths(line)))
    return Facts(imports)


def _statements(node: ast.AST, place: str) -> Iterator[tuple[ast.stmt, str]]:
    """Every statement below `node` with where it stands: the blocks around it and their conditions."""
    for field, value in ast.iter_fields(node):
        if not isinstance(value, list):
            continue
        for each in value:
            if isinstance(each, ast.stmt):
                yield each, f"{place}{field} "
                yield from _statements(each, f"{place}{field} {_label(each)} ")
            elif isinstance(each, ast.ExceptHandler | ast.match_case):
                yield from _statements(each, f"{place}{field} {_label(each)} ")


def _label(node: ast.AST) -> str:
    test = getattr(node, "test", None) or getattr(node, "type", None) or getattr(node, "pattern", None)
    named = getattr(node, "name", None)
    return f"{type(node).__name__}:{named or ''}:{ast.unparse(test) if isinstance(test, ast.AST) else ''}"


def _imports(node: ast.stmt, place: str, calls: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield f"{place}import {alias.name}"
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield f"{place}from {'.' * node.level}{node.module or ''} import {alias.name}"
    elif calls and not hasattr(node, "body"):
        for each in ast.walk(node):
            if isinstance(each, ast.Call) and _name(each.func) in ("import_module", "__import__"):
                yield f"{place}{ast.unparse(each)}"


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def moves_paths(source: bytes) -> bool:
    """Whether a source may change where modules are looked for."""
    return any(word in source for word in _PATH_WORDS)


def keeps(before: Manifest, after: Manifest, facts_of: Callable[[str], Facts | None], *, moving: bool = False) -> bool:
    """Whether the code `after` still imports all that the code `before` has imported, and looks for it in the same
    places. `facts_of` is asked for what is not the same in both, by SHA-256.

    `moving`: some source changes where modules are looked for, so that any new file may go before a library.
    """
    if moving and after.keys() - before.keys():
        return False
    for path in before.keys() | after.keys():
        if before.get(path) == after.get(path):
            continue
        old = facts_of(before[path]) if path in before else Facts()
        new = facts_of(after[path]) if path in after else Facts()
        if old is None or new is None or not old.imports <= new.imports or old.paths != new.paths:
            return False
    return True


# --- files


def fingerprint(paths: Iterable[str]) -> dict[str, Signature | None]:
    """The signatures of `paths` now. Blocking: 1 µs each."""
    return {path: signature(path) for path in paths}


def changed_since(marks: Mapping[str, Signature | None], since_ns: int) -> bool:
    """Whether one of the files has been written, moved or replaced since that time (epoch, nanoseconds)."""
    return any(mark is not None and mark[3] >= since_ns for mark in marks.values())


def watched(argv: Iterable[str], parts: Parts, fallback: str | None, held: Modules) -> list[str]:
    """All that a zygote stands and falls with: its Python, the package folders, and the file of each of its modules."""
    argv = list(argv)
    own = [argv[0]]
    if parts.virtual_env is not None:
        own.append(f"{parts.virtual_env}/pyvenv.cfg")
    files = [file for file in held.values() if file is not None]
    around = {_site(file) for file in files}
    found = [*own, *parts.sites, *filter(None, (fallback, *around)), *files]
    return list(dict.fromkeys(found))


def _site(file: str) -> str | None:
    """The folder of installed packages that a file lies in."""
    parts = file.split("/")
    for index in range(len(parts) - 1, 0, -1):
        if parts[index] in _PACKAGE_FOLDERS:
            return "/".join(parts[: index + 1])
    return None

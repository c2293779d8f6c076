"""Finds the functions of a folder without configuration. Reads source as text and syntax tree; never runs it."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from lambdatui.config.handlers import module_names
from lambdatui.config.model import FunctionConfig
from lambdatui.config.problems import Problems
from lambdatui.config.pythons import own_runtime

ENTRY_FILES = ("app.py", "index.py", "lambda_function.py", "handler.py")
HANDLER_NAMES = ("lambda_handler", "handler")
SKIPPED = {"node_modules", "site-packages", "dist", "build", "venv", "env", "cdk.out"}
MAX_DEPTH = 4
MAX_FOLDERS = 4_000  # looked at in one project; nobody's functions lie behind so many
NO_CODE = tuple(Path(path) for path in ("/proc", "/sys", "/dev", "/run"))  # the kernel's, not files of anybody
MAX_SOURCE = 2_000_000  # bytes; a handler's file is never that large
FUNCTION_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
# For files that do not parse: they are listed with their syntax error instead of disappearing.
_LOOKS_LIKE = re.compile(r"^(?:async\s+)?(?:def\s+(lambda_handler|handler)\b|(lambda_handler|handler)\s*=)", re.M)


def find_functions(root: Path, problems: Problems) -> list[FunctionConfig]:
    """Each `NAME.py` of `root` and each folder below with an entry file that has a handler."""
    found: list[FunctionConfig] = []
    for file in sorted(root.glob("*.py")):
        handler = handler_in(file)
        if handler:
            found.append(_function(file.stem, file.stem, handler, root, root, file))
    entries, all_seen = _entries(root)
    for file, handler in entries:
        found.append(_function(file.parent.name, file.stem, handler, file.parent, root, file))
    if not all_seen:
        problems.warning(
            f"only the nearest {MAX_FOLDERS:,} folders were searched for functions: there are far more here",
            "Name the folder that holds the functions: lambdatui run DIR, or -p DIR.",
        )
    return _named(found, problems)


def handler_in(file: Path) -> str | None:
    """`lambda_handler` or `handler`, whichever the file binds (the first where both), or None."""
    try:
        status = file.stat()
        if status.st_size > MAX_SOURCE or not stat.S_ISREG(status.st_mode):
            return None
        source = file.read_bytes()
    except OSError:
        return None
    if not any(name.encode() in source for name in HANDLER_NAMES):
        return None
    names = module_names(source)
    if names is None:
        hits = {group for match in _LOOKS_LIKE.finditer(source.decode("utf-8", "replace")) for group in match.groups()}
        return next((name for name in HANDLER_NAMES if name in hits), None)
    return next((name for name in HANDLER_NAMES if name in names.bound), None)


def skipped(folder: Path) -> bool:
    """Folders that hold no functions of the project: hidden ones, packages, caches, virtual environments."""
    name = folder.name
    if name.startswith((".", "__")) or name in SKIPPED or folder in NO_CODE:
        return True
    # Path.exists() raises where the folder may not be entered; os.path's answer is no.
    return os.path.exists(folder / "pyvenv.cfg")  # noqa: PTH110


def _entries(root: Path) -> tuple[list[tuple[Path, str]], bool]:
    """Entry files below `root` with their handlers, in order of their paths, and whether all folders were seen.

    What is itself a function is not searched further. The nearest folders come first, for there may be too many.
    """
    found: list[tuple[Path, str]] = []
    waiting = deque([(root, 0)])
    seen = 0
    while waiting:
        folder, depth = waiting.popleft()
        if depth:
            seen += 1
            entry = entry_of(folder)
            if entry is not None:
                found.append(entry)
                continue
        if depth < MAX_DEPTH:
            for child in _children(folder):
                if seen + len(waiting) >= MAX_FOLDERS:
                    return sorted([*found, *_entries_of(waiting)]), False
                waiting.append((child, depth + 1))
    return sorted(found), True


def _entries_of(folders: Iterable[tuple[Path, int]]) -> list[tuple[Path, str]]:
    return [entry for folder, depth in folders if depth and (entry := entry_of(folder))]


def _children(folder: Path) -> list[Path]:
    """The folders in a folder that are worth a look, in order; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [child for child in found if not skipped(child)]


def entry_of(folder: Path) -> tuple[Path, str] | None:
    """The folder's entry file and the name of its handler."""
    for name in ENTRY_FILES:
        file = folder / name
        handler = handler_in(file)
        if handler:
            return file, handler
    return None


def _function(name: str, module: str, handler: str, code: Path, root: Path, file: Path) -> FunctionConfig:
    return FunctionConfig(
        name=name,
        logical_id=name,
        handler=f"{module}.{handler}",
        code_root=str(code),
        runtime=own_runtime(),
        file=str(file.relative_to(root)),
    )


def _named(found: list[FunctionConfig], problems: Problems) -> list[FunctionConfig]:
    """The functions with a name that Lambda accepts and nobody else has; the others become problems."""
    kept: dict[str, FunctionConfig] = {}
    for function in found:
        name, here = function.name, Problems(function.file)
        if not FUNCTION_NAME.fullmatch(name):
            here.warning(
                f"{function.file}: {name!r} cannot be a function's name",
                "Rename it: letters, digits, - and _, at most 64 characters.",
            )
        elif name in kept:
            here.warning(
                f"{function.file}: a function {name} is already declared by {kept[name].file}",
                "Rename one of them, or name both in lambdatui.toml.",
            )
        else:
            kept[name] = function
        problems.found.extend(here.found)
    return list(kept.values())

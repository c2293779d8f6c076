"""Finds the handler that a function names, and reports what its import brought in."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from .faults import Fault
from .imports import LIBRARY

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable

    from .imports import Imports

MAX_LIBRARIES = 10_000
MAX_FILES = 500
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PACKAGE_FOLDERS = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)


def load(name: str) -> Callable[[Any, Any], Any]:
    """The handler's function ("a/b.fn" names module a.b); Fault with Lambda's own words where there is none."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        detail = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, detail))
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise Fault("Runtime.BuiltInModuleConflict", message)
    module = _module(module_name)
    try:
        handler: Callable[[Any, Any], Any] = getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message) from None
    return handler


def _module(name: str) -> ModuleType:
    try:
        return import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (name, error)) from error
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        message = "Syntax error in module '%s': %s" % (name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from error


def imported(owns: Callable[[str], bool], fallback: str | None, imports: Imports) -> dict[str, Any]:
    """What the modules in memory are, but for those of the code: READY's "libraries" and "files".

    `owns` tells files of the code. In a fork of a zygote, only those that it has not: a look at each would copy pages.
    """
    libraries: list[list[str | None]] = []
    files: list[str] = []
    for name in imports.modules():
        module = sys.modules.get(name)
        path = getattr(module, "__file__", None)
        if not isinstance(path, str):
            if _built_in(name, module):
                libraries.append([name, None])
        elif path.startswith(_HERE) or owns(path):
            continue
        elif is_library(path, fallback):
            if _importable(name, module):
                libraries.append([name, path])
        elif os.path.isabs(path) and len(files) < MAX_FILES:
            files.append(path)
    return {"libraries": libraries[:MAX_LIBRARIES], "files": sorted(files)}


def is_library(path: str, fallback: str | None) -> bool:
    """Whether a file is of the standard library, in a folder of installed packages, or below `fallback`."""
    if path.startswith(LIBRARY) or any(part in path for part in _PACKAGE_FOLDERS):
        return True
    return fallback is not None and path.startswith(fallback + os.sep)


def _built_in(name: str, module: object) -> bool:
    """Whether a module without a file is part of the interpreter, or a namespace of packages."""
    spec: Any = getattr(module, "__spec__", None)
    if spec is None or spec.name != name:
        return False
    if spec.origin in ("built-in", "frozen"):
        return True
    folders = [str(each) + os.sep for each in getattr(module, "__path__", None) or ()]
    return bool(folders) and all(any(part in each for part in _PACKAGE_FOLDERS) for each in folders)


def _importable(name: str, module: object) -> bool:
    """Whether it came by an import of this name, not as a part of another module (`six.moves`, `os.path`)."""
    return getattr(getattr(module, "__spec__", None), "name", None) == name

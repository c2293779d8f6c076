"""Finds the handler that a function names, and reports what its import brought in."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from .faults import Fault

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable

MAX_MODULES = 200
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


def imported(code_root: str, library: str, fallback: str | None) -> dict[str, Any]:
    """What the modules now in memory are, but for the standard library and the code folder.

    "modules": top-level name -> file of installed packages; "files": sources of neither, which a reload must watch.
    """
    modules: dict[str, str] = {}
    files: list[str] = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or path.startswith((code_root + os.sep, _HERE)):
            continue
        installed = any(part in path for part in _PACKAGE_FOLDERS) or bool(fallback and path.startswith(fallback))
        if installed:
            if "." not in name and len(modules) < MAX_MODULES:
                modules[name] = path
        elif not path.startswith(library) and os.path.isabs(path) and len(files) < MAX_FILES:
            files.append(path)
    return {"modules": modules, "files": sorted(files)}

"""What a function needs before it can start: a Python, and installations of the packages that it and its layers name.

Blocking decisions over files; `installer.py` carries them out.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from lambdatui.config import pythons
from lambdatui.config.manifests import Line, Manifest, ManifestError, manifests_of
from lambdatui.config.model import FunctionConfig, Problem
from lambdatui.engine import interpreters, packages
from lambdatui.engine.code import mentions
from lambdatui.engine.interpreters import Interpreter
from lambdatui.engine.packages import Complete

# Lambda has boto3 on every runtime; a Python on which the engine's own does not run gets one that does.
BOTO3 = Manifest("boto3", (Line("boto3", "boto3"),))
PLATFORM = f"{sys.platform}-{platform.machine()}-{sys.implementation.name}"


class Need(msgspec.Struct, frozen=True):
    """One installation. `layer`: whose it is, None for the function's own. `complete`: what it holds, where it is
    there already. `optional`: the function is served without it, too."""

    key: str
    manifest: Manifest
    layer: str | None
    complete: Complete | None
    optional: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one function is to be served with. `problem`: why nothing can be installed. `files`: to be watched."""

    interpreter: Interpreter
    needs: tuple[Need, ...] = ()
    problem: Problem | None = None
    files: tuple[str, ...] = ()
    passed_over: str | None = None  # the virtual environment that --use-venv would have used


class Planner:
    """Plans for the functions of one project."""

    def __init__(self, root: Path, folder: Path, shell: Mapping[str, str], *, use_venv: bool) -> None:
        """`folder`: where installations are; `shell`: the variables of whoever started the engine."""
        self._root = root
        self._folder = folder
        self._shell = shell
        self._use_venv = use_venv

    def plan(self, config: FunctionConfig) -> Plan:
        """Blocking: reads manifests, looks for Pythons and for what is installed."""
        problem: Problem | None = None
        watched = [config.requirements] if config.requirements else []
        own: Manifest | None = None
        of_layers: tuple[tuple[str, Manifest], ...] = ()
        try:
            own, of_layers = manifests_of(config)
        except ManifestError as error:
            problem = error.problem(self._root, config.name)
            watched.append(error.file)
        venv = pythons.virtual_environment(self._root, self._shell.get("VIRTUAL_ENV"))
        taken = venv if self._use_venv or (own is None and problem is None) else None
        interpreter = interpreters.choose(config.runtime, taken, self._shell)
        if self._use_venv and taken:
            return Plan(interpreter=interpreter)
        found: list[tuple[str | None, Manifest]] = [*([(None, own)] if own else []), *of_layers]
        needs = [self._need(layer, manifest, interpreter) for layer, manifest in found]
        if not taken and interpreters.boto3_elsewhere(interpreter.version) and (needs or _asks_for_boto3(config)):
            needs.append(msgspec.structs.replace(self._need(None, BOTO3, interpreter), optional=True))
        return Plan(
            interpreter=interpreter,
            needs=tuple(needs),
            problem=problem,
            files=(*watched, *(file for _, manifest in found for file in manifest.files)),
            passed_over=venv.folder if venv and own else None,
        )

    def plan_again(self, plan: Plan, runtime: str) -> Plan:
        """An earlier plan as it can be carried out now: another Python where its own is gone, then other packages."""
        if Path(plan.interpreter.path).exists():
            needs = [msgspec.structs.replace(need, complete=self._complete(need.key)) for need in plan.needs]
            return msgspec.structs.replace(plan, needs=tuple(needs))
        interpreter = interpreters.choose(runtime, None, self._shell)
        needs = [
            msgspec.structs.replace(self._need(need.layer, need.manifest, interpreter), optional=need.optional)
            for need in plan.needs
        ]
        return msgspec.structs.replace(plan, interpreter=interpreter, needs=tuple(needs))

    def _need(self, layer: str | None, manifest: Manifest, interpreter: Interpreter) -> Need:
        key = packages.key(manifest, interpreter.version, PLATFORM)
        return Need(key, manifest, layer, self._complete(key))

    def _complete(self, key: str) -> Complete | None:
        """What the installation holds, and that it is used now; None where it is not there."""
        path = self._folder / key / "complete.json"
        try:
            path.touch()
            return msgspec.json.decode(path.read_bytes(), type=Complete)
        except (OSError, msgspec.DecodeError):
            return None


def _asks_for_boto3(config: FunctionConfig) -> bool:
    """Whether a function without packages may import boto3 or botocore: its sources or its layers' name them.

    One that does not need not wait for them. A save is looked at anew.
    """
    if config.inline_code is not None and b"boto" in config.inline_code.encode():
        return True
    folders = config.layers if config.inline_code is not None else (config.code_root, *config.layers)
    return any(mentions(Path(folder), b"boto") for folder in folders)

"""Finds what configures a project folder: the template that was asked for, else the first of the usual files."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lambdatui.config import files
from lambdatui.config.plain import skipped
from lambdatui.errors import UsageError

TEMPLATES = ("template.yaml", "template.yml", "template.json")
SERVERLESS = ("serverless.yml", "serverless.yaml", "serverless.json")
SERVERLESS_PROGRAMS = ("serverless.ts", "serverless.js", "serverless.mjs", "serverless.cjs")
ASSEMBLY = "cdk.out"
MANIFEST = "manifest.json"
CDK_APP = "cdk.json"
TOML = "lambdatui.toml"
SAMCONFIG = "samconfig.toml"
_DEEPEST = 3  # folders below the project in which templates are looked for, to name them
_MOST_FOLDERS = 2_000
_SUFFIXES = {".yaml", ".yml", ".json", ".template"}
_FUNCTION = re.compile(rb"AWS::(Serverless|Lambda)::Function\b")
_LARGEST = 1_000_000  # bytes; CloudFormation takes no larger template


@dataclass(frozen=True)
class Source:
    """What to read. A `cdk` source's path is the assembly's folder; `stack` the template in it that was chosen."""

    kind: Literal["sam", "serverless", "cdk"]
    path: Path
    stack: str | None = None


def find_source(root: Path, template: str | None) -> Source | None:
    """What configures `root`; None where nothing does. UsageError where `template` names no file.

    `template` is relative to the folder, else to the working directory.
    """
    if template is not None:
        return _chosen(root, template)
    for name in TEMPLATES:
        if exists(root / name):
            return Source("sam", root / name)
    for name in SERVERLESS:
        if exists(root / name):
            return Source("serverless", root / name)
    assembly = next((one for one in (root / ASSEMBLY, root) if _is_assembly(one)), None)
    return Source("cdk", assembly) if assembly else None


def _chosen(root: Path, template: str) -> Source:
    try:
        candidates = [root / Path(template).expanduser(), Path(template).expanduser().absolute()]
        path = next((one.resolve() for one in candidates if one.exists()), None)
    except (OSError, ValueError, RuntimeError):
        path = None
    if path is None:
        raise UsageError(f"there is no template {template}: --template names a file, relative to {root}")
    if path.is_dir():
        found = find_source(path, None)
        if found is None:
            raise UsageError(f"there is no template in {template}: --template names a file")
        return found
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{template} is no template: --template names a YAML or JSON file")
    if path.name.startswith("serverless"):
        return Source("serverless", path)
    if _is_assembly(path.parent):
        return Source("cdk", path.parent, None if path.name == MANIFEST else path.name)
    return Source("sam", path)


def exists(path: Path) -> bool:
    """Whether a file (or a link that leads nowhere) is there; no where that may not be asked."""
    # os.path's answers are no where Path's raise
    return os.path.isfile(path) or os.path.islink(path)  # noqa: PTH113, PTH114


def _is_assembly(folder: Path) -> bool:
    """Whether the CDK wrote this folder: its manifest names artifacts."""
    if not exists(folder / MANIFEST):
        return False
    if exists(folder / "cdk.out"):  # the assembly's own mark
        return True
    try:
        manifest = json.loads(files.read(folder / MANIFEST, files.MAX_LOCK_BYTES))
    except (OSError, ValueError, RecursionError):
        return folder.name == ASSEMBLY
    return isinstance(manifest, dict) and isinstance(manifest.get("artifacts"), dict)


def templates_beside(root: Path) -> list[Path]:
    """Files of `root` itself that declare functions of Lambda under names that are not looked for: stack.yaml, ..."""
    found = []
    with suppress(OSError):
        for file in sorted(root.iterdir()):
            if file.suffix.lower() in _SUFFIXES and file.is_file() and file.stat().st_size <= _LARGEST:
                text = file.read_bytes()
                if b"Resources" in text and _FUNCTION.search(text):
                    found.append(file)
    return found


def templates_below(root: Path) -> list[Path]:
    """The folders below `root` that a template or serverless.yml configures, nearest first; not those inside them."""
    found: list[Path] = []
    waiting = deque([(root, 0)])
    looked = 0
    while waiting and looked < _MOST_FOLDERS:
        folder, depth = waiting.popleft()
        looked += 1
        try:
            if depth and (source := find_source(folder, None)):
                found.append(source.path)
                continue
            if depth < _DEEPEST:
                inner = sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
                waiting.extend((one, depth + 1) for one in inner if not skipped(one))
        except OSError:
            continue
    return found

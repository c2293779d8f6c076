"""What `cdk synth` wrote: chooses the stack of an assembly and finds its assets. The template is CloudFormation's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdatui.config import files
from lambdatui.config.aws_names import FUNCTION_TYPES
from lambdatui.config.declared import Declared
from lambdatui.config.finding import MANIFEST
from lambdatui.config.problems import Problems
from lambdatui.config.sam import load_template
from lambdatui.config.sam_parameters import Given

_MOST_NESTED = 5  # stages within stages


@dataclass(frozen=True)
class _Stack:
    name: str
    template: Path
    functions: int  # Python functions


def load_assembly(folder: Path, chosen: str | None, into: Declared, given: Sequence[Given]) -> None:
    """Add what one stack of the assembly declares: `chosen` (its template's file), else the first with functions."""
    problems = Problems(into.shown(folder / MANIFEST))
    into.files.append(str(folder / MANIFEST))
    try:
        stacks = list(_stacks(folder, problems))
        stack = _choose(stacks, chosen, folder, into, problems)
        if stack is None:
            if chosen is None:
                into.broken = into.broken or any(problem.severity == "error" for problem in problems.found)
                return
            template = folder / chosen  # a nested stack's, say: in the folder, but not in the manifest
        else:
            template = stack.template
        into.files.append(str(template))
        assets = _assets(template.parent, problems)
    finally:
        into.problems.extend(problems.found)
    load_template(template, into, given, assets)


def _stacks(folder: Path, problems: Problems, depth: int = 0) -> Iterator[_Stack]:
    """The stacks in the manifest's order, those of nested assemblies (stages) included."""
    manifest = _json(folder / MANIFEST, problems)
    artifacts = manifest.get("artifacts")
    for name, artifact in artifacts.items() if isinstance(artifacts, dict) else ():
        kind = artifact.get("type") if isinstance(artifact, dict) else None
        properties = artifact.get("properties") if isinstance(artifact, dict) else None
        if not isinstance(properties, dict):
            continue
        if kind == "aws:cloudformation:stack":
            template = _inside(folder, properties.get("templateFile"), problems)
            if template is not None:
                yield _Stack(str(name), template, _functions(_json(template, problems)))
        elif kind == "cdk:cloud-assembly" and depth < _MOST_NESTED:
            nested = _inside(folder, properties.get("directoryName"), problems)
            if nested is not None:
                yield from _stacks(nested, problems, depth + 1)


def _inside(folder: Path, name: object, problems: Problems) -> Path | None:
    """A file or folder of the assembly; None, which is said, for one outside of it."""
    if not isinstance(name, str):
        return None
    try:
        if (folder / name).resolve().is_relative_to(folder.resolve()):
            return folder / name
    except (OSError, ValueError, RuntimeError):
        pass
    problems.error(f"{name[:80]!r} lies outside of the assembly", "Make it again: cdk synth", line=1)
    return None


def _choose(
    stacks: list[_Stack], chosen: str | None, folder: Path, into: Declared, problems: Problems
) -> _Stack | None:
    if chosen is not None:
        return next((stack for stack in stacks if stack.template.name == chosen), None)
    if not stacks:
        if not problems.found:
            problems.error("the assembly holds no stack", "Make it again: cdk synth", line=1)
        return None
    candidates = [stack for stack in stacks if stack.functions] or stacks
    if len(candidates) > 1:
        names = ", ".join(stack.name for stack in candidates)
        other = into.shown(candidates[1].template)
        problems.warning(
            f"several stacks hold functions: {names}; {candidates[0].name} is loaded",
            f"Choose another one: --template {other}",
            line=1,
        )
    return candidates[0]


def _functions(template: dict[str, Any]) -> int:
    """How many Python functions it has; the CDK's own helpers are mostly Node.js."""
    resources = template.get("Resources")
    count = 0
    for body in resources.values() if isinstance(resources, dict) else ():
        kind = body.get("Type") if isinstance(body, dict) else None
        if isinstance(kind, str) and kind in FUNCTION_TYPES:
            properties = body.get("Properties")
            runtime = properties.get("Runtime") if isinstance(properties, dict) else None
            count += isinstance(runtime, str) and runtime.startswith("python")
    return count


def _assets(folder: Path, problems: Problems) -> dict[str, Path]:
    """S3 key -> file or folder, of every asset manifest beside the template."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.assets.json")):
        files = _json(file, problems).get("files")
        for asset in files.values() if isinstance(files, dict) else ():
            source = asset.get("source") if isinstance(asset, dict) else None
            places = asset.get("destinations") if isinstance(asset, dict) else None
            path = source.get("path") if isinstance(source, dict) else None
            if not isinstance(path, str) or not isinstance(places, dict):
                continue
            for place in places.values():
                if isinstance(place, dict) and isinstance(place.get("objectKey"), str):
                    found[place["objectKey"]] = folder / path
    return found


def _json(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        value = json.loads(files.read(path, files.MAX_LOCK_BYTES))
    except (OSError, ValueError, RecursionError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        problems.error(f"{path.name} cannot be read: {reason}", "Make it again: cdk synth", line=1)
        return {}
    return value if isinstance(value, dict) else {}

"""What shows, without an engine, of the Python and the packages that functions would be served with. Blocking."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lambdatui.config import pythons
from lambdatui.config.manifests import ManifestError, manifests_of
from lambdatui.config.model import FunctionConfig, Problem, Project


def served_problems(project: Project, variables: Mapping[str, str]) -> list[Problem]:
    """Files of packages that cannot be read, and Runtimes that are not installed here."""
    root = Path(project.root)
    found = []
    for function in project.functions:
        if function.unserved is None:
            try:
                own, _ = manifests_of(function)
            except ManifestError as error:
                found.append(error.problem(root, function.name))
                continue
            notice = pythons.runtime_notice(function, _version(function, root, variables, packages=own is not None))
            found += [notice] if notice else []
    return found


def _version(function: FunctionConfig, root: Path, variables: Mapping[str, str], *, packages: bool) -> str:
    """Of the Python that would serve: a function without packages of its own takes a virtual environment's."""
    venv = None if packages else pythons.virtual_environment(root, variables.get("VIRTUAL_ENV"))
    if venv is not None:
        return venv.version
    wanted = pythons.wanted_version(function.runtime)
    return pythons.nearest(wanted, variables).version if wanted else pythons.own().version

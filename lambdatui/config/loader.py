"""Opens a project folder: which kind it is, what it declares, and everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from lambdatui.config.model import LoadOptions, Project
from lambdatui.config.plain import find_functions
from lambdatui.config.problems import Problems
from lambdatui.errors import UsageError


def load_project(root: Path, options: LoadOptions, data: Path | None = None) -> Project:
    """Read the project in `root`. Whatever it says becomes problems; only a folder that is none raises UsageError.

    `data` is the folder for state: inline code is placed below it.
    """
    root = Path(root).expanduser()
    if not root.exists():
        raise UsageError(f"there is no folder {root}: name the folder that holds the functions")
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder: name the folder that holds it")
    root = root.resolve()
    problems = Problems(None)
    functions = find_functions(root, problems)
    return Project(
        root=str(root),
        name=root.name or "root",
        kind="plain",
        region=options.region,
        account=options.account,
        functions=tuple(functions),
        problems=tuple(problems.found),
    )

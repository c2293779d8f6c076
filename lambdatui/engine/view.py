"""What environments see of the user's files, where they can have a /tmp of their own. Pure; `spawner.view` does it.

As on Lambda the code cannot be written to. Of the state only what a start needs is there: no token, no other function's
events. The user's own AWS files are not, either.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lambdatui.spawner.view import HIDE, READ_ONLY, WRITABLE

# Folders of the state that environments use: snapshots of the code and their bytecode, packages (compiled where they
# were installed), unpacked archives and versions (of layers Python compiles what is imported), folders of their own.
_STATE = (
    ("code", READ_ONLY), ("code/bytecode", WRITABLE), ("packages", READ_ONLY), ("archives", WRITABLE),
    ("versions", WRITABLE), ("tmp", WRITABLE),
)  # fmt: skip


def view(
    *, root: str, data: Path, code_root: str | None, others: Iterable[str], aws_files: str | None
) -> tuple[tuple[str, str], ...]:
    """The parts of one function's view.

    `code_root`: None where the template holds the code. `others`: folders below it that are no code of its own (layers,
    a virtual environment), where Python compiles what is imported. `aws_files`: the folder of the user's AWS
    configuration, None where environments may read it.
    """
    parts: list[tuple[str, str]] = []
    if data not in (Path(root), *Path(root).parents):  # otherwise the project would be hidden, too
        parts.append((HIDE, str(data)))
        parts += [(what, str(data / name)) for name, what in _STATE]
    if aws_files is not None:
        parts.append((HIDE, aws_files))
    if code_root is not None:
        parts.append((READ_ONLY, code_root))
        parts += [(WRITABLE, each) for each in others if Path(code_root) in Path(each).parents]
    return tuple(parts)

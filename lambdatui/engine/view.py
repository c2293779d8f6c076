"""What environments see of the user's files, where they can have a /tmp of their own; `spawner.view` does it.

As on Lambda the code cannot be written to. Of the state only what a start needs is there: no token, no other function's
events. The user's own AWS files are not, either.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lambdatui.spawner.view import HIDE, READ_ONLY, WRITABLE

# Folders of the state that environments use: snapshots of the code and their bytecode, packages (compiled where they
# were installed), unpacked archives and versions (of layers Python compiles what is imported), a folder of their own.
_ALWAYS = (("code", READ_ONLY), ("code/bytecode", WRITABLE))
_WHERE_USED = (("packages", READ_ONLY), ("archives", WRITABLE), ("versions", WRITABLE), ("tmp", WRITABLE))


def view(
    *, root: str, data: Path, code_root: str | None, used: Iterable[str], aws_files: str | None
) -> tuple[tuple[str, str], ...]:
    """The parts of one function's view.

    `code_root`: None where the template holds the code. `used`: all other folders that its environments need; below the
    code they can be written to, since Python compiles there what is imported. `aws_files`: the folder of the user's AWS
    configuration. Each part is a millisecond's tenth of a cold start: there are no more than are needed.
    """
    all_folders = {_real(folder) for folder in used if folder}
    folders = sorted(one for one in all_folders if not any(_below(one, other) for other in all_folders))
    state, code = _real(str(data)), None if code_root is None else _real(code_root)
    parts: list[tuple[str, str]] = []
    if _real(root) != state and not _below(_real(root), state):  # otherwise the project would be hidden, too
        needed = folders if code is None else [*folders, code]
        parts.append((HIDE, state))
        parts += [(what, f"{state}/{name}") for name, what in _ALWAYS]
        parts += [
            (what, f"{state}/{name}")
            for name, what in _WHERE_USED
            if any(_below(one, f"{state}/{name}") for one in needed)
        ]
    if aws_files is not None:
        parts.append((HIDE, _real(aws_files)))
    if code is not None:
        parts.append((READ_ONLY, code))
        parts += [(WRITABLE, folder) for folder in folders if _below(folder, code) and not _below(folder, state)]
    return tuple(dict.fromkeys(parts))


def _below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


_real = os.path.realpath

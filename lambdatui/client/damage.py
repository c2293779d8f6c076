"""Databases that an engine found damaged and set aside: said again, by the first command that reads what is left."""

from __future__ import annotations

import os
from pathlib import Path

from lambdatui.store.aside import damaged, database_of


def untold(data: Path) -> list[str]:
    """A sentence for each that has not been told; from now on it has been, as far as the folder can be written."""
    try:
        names = sorted(os.listdir(data))  # noqa: PTH208 - once a command
    except OSError:
        return []
    return [damaged(database, data / name) for name in names if (database := database_of(name)) and _first(data, name)]


def _first(data: Path, name: str) -> bool:
    """Whether nobody has told of it."""
    try:
        os.close(os.open(data / f"{name}.told", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except OSError:
        pass  # it cannot be noted: better told twice than never
    return True

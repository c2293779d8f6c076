"""Databases that an engine found damaged and set aside: said again, by the first command that reads what is left."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lambdatui.store.location import ASIDE

_LOST = {"history.db": "history", "state.db": "events, queues and streams"}
_NAME = re.compile(rf"({'|'.join(map(re.escape, _LOST))}){re.escape(ASIDE)}\d+")


def untold(data: Path) -> list[str]:
    """A sentence for each that has not been told; from now on it has been, as far as the folder can be written."""
    try:
        names = sorted(os.listdir(data))  # noqa: PTH208 - once a command
    except OSError:
        return []
    return [
        _sentence(data / name, found[1]) for name in names if (found := _NAME.fullmatch(name)) and _first(data, name)
    ]


def _sentence(path: Path, database: str) -> str:
    return (
        f"{database} was damaged and set aside: {_LOST[database]} began anew; `sqlite3 {path} .recover` gets out of it "
        "what can be read"
    )


def _first(data: Path, name: str) -> bool:
    """Whether nobody has told of it."""
    try:
        os.close(os.open(data / f"{name}.told", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except OSError:
        pass  # it cannot be noted: better told twice than never
    return True

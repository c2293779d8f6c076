"""Databases that were found damaged: their names when they are set aside, and the words for it."""

from __future__ import annotations

import re
from pathlib import Path

_HELD = {"history.db": "history", "state.db": "events, queues and streams"}
_ASIDE = ".damaged-"  # and the seconds since the epoch: behind the name of a database that was set aside
_NAME = re.compile(rf"({'|'.join(map(re.escape, _HELD))}){re.escape(_ASIDE)}\d+")


def name_aside(data: Path, database: str, second: int) -> str:
    """The name for a database that is damaged now: no file's of an earlier damage."""
    while (data / f"{database}{_ASIDE}{second}").exists():
        second += 1
    return f"{database}{_ASIDE}{second}"


def database_of(name: str) -> str | None:
    """The database that a file of this name was, None where it is none that was set aside."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def damaged(database: str, path: Path) -> str:
    """The sentence on a database that was set aside as `path`."""
    return (
        f"{database} was damaged and set aside: {_HELD[database]} began anew; `sqlite3 {path} .recover` gets out of it "
        "what can be read"
    )


def missing(path: Path) -> str:
    """The sentence on a database that was not there, or empty, though it should have been."""
    return f"{path} was gone or empty: {_HELD[path.name]} began anew"

"""Where a project's state lies."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from lambdatui.errors import StoreError

DATA_NAME = ".lambdatui"
IGNORE = "*\n"  # what the folder's .gitignore holds
_OURS = {"state.db", "history.db", "lock", "engine.json"}


def project_data(project: Path, data: str | Path | None = None) -> Path:
    """The folder with a project's state: `data` where given, else in the project, else the user's state folder.

    The last where the project cannot be written; relative paths are the caller's working directory's.
    """
    if data:
        return Path(data).expanduser().absolute()
    root = project.expanduser().resolve()
    inside = root / DATA_NAME
    if os.access(inside if inside.exists() else root, os.W_OK) or not root.exists():
        return inside
    import hashlib  # OpenSSL: not for every command

    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "lambdatui" / f"{root.name or 'root'}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"


def refuse_foreign(data: Path) -> None:
    """StoreError where files of others could be changed by keeping state in `data`: much below it is removed again.

    A project that somebody else made may bring a `.lambdatui` whose parts are links into this user's home.
    """
    if data.is_symlink() and data.name == DATA_NAME:
        raise StoreError(f"{data} is a link: remove it, or name the folder that it leads to with --data")
    for folder in (data, data / "code"):
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be read ({error.strerror}): choose another folder with --data"
            ) from error
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                mode = (folder / name).lstat().st_mode
                if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                    raise StoreError(
                        f"{folder / name} is no file or folder of its own: remove it, or choose another --data"
                    )
        if folder == data and names and data.name != DATA_NAME and not _is_ours(data, names):
            raise StoreError(
                f"{data} holds other files: name an empty folder, or one that is not there yet, with --data"
            )


def _is_ours(data: Path, names: list[str]) -> bool:
    if _OURS.intersection(names):
        return True
    ignore = data / ".gitignore"
    return ignore.is_file() and ignore.stat().st_size == len(IGNORE) and ignore.read_text() == IGNORE

"""Where a project's state lies."""

from __future__ import annotations

import os
from pathlib import Path

DATA_NAME = ".lambdatui"


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

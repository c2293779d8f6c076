"""What has to stay visible below /tmp where an environment gets a /tmp of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable

TMP = "/tmp"


def below_tmp(paths: Iterable[str]) -> tuple[str, ...] | None:
    """What lies directly in /tmp and is, or holds, one of `paths`, also by links.

    All of it: a project may import from the folders beside its own. None where one of `paths` is /tmp itself: then it
    cannot be another one.
    """
    found: set[str] = set()
    for path in filter(None, paths):
        for each in (os.path.normpath(path), os.path.realpath(path)):
            if each == TMP:
                return None
            if each.startswith(TMP + "/"):
                found.add("/".join(each.split("/")[:3]))
    return tuple(sorted(found))

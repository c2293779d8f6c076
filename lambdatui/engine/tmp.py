"""What has to stay visible below /tmp where an environment gets a /tmp of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable

TMP = "/tmp"


def below_tmp(paths: Iterable[str]) -> tuple[str, ...] | None:
    """Those of `paths` that lie below /tmp, also by links, without what lies inside of others.

    None where one of them is /tmp itself: then it cannot be another one.
    """
    found: set[str] = set()
    for path in filter(None, paths):
        for each in (os.path.normpath(path), os.path.realpath(path)):
            if each == TMP:
                return None
            if each.startswith(TMP + "/"):
                found.add(each)
    return tuple(sorted(one for one in found if not any(one.startswith(other + "/") for other in found)))

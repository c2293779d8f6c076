"""What an environment sees of the files outside of its /tmp: some are read-only, some are not there. Linux only.

A view is a list of [what, path]: "read_only", "writable" (as it is outside, though something above is not) or "hide"
(an empty folder that nothing can be written to). What lies deeper counts, so that a hidden folder may show a part of
its content. Paths have no links in them; those that do not exist are left out.
"""

from __future__ import annotations

import os

from . import mounts

TYPE_CHECKING = False  # see protocol.py
if TYPE_CHECKING:
    from typing import Sequence

READ_ONLY, WRITABLE, HIDE = "read_only", "writable", "hide"


class View:
    """A view that is to be shown: holds what is outside, until something may be mounted above it."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        """`parts` as above. Raises OSError."""
        by_depth = sorted(parts, key=lambda part: part[1].count("/"))
        self._parts = [(what, path, mounts.hold(path)) for what, path in by_depth if os.path.exists(path)]

    def show(self) -> None:
        """Let this process, in mount namespaces of its own, have it. Raises OSError."""
        hidden = []
        for what, path, fd in self._parts:
            if what == HIDE:
                os.close(fd)
                mounts.memory(path, "size=64k,mode=755")
                hidden.append(path)
                continue
            mounts.bind(fd, path)
            if what == READ_ONLY:
                mounts.make_read_only(path)
        for path in hidden:
            mounts.close_memory(path)

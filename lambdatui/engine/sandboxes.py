"""What environments leave behind that failed: their /tmp, which the next one of the same code and configuration finds.

On Lambda a runtime that ended, was killed or timed out is started again in the same sandbox, inside of the next
invocation: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from lambdatui.engine.environment import Launch


class Left(msgspec.Struct, frozen=True):
    """A sandbox without a process."""

    launch: Launch
    since_us: int


class Sandboxes:
    """Sandboxes that wait for their next process, by `Blueprint.key`. Whoever is given one back removes it."""

    def __init__(self) -> None:
        self._left: dict[str, list[Left]] = {}

    def keep(self, launch: Launch, now_us: int) -> None:
        self._left.setdefault(launch.key, []).append(Left(launch, now_us))

    def take(self, key: str, generation: str) -> str | None:
        """The id of one with that code and configuration, which is the caller's from now on."""
        for left in self._left.get(key, ()):
            if left.launch.generation == generation:
                self._left[key].remove(left)
                return left.launch.id
        return None

    def outdated(self, key: str, keep: str | None) -> list[Launch]:
        """Those of another generation than `keep`, no longer kept."""
        return self._drop(key, lambda left: left.launch.generation != keep)

    def older(self, before_us: int) -> list[Launch]:
        """Those that have waited since before that time, no longer kept."""
        return [one for key in list(self._left) for one in self._drop(key, lambda left: left.since_us < before_us)]

    def all(self) -> list[Launch]:
        """Every one, no longer kept."""
        return self.older(1 << 63)

    def _drop(self, key: str, goes: Callable[[Left], bool]) -> list[Launch]:
        every = self._left.pop(key, [])
        stays = [left for left in every if not goes(left)]
        if stays:
            self._left[key] = stays
        return [left.launch for left in every if goes(left)]

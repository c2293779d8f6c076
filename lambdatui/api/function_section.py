"""The functions' rows for the feed: what a tick costs is what has moved, however many functions there are."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import msgspec

from lambdatui.api.ports import EnginePort

REBUILT_S = 1.0
SLICES = 5  # parts in which rows that did not move are built again, so that no tick builds all

_encode = msgspec.msgpack.Encoder().encode


class _Kept(NamedTuple):
    """A row as it was built last."""

    mark: Hashable
    due: float  # when it is built again, whatever its mark says
    number: int  # of its bytes' last change
    raw: bytes


class FunctionSection:
    """A row is built again when its mark is another one, and once a second anyway."""

    def __init__(self, engine: EnginePort) -> None:
        self._engine = engine
        self._kept: dict[str, _Kept] = {}
        self._listed = 0  # number at which names or their order changed last
        self.number = 0  # rises with every change

    def refresh(self, now: float) -> None:
        """Build what is due."""
        marks, kept = self._engine.function_marks(), self._kept
        due = {name for name, mark in marks.items() if _is_due(kept.get(name), mark, now)}
        built = {row.name: _encode(row) for row in self._engine.function_rows(due)} if due else {}
        number = self.number + 1
        if list(marks) != list(kept) or not self._listed:
            self._listed = self.number = number
        self._kept = {}
        for place, (name, mark) in enumerate(marks.items()):
            before, raw = kept.get(name), built.get(name)
            if before is not None and raw is None:
                self._kept[name] = before
            elif before is not None and raw == before.raw:
                self._kept[name] = before._replace(mark=mark, due=now + REBUILT_S)
            elif raw is not None:
                wait = REBUILT_S if before is not None else REBUILT_S * (place % SLICES + 1) / SLICES
                self._kept[name] = _Kept(mark, now + wait, number, raw)
                self.number = number

    def news(self, sent: int) -> tuple[str, list[msgspec.Raw]] | None:
        """The member of an Update, and its rows, for a screen that has been told all changes up to `sent`."""
        if sent == self.number:
            return None
        if sent < self._listed:
            return "functions", [msgspec.Raw(one.raw) for one in self._kept.values()]
        return "function_changes", [msgspec.Raw(one.raw) for one in self._kept.values() if one.number > sent]


def _is_due(kept: _Kept | None, mark: Hashable, now: float) -> bool:
    return kept is None or kept.due <= now or kept.mark != mark

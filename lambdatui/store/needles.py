"""What a text must contain for a regular expression to match it: SQLite passes over the others by itself. Pure but for
the SQL that asks.

A Python call for each stored line costs ten times as much as SQLite's own look, and holds the interpreter's lock. What
is found here only narrows: the expression itself decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lambdatui.config.backtracking import Bounded, parse

MOST_NEEDLES = 8  # each is a look at every line
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_NO_WIDTH = {"AT", "ASSERT", "ASSERT_NOT"}
# Of ASCII's letters these have others that are the same without case (ı, ſ, the Kelvin sign), which lower() keeps.
_FOLD_BEYOND_ASCII = frozenset("iks")


class Needle(NamedTuple):
    """A text that is in every match; `folded`: in small letters, of a match without regard to case."""

    text: str
    folded: bool = False


def required(pattern: re.Pattern[str] | Bounded) -> tuple[Needle, ...]:
    """Needles of which every match has at least one; empty where nothing can be said."""
    try:
        parsed = parse(pattern.pattern, pattern.flags)
        return _best(_Runs(bool(pattern.flags & re.IGNORECASE)).read(parsed))
    except RecursionError:
        return ()


def plain(text: str) -> tuple[Needle, ...]:
    """What stands in every text that has `text` in it: as much of it as SQLite can be asked for."""
    return _best([(Needle(part),) for part in re.split("[\ud800-\udfff]+", text)])


def condition(column: str, needles: Sequence[Needle]) -> tuple[str, list[str]]:
    """An SQL condition and its values: whether any of the needles stands in the column."""
    looks = (f"instr(lower({column}), ?)" if needle.folded else f"instr({column}, ?)" for needle in needles)
    return f"({' OR '.join(looks)})", [needle.text for needle in needles]


def _best(found: Iterable[tuple[Needle, ...]]) -> tuple[Needle, ...]:
    """The alternatives that most lines lack: those of which the shortest is longest."""
    return max(
        (each for each in found if len(each) <= MOST_NEEDLES and all(needle.text for needle in each)),
        key=lambda each: min(len(needle.text) for needle in each),
        default=(),
    )


class _Runs:
    """Characters that stand one behind the other in every match."""

    def __init__(self, folded: bool) -> None:
        self._found: list[tuple[Needle, ...]] = []
        self._run = ""
        self._folded = folded

    def read(self, part: Any) -> list[tuple[Needle, ...]]:
        self._walk(part)
        self._end()
        return self._found

    def _end(self) -> None:
        if self._run:
            self._found.append((Needle(self._run, self._folded),))
        self._run = ""

    def _walk(self, part: Any) -> None:
        for operator, argument in part:
            name = str(operator)
            if name == "LITERAL":
                self._add(chr(argument))
            elif name == "SUBPATTERN":
                self._inside(*argument)
            elif name == "ATOMIC_GROUP":
                self._walk(argument)
            elif name not in _NO_WIDTH:
                self._end()
                if name in _REPEATS and argument[0] > 0:
                    self._walk(argument[2])
                    self._end()
                elif name == "BRANCH":
                    self._found += self._either(argument[1])

    def _add(self, character: str) -> None:
        if self._folded:
            character = character.lower() if character.isascii() else ""
        if not character or "\ud800" <= character <= "\udfff" or (self._folded and character in _FOLD_BEYOND_ASCII):
            self._end()  # surrogates: no stored text has any
        else:
            self._run += character

    def _inside(self, _group: int | None, added: int, taken: int, part: Any) -> None:
        """A group, which may have flags of its own."""
        before = self._folded
        folded = (before or bool(added & re.IGNORECASE)) and not taken & re.IGNORECASE
        self._turn(folded)
        self._walk(part)
        self._turn(before)

    def _turn(self, folded: bool) -> None:
        if folded != self._folded:
            self._end()
            self._folded = folded

    def _either(self, branches: Iterable[Any]) -> list[tuple[Needle, ...]]:
        each = [_best(_Runs(self._folded).read(branch)) for branch in branches]
        return [tuple(needle for needles in each for needle in needles)] if all(each) else []

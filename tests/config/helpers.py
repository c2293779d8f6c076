"""What the tests of config/ share."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from lambdatui.config.model import Project

Write = Callable[..., Path]
Load = Callable[..., Project]


def says(project: Project, words: str) -> tuple[str, int | None]:
    """(severity, line) of the one problem whose message or remedy holds `words`."""
    hits = {(p.severity, p.line) for p in project.problems if words in p.message or words in p.remedy}
    assert len(hits) == 1, (words, [p.message for p in project.problems])
    return hits.pop()


def exchanged(text: str, values: Sequence[str], chance: random.Random, changes: int) -> str:
    """The text with some of its lines gone, and some of its words and values exchanged for any of `values`."""
    lines = text.splitlines()
    for _ in range(changes):
        at = chance.randrange(len(lines))
        key, colon, _value = lines[at].partition(":")
        kind = chance.randrange(3)
        if kind == 0 and colon:
            lines[at] = f"{key}: {chance.choice(values)}"
        elif kind == 1:
            del lines[at]
        else:
            words = lines[at].split(" ")
            words[chance.randrange(len(words))] = chance.choice(values)
            lines[at] = " ".join(words)
    return "\n".join(lines)

"""What the tests of config/ share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lambdatui.config.model import Project

Write = Callable[..., Path]
Load = Callable[..., Project]


def says(project: Project, words: str) -> tuple[str, int | None]:
    """(severity, line) of the one problem whose message or remedy holds `words`."""
    hits = {(p.severity, p.line) for p in project.problems if words in p.message or words in p.remedy}
    assert len(hits) == 1, (words, [p.message for p in project.problems])
    return hits.pop()

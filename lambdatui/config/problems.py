"""Collects what is wrong with a project; knows files and lines, and nothing of what the words mean."""

from __future__ import annotations

from collections.abc import Iterable

from lambdatui.config.model import Problem, Severity


class Problems:
    """The problems of one configuration file; `file` is the path shown, relative to the project's root."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.found: list[Problem] = []
        self._once: set[Problem] = set()

    def add(
        self, severity: Severity, message: str, remedy: str, *, line: int | None = None, function: str | None = None
    ) -> None:
        """Remember one problem; the same sentence about the same line is kept once."""
        problem = Problem(
            severity=severity, file=self.file, line=line, message=message, remedy=remedy, function=function
        )
        if problem not in self._once:
            self._once.add(problem)
            self.found.append(problem)

    def error(self, message: str, remedy: str, *, line: int | None = None, function: str | None = None) -> None:
        """The function cannot run."""
        self.add("error", message, remedy, line=line, function=function)

    def warning(self, message: str, remedy: str, *, line: int | None = None, function: str | None = None) -> None:
        """It runs; something declared is not served."""
        self.add("warning", message, remedy, line=line, function=function)

    def notice(self, message: str, remedy: str, *, line: int | None = None, function: str | None = None) -> None:
        """Worth knowing; `check` passes."""
        self.add("notice", message, remedy, line=line, function=function)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely meant (`timout` -> `timeout`), or None."""
    by_lower = {name.lower(): name for name in known}
    import difflib

    hits = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[hits[0]] if hits else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A remedy sentence: the nearest known word where there is one, else `otherwise`."""
    near = nearest(word, known)
    return f"Did you mean {near}?" if near else otherwise

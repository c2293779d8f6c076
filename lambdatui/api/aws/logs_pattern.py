"""CloudWatch Logs' filter patterns: whether a message matches. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lambdatui.api.aws import logs_fields, logs_json
from lambdatui.api.aws.logs_syntax import PatternError as PatternError
from lambdatui.api.aws.logs_syntax import regex, unescaped
from lambdatui.store.logs import Filter
from lambdatui.store.needles import MOST_NEEDLES, Needle, plain, required

Matcher = Callable[[str], bool]
Term = tuple[Matcher, tuple[Needle, ...]]  # and what has to stand in a message for it

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)*)%|([^\s"%]+))(?:\s+|$)', re.DOTALL)
_WORD = re.compile(r"\w+|\*", re.ASCII)


def compiled(pattern: str) -> Filter:
    """Which messages match `pattern`; any does where it is empty. Raises PatternError."""
    text = pattern.strip()
    if text.startswith("{"):
        return Filter(logs_json.compiled(text))
    if text.startswith("["):
        return Filter(logs_fields.compiled(text))
    return _terms(text)


def _terms(text: str) -> Filter:
    """Plain terms have to be there, `-` ones must not be, one of the `?` ones has to be."""
    needed: list[Term] = []
    excluded: list[Term] = []
    either: list[Term] = []
    kinds = {"": needed, "-": excluded, "?": either}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise PatternError(f"Invalid filter pattern: it cannot be read from '{text[at : at + 40]}' on")
        kinds[match[1]].append(_term(*match.group(2, 3, 4)))
        at = match.end()
    if needed or excluded:
        either = []  # as on AWS "?" counts only among its like

    def matches(message: str) -> bool:
        return (
            all(one(message) for one, _ in needed)
            and not any(one(message) for one, _ in excluded)
            and (not either or any(one(message) for one, _ in either))
        )

    return Filter(matches, [needles for _, needles in needed if needles][:MOST_NEEDLES] + _of_one(either))


def _of_one(either: list[Term]) -> list[tuple[Needle, ...]]:
    """What one of these terms needs, where each of them needs something."""
    each = [needles for _, needles in either]
    together = tuple(needle for needles in each for needle in needles)
    return [together] if each and all(each) and len(together) <= MOST_NEEDLES else []


def _term(quoted: str | None, expression: str | None, word: str | None) -> Term:
    if expression is not None:
        pattern = regex(expression)
        return lambda message: pattern.search(message) is not None, required(pattern)
    if word is not None and not _WORD.fullmatch(word):
        raise PatternError(f"Invalid character(s) in term '{word}'")
    if word == "*":
        return lambda _: True, ()
    text = word if word is not None else unescaped(quoted or "")
    return lambda message: text in message, plain(text)

"""CloudWatch Logs' filter patterns: whether a message matches. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lambdatui.api.aws import logs_fields, logs_json
from lambdatui.api.aws.logs_syntax import PatternError as PatternError
from lambdatui.api.aws.logs_syntax import regex, unescaped

Matcher = Callable[[str], bool]

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)*)%|([^\s"%]+))(?:\s+|$)', re.DOTALL)
_WORD = re.compile(r"\w+|\*", re.ASCII)


def compiled(pattern: str) -> Matcher:
    """Whether a message matches `pattern`; any does where it is empty. Raises PatternError."""
    text = pattern.strip()
    if text.startswith("{"):
        return logs_json.compiled(text)
    if text.startswith("["):
        return logs_fields.compiled(text)
    return _terms(text)


def _terms(text: str) -> Matcher:
    """Plain terms have to be there, `-` ones must not be, one of the `?` ones has to be."""
    needed: list[Matcher] = []
    excluded: list[Matcher] = []
    either: list[Matcher] = []
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
            all(one(message) for one in needed)
            and not any(one(message) for one in excluded)
            and (not either or any(one(message) for one in either))
        )

    return matches


def _term(quoted: str | None, expression: str | None, word: str | None) -> Matcher:
    if expression is not None:
        found = regex(expression).search
        return lambda message: found(message) is not None
    if word is not None and not _WORD.fullmatch(word):
        raise PatternError(f"Invalid character(s) in term '{word}'")
    if word == "*":
        return lambda _: True
    text = word if word is not None else unescaped(quoted or "")
    return lambda message: text in message

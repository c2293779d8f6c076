"""What all forms of CloudWatch Logs' filter patterns are read with: values, comparisons, regular expressions. Pure."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable

from lambdatui.config.backtracking import Bounded
from lambdatui.config.wildcards import any_between

MAX_REGEXES = 2  # in one pattern of JSON or of fields
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_REGEX = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.\s&<>'\"~`]+")
_NUMBER = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PERCENT = re.compile(r"%((?:[^%\\]|\\.)*)%", re.DOTALL)
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Check = Callable[[str, float | None], bool]  # of a value as text and, where it is one, as a number


class PatternError(ValueError):
    """No filter pattern. The message is for the caller."""


class Scanner:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._regexes = 0

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What stands here, behind any space, where it is such."""
        self.space()
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def take(self, mark: str) -> bool:
        """Go over `mark` where it stands here, behind any space."""
        self.space()
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def need(self, mark: str) -> None:
        if not self.take(mark):
            raise self.wrong(f"'{mark}' is expected")

    def end(self) -> None:
        """Raises PatternError where anything is left."""
        self.space()
        if self.at < len(self.text):
            raise self.wrong("nothing more is expected")

    def wrong(self, why: str) -> PatternError:
        rest = self.text[self.at : self.at + 40]
        return PatternError(f"Invalid filter pattern: {why} before '{rest}'")

    def comparison(self, bare: re.Pattern[str]) -> Check | None:
        """An operator and its value; None where no operator stands here. `bare`: a value without quotes."""
        found = self.match(_OPERATOR)
        if found is None:
            return None
        sign = found[0]
        if sign == "=" and self.take("!"):  # `w1=!ERROR`, as CloudWatch's documentation used to have it
            sign = "!="
        if sign in _ORDER:
            number = self.match(_NUMBER)
            if number is None:
                raise self.wrong(f"a number is expected behind '{sign}'")
            return _ordered(_ORDER[sign], float(number[0]))
        equal = self._equal(bare)
        return equal if sign == "=" else lambda text, number: not equal(text, number)

    def _equal(self, bare: re.Pattern[str]) -> Check:
        quoted = self.match(_QUOTED)
        if quoted is not None:
            return _same(unescaped(quoted[1]), None)
        expression = self.match(_PERCENT)
        if expression is not None:
            self._regexes += 1
            if self._regexes > MAX_REGEXES:
                raise PatternError(f"Invalid filter pattern: it has more than {MAX_REGEXES} regular expressions")
            search = regex(expression[1]).search
            return lambda text, _: search(text) is not None
        word = self.match(bare)
        if word is None:
            raise self.wrong("a value is expected")
        return _same(word[0], number_of(word[0]))


def _ordered(holds: Callable[[float, float], bool], limit: float) -> Check:
    return lambda _, number: number is not None and holds(number, limit)


def _same(wanted: str, as_number: float | None) -> Check:
    if "*" in wanted:
        fits = re.compile(any_between([re.escape(part) for part in re.split(r"\*+", wanted)]), re.DOTALL).fullmatch
        return lambda text, _: fits(text) is not None
    if as_number is not None:
        return lambda text, number: text == wanted if number is None else number == as_number
    return lambda text, _: text == wanted


def number_of(text: str) -> float | None:
    """The number that a text is, None for any other."""
    return float(text) if _NUMBER.fullmatch(text) else None


def regex(text: str) -> Bounded:
    """An expression between two `%`. Raises PatternError for what CloudWatch's dialect does not have."""
    if not _REGEX.fullmatch(text):
        raise PatternError(f"Invalid regular expression: %{text}% has characters that are not supported")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Bounded(re.compile(text, re.ASCII))
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"Invalid regular expression: %{text}%: {error}") from None


def unescaped(text: str) -> str:
    """What stands between two quotation marks."""
    return _ESCAPED.sub(r"\1", text)

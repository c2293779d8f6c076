"""The lines that a log view holds: bounded, filtered as they come, and laid out into rows on demand. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lambdatui.clock import from_iso
from lambdatui.schema import LEVELS, LogLine
from lambdatui.tui.text import clean, json_pieces, json_value, local_time, pretty_json
from lambdatui.tui.widgets.lines import Piece, wrap
from lambdatui.tui.widgets.platform_event import record_text, shortened

KEEP = 20_000
LEVEL_STEPS = ("DEBUG", "INFO", "WARNING", "ERROR")
ERROR_FROM = LEVELS["ERROR"]
LEVEL_TAGS = {
    "DEBUG": "dim",
    "INFO": "info",
    "PRINT": "dim",
    "PLATFORM": "dim",
    "WARNING": "warn",
    "ERROR": "err",
    "CRITICAL": "err bold",
}
_PLATFORM = re.compile(r"^(INIT_START|INIT_REPORT|START|END|REPORT|RETRY|DLQ|RELOAD|EXTENSION|XRAY)\b:?\s*")
_REQUEST = re.compile(r"RequestId: ([0-9a-f]{8})[0-9a-f-]{28}")
# What the logging handler puts before a record; time, level and request stand elsewhere on the line.
_RECORD = re.compile(r"^\[[A-Z]+\][\t ]+(\d{4}-\d\d-\d\dT[\d:.]+Z\t[0-9a-f-]*\t)?")
_WORD_TAGS = {"RETRY": "warn", "DLQ": "dlq", "RELOAD": "info"}


@dataclass
class LogFilter:
    """What is shown. All of it holds at once."""

    needle: str = ""
    min_level: str = "DEBUG"
    request_id: str | None = None
    functions: frozenset[str] = frozenset()  # empty: all
    since_us: int = 0

    def __post_init__(self) -> None:
        self.pattern = compiled(self.needle)
        self._least = LEVELS.get(self.min_level, 0)
        limits = (
            self.needle,
            self.request_id is not None,
            self.functions,
            self.since_us,
            self._least > LEVELS["DEBUG"],
        )
        self.passes_all = not any(limits)

    def passes(self, line: LogLine) -> bool:
        """Is this line shown?"""
        if self.functions and line.function not in self.functions:
            return False
        if LEVELS.get(line.level, 20) < self._least:
            return False
        if self.request_id is not None and line.request_id != self.request_id:
            return False
        if self.since_us and _time_us(line) < self.since_us:
            return False
        return self.pattern is None or self.pattern.search(line.message) is not None


def compiled(needle: str) -> re.Pattern[str] | None:
    """A filter as a regular expression; as plain text where it is none. Case counts once a capital is in it."""
    if not needle:
        return None
    flags = 0 if any(c.isupper() for c in needle) else re.IGNORECASE
    try:
        return re.compile(needle, flags)
    except (re.error, OverflowError, RecursionError):
        return re.compile(re.escape(needle), flags)


def _time_us(line: LogLine) -> int:
    try:
        return from_iso(line.time)
    except ValueError:
        return 0


class LogStore:
    """All lines (the newest KEEP) and the serials of those that pass. Serials rise and are never used again."""

    def __init__(self) -> None:
        self.filter = LogFilter()
        self._lines: list[LogLine] = []
        self._first = 0  # serial of _lines[0]
        self.shown: list[int] = []  # serials that pass, rising
        self._errors = 0

    def __len__(self) -> int:
        return len(self.shown)

    def line(self, serial: int) -> LogLine:
        """The line of a serial that `shown` holds."""
        return self._lines[serial - self._first]

    def reset(self, lines: Sequence[LogLine]) -> None:
        """Begin anew with these lines."""
        self._first += len(self._lines)
        self._lines = []
        self.shown = []
        self.add(lines)

    def add(self, lines: Sequence[LogLine]) -> bool:
        """Append; True where something that is shown came or went."""
        if not lines:
            return False
        start = self._first + len(self._lines)
        self._lines.extend(lines)
        passes = self.filter.passes
        new: Sequence[int] = range(start, start + len(lines))
        if not self.filter.passes_all:
            new = [serial for serial, line in zip(new, lines, strict=True) if passes(line)]
        self.shown.extend(new)
        return self._trim() or bool(new)

    def _trim(self) -> bool:
        over = len(self._lines) - KEEP
        # Trimming in steps: cutting the front of a list costs its whole length.
        if over < KEEP // 10:
            return False
        del self._lines[:over]
        self._first += over
        keep = bisect_left(self.shown, self._first)
        del self.shown[:keep]
        return keep > 0

    def refilter(self, log_filter: LogFilter) -> None:
        """Choose anew from all lines that are kept."""
        self.filter = log_filter
        passes = log_filter.passes
        self.shown = [self._first + i for i, line in enumerate(self._lines) if passes(line)]

    def is_error(self, serial: int) -> bool:
        """A line of level ERROR or worse?"""
        return LEVELS.get(self.line(serial).level, 20) >= ERROR_FROM

    def all_lines(self) -> Iterable[LogLine]:
        """Every shown line, oldest first."""
        return (self.line(serial) for serial in self.shown)


def rows_of(
    line: LogLine, *, width: int, with_function: int, wrapped: bool, pretty: bool, pattern: re.Pattern[str] | None
) -> list[tuple[Piece, ...]]:
    """One line of log as rows of pieces. `with_function` is the cells for the function's name (0: left out)."""
    word, word_tag, message, tag = _parts(line)
    head: list[Piece] = [(local_time(line.time, 3) + " ", "dim")]
    if with_function:
        head.append((_cut(clean(line.function), with_function).ljust(with_function) + " ", "blue"))
    head.append((word.ljust(6)[:6] + " ", word_tag))
    indent = 13 + (with_function + 1 if with_function else 0) + 7
    rows: list[tuple[Piece, ...]] = []
    for number, text in enumerate(_texts(message if pretty else record_text(message), pretty)):
        pieces = json_pieces(text) if pretty and text.lstrip()[:1] in '{}[]"' else ((clean(text), tag),)
        pieces = _highlit(pieces, pattern)
        lead: tuple[Piece, ...] = tuple(head) if not number else ((" " * indent, ""),)
        whole = (*lead, *pieces)
        rows.extend(wrap(whole, width, indent if indent < width // 2 else 2) if wrapped else [whole])
    return rows


def _parts(line: LogLine) -> tuple[str, str, str, str]:
    """Word for the level column, its tag, the message, its tag."""
    if line.level == "PLATFORM":
        match = _PLATFORM.match(line.message)
        if match is None:
            event = shortened(line.message)
            return ("", "dim", line.message, "dim") if event is None else (event.word, "dim", event.text, "dim")
        word = match[1].removesuffix("_START").removesuffix("_REPORT")
        tag = _WORD_TAGS.get(word, "dim")
        return word, tag, _short_report(line.message[match.end() :]), tag
    tag = LEVEL_TAGS.get(line.level, "")
    loud = "err" if LEVELS.get(line.level, 20) >= ERROR_FROM else ("warn" if line.level == "WARNING" else "")
    word = {"PRINT": "", "WARNING": "WARN", "CRITICAL": "CRIT"}.get(line.level, line.level)
    return word, tag, _RECORD.sub("", line.message, count=1), "dim" if line.level == "DEBUG" else loud


def _short_report(message: str) -> str:
    """A platform line without what stands elsewhere: the full request id becomes its first eight characters."""
    parts = [part.strip() for part in message.split("\t") if part.strip()]
    if len(parts) < 2:
        return _REQUEST.sub(r"\1…", message)
    facts = dict(part.split(": ", 1) for part in parts if ": " in part)
    used, limit = facts.pop("Max Memory Used", ""), facts.pop("Memory Size", "")
    facts.pop("RequestId", None)
    if limit:
        facts["Mem"] = f"{used.removesuffix(' MB')}/{limit}" if used else limit
    names = {"Billed Duration": "Billed", "Init Duration": "Init", "Error Type": "Error"}
    return "  ".join(f"{names.get(name, name)}: {value}" for name, value in facts.items())


def _texts(message: str, pretty: bool) -> list[str]:
    parts = re.split(r"\r\n|[\r\n]", message.rstrip("\r\n"))
    if pretty and len(parts) == 1 and message.lstrip()[:1] in ("{", "["):
        try:
            json_value(message)
        except ValueError:
            return parts
        return pretty_json(message).splitlines()
    return parts


def _highlit(pieces: tuple[Piece, ...], pattern: re.Pattern[str] | None) -> tuple[Piece, ...]:
    if pattern is None:
        return pieces
    out: list[Piece] = []
    for text, tag in pieces:
        at = 0
        for match in pattern.finditer(text):
            start, end = match.span()
            if start == end:
                continue
            if start > at:
                out.append((text[at:start], tag))
            out.append((text[start:end], f"{tag} bold underline on-hit".strip()))
            at = end
        if at < len(text):
            out.append((text[at:], tag))
    return tuple(out)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

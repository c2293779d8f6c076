"""Raw bytes of an environment's output as lines with levels. Knows Lambda's log formats and nothing of requests."""

from __future__ import annotations

import re

import msgspec

from lambdatui.schema import LEVELS

MAX_LINE = 256 * 1024  # bytes of one line that are kept
PRINT = "PRINT"
_SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL", "TRACE": "DEBUG", "NOTSET": "DEBUG", "EXCEPTION": "ERROR"}
_NAMES = "DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL|TRACE|NOTSET"
_LEVEL_OF = {name: _SYNONYMS.get(name, name) for name in _NAMES.split("|")}
_LONGEST_NAME = max(map(len, _LEVEL_OF))
# `[INFO]\t2020-…` (logging) and `[ERROR] KeyError: …` (an uncaught exception, no timestamp)
_TEXT = re.compile(rf"\[({_NAMES})\](?:\t| (?=[\w.]+(?::|\r|$)))")
_TRACEBACK = "Traceback (most recent call last):"
_LINKS = ("During handling of the above exception", "The above exception was the direct cause")
_SAYS_SOMETHING = ("[", "{", _TRACEBACK[0])
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?$", re.DOTALL)

_NO_TRACEBACK, _INSIDE, _BEHIND = range(3)  # behind: the exception's own line has come


class _Json(msgspec.Struct):
    level: str = ""
    log_level: str = ""  # of an uncaught exception, by Lambda's runtime client


_json = msgspec.json.Decoder(_Json)


def own_level(line: str) -> str | None:
    """The level that a line states itself; None where it states none. Unknown names are none."""
    if line.startswith("["):
        end = line.find("]\t", 1, _LONGEST_NAME + 2)
        if end > 0 and (level := _LEVEL_OF.get(line[1:end])) is not None:
            return level
        match = _TEXT.match(line)
        if match is not None:
            return _SYNONYMS.get(match[1], match[1])
    elif line.startswith("{") and ('"level"' in line or '"log_level"' in line):
        try:
            record = _json.decode(line)
            name = (record.level or record.log_level).upper()
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        name = _SYNONYMS.get(name, name)
        return name if name in LEVELS else None
    return None


class LineSplitter:
    """Splits what an environment writes into (level, message). A line that has not ended waits for the next chunk.

    Lines that state no level are PRINT, unless they go on with the record before: indented lines, a traceback and the
    exception's line under it have that record's level. A traceback that follows no record is an ERROR.
    """

    def __init__(self) -> None:
        self._partial = bytearray()
        self._cut = 0  # bytes of the partial line that were not kept
        self._level: str | None = None  # of the record that lines may continue
        self._traceback = _NO_TRACEBACK

    def feed(self, data: bytes) -> list[tuple[str, str]]:
        """The lines that `data` completes."""
        lines: list[tuple[str, str]] = []
        begin = 0
        if self._partial or self._cut or len(data) > MAX_LINE:
            while (end := data.find(b"\n", begin)) >= 0:
                self._keep(data[begin:end])
                lines.append(self._take())
                begin = end + 1
                if len(data) - begin <= MAX_LINE:
                    break
        end = data.rfind(b"\n", begin)
        if end >= 0:
            lines += self._judged(data[begin:end].decode("utf-8", "replace"))
            begin = end + 1
        self._keep(data[begin:])
        return lines

    def _judged(self, text: str) -> list[tuple[str, str]]:
        """Whole lines. Most are printed and continue nothing, which their first character says."""
        carriage = "\r" in text
        lines = []
        for line in text.split("\n"):
            if carriage:
                line = line.removesuffix("\r")
            plain = self._level is None and line[:1] not in _SAYS_SOMETHING
            lines.append((PRINT if plain else self._judge(line), line))
        return lines

    def flush(self) -> list[tuple[str, str]]:
        """What stands there without an end (at an invocation's end); the next line continues nothing."""
        lines = [self._take()] if self._partial or self._cut else []
        self._level, self._traceback = None, _NO_TRACEBACK
        return lines

    def _keep(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._partial)
        self._partial += piece[:room]
        self._cut += max(0, len(piece) - room)

    def _take(self) -> tuple[str, str]:
        text = self._partial.decode("utf-8", "replace").removesuffix("\r")
        if self._cut:
            text += f" … [{self._cut} more bytes of this line were cut]"
        self._partial.clear()
        self._cut = 0
        return self._judge(text), text

    def _judge(self, line: str) -> str:
        stated = own_level(line)
        if stated is not None:
            self._level, self._traceback = stated, _NO_TRACEBACK
            return stated
        if line.startswith(_TRACEBACK):
            self._level, self._traceback = self._level or "ERROR", _INSIDE
            return self._level
        if self._level is not None and self._goes_on(line):
            return self._level
        self._level, self._traceback = None, _NO_TRACEBACK
        return PRINT

    def _goes_on(self, line: str) -> bool:
        if line[:1] in (" ", "\t"):
            return True
        if self._traceback == _INSIDE and _EXCEPTION.match(line):
            self._traceback = _BEHIND
            return True
        return self._traceback == _BEHIND and (not line or line.startswith(_LINKS))

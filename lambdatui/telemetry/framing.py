"""The records of `logging` and of uncaught exceptions among the bytes of a log pipe, framed as `wire.LOG_RECORD` says.

On Lambda each is one event of the log, however many lines it has; what is printed becomes one event a line.
"""

from __future__ import annotations

import msgspec

from lambdatui import wire
from lambdatui.telemetry.lines import MAX_LINE, PRINT, own_level

_MARK = b"\xa5\x5a\x00"  # no UTF-8 text holds it
_HEAD = wire.LOG_RECORD.size
_MAX_MESSAGE = 64 * 1024 * 1024  # a head that says more was not written by the runtime
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_KINDS = {  # type of a record -> its level
    wire.log_record_type(level, json_format): level for level in (0, *_LEVELS) for json_format in (False, True)
}


class Piece(msgspec.Struct, frozen=True):
    """`level`: None for printed bytes; of a record, as `logging` has it, 0 where it has none."""

    data: bytes
    level: int | None = None

    def line(self) -> tuple[str, str]:
        """A record as (level's name, message)."""
        cut = len(self.data) - MAX_LINE
        data = self.data if cut <= 0 else self.data[:MAX_LINE]
        text = data.decode("utf-8", "replace").removesuffix("\n")
        level = _LEVELS.get(self.level or 0) or own_level(text) or PRINT
        return level, text if cut <= 0 else f"{text} … [{cut} more bytes of this record were cut]"


class Framing:
    """Takes bytes as they come, cut anywhere; gives printed bytes at once and records when they are whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of what is not complete
        self._missing = 0  # bytes until there is more to see of it

    def feed(self, data: bytes) -> list[Piece]:
        """What is complete now, in the order in which it was written."""
        if self._pieces:
            self._pieces.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return []
            data = b"".join(self._pieces)
        pieces: list[Piece] = []
        unpack = wire.LOG_RECORD.unpack_from
        printed = position = 0  # up to `printed` everything is in `pieces`
        while True:
            start = data.find(_MARK, position)
            if start < 0:
                start = _beginning(data, position)
                missing = 1
                break
            missing = start + _HEAD - len(data)
            if missing > 0:
                break
            kind, length, _ = unpack(data, start)
            level = _KINDS.get(kind)
            if level is None or length > _MAX_MESSAGE:
                position = start + len(_MARK)
                continue
            end = start + _HEAD + length
            missing = end - len(data)
            if missing > 0:
                break
            if start > printed:
                pieces.append(Piece(data[printed:start]))
            pieces.append(Piece(data[start + _HEAD : end], level))
            printed = position = end
        if start > printed:
            pieces.append(Piece(data[printed:start]))
        self._pieces = [data[start:]] if start < len(data) else []
        self._missing = missing
        return pieces

    def flush(self) -> list[Piece]:
        """What stands there unfinished: the process died while it wrote."""
        rest, self._pieces = b"".join(self._pieces), []
        if rest.startswith(_MARK) and len(rest) > _HEAD:
            kind, _, _ = wire.LOG_RECORD.unpack_from(rest)
            return [Piece(rest[_HEAD:], wire.log_record_level(kind) or 0)]
        return [Piece(rest)] if rest else []


def _beginning(data: bytes, position: int) -> int:
    """Where a mark may begin that the end of the data has cut; the end where none does."""
    for length in (2, 1):
        if len(data) - position >= length and data.endswith(_MARK[:length]):
            return len(data) - length
    return len(data)

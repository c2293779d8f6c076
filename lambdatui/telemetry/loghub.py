"""The newest log lines in memory, for screens that follow them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

from lambdatui.schema import LogLine

CAPACITY = 20_000
MAX_BYTES = 32 * 1024 * 1024  # of messages: lines may be long


class LogHub:
    """A ring of the newest lines. Ids rise; each reader remembers the last one that it has."""

    def __init__(self, capacity: int = CAPACITY, max_bytes: int = MAX_BYTES) -> None:
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lines: list[LogLine] = []  # up to twice the capacity, so that dropping is rare and cheap
        self._newest_gone = 0

    def add(self, lines: Sequence[LogLine]) -> None:
        """Append lines whose ids rise."""
        self._lines.extend(lines)
        self._bytes += sum(map(_size, lines))
        if len(self._lines) >= 2 * self._capacity:
            self._drop(len(self._lines) - self._capacity)
        if self._bytes > self._max_bytes:
            self._drop(self._over())

    def _over(self) -> int:
        """How many of the oldest must go for their bytes; a quarter more than need be, so that this is rare."""
        left, count = self._bytes, 0
        while left > self._max_bytes * 3 // 4 and count < len(self._lines) - 1:
            left -= _size(self._lines[count])
            count += 1
        return count

    def _drop(self, count: int) -> None:
        if count:
            self._newest_gone = self._lines[count - 1].id
            self._bytes -= sum(map(_size, self._lines[:count]))
            del self._lines[:count]

    @property
    def newest_id(self) -> int:
        """Id of the last line; 0 where there was none."""
        return self._lines[-1].id if self._lines else self._newest_gone

    def after(
        self, line_id: int, functions: Collection[str] = (), limit: int | None = None
    ) -> tuple[list[LogLine], int]:
        """(lines after `line_id`, oldest first; how many came after it that are not among them).

        At most the newest `limit`, of `functions` (empty: all). A first look (`line_id` 0) has missed nothing. Lines
        that left the ring are counted whatever their function was.
        """
        lines = self._lines
        begin = max(bisect_right(lines, line_id, key=_id), len(lines) - self._capacity)
        found = lines[begin:]
        if functions:
            chosen = set(functions)
            found = [line for line in found if line.function in chosen]
        if line_id == 0:
            return (found if limit is None else found[max(0, len(found) - limit) :]), 0
        dropped = 0
        oldest = lines[begin].id if begin < len(lines) else self._newest_gone + 1
        if line_id < self._newest_gone or begin > bisect_right(lines, line_id, key=_id):
            dropped = oldest - line_id - 1
        if limit is not None and len(found) > limit:
            dropped += len(found) - limit
            found = found[len(found) - limit :]
        return found, dropped


def _size(line: LogLine) -> int:
    """Bytes that the message takes, at most."""
    return len(line.message) * (1 if line.message.isascii() else 4)


def _id(line: LogLine) -> int:
    return line.id

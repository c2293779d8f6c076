"""Which accepted events come next, function by function: a few in memory, the rest on disk. Pure; reads nothing itself.

An event that arrives while nothing waits in front of it is never read back; of a backlog some are read at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lambdatui.store.records import AsyncEvent

READ_AHEAD = 64  # events of a function that are read at once
BYTES_AHEAD = 8 * 1024 * 1024  # of payloads in memory, over all functions: what arrives beyond them stays on disk


class Line:
    """One function's events, in the order in which they became due."""

    __slots__ = ("function", "held", "reading", "ready", "unread")

    def __init__(self, function: str) -> None:
        self.function = function
        self.ready: deque[AsyncEvent] = deque()  # in memory, not begun
        self.held: set[str] = set()  # request ids of those that are ready or run
        self.unread = False  # there may be due events on disk, behind `ready`
        self.reading = False


class Backlog:
    """All lines, and which of them are worth a look."""

    def __init__(self) -> None:
        self.look: set[str] = set()  # functions that may have an event to begin
        self.running = 0
        self._lines: dict[str, Line] = {}
        self._later: dict[str, int] = {}  # function -> when its next event on disk becomes due, in us
        self._bytes = 0  # of payloads in `ready`

    def line(self, function: str) -> Line:
        found = self._lines.get(function)
        if found is None:
            found = self._lines[function] = Line(function)
        return found

    def found(self, function: str) -> None:
        """There are events of `function` on disk, from an earlier engine."""
        self.line(function).unread = True
        self.look.add(function)

    def arrived(self, event: AsyncEvent) -> None:
        """`event` is on disk now."""
        line = self.line(event.function)
        if event.request_id in line.held:  # a read had it from the disk in the moment between its commit and this
            return
        behind = line.unread or line.reading or len(line.ready) >= READ_AHEAD
        if behind or self._bytes + len(event.payload) > BYTES_AHEAD:
            line.unread = True
        else:
            self._put(line, event)
        self.look.add(event.function)

    def read(self, line: Line, events: Sequence[AsyncEvent], *, more: bool, later_us: int | None) -> None:
        """What the disk had of the line; `later_us`: when the first of those becomes due that were not yet."""
        for event in events:
            self._put(line, event)
        line.unread |= more
        if later_us is None:
            self._later.pop(line.function, None)
        else:
            self._later[line.function] = later_us

    def _put(self, line: Line, event: AsyncEvent) -> None:
        line.ready.append(event)
        line.held.add(event.request_id)
        self._bytes += len(event.payload)

    def begin(self, line: Line) -> AsyncEvent:
        """Take the line's next event to run it."""
        event = line.ready.popleft()
        self._bytes -= len(event.payload)
        self.running += 1
        return event

    def ended(self, event: AsyncEvent, due_us: int | None) -> None:
        """It runs no more; it is on disk and due at `due_us`, or gone (None)."""
        self.line(event.function).held.discard(event.request_id)
        self.running -= 1
        if due_us is not None:
            self._later[event.function] = min(due_us, self._later.get(event.function, due_us))

    def wait_over(self, now_us: int) -> None:
        """Look at the lines where something has become due."""
        for function in [name for name, at_us in self._later.items() if at_us <= now_us]:
            del self._later[function]
            self.found(function)

    @property
    def next_us(self) -> int | None:
        """When the next event becomes due that is not yet."""
        return min(self._later.values(), default=None)

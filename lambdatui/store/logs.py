"""Log groups, streams and their lines by time: what CloudWatch Logs is asked for. Only lines of a stream are seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from lambdatui.clock import MICROS
from lambdatui.store import log_rows
from lambdatui.store.needles import Needle, condition
from lambdatui.store.readpool import ReadPool
from lambdatui.store.writer import Writer

DAY_US = 86_400 * MICROS
FIRST, LAST = (0, 0), (2**62, 2**62)
_NO_KEY = -1


class LogGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    created_us: int
    retention_days: int | None = None
    tags: dict[str, str] = {}


class StreamRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stream; the times of its lines are None where it has none."""

    name: str
    created_us: int
    first_us: int | None
    last_us: int | None


class Place(NamedTuple):
    """Where a line stands: lines are in order of it."""

    time_us: int
    id: int


class Event(NamedTuple):
    """A line as an event of its stream."""

    place: Place
    message: str
    level: str
    stream: str


class Span(NamedTuple):
    """Lines of `group` behind `after` and before `before`, both excluded; of all of its streams, or of `streams`."""

    group: str
    after: tuple[int, int] = FIRST
    before: tuple[int, int] = LAST
    streams: Sequence[str] | None = None
    backward: bool = False


class Page(NamedTuple):
    """Events in order of time. `place`: how far was looked; `more`: the look ended before the span did."""

    events: list[Event]
    place: Place | None
    more: bool


class Filter(NamedTuple):
    """Which messages are wanted: those that match. Each of these has at least one needle of every group."""

    matches: Callable[[str], bool]
    needles: Sequence[Sequence[Needle]] = ()


class Limits(NamedTuple):
    """When a page is full: events in it, their bytes, and lines that were looked at."""

    events: int
    bytes: int
    lines: int


class LogStore:
    """Reads see what has been flushed. A line older than its group's retention is not there."""

    def __init__(self, writer: Writer, reads: ReadPool, now_us: Callable[[], int]) -> None:
        self._writer = writer
        self._reads = reads
        self._now_us = now_us

    async def groups(self) -> dict[str, LogGroup]:
        """All groups that have lines, settings or tags."""
        return await self._reads.run(_groups)

    async def streams(self, group: str, prefix: str = "") -> list[StreamRow]:
        """The group's streams whose names begin with `prefix`, by name."""
        oldest_us = self._now_us()

        def work(connection: sqlite3.Connection) -> list[StreamRow]:
            least = _kept_from(connection, group, oldest_us)
            rows = connection.execute(
                "SELECT s.name, s.created_us, (SELECT l.time_us FROM log l WHERE l.stream = s.id AND l.time_us >= ?1"
                " ORDER BY l.time_us LIMIT 1), s.last_us FROM log_stream s JOIN log_group g ON g.id = s.log_group"
                " WHERE g.name = ?2 AND substr(s.name, 1, ?3) = ?4 ORDER BY s.name",
                (least, group, len(prefix), prefix),
            )
            return [
                StreamRow(name=name, created_us=created_us, first_us=first_us, last_us=last_us if first_us else None)
                for name, created_us, first_us, last_us in rows
            ]

        return await self._reads.run(work)

    async def has_stream(self, group: str, stream: str) -> bool:
        return await self._reads.run(lambda connection: _stream(connection, group, stream) != _NO_KEY)

    async def page(self, span: Span, limits: Limits, wanted: Filter | None = None) -> Page:
        """The first events of a span (backward: the last ones) that are wanted."""
        now_us = self._now_us()
        return await self._reads.run(lambda connection: page(connection, span, limits, wanted, now_us))

    async def retain(self, group: str, days: int | None) -> None:
        """Let the group's lines be there for `days` only; None: as long as they are kept at all."""
        await self._change(group, "retention_days = ?", days)

    async def tag(self, group: str, tags: dict[str, str]) -> None:
        """Replace the group's tags."""
        await self._change(group, "tags = ?", msgspec.json.encode(tags).decode())

    async def _change(self, group: str, setting: str, value: str | int | None) -> None:
        now_us = self._now_us()

        def work(connection: sqlite3.Connection) -> None:
            key = log_rows.group_key(connection, group, now_us)
            connection.execute(f"UPDATE log_group SET {setting} WHERE id = ?", (value, key))

        await self._writer.run(work)

    async def delete_group(self, group: str) -> None:
        """Forget the group, its settings and streams. The lines stay for this program's own views."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM log_stream WHERE log_group = (SELECT id FROM log_group WHERE name = ?)", (group,)
            )
            connection.execute("DELETE FROM log_group WHERE name = ?", (group,))

        await self._writer.run(work)

    async def delete_stream(self, group: str, stream: str) -> bool:
        """Forget the stream; False where it is not there."""

        def work(connection: sqlite3.Connection) -> bool:
            key = _stream(connection, group, stream)
            return connection.execute("DELETE FROM log_stream WHERE id = ?", (key,)).rowcount > 0

        return await self._writer.run(work)


def _groups(connection: sqlite3.Connection) -> dict[str, LogGroup]:
    rows = connection.execute("SELECT name, created_us, retention_days, tags FROM log_group")
    return {
        name: LogGroup(
            name=name,
            created_us=created_us,
            retention_days=days,
            tags=msgspec.json.decode(tags, type=dict[str, str]),
        )
        for name, created_us, days, tags in rows
    }


def _kept_from(connection: sqlite3.Connection, group: str, now_us: int) -> int:
    row = connection.execute("SELECT retention_days FROM log_group WHERE name = ?", (group,)).fetchone()
    return 0 if row is None or row[0] is None else now_us - row[0] * DAY_US


def _stream(connection: sqlite3.Connection, group: str, stream: str) -> int:
    row = connection.execute(
        "SELECT s.id FROM log_stream s JOIN log_group g ON g.id = s.log_group WHERE g.name = ? AND s.name = ?",
        (group, stream),
    ).fetchone()
    return _NO_KEY if row is None else row[0]


def page(connection: sqlite3.Connection, span: Span, limits: Limits, wanted: Filter | None, now_us: int) -> Page:
    """As LogStore.page, at `now_us`."""
    names = _names(connection, span)
    if not names:
        return Page([], None, False)
    after = max(span.after, (_kept_from(connection, span.group, now_us), -1))
    lines = _Lines(span._replace(after=after), names)
    events: list[Event] = []
    place: Place | None = None
    # Lines that SQLite passes over are not counted here.
    end = lines.end(connection, limits.lines) if wanted is not None and wanted.needles else None
    more = end is not None
    size = 0
    for looked, (line_id, time_us, message, level, stream) in enumerate(lines.read(connection, end, wanted)):
        if looked == limits.lines:
            more = True
            break
        if wanted is None or wanted.matches(message):
            size += len(message) * (1 if message.isascii() else 4)
            if len(events) == limits.events or (events and size > limits.bytes):
                more, end = True, None
                break
            if stream in names:  # it may have been deleted
                events.append(Event(Place(time_us, line_id), message, level, names[stream]))
        place = Place(time_us, line_id)
    return Page(events[::-1] if span.backward else events, end or place, more)


class _Lines:
    """The lines of a span, through an index by time: of one stream, or of the group."""

    def __init__(self, span: Span, names: dict[int, str]) -> None:
        where, keys = "stream = ?", list[int | str](names)
        if len(names) > 1:
            where = "log_group = (SELECT id FROM log_group WHERE name = ?)"
            if span.streams is not None:
                where += f" AND stream IN ({','.join(map(str, names))})"
            keys = [span.group]
        self._backward = span.backward
        self._where = f"{where} AND time_us >= ? AND (time_us, id) > (?, ?) AND time_us <= ? AND (time_us, id) < (?, ?)"
        self._values = [*keys, span.after[0], *span.after, span.before[0], *span.before]
        order = "DESC" if span.backward else "ASC"
        self._order = f" ORDER BY time_us {order}, id {order}"

    def end(self, connection: sqlite3.Connection, lines: int) -> Place | None:
        """Where so many lines end; None where there are no more than that."""
        sql = f"SELECT time_us, id FROM log WHERE {self._where}{self._order} LIMIT 2 OFFSET ?"
        found = connection.execute(sql, (*self._values, lines - 1)).fetchall()
        return Place(*found[0]) if len(found) > 1 else None

    def read(
        self, connection: sqlite3.Connection, end: Place | None, wanted: Filter | None
    ) -> Iterable[tuple[int, int, str, str, int]]:
        """(id, time, message, level, stream's key) up to `end`, without lines that lack what the wanted ones have."""
        where, values = [self._where], [*self._values]
        if end is not None:
            sign = ">" if self._backward else "<"
            where.append(f"time_us {sign}= ? AND (time_us, id) {sign}= (?, ?)")
            values += [end.time_us, *end]
        for group in wanted.needles if wanted else ():
            narrowed, texts = condition("message", group)
            where.append(narrowed)
            values += texts
        return connection.execute(
            f"SELECT id, time_us, message, level, stream FROM log WHERE {' AND '.join(where)}{self._order}", values
        )


def _names(connection: sqlite3.Connection, span: Span) -> dict[int, str]:
    """{key: name} of the span's streams."""
    rows = connection.execute(
        "SELECT s.id, s.name FROM log_stream s JOIN log_group g ON g.id = s.log_group WHERE g.name = ?", (span.group,)
    )
    wanted = None if span.streams is None else set(span.streams)
    return {key: name for key, name in rows if wanted is None or name in wanted}

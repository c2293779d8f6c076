"""The newest log lines in memory, for screens that follow them: as the bytes that a feed sends, made once for all."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

import msgspec

from lambdatui.clock import iso
from lambdatui.schema import LEVEL_CODES, LogBatch, LogLine
from lambdatui.store.records import LogRecords

CAPACITY = 40_000  # lines
MAX_BYTES = 2_500_000  # as they are kept: half a second of 50,000 lines a second
MOST_OF_BATCH = 256 * 1024  # bytes; what is larger is kept in parts
_OVERHEAD = 200  # bytes that a batch takes beside its own
_FEW = 3  # lines, of 256 KB at most: more are packed at once, which takes half the memory

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogBatch).decode


class Packed:
    """Lines that were read together, ids from `first` to `last`, as a LogBatch in msgpack.

    It is made once, when the first reader wants it: most lines of an engine that nobody looks at never are.
    """

    __slots__ = ("_raw", "_records", "first", "function", "last", "size")

    def __init__(self, first: int, lines: int, function: str, *, raw: bytes = b"", records: LogRecords | None = None):
        self.first = first
        self.last = first + lines - 1
        self.function = function
        self.size = len(raw) + _OVERHEAD if records is None else records.weight  # that it is kept in, about
        self._raw = raw
        self._records = records

    @property
    def lines(self) -> int:
        return self.last - self.first + 1

    @property
    def raw(self) -> bytes:
        if self._records is not None:
            self._raw, self._records = _encode(_batch_of(self._records)), None
        return self._raw

    def batch(self) -> LogBatch:
        return _decode(self._raw) if self._records is None else _batch_of(self._records)

    def newest(self, count: int) -> Packed:
        """Its last `count` lines."""
        if count >= self.lines:
            return self
        return pack(_part(self.batch(), self.lines - count, self.lines))

    def within(self, size: int) -> Packed:
        """As many of its last lines as fit into about so many bytes; at least one."""
        if self.size <= size:
            return self
        count = 0
        for message in reversed(self.batch().messages):
            size -= len(message) * (1 if message.isascii() else 4)
            if size < 0:
                break
            count += 1
        return self.newest(max(1, count))


def _part(batch: LogBatch, begin: int, end: int) -> LogBatch:
    levels, messages = batch.levels[begin:end], batch.messages[begin:end]
    return msgspec.structs.replace(batch, id=batch.id + begin, levels=levels, messages=messages)


def pack(batch: LogBatch) -> Packed:
    return Packed(batch.id, len(batch.messages), batch.function, raw=_encode(batch))


def _batch_of(records: LogRecords) -> LogBatch:
    return LogBatch(
        id=records.id,
        time=iso(records.time_us),
        function=records.function,
        request_id=records.request_id,
        stream=None if records.stream is None else records.stream.name,
        levels=records.levels,
        messages=list(records.messages),
    )


class LogHub:
    """A ring of the newest lines. Ids rise; each reader remembers the last one that it has."""

    def __init__(self, capacity: int = CAPACITY, max_bytes: int = MAX_BYTES) -> None:
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._lines = 0
        self._bytes = 0
        self._kept: list[Packed] = []
        self._newest_gone = 0

    def add(self, records: LogRecords) -> None:
        """Append lines; their ids are greater than those of all before."""
        if len(records.messages) > _FEW:
            self._add_packed(_batch_of(records))
        else:
            self._keep(Packed(records.id, len(records.messages), records.function, records=records))

    def _add_packed(self, batch: LogBatch) -> None:
        packed = pack(batch)
        if len(packed.raw) > MOST_OF_BATCH and packed.lines > 1:
            half = packed.lines // 2
            self._add_packed(_part(batch, 0, half))
            self._add_packed(_part(batch, half, packed.lines))
        else:
            self._keep(packed)

    def _keep(self, packed: Packed) -> None:
        self._kept.append(packed)
        self._lines += packed.lines
        self._bytes += packed.size
        if self._lines > self._capacity or self._bytes > self._max_bytes:
            self._drop()

    def _drop(self) -> None:
        """Let the oldest go, a portion more than need be so that this is rare."""
        count = 0
        while count < len(self._kept) - 1 and (
            self._lines > self._capacity * 7 // 8 or self._bytes > self._max_bytes * 7 // 8
        ):
            self._lines -= self._kept[count].lines
            self._bytes -= self._kept[count].size
            count += 1
        if count:
            self._newest_gone = self._kept[count - 1].last
            del self._kept[:count]

    @property
    def newest_id(self) -> int:
        """Id of the last line; 0 where there was none."""
        return self._kept[-1].last if self._kept else self._newest_gone

    def packed_after(
        self, line_id: int, functions: Collection[str] = (), limit: int | None = None, size: int | None = None
    ) -> tuple[list[Packed], int]:
        """(lines after `line_id`, oldest first; how many came after it that are not among them).

        At most the newest `limit` and about `size` bytes, of `functions` (empty: all). A first look (`line_id` 0) has
        missed nothing. Lines that left the ring are counted whatever their function was.
        """
        begin = bisect_right(self._kept, line_id, key=_last)
        fresh = self._kept[begin:]
        dropped = 0
        if fresh and fresh[0].first <= line_id:  # it has the batch in part
            fresh[0] = fresh[0].newest(fresh[0].last - line_id)
        elif line_id < self._newest_gone:
            dropped = self._newest_gone - line_id
        if functions:
            chosen = set(functions)
            fresh = [each for each in fresh if each.function in chosen]
        found = newest_of(fresh, limit, size)
        dropped += sum(each.lines for each in fresh) - sum(each.lines for each in found)
        return found, dropped if line_id else 0

    def after(
        self, line_id: int, functions: Collection[str] = (), limit: int | None = None
    ) -> tuple[list[LogLine], int]:
        """As `packed_after`, each line for itself."""
        found, dropped = self.packed_after(line_id, functions, limit)
        return [line for each in found for line in each.batch().lines()], dropped


def newest_of(batches: Sequence[Packed], limit: int | None, size: int | None) -> list[Packed]:
    """The newest lines, at most `limit` and about `size` bytes; at least one where there is one and `limit` allows."""
    found: list[Packed] = []
    for each in reversed(batches):
        if limit is not None:
            if limit <= 0:
                break
            each = each.newest(limit)
            limit -= each.lines
        if size is not None:
            if found and size <= 0:
                break
            whole, each = each, each.within(max(size, 0)) if not found or each.size > size else each
            size -= each.size
            if each is not whole:
                limit = 0
        found.append(each)
    return found[::-1]


def batches_of(lines: Iterable[LogLine]) -> list[LogBatch]:
    """Lines in batches, as far as they belong together."""
    found = []
    for (_, time, function, request_id, stream), group in groupby(enumerate(lines), _belongs_to):
        together = [line for _, line in group]
        found.append(
            LogBatch(
                id=together[0].id,
                time=time,
                function=function,
                request_id=request_id,
                stream=stream,
                levels=bytes(LEVEL_CODES[line.level] for line in together),
                messages=[line.message for line in together],
            )
        )
    return found


def _belongs_to(numbered: tuple[int, LogLine]) -> tuple[int, str, str, str | None, str | None]:
    number, line = numbered
    return line.id - number, line.time, line.function, line.request_id, line.stream


def _last(packed: Packed) -> int:
    return packed.last

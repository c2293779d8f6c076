"""What comes next in one lane of a shard: read from the store, through the mapping's filters."""

from __future__ import annotations

from typing import NamedTuple

from lambdatui.sources.ports import Engine
from lambdatui.sources.stream_rules import LaneState
from lambdatui.sources.stream_settings import Settings
from lambdatui.store.records import Record
from lambdatui.wire import MAX_SYNC_REQUEST

READ_AT_ONCE = 500  # records may be 1 MB each: a batch of 10,000 is read in pieces, until its payload is full
DROPPED_AT_ONCE = 10_000  # records that filters may drop before the checkpoint follows them
RECORD_OVERHEAD = 600  # bytes that an event needs beside a record's data


class Look(NamedTuple):
    """What comes next in a lane. `full`: it fills a batch; `until`: how far was looked; `more`: there may be more."""

    records: list[Record]
    full: bool
    until: str
    more: bool
    dropped: int  # by the mapping's filters


class LaneRecords:
    """One lane's records, in order, as many as a batch holds."""

    def __init__(self, engine: Engine, shard: str, lane: tuple[int, int], after: str) -> None:
        """`lane`: its index, and how many the shard has. What comes behind `after` is counted as polled, once."""
        self._engine = engine
        self._shard = shard
        self._lane = lane
        self._polled = after

    async def look(self, settings: Settings, state: LaneState, limit: str | None) -> Look:
        """What lies behind `state.seq`, up to `limit`."""
        records: list[Record] = []
        dropped, after = 0, state.seq
        room = settings.mapping.batch_size
        left = MAX_SYNC_REQUEST - (len(state.window.state) if state.window else 0)
        while room > len(records) and dropped < DROPPED_AT_ONCE:
            wanted = min(READ_AT_ONCE, room - len(records))
            piece, after = await self._read(settings, after, limit, wanted)
            kept = [record for record in piece if settings.passes(record)]
            self._count(settings, piece, kept)
            dropped += len(piece) - len(kept)
            for record in kept:
                left -= len(record.data) * 4 // 3 + len(record.partition_key) + RECORD_OVERHEAD
                if records and left < 0:
                    return Look(records, True, records[-1].seq, True, dropped)
                records.append(record)
            if len(piece) < wanted:
                return Look(records, False, after, False, dropped)
        return Look(records, room <= len(records), after, True, dropped)

    async def oldest_us(self, settings: Settings, after: str, limit: str | None) -> int | None:
        """When the oldest record that waits arrived."""
        waiting, _ = await self._read(settings, after, limit, 1)
        return waiting[0].arrived_us if waiting else None

    async def _read(self, settings: Settings, after: str, limit: str | None, wanted: int) -> tuple[list[Record], str]:
        streams, name = self._engine.store.streams, settings.stream.name
        return await streams.read_lane(name, self._shard, after, limit, wanted, self._lane)

    def _count(self, settings: Settings, piece: list[Record], kept: list[Record]) -> None:
        """Each record once, however often it is read again for another try."""
        polled = sum(record.seq > self._polled for record in piece)
        if not polled:
            return
        dropped = polled - sum(record.seq > self._polled for record in kept)
        self._polled = piece[-1].seq
        mapping, count = settings.mapping, self._engine.telemetry.metrics.count
        count(mapping.function, "PolledEventCount", polled, mapping=mapping.uuid, stored=mapping.metrics)
        if dropped:
            count(mapping.function, "FilteredOutEventCount", dropped, mapping=mapping.uuid, stored=mapping.metrics)

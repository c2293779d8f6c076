"""One shard of a stream's event source mapping: its lanes, how many there are, and its end. Decisions stand in
`stream_lanes`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from lambdatui import schema
from lambdatui.sources import stream_lanes, stream_rules
from lambdatui.sources.lane_reader import Activity, LaneReader
from lambdatui.sources.ports import Engine
from lambdatui.sources.source import Loop
from lambdatui.sources.stream_rules import LaneState
from lambdatui.sources.stream_settings import Settings
from lambdatui.sources.timer import Timer
from lambdatui.store.shards import lane_of, seq_text

FOLLOW_AFTER = 500  # records after which lanes look that have none of them


class ShardReader(Loop):
    """One shard of one mapping. It ends when the shard is closed and everything in it is done."""

    def __init__(
        self,
        engine: Engine,
        timer: Timer,
        settings: Settings,
        shard: str,
        activity: Activity,
        *,
        paused: bool,
        drained: Callable[[str], None],
    ) -> None:
        """`drained` is told the shard's id at its end."""
        super().__init__(engine, timer, label=f"stream {settings.stream.name} {shard}", paused=paused)
        self.shard = shard
        self._settings = settings
        self._activity = activity
        self._drained = drained
        self._ended = False  # the lanes have met and were stopped
        self._arrived = 0  # records since all lanes were woken
        self._lanes: list[LaneReader] = []  # none: the checkpoints are not read yet

    def update(self, settings: Settings) -> None:
        """Takes over changed settings from the next batch on."""
        self._settings = settings
        for lane in self._lanes:
            lane.settings = settings

    def wake(self) -> None:
        super().wake()
        for lane in self._lanes:
            lane.wake()

    def arrived(self, keys: Sequence[str]) -> None:
        """Records of these keys were put. The other lanes follow now and then, so that the backlog stays cheap."""
        lanes = self._lanes
        self._arrived += len(keys)
        if len(lanes) > 1 and self._arrived <= FOLLOW_AFTER:
            lanes = [lanes[index] for index in {lane_of(key, len(lanes)) for key in set(keys)}]
        else:
            self._arrived = 0
        for lane in lanes:
            lane.wake()

    async def pause(self) -> None:
        await super().pause()
        for lane in self._lanes:
            await lane.pause()

    async def resume(self) -> None:
        await super().resume()
        for lane in self._lanes:
            await lane.resume()

    async def stop(self, grace: float | None = None) -> None:
        await asyncio.gather(super().stop(grace), *(lane.stop(grace) for lane in self._lanes))

    def retry_now(self) -> None:
        for lane in self._lanes:
            lane.retry_now()

    def snapshot(self, *, closed: bool = False) -> schema.ShardRow:
        """`iterator_age_ms` here is the age of the oldest record not done with: it rises while the shard is blocked."""
        states = [lane.state for lane in self._lanes]
        waiting = self.engine.store.streams.waiting
        backlog = waiting(self._settings.stream.name, self.shard, [state.seq for state in states]) if states else 0
        oldest = [lane.oldest_us for lane in self._lanes if lane.oldest_us is not None]
        age = max(self.engine.clock.now_us() - min(oldest), 0) / 1000 if oldest else None
        if not backlog:
            age = 0.0 if any(state.seq for state in states) else None
        blocked = next((state for state in states if state.blocked), None)
        return schema.ShardRow(
            id=self.shard,
            closed=closed,
            iterator_age_ms=age,
            backlog=backlog,
            blocked=blocked is not None,
            attempts=max((state.tries for state in states), default=0),
            error=blocked.error if blocked else None,
        )

    async def round(self) -> int | None:
        if not self._lanes:
            self._begin(await self._load())
        states = [lane.state for lane in self._lanes]
        end = self._end()
        limit = end
        if limit is None and len(states) != self._settings.lanes:
            limit = stream_lanes.meeting_point(lane.reach for lane in self._lanes)
        met = limit is not None and stream_lanes.met(states, limit)
        if self._ended and not met:  # another change came before a disk that refused could store the one before
            self._begin(states)
        for lane in self._lanes:
            if lane.limit != limit:
                lane.limit = limit
                lane.wake()
        if limit is None or not met:
            return None
        self._ended = True
        for lane in self._lanes:
            await lane.stop()
        await self._meet(limit, ended=end is not None)
        return None

    async def _load(self) -> list[LaneState]:
        """The stored checkpoints, or the starting position, which is stored at once: what comes while the engine is
        down is not missed."""
        settings = self._settings
        begin = self.engine.store.streams.begin
        stored = await begin(settings.mapping.uuid, settings.stream, self.shard, settings.position)
        return [stream_rules.load(checkpoint) for checkpoint in stored]

    def _begin(self, states: list[LaneState]) -> None:
        self._ended = False
        self._lanes = [
            LaneReader(
                self.engine,
                self.timer,
                self._settings,
                self.shard,
                (index, len(states)),
                state,
                self._activity,
                paused=self.paused,
                rested=super(ShardReader, self).wake,
            )
            for index, state in enumerate(states)
        ]
        if not self._stopping:
            for lane in self._lanes:
                lane.start()

    def _end(self) -> str | None:
        """The sequence number behind which nothing comes, of a closed shard."""
        state = self.engine.store.streams.state(self._settings.stream.name)
        shard = state.by_id.get(self.shard) if state else None
        if shard is None:  # gone with its records
            return stream_lanes.meeting_point(lane.reach for lane in self._lanes)
        return None if shard.end is None else seq_text(shard.end)

    async def _meet(self, at: str, *, ended: bool) -> None:
        """Everything up to `at` is done. At the shard's end its children may begin, now and after a restart; else the
        shard goes on in as many lanes as the mapping has now."""
        fresh = stream_lanes.fresh(at, 1 if ended else self._settings.lanes)
        mapping = self._settings.mapping.uuid
        save = stream_rules.save
        await self.engine.store.streams.save_lanes(
            [save(state, mapping, self.shard, index, len(fresh)) for index, state in enumerate(fresh)]
        )
        if not ended:
            self._begin(fresh)
            return
        self._lanes = []
        self._stopping = True
        self.wake()
        self._drained(self.shard)

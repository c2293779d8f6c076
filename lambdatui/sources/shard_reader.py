"""One shard of a stream's event source mapping at work, one batch in flight. Decisions stand in `stream_rules`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lambdatui import schema
from lambdatui.clock import MICROS
from lambdatui.config.model import Project, StreamConfig, StreamMapping, queue_destination
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.sources import shapes, stream_rules
from lambdatui.sources.ports import Engine
from lambdatui.sources.source import Loop
from lambdatui.sources.stream_rules import Advance, Discard, Send, ShardState, Wait
from lambdatui.sources.timer import Timer
from lambdatui.store.records import NewMessage, Record
from lambdatui.store.shards import seq_text
from lambdatui.wire import MAX_SYNC_PAYLOAD

READ_AT_ONCE = 500  # records may be 1 MB each: a batch of 10,000 is read in pieces, until its payload is full
RECORD_OVERHEAD = 600  # bytes that an event needs beside a record's data


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the shards of one mapping share; replaced as a whole on a reload."""

    project: Project
    mapping: StreamMapping
    stream: StreamConfig

    @property
    def arn(self) -> str:
        return shapes.stream_arn(self.project.region, self.project.account, self.stream)

    @property
    def position(self) -> int | str:
        """Where a new mapping begins: TRIM_HORIZON, LATEST, or a time in microseconds."""
        mapping = self.mapping
        timed = mapping.starting_position == "AT_TIMESTAMP"
        return round(mapping.starting_timestamp * MICROS) if timed else mapping.starting_position

    @property
    def on_failure(self) -> str | None:
        """The destination's queue, where the project has it."""
        name = queue_destination(self.mapping.on_failure)
        return name if any(queue.name == name for queue in self.project.queues) else None


class ShardReader(Loop):
    """One shard of one mapping. It ends when the shard is closed and everything in it is done."""

    def __init__(
        self,
        engine: Engine,
        timer: Timer,
        settings: Settings,
        shard: str,
        *,
        paused: bool,
        drained: Callable[[str], None],
    ) -> None:
        """`drained` is told the shard's id at its end."""
        super().__init__(engine, timer, label=f"stream {settings.stream.name} {shard}", paused=paused)
        self.settings = settings
        self.shard = shard
        self._drained = drained
        self._state: ShardState | None = None  # None: checkpoint not read yet
        self._retry_us = 0
        self._seen_us: int | None = None
        self._oldest_us: int | None = None

    def retry_now(self) -> None:
        """Tries a blocked batch again without waiting for its back-off."""
        self._retry_us = 0
        self.wake()

    def snapshot(self, *, closed: bool = False) -> schema.ShardRow:
        """`iterator_age_ms` here is the age of the oldest record not done with: it rises while the shard is blocked."""
        state = self._state or ShardState()
        name = self.settings.stream.name
        backlog = self.engine.store.streams.backlog(name, self.shard, state.seq) if self._state else 0
        age = None if self._oldest_us is None else max(self.engine.clock.now_us() - self._oldest_us, 0) / 1000
        if not backlog:
            age = 0.0 if state.seq else None
        return schema.ShardRow(
            id=self.shard,
            closed=closed,
            iterator_age_ms=age,
            backlog=backlog,
            blocked=state.blocked,
            attempts=state.tries,
            error=state.error,
        )

    async def round(self) -> int | None:
        state = self._state or await self._load()
        now = self.engine.clock.now_us()
        if now < self._retry_us:
            return self._retry_us
        mapping, stream = self.settings.mapping, self.settings.stream
        end = self._end()  # before the read: what was put before the shard was closed is then read
        records, full = await self._read(state)
        if not records:
            self._seen_us = self._oldest_us = None
            if end is not None:
                await self._finish(state, end)
            return None
        self._oldest_us = records[0].arrived_us
        self._seen_us = self._seen_us or now
        step = stream_rules.plan(
            state,
            records,
            mapping,
            now,
            full=full,
            seen_us=self._seen_us,
            retention_s=stream.retention_hours * 3600,
        )
        if isinstance(step, Wait):
            return step.due_us
        if isinstance(step, Send):
            await self._send(state, step.batch)
        else:
            await self._take(state, step, None)
        return self.engine.clock.now_us()

    async def rest(self) -> None:
        """While paused the age of what waits is still told."""
        if self.paused and self._state is not None and self._oldest_us is None:
            waiting = await self.engine.store.streams.read(self.settings.stream.name, self.shard, self._state.seq, 1)
            self._oldest_us = waiting[0].arrived_us if waiting else None

    async def _load(self) -> ShardState:
        """The stored checkpoint, or the starting position, which is stored at once: what comes while the engine is
        down is not missed."""
        settings = self.settings
        begin = self.engine.store.streams.begin
        self._state = stream_rules.load(
            await begin(settings.mapping.uuid, settings.stream, self.shard, settings.position)
        )
        return self._state

    def _end(self) -> str | None:
        """The sequence number behind which nothing comes, of a closed shard; "" where the shard is gone."""
        state = self.engine.store.streams.state(self.settings.stream.name)
        shard = state.by_id.get(self.shard) if state else None
        if shard is None:
            return ""
        return None if shard.end is None else seq_text(shard.end)

    async def _finish(self, state: ShardState, end: str) -> None:
        """Everything in the shard is done: its children may begin, now and after a restart."""
        if state.seq < end:
            await self._save(ShardState(seq=end))
        self._stopping = True
        self.wake()
        self._drained(self.shard)

    async def _save(self, state: ShardState) -> ShardState:
        await self.engine.store.streams.save(stream_rules.save(state, self.settings.mapping.uuid, self.shard))
        self._state = state
        return state

    async def _read(self, state: ShardState) -> tuple[list[Record], bool]:
        """The records that one batch can hold, and whether they fill it."""
        streams, name = self.engine.store.streams, self.settings.stream.name
        records: list[Record] = []
        room, left, after = self.settings.mapping.batch_size, MAX_SYNC_PAYLOAD, state.seq
        while room > len(records):
            limit = min(READ_AT_ONCE, room - len(records))
            piece = await streams.read(name, self.shard, after, limit)
            for record in piece:
                left -= len(record.data) * 4 // 3 + len(record.partition_key) + RECORD_OVERHEAD
                if records and left < 0:
                    return records, True
                records.append(record)
            if len(piece) < limit:
                return records, False
            after = records[-1].seq
        return records, True

    async def _send(self, state: ShardState, batch: list[Record]) -> None:
        engine, mapping, project = self.engine, self.settings.mapping, self.settings.project
        now = engine.clock.now_us()
        # CloudWatch: "the time between when a stream receives the record and when the event source mapping sends the
        # event to the function", of the last record. Each try measures it, so it rises while a shard is blocked.
        engine.telemetry.metrics.measure(mapping.function, "IteratorAge", max(now - batch[-1].arrived_us, 0) / 1000)
        result = await engine.invoke(
            InvokeRequest(
                function=mapping.function,
                payload=shapes.stream_event(
                    batch, self.settings.stream, region=project.region, account=project.account
                ),
                source=f"stream:{self.settings.stream.name}",
                attempt=state.tries + 1,
                patient=True,
                queued_since_us=batch[0].arrived_us if not state.blocked else now,
            )
        )
        if result.status != "ok" and engine.stopping:
            return  # cut short: nobody is to blame, and the next engine sends the batch again
        self._seen_us = None
        await self._take(state, stream_rules.settle(state, batch, result, mapping, engine.clock.now_us()), result)

    async def _take(self, before: ShardState, step: Advance | Discard, result: InvokeResult | None) -> None:
        """Carries a decision out: checkpoint, on-failure record, back-off, and a sentence where it matters."""
        if isinstance(step, Discard):
            await self._discard(before, step, result)
        else:
            await self._save(step.state)
        self._retry_us = 0
        if isinstance(step, Advance) and step.delay_s:
            self._retry_us = self.engine.clock.now_us() + round(step.delay_s * MICROS)
        after = step.state
        if after.blocked and not before.blocked:
            self._say(f"is blocked: {after.error}")
        elif before.blocked and not after.blocked and not isinstance(step, Discard):
            self._say(f"goes on after {before.tries} failed tr{'y' if before.tries == 1 else 'ies'}")

    async def _discard(self, before: ShardState, step: Discard, result: InvokeResult | None) -> None:
        mapping, target = self.settings.mapping, self.settings.on_failure
        what = "a record" if len(step.records) == 1 else f"{len(step.records)} records"
        why = "too old" if step.condition == "RecordAgeExceeded" else f"{step.attempts} failed tries"
        if target is None:
            await self._save(step.state)
            self._say(f"gave {what} up ({why}); no on-failure queue keeps a record of them")
            return
        message = self._failure(before, step, result)
        checkpoint = stream_rules.save(step.state, mapping.uuid, self.shard)
        await self.engine.store.streams.save_and_send(checkpoint, target, message)
        self._state = step.state
        self._say(f"gave {what} up ({why}); {target} has the record", kind="dlq")

    def _failure(self, before: ShardState, step: Discard, result: InvokeResult | None) -> NewMessage:
        """The on-failure record as a message; result: of the try that was the last one."""
        mapping, aged = self.settings.mapping, step.condition == "RecordAgeExceeded"
        body = shapes.stream_failure(
            step.records,
            condition=step.condition,
            attempts=step.attempts,
            function_arn=self.engine.function(mapping.function).arn,
            arn=self.settings.arn,
            at_us=self.engine.clock.now_us(),
            result=result,
        )
        reported = result is not None and result.status == "ok"
        error = result.error_type if result and not reported else step.condition if aged else "BatchItemFailure"
        message = result.error_message if result and not reported else before.error
        return NewMessage(
            body=body,
            delay_s=0,
            function=mapping.function,
            request_id=result.request_id if result else None,
            error_code=error,
            error_message=message,
            attempts=step.attempts,
            first_us=before.failed_since_us or self.engine.clock.now_us(),
        )

    def _say(self, what: str, kind: str = "stream") -> None:
        function, name = self.settings.mapping.function, self.settings.stream.name
        self.engine.telemetry.say(kind, function, f"{name} {self.shard} {what}")

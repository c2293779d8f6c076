"""One lane of one shard at work, one batch in flight. Decisions stand in `stream_rules`."""

from __future__ import annotations

from collections.abc import Callable

from lambdatui.clock import MICROS
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.retry import MOST_SPARED
from lambdatui.errors import LambdaTuiError, NotFound, StoreError
from lambdatui.sources import stream_failures, stream_lanes, stream_rules
from lambdatui.sources.lane_records import LaneRecords, Look
from lambdatui.sources.ports import Engine
from lambdatui.sources.source import Loop
from lambdatui.sources.stream_failures import GivenUp
from lambdatui.sources.stream_rules import Advance, Discard, LaneState, Send, Wait
from lambdatui.sources.stream_settings import Settings
from lambdatui.sources.timer import Timer
from lambdatui.store.records import Checkpoint

DELIVERIES = 3  # tries of a destination that cannot have the record, before it is dropped as on AWS


class Activity:
    """What all lanes of a mapping tell together."""

    def __init__(self) -> None:
        self.in_flight = 0  # batches
        self.last_result: str | None = None  # of EventSourceMappingConfiguration's LastProcessingResult


class LaneReader(Loop):
    """Goes through one lane of one mapping's shard. The shard's reader says how far (`limit`) and ends it."""

    def __init__(
        self,
        engine: Engine,
        timer: Timer,
        settings: Settings,
        shard: str,
        lane: tuple[int, int],
        state: LaneState,
        activity: Activity,
        *,
        paused: bool,
        rested: Callable[[], None],
    ) -> None:
        """`lane`: its index, and how many the shard has. `rested` is called when nothing is left up to the limit."""
        super().__init__(engine, timer, label=f"stream {settings.stream.name} {shard}", paused=paused)
        self.settings = settings
        self.limit: str | None = None
        self.state = state
        self.oldest_us: int | None = None  # arrival of the oldest record not done with
        self._shard = shard
        self._lane = lane
        self._activity = activity
        self._records = LaneRecords(engine, shard, lane, state.seq)
        self._rested = rested
        self._in_hand = ""  # the last of the records that are being sent or given up, until the checkpoint is saved
        self._retry_us = 0
        self._seen_us: int | None = None
        self._given_up: GivenUp | None = None  # its destination has not taken it yet
        self._deliveries = 0
        self._spared = 0  # tries of the batch that went with the spawner

    @property
    def reach(self) -> str:
        """How far it has begun."""
        return stream_lanes.reach(self.state, self._in_hand)

    def retry_now(self) -> None:
        """Tries a blocked batch again without waiting for its back-off."""
        self._retry_us = 0
        self.wake()

    async def round(self) -> int | None:
        now = self.engine.clock.now_us()
        if now < self._retry_us:
            return self._retry_us
        if self._given_up is None:
            return await self._go_on(now)
        await self._deliver(self._given_up)
        return now

    async def _go_on(self, now: int) -> int | None:
        state, limit = self.state, self.limit
        look = await self._records.look(self.settings, state, limit)
        if limit != self.limit:
            return now
        self.oldest_us = look.records[0].arrived_us if look.records else None
        self._seen_us = (self._seen_us or now) if look.records else None
        step = stream_rules.plan(
            state,
            look.records,
            self.settings.mapping,
            now,
            full=look.full,
            seen_us=self._seen_us or now,
            retention_s=self.settings.stream.retention_hours * 3600,
            ended=limit is not None and not look.more,
        )
        if isinstance(step, Wait):
            return now if await self._pass_over(state, look, limit) else step.due_us
        self._in_hand = look.records[-1].seq if look.records else ""
        try:
            if isinstance(step, Send):
                await self._send(state, step)
            else:
                await self._take(state, step, None)
        finally:
            if self._given_up is None:
                self._in_hand = ""
        return self.engine.clock.now_us()

    async def rest(self) -> None:
        """While paused the age of what waits is still told."""
        if self.paused and self.oldest_us is None:
            self.oldest_us = await self._records.oldest_us(self.settings, self.state.seq, self.limit)

    async def _pass_over(self, state: LaneState, look: Look, limit: str | None) -> bool:
        """Nothing is to be sent yet: goes on to where was looked, if all up to there is done with. Whether to look
        further."""
        if look.records:
            return False
        moved = stream_lanes.passed_over(state, look.until, None if look.more else limit)
        if look.dropped:
            await self._save(moved)
        else:  # others' records: where this is lost, they are passed over once more
            self.state = moved
        if limit is not None and not look.more:
            self._rested()
        return look.more

    # sending

    async def _send(self, state: LaneState, send: Send) -> None:
        engine, mapping = self.engine, self.settings.mapping
        now = engine.clock.now_us()
        if send.batch:
            # CloudWatch: "the time between when a stream receives the record and when the event source mapping sends
            # the event to the function", of the last record. Each try measures it, so it rises while a lane is blocked.
            age_ms = max(now - send.batch[-1].arrived_us, 0) / 1000
            engine.telemetry.metrics.measure(mapping.function, "IteratorAge", age_ms, qualifier=mapping.qualifier)
        self._count("InvokedEventCount", len(send.batch))
        self._activity.in_flight += 1
        try:
            result = await engine.invoke(
                InvokeRequest(
                    function=mapping.function,
                    qualifier=mapping.qualifier,
                    payload=self.settings.event(send, self._shard),
                    source=f"stream:{self.settings.stream.name}",
                    attempt=state.tries + 1,
                    patient=True,
                    queued_since_us=send.batch[0].arrived_us if send.batch and not state.blocked else now,
                )
            )
        except NotFound:  # the function, its version or its alias
            self._count("FailedInvokeEventCount", len(send.batch))
            raise
        finally:
            self._activity.in_flight -= 1
        if result.status != "ok" and engine.stopping:
            return  # cut short: nobody is to blame, and the next engine sends the batch again
        self._spared = self._spared + 1 if result.lost else 0
        if 0 < self._spared <= MOST_SPARED:
            return
        self._seen_us = None
        self._activity.last_result = "OK" if result.status == "ok" else "PROBLEM: Function call failed"
        step = stream_rules.settle(state, send, result, mapping, engine.clock.now_us())
        if isinstance(step, Discard):
            failed = len(step.send.batch)
        else:
            failed = sum(record.seq > step.state.seq for record in send.batch)
        self._count("FailedInvokeEventCount", failed)
        await self._take(state, step, result)

    async def _take(self, before: LaneState, step: Advance | Discard, result: InvokeResult | None) -> None:
        """Carries a decision out: checkpoint, on-failure record, back-off, and a sentence where it matters."""
        self._retry_us = 0
        if isinstance(step, Discard):
            await self._deliver(GivenUp(shard=self._shard, before=before, step=step, result=result))
            return
        await self._save(step.state)
        if step.delay_s:
            self._retry_us = self.engine.clock.now_us() + round(step.delay_s * MICROS)
        after = step.state
        if after.blocked and not before.blocked:
            self._say(f"is blocked: {after.error}")
        elif before.blocked and not after.blocked:
            self._say(f"goes on after {_tries(before.tries)}")

    async def _deliver(self, given_up: GivenUp) -> None:
        """The checkpoint moves when the destination has the record. One that cannot have it is tried a few times."""
        step, target = given_up.step, self.settings.mapping.on_failure
        try:
            await stream_failures.save_with_record(self.engine, self.settings, given_up, self._checkpoint(step.state))
        except (LambdaTuiError, OSError) as error:
            if target is None:
                raise  # the checkpoint alone: the same step comes again
            self._given_up = given_up
            await self._not_delivered(given_up, error)
            return
        self.state = step.state
        self._let_go()
        if target is None:
            self._count_dropped(given_up)
            self._say(f"gave up {_what(given_up)}; no on-failure destination keeps a record of them")
        else:
            self._count("OnFailureDestinationDeliveredEventCount", given_up.count)
            self._say(f"gave up {_what(given_up)}; {target.name} has the record", kind="dlq")

    async def _not_delivered(self, given_up: GivenUp, error: Exception) -> None:
        mapping, target = self.settings.mapping, self.settings.mapping.on_failure
        assert target is not None
        self.engine.telemetry.metrics.count(
            mapping.function, "DestinationDeliveryFailures", qualifier=mapping.qualifier
        )
        self._deliveries += 1
        if isinstance(error, StoreError | OSError) or self._deliveries < DELIVERIES:
            self._retry_us = self.engine.clock.now_us() + round(stream_rules.backoff(self._deliveries) * MICROS)
            return
        await self._save(given_up.step.state)
        self._let_go()
        self._count_dropped(given_up)
        self._say(f"gave up {_what(given_up)}; {target.name} did not take the record: {error}", kind="dlq")

    def _let_go(self) -> None:
        self._given_up, self._deliveries, self._in_hand = None, 0, ""

    def _count_dropped(self, given_up: GivenUp) -> None:
        """What the stream's retention took is not counted: DroppedEventCount is about the mapping's own limits."""
        if given_up.step.condition == "RetryAttemptsExhausted" or self.settings.mapping.maximum_record_age >= 0:
            self._count("DroppedEventCount", given_up.count)

    async def _save(self, state: LaneState) -> None:
        await self.engine.store.streams.save(self._checkpoint(state))
        self.state = state

    def _checkpoint(self, state: LaneState) -> Checkpoint:
        return stream_rules.save(state, self.settings.mapping.uuid, self._shard, *self._lane)

    def _count(self, name: str, value: int) -> None:
        mapping = self.settings.mapping
        if value:
            count = self.engine.telemetry.metrics.count
            count(mapping.function, name, value, mapping=mapping.uuid, stored=mapping.metrics)

    def _say(self, what: str, kind: str = "stream") -> None:
        function, name = self.settings.mapping.function, self.settings.stream.name
        self.engine.telemetry.say(kind, function, f"{name} {self._shard} {what}")


def _what(given_up: GivenUp) -> str:
    step = given_up.step
    what = "a record" if given_up.count == 1 else f"{given_up.count} records"
    why = "too old" if step.condition == "RecordAgeExceeded" else _tries(step.attempts)
    return f"the end of a window of {what} ({why})" if step.send.final else f"{what} ({why})"


def _tries(count: int) -> str:
    return "a failed try" if count == 1 else f"{count} failed tries"

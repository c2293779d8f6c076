"""A queue's event source mapping at work: receives, batches, invokes, deletes. Decisions stand in `queue_rules`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from lambdatui.clock import MICROS
from lambdatui.config.model import QueueConfig, QueueMapping
from lambdatui.engine import recursion
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.errors import NotFound
from lambdatui.sources import shapes
from lambdatui.sources.catalog import Catalog
from lambdatui.sources.filters import Filters
from lambdatui.sources.ports import Engine
from lambdatui.sources.queue_rules import Item, Scale, Verdict, Window, backoff, hide_anew, judge
from lambdatui.sources.source import Loop, finish
from lambdatui.sources.timer import Timer
from lambdatui.store.records import Message, QueueDepth

SECOND_LOOK_S = 1.0
_AT_ONCE = 100  # messages of several batches that one receive brings


class Batch:
    """Messages on their way. One that was throttled is offered again, until their visibility timeout gives it back."""

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.due_us = 0
        self.tries = 0
        self.result: InvokeResult | None = None
        self.begun_us: int | None = None
        self._kept = True  # whether the messages could be hidden when they had to be

    @property
    def expires_us(self) -> int:
        """When the queue gives its messages to somebody else."""
        return min(item.expires_us for item in self.items)

    def begins(self, now_us: int) -> bool:
        """Its invocation begins: whether the messages are still its own."""
        self.begun_us = now_us
        return self._kept and now_us < self.expires_us

    def hide_from_us(self, visibility_us: int, now_us: int) -> int | None:
        """When its messages have to be hidden anew (us); None: as things stand not, or it is too late.

        Not while it is offered again: a throttle that lasts is a failed receive.
        """
        if not self._kept or now_us >= self.expires_us or (self.begun_us is None and self.tries):
            return None
        return hide_anew(self.expires_us, self.begun_us, visibility_us)

    def hidden(self, until_us: int | None) -> None:
        """They are hidden until then; None: somebody else had taken them, or they are gone."""
        self._kept = until_us is not None
        if until_us is not None:
            self.items = [msgspec.structs.replace(item, expires_us=until_us) for item in self.items]


class QueueSource(Loop):
    """One mapping from a queue to a function."""

    def __init__(
        self, engine: Engine, timer: Timer, catalog: Catalog, mapping: QueueMapping, queue: QueueConfig, paused: bool
    ) -> None:
        super().__init__(engine, timer, label=f"queue {queue.name}", paused=paused)
        self._window = Window()
        self._held: list[Batch] = []
        self._running: dict[asyncio.Task[None], Batch] = {}
        self._settling = 0  # of those that run: batches whose invocation has ended, and what came of it is being stored
        self._scale = Scale(mapping.maximum_concurrency)
        self._filters = Filters(mapping.filters)
        self.mapping = mapping
        self.update(catalog, mapping, queue)

    def update(self, catalog: Catalog, mapping: QueueMapping, queue: QueueConfig) -> None:
        """Takes over changed settings from the next batch on."""
        if self.mapping.maximum_concurrency != mapping.maximum_concurrency:
            self._scale = Scale(mapping.maximum_concurrency)
        if self.mapping.filters != mapping.filters:
            self._filters = Filters(mapping.filters)
        self.mapping = mapping
        self.queue = queue
        self._catalog = catalog
        self._region = catalog.project.region
        self._arn = shapes.queue_arn(catalog.project.region, catalog.project.account, queue.name)
        self.wake()

    def retry_now(self) -> None:
        """Offers throttled batches again without waiting for their back-off."""
        for held in self._held:
            held.due_us = 0
        self.wake()

    async def stop(self, grace: float | None = None) -> None:
        await super().stop(grace)
        await finish(set(self._running), grace)

    @property
    def busy(self) -> bool:
        """Whether batches run."""
        return bool(self._running)

    @property
    def active(self) -> bool:
        """Messages whose receipt would run out while packages are installed stay in the queue."""
        return super().active and not self.engine.installing(self.mapping.function)

    async def rest(self) -> None:
        """Gives unused messages back at once; they have not been tried."""
        ids = [item.id for item in self._window.clear()]
        ids += [item.id for held in self._held for item in held.items]
        self._held.clear()
        if ids:
            await self.engine.store.queues.change_visibility(self.queue.name, ids, 0)

    async def round(self) -> int | None:
        await self._hide_running()
        due_us = await self._launch_all()
        return min((time for time in (due_us, self._hide_from_us()) if time is not None), default=None)

    async def _hide_running(self) -> None:
        """A batch may wait for the machine for longer than its messages are hidden: nobody else is to get them
        meanwhile, and when it begins they have their whole time. On AWS they would not have been received yet."""
        now, visibility_us = self.engine.clock.now_us(), self._visibility_us
        for batch in list(self._running.values()):
            from_us = batch.hide_from_us(visibility_us, now)
            if from_us is not None and from_us <= now:
                until_us = (batch.begun_us or now) + visibility_us
                held = [(item.id, item.expires_us) for item in batch.items]
                taken = await self.engine.store.queues.hide_again(self.queue.name, held, until_us)
                batch.hidden(until_us if taken else None)

    def _hide_from_us(self) -> int | None:
        """When the first running batch has to be hidden anew."""
        now, visibility_us = self.engine.clock.now_us(), self._visibility_us
        times = (batch.hide_from_us(visibility_us, now) for batch in self._running.values())
        return min((time for time in times if time is not None), default=None)

    @property
    def _visibility_us(self) -> int:
        return round(self.queue.visibility_timeout * MICROS)

    async def _launch_all(self) -> int | None:
        """Begin what may begin; when there is more to do at the latest."""
        await self._offer_held()
        self._watch_load()
        while self.active and not self._held and self._room:
            if self._launch_due() or await self._receive():
                continue
            self._scale.drained(idle=not self._running)
            return self._next_look()
        if self._held:
            return min(min(held.due_us, held.expires_us) if self._room else held.expires_us for held in self._held)
        if self._watch_load() and not self._scale.at_most:
            return self.engine.clock.now_us() + round(SECOND_LOOK_S * MICROS)
        return None

    def _watch_load(self) -> bool:
        """Whether messages wait although as many batches run as may; if so, more may with time."""
        loaded = not self._room and not self._held and self.engine.store.queues.depth(self.queue.name).visible > 0
        if loaded:
            self._scale.saturated(self.engine.clock.now_us())
        return loaded

    @property
    def _room(self) -> bool:
        return self._free > 0

    @property
    def _free(self) -> int:
        """Batches that may begin. What is stored at an end goes to disk with the next receive: the slot does not wait
        for it, but in a FIFO queue, where the group does."""
        return self._scale.limit - len(self._running) + (0 if self.queue.fifo else self._settling)

    def _next_look(self) -> int | None:
        """When the window ends or a hidden message comes back. What was due and yet was not given belongs to a busy
        group of a FIFO queue: the end of that batch wakes, or the second look where somebody else holds the group."""
        now = self.engine.clock.now_us()
        window = self._window.due_us(self.mapping.batching_window)
        visible = self.engine.store.queues.next_visible_us(self.queue.name)
        if visible is not None and visible <= now:
            visible = now + round(SECOND_LOOK_S * MICROS)
        times = [time for time in (window, visible) if time is not None and time > now]
        return min(times, default=None)

    async def _offer_held(self) -> None:
        now = self.engine.clock.now_us()
        for held in sorted(self._held, key=lambda held: held.due_us):
            if held.expires_us <= now:
                self._held.remove(held)
                if held.result is not None:
                    await self._note(held.items, held.result)
            elif held.due_us <= now and self._room:
                self._held.remove(held)
                self._launch(held)

    def _launch_due(self) -> bool:
        busy = {item.group for batch in self._running.values() for item in batch.items} if self.queue.fifo else set()
        items = self._window.take(
            self.engine.clock.now_us(),
            batch_size=self.mapping.batch_size,
            window_s=self.mapping.batching_window,
            busy=busy,
        )
        if items:
            self._launch(Batch(items))
        return bool(items)

    async def _receive(self) -> bool:
        """Whether the queue gave messages, or gave some up to its dead-letter queue: there may be more."""
        want = self._wanted() - len(self._window)
        if want <= 0:
            return False
        queues, target = self.engine.store.queues, self.queue.redrive_queue
        before = _total(queues.depth(target)) if target else 0
        messages = await queues.receive(self.queue, want, self.queue.visibility_timeout, known=self._catalog.has_queue)
        moved = _total(queues.depth(target)) - before if target else 0
        if target and moved > 0:
            self._say_moved(moved, target)
        await self._gather(messages)
        return bool(messages) or moved > 0

    def _wanted(self) -> int:
        """One receive is one write to the disk, so that it brings what all batches that may begin can take. In a FIFO
        queue a batch may have to wait for the one before it: there each is received when it may begin."""
        size = self.mapping.batch_size
        return size if self.queue.fifo else max(size, min(size * self._free, _AT_ONCE))

    async def _gather(self, messages: Sequence[Message]) -> None:
        """Received messages go into the window; those that the filters drop are done with."""
        now = self.engine.clock.now_us()
        dropped: list[str] = []
        for message in messages:
            item = self._item(message, now)
            if self._filters.message(message.body, item.record):
                self._window.add([item], now)
            else:
                dropped.append(item.id)
        self._count("PolledEventCount", len(messages))
        if dropped:
            await self.engine.store.queues.delete(self.queue.name, dropped)
            self._count("FilteredOutEventCount", len(dropped))

    def _item(self, message: Message, now_us: int) -> Item:
        return Item(
            id=message.id,
            record=shapes.queue_record(message, arn=self._arn, region=self._region, fifo=self.queue.fifo),
            group=message.group_id if self.queue.fifo else None,
            expires_us=message.visible_us,
            received_us=now_us,
            receive_count=message.receive_count,
            trace_header=message.trace_header,
        )

    def _launch(self, batch: Batch) -> None:
        task = asyncio.create_task(self._deliver(batch), name=f"{self.label} batch")
        self._running[task] = batch
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            self.engine.telemetry.say("notice", self.mapping.function, f"{self.label}: {error}")
        self.wake()

    async def _deliver(self, batch: Batch) -> None:
        """Each try counts its events: "If an event results in a function error or throttling, InvokedEventCount may
        count multiple times for the same polled event due to automatic retries." What is not done has failed."""
        items = batch.items
        self._count("InvokedEventCount", len(items))
        try:
            result = await self._invoke(batch)
        except NotFound as error:  # the function, its version or its alias is gone
            self.engine.telemetry.say("notice", self.mapping.function, f"{self.label}: {error}")
            ids, why = tuple(item.id for item in items), str(error)
            gone = Verdict(delete=(), failed=ids, error_code="ResourceNotFoundException", error_message=why)
            self._count("FailedInvokeEventCount", len(items))
            await self._settle(items, gone, None)
            self._scale.failed()
            return
        if result.status != "ok" and self.engine.stopping:
            return  # cut short: the messages come back, and nobody is to blame
        if result.status == "withdrawn":
            return  # somebody else has them, or the queue gives them again
        if result.came_back:
            self._count("FailedInvokeEventCount", len(items))
            self._hold(batch, result)
            return
        self._settling += 1
        self.wake()
        try:
            verdict = await self._note(items, result)
        finally:
            self._settling -= 1
        self._count("FailedInvokeEventCount", len(verdict.failed))
        if not verdict.failed:
            self._scale.succeeded()
        elif not self.mapping.report_batch_item_failures:  # AWS does not scale down for those that report
            self._scale.failed()

    async def _invoke(self, batch: Batch) -> InvokeResult:
        items = batch.items

        def begins() -> bool:
            now = self.engine.clock.now_us()
            mine = batch.begins(now)
            if batch.hide_from_us(self._visibility_us, now) is not None:
                self.wake()
            return mine

        return await self.engine.invoke(
            InvokeRequest(
                function=self.mapping.function,
                qualifier=self.mapping.qualifier,
                payload=shapes.batch(item.record for item in items),
                source=f"queue:{self.queue.name}",
                trace_header=recursion.joined([item.trace_header for item in items]),
                patient=True,
                queued_since_us=min(item.received_us for item in items),
                begins=begins,
            )
        )

    def _hold(self, batch: Batch, result: InvokeResult) -> None:
        self._scale.throttled()
        batch.tries += 1
        batch.result, batch.begun_us = result, None
        batch.due_us = self.engine.clock.now_us() + round(backoff(batch.tries) * MICROS)
        self._held.append(batch)

    async def _note(self, items: list[Item], result: InvokeResult) -> Verdict:
        """Writes down what came of a batch."""
        verdict = judge(items, result, reports=self.mapping.report_batch_item_failures, fifo=self.queue.fifo)
        await self._settle(items, verdict, result.request_id)
        return verdict

    async def _settle(self, items: list[Item], verdict: Verdict, request_id: str | None) -> None:
        """Deletes what is done, and leaves the rest to come back with the reason noted on it."""
        queues, name = self.engine.store.queues, self.queue.name
        if verdict.delete:
            await queues.delete(name, verdict.delete)
            self._count("DeletedEventCount", len(verdict.delete))
        if verdict.failed:
            failed = set(verdict.failed)
            self._window.drop_groups({item.group for item in items if item.id in failed})
            await queues.note_failure(
                name,
                verdict.failed,
                self.mapping.function,
                request_id,
                verdict.error_code,
                verdict.error_message,
            )

    def _count(self, metric: str, events: int) -> None:
        """A metric of the mapping: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
        mapping = self.mapping
        if events:
            count = self.engine.telemetry.metrics.count
            count(mapping.function, metric, events, mapping=mapping.uuid, stored=mapping.metrics)

    def _say_moved(self, count: int, target: str) -> None:
        what = "a message" if count == 1 else f"{count} messages"
        times = "once" if self.queue.max_receive_count == 1 else f"{self.queue.max_receive_count} times"
        self.engine.telemetry.say(
            "dlq",
            self.mapping.function,
            f"{what} of {self.queue.name} went to {target}: received {times} without success",
        )


def _total(depth: QueueDepth) -> int:
    return depth.visible + depth.in_flight + depth.delayed

"""Asynchronous events: accepted on disk, tried, tried again, and in the end done or dead-lettered."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from lambdatui.clock import MICROS, new_request_id
from lambdatui.config.model import Destination
from lambdatui.engine.backlog import BYTES_AHEAD, READ_AHEAD, Backlog, Line
from lambdatui.engine.destinations import Delivery, dead_letter, destination_record, encoded, object_key
from lambdatui.engine.functions import LATEST
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.engine.retry import (
    MOST_SPARED,
    Again,
    Finished,
    RetryPolicy,
    after_attempt,
    before_attempt,
    throttle_backoff,
)
from lambdatui.engine.tracing import SENT
from lambdatui.errors import LambdaTuiError, NotFound, StoreError
from lambdatui.store.records import AsyncEvent, NewMessage

if TYPE_CHECKING:
    from lambdatui.config.model import Project
    from lambdatui.engine.engine import Engine
    from lambdatui.engine.functions import Function

_AT_ONCE = 256  # events in work at a time; the rest stays on disk
_LONGEST_SLEEP = 60.0
_STORE_PAUSE = 1.0
_GONE = "ResourceNotFoundException"
_GONE_PAUSE_US = 60 * MICROS


class _Post(msgspec.Struct):
    """What an ended event leaves: messages that queues get in the transaction of its end, and all who got something."""

    messages: list[tuple[str, NewMessage]] = []
    places: list[str] = []


class EventQueue:
    """Accepts events and carries them through their attempts. At least once: a killed engine tries again."""

    def __init__(self, engine: Engine, delays: tuple[float, ...], *, held: bool = False) -> None:
        """`held`: accept only, dispatch nothing (engines that run for a single call)."""
        self._engine = engine
        self._delays = delays
        self._held = held
        self._backlog = Backlog()
        self._starting: Counter[str] = Counter()  # function -> events begun that have not taken their slot yet
        self._backoff: dict[str, tuple[float, int]] = {}  # function -> (monotonic end, throttles in a row)
        self._blocked: set[str] = set()  # functions that have events and may start none
        self._lost: Counter[str] = Counter()  # request id -> attempts that went with the spawner
        self._history_refused = False
        self._outcomes_wait: set[str] = set()  # functions of which that has been said
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None

    # --- accepting

    async def accept(
        self,
        function: Function,
        payload: bytes,
        *,
        source: str,
        client_context: str | None,
        parent_id: str | None,
        qualifier: str | None = None,
    ) -> str:
        """Store the event; on disk when this returns. The request id stays the same over all attempts."""
        now = self._engine.clock.now_us()
        event = AsyncEvent(
            request_id=new_request_id(),
            function=function.name,
            payload=payload,
            accepted_us=now,
            visible_us=now,
            client_context=client_context,
            source=source,
            parent_id=parent_id,
            qualifier=qualifier,
            trace_header=SENT.get(),
        )
        await self._engine.store.events.accept(event)
        self._engine.telemetry.metrics.count(function.name, "AsyncEventsReceived", qualifier=qualifier)
        return event.request_id

    def _accepted(self, events: Sequence[AsyncEvent]) -> None:
        for event in events:
            self._backlog.arrived(event)
        if not all(event.function in self._blocked for event in events):  # what ends a block wakes by itself
            self._wake.set()

    # --- dispatching

    def start(self) -> None:
        if not self._held:
            self._engine.on_project(self._project_changed)
            self._engine.store.events.on_accepted(self._accepted)
            for function in self._engine.store.events.functions():
                self._backlog.found(function)
            self._loop_task = asyncio.get_running_loop().create_task(self._dispatch())

    async def _project_changed(self, _: Project) -> None:
        self._wake.set()  # a function that events wait for may be there again

    def slot_freed(self, function: str) -> None:
        """An invocation of `function` has ended: an event that was throttled need not wait out its back-off."""
        if function in self._backoff:
            self._wake.set()

    def wake(self) -> None:
        """What events wait for beside time may have come: a function's packages are installed."""
        self._wake.set()

    async def hold(self) -> None:
        """Begin nothing more; what waits stays on disk."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.wait([self._loop_task])  # whatever it ended with

    async def finished(self) -> None:
        """Returns when the events in work have ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _dispatch(self) -> None:
        refused = False
        while True:
            self._wake.clear()
            try:
                sleep = await self._round()
                refused = False
            except Exception as error:  # noqa: BLE001 - a full disk or a fault of ours: no accepted event may hang on it
                if not refused:
                    refused = True
                    self._notice(None, f"asynchronous events wait: {_told(error)}")
                sleep = _STORE_PAUSE
            # Not wait_for: before Python 3.12 it can swallow the cancellation that ends this loop.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(sleep):
                    await self._wake.wait()

    async def _round(self) -> float:
        """Start what may start now, oldest first; seconds until there may be more to do without being woken."""
        now_us = self._engine.clock.now_us()
        backlog = self._backlog
        backlog.wait_over(now_us)
        free = [function for function in self._blocked if not self._waits(function)]
        self._blocked.difference_update(free)
        backlog.look.update(free)
        heads: list[tuple[int, str]] = []
        for function in list(backlog.look):
            await self._show(function, heads, now_us)
        while heads and backlog.running < _AT_ONCE:
            _, function = heapq.heappop(heads)
            line = backlog.line(function)
            if self._may_start(function, line.ready[0].qualifier):
                self._start(backlog.begin(line))
                await self._show(function, heads, now_us)
            else:
                self._block(function)
        return self._pause()

    async def _show(self, function: str, heads: list[tuple[int, str]], now_us: int) -> None:
        """Put the time of the function's next event among the `heads`, if it has one."""
        line = self._backlog.line(function)
        if not line.ready and line.unread:
            if self._waits(function):  # what it cannot start is not read either
                self._block(function)
                return
            await self._read(line, now_us)
        if line.ready:
            heapq.heappush(heads, (line.ready[0].visible_us, function))
        elif not line.unread:
            self._backlog.look.discard(function)

    def _block(self, function: str) -> None:
        self._blocked.add(function)
        self._backlog.look.discard(function)

    async def _read(self, line: Line, now_us: int) -> None:
        store = self._engine.store.events
        line.unread, line.reading = False, True  # what arrives meanwhile may be among what is read, or not
        try:
            events, more = await store.pending(
                line.function, now_us, READ_AHEAD, tuple(line.held), most_bytes=BYTES_AHEAD // 8
            )
            later_us = store.next_visible_us(line.function, now_us)
        except BaseException:
            line.unread = True
            raise
        finally:
            line.reading = False
        self._backlog.read(line, events, more=more, later_us=later_us)

    def _waits(self, function: str, qualifier: str | None = None) -> bool:
        """Whether no event of `function` may start now; one of that version or alias, if it is given."""
        try:
            known = self._engine.function(function)
        except NotFound:  # its function is not in the project now: the event waits for it
            return True
        if known.installing:
            return True
        if known.config.reserved_concurrency == 0 or self._has_room(function, qualifier):
            return False
        return self._engine.clock.monotonic() < self._backoff.get(function, (0.0, 0))[0]

    def _has_room(self, function: str, qualifier: str | None) -> bool:
        return self._engine.headroom(function, qualifier) > self._starting[function]

    def _may_start(self, function: str, qualifier: str | None) -> bool:
        """Up to the headroom; without any, one event at a time is tried and throttled, as the back-off allows."""
        if self._waits(function, qualifier):
            return False
        if self._engine.function(function).config.reserved_concurrency == 0:
            return True  # goes straight to the dead-letter queue
        if not self._has_room(function, qualifier):
            _, throttles = self._backoff.get(function, (0.0, 0))
            until = self._engine.clock.monotonic() + throttle_backoff(throttles + 1)
            self._backoff[function] = (until, throttles + 1)
        return True

    def _pause(self) -> float:
        """Until a blocked function's back-off ends or an event becomes due."""
        monotonic = self._engine.clock.monotonic()
        sleeps = [self._backoff[one][0] - monotonic for one in self._blocked if one in self._backoff]
        due_us = self._backlog.next_us
        if due_us is not None:
            sleeps.append((due_us - self._engine.clock.now_us()) / MICROS)
        return max(0.01, min([*sleeps, _LONGEST_SLEEP]))

    def _start(self, event: AsyncEvent) -> None:
        self._starting[event.function] += 1
        task = asyncio.get_running_loop().create_task(self._attempt(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- one event

    async def _attempt(self, event: AsyncEvent) -> None:
        due_us: int | None = event.visible_us  # it stays on disk, whatever happens here
        try:
            try:
                function = self._engine.function(event.function)
                await self._engine.follower.caught_up(function, event.qualifier)
            finally:
                self._starting[event.function] -= 1  # from here to the admission nothing else runs
            due_us = await self._try(event, function)
        except Exception as error:  # noqa: BLE001 - the edge of this task: the event is due again
            self._notice(event.function, f"an event waits: {_told(error)}")
            await asyncio.sleep(_STORE_PAUSE)
        finally:
            self._backlog.ended(event, due_us)
            self._wake.set()

    async def _try(self, event: AsyncEvent, function: Function) -> int | None:
        """When the event is due again, in microseconds; None where it is done with."""
        engine, config = self._engine, function.config
        settings = engine.event_invoke.of(function, event.qualifier)
        policy = RetryPolicy(delays=self._delays, maximum_retries=settings.retries, maximum_age=settings.age)
        now = engine.clock.now_us()
        step: Again | Finished | None = before_attempt(
            policy, accepted_us=event.accepted_us, now_us=now, reserve=config.reserved_concurrency
        )
        result: InvokeResult | None = None
        if step is None:
            age_ms = (now - event.accepted_us) / 1000
            engine.telemetry.metrics.measure(function.name, "AsyncEventAge", age_ms, qualifier=event.qualifier)
            try:
                result = await engine.invoke(_request(event))
            except NotFound as error:
                return await self._without_target(event, str(error))
            if result.lost and self._spared(event):
                return event.visible_us  # the next round runs it
            if engine.stopping and result.status != "ok":
                return (
                    event.visible_us
                )  # ended by the engine's own end: it counts as no attempt, the next engine runs it
            step = (
                Finished(condition="RetriesExhausted")
                if result.recursive
                else after_attempt(
                    policy,
                    # "For throttling errors (429) and system errors (500-series)" Lambda alike tries for hours.
                    status="throttled" if result.came_back else result.status,
                    attempt=event.attempt,
                    throttles=event.throttles,
                    accepted_us=event.accepted_us,
                    now_us=engine.clock.now_us(),
                )
            )
        # The attempt's row first: a kill between the two runs the event again rather than losing its history.
        await self._write_history()
        if isinstance(step, Again):
            return await self._again(event, step, result)
        await self._finished(event, function, step, result)
        return None

    def _spared(self, event: AsyncEvent) -> bool:
        """Whether an attempt that went with the spawner counts as none."""
        self._lost[event.request_id] += 1
        if self._lost[event.request_id] <= MOST_SPARED:
            return True
        del self._lost[event.request_id]
        return False

    async def _write_history(self) -> None:
        """As far as the disk takes it; else the rows wait in memory, and the event is finished all the same."""
        try:
            await self._engine.store.history.flush()
            self._history_refused = False
        except Exception as error:  # noqa: BLE001 - what has run must not run again for its history's sake
            if not self._history_refused:
                self._history_refused = True
                self._notice(None, f"history waits in memory: {_told(error)}")

    async def _surely(
        self, event: AsyncEvent, write: Callable[[], Awaitable[object]], *, counted_as: str | None = None
    ) -> bool:
        """Carry out `write`, again and again until it works; False where the engine ends before that.

        What follows from an attempt is tried alone: the function does not run a second time because the disk refuses.
        """
        said = False
        while True:
            try:
                await write()
                self._outcomes_wait.discard(event.function)
                return True
            except Exception as error:  # noqa: BLE001 - see above
                if not said:
                    said = True
                    if counted_as is not None:
                        self._count(event, counted_as)
                    if event.function not in self._outcomes_wait:
                        self._outcomes_wait.add(event.function)
                        self._notice(event.function, f"an event's outcome waits to be stored: {_told(error)}")
            if self._engine.stopping:
                return False
            await asyncio.sleep(_STORE_PAUSE)

    def _count(self, event: AsyncEvent, name: str) -> None:
        self._engine.telemetry.metrics.count(event.function, name, qualifier=event.qualifier)

    def _notice(self, function: str | None, text: str) -> None:
        with contextlib.suppress(Exception):  # a listener's fault ends no event and no dispatching
            self._engine.telemetry.say("notice", function, text)

    async def _again(self, event: AsyncEvent, step: Again, result: InvokeResult | None) -> int:
        """Put it off; until when, in microseconds."""
        engine = self._engine
        throttled = result is not None and result.status == "throttled"
        if not throttled:
            self._backoff.pop(event.function, None)
            seconds = (step.at_us - engine.clock.now_us()) / MICROS
            text = (
                f"RETRY attempt {step.attempt} in {seconds:.0f} s" if seconds >= 1 else f"RETRY attempt {step.attempt}"
            )
            engine.telemetry.log_lines(event.function, event.request_id, engine.clock.now_us(), [("PLATFORM", text)])
        # A throttled event is held back by the function's back-off, which ends as soon as a slot is free.
        visible_us = engine.clock.now_us() if throttled else step.at_us
        await self._surely(
            event,
            lambda: engine.store.events.retry(
                event.request_id,
                step.attempt,
                visible_us,
                step.throttles,
                result.error_type if result else None,
                result.error_message if result else None,
            ),
        )
        return visible_us

    async def _without_target(self, event: AsyncEvent, why: str) -> int:
        """Its version or alias is gone: it waits for another of the name, as long as it may. That is said once."""
        if event.error_type != _GONE:
            self._notice(event.function, f"an event waits: {why}")
        at_us = self._engine.clock.now_us() + _GONE_PAUSE_US
        write = self._engine.store.events.retry
        await self._surely(event, lambda: write(event.request_id, event.attempt, at_us, 0, _GONE, why))
        return at_us

    async def _finished(
        self, event: AsyncEvent, function: Function, step: Finished, result: InvokeResult | None
    ) -> None:
        """Tell destinations and dead-letter queue or topic, then let the event go. Queues get theirs with its end."""
        self._backoff.pop(event.function, None)
        succeeded = step.condition == "Success"
        settings = self._engine.event_invoke.of(function, event.qualifier)
        letter = dead_letter(event, step, result)
        post = _Post()
        target = settings.on_success if succeeded else settings.on_failure
        if target is not None:
            arn = f"{function.arn}:{event.qualifier or LATEST}"
            record = destination_record(event, arn, step, result, self._engine.clock.now_us())
            if not await self._tell(event, function, target, arn, encoded(record, target), letter, post):
                return
        if not succeeded and not await self._bury(event, function, letter, post):
            return
        if not await self._surely(
            event,
            lambda: self._engine.store.events.finish(event.request_id, post.messages),
            counted_as="DeadLetterErrors" if post.messages and not succeeded else None,
        ):
            return
        self._lost.pop(event.request_id, None)
        if not succeeded:
            self._count(event, "AsyncEventsDropped")  # now: a kill before runs the event again, and drops it once
            config = function.config
            asked = target or config.dead_letter_queue or config.dead_letter_topic
            self._say_dead(event, letter, post.places, "nothing took its record" if asked else "no DLQ is configured")

    async def _tell(
        self,
        event: AsyncEvent,
        function: Function,
        target: Destination,
        arn: str,
        body: bytes,
        letter: NewMessage,
        post: _Post,
    ) -> bool:
        """A record to one destination; False where the engine ends before it is there."""
        succeeded = letter.error_code == "Success"
        if target.kind == "queue":
            text = body.decode("utf-8", "replace")
            message = (
                NewMessage(body=text, function=function.name)
                if succeeded
                else msgspec.structs.replace(letter, body=text, attributes={})
            )
            self._enclose(event, target.name, message, post, "DestinationDeliveryFailures")
            return True
        return await self._carry(
            event,
            Delivery(
                destination=target,
                body=body,
                function=function.name,
                arn=arn,
                succeeded=succeeded,
                key=object_key(function.name, event.request_id, self._engine.clock.now_us()),
                parent_id=event.request_id,
            ),
            "DestinationDeliveryFailures",
            post,
        )

    async def _bury(self, event: AsyncEvent, function: Function, letter: NewMessage, post: _Post) -> bool:
        """The dead letter to queue or topic; False where the engine ends before it is there."""
        config = function.config
        if config.dead_letter_queue is not None:
            self._enclose(event, config.dead_letter_queue, letter, post, "DeadLetterErrors")
        if config.dead_letter_topic is None:
            return True
        return await self._carry(
            event,
            Delivery(
                destination=Destination(kind="topic", name=config.dead_letter_topic),
                body=event.payload,
                function=function.name,
                arn=function.arn,
                attributes=letter.attributes,
                parent_id=event.request_id,
            ),
            "DeadLetterErrors",
            post,
        )

    def _enclose(self, event: AsyncEvent, queue: str, message: NewMessage, post: _Post, counted_as: str) -> None:
        """To a queue, with the event's end; one that is gone takes nothing, not even for when it is made again."""
        if any(one.name == queue for one in self._engine.project.queues):
            post.messages.append((queue, message))
            post.places.append(queue)
        else:
            self._undelivered(event, f"there is no queue {queue}", counted_as)

    async def _carry(self, event: AsyncEvent, delivery: Delivery, counted_as: str, post: _Post) -> bool:
        """To what is no queue. What cannot be delivered is counted and said; the event goes on."""

        async def work() -> None:
            try:
                await self._engine.deliver(delivery)
                post.places.append(delivery.destination.name)
            except (StoreError, OSError):
                raise  # another try may help
            except Exception as error:  # noqa: BLE001 - a fault of ours, too: the event must not hang on it
                self._undelivered(event, _told(error), counted_as)

        return await self._surely(event, work)

    def _undelivered(self, event: AsyncEvent, why: str, counted_as: str) -> None:
        self._count(event, counted_as)
        self._notice(event.function, f"a record of an event could not be delivered: {why}")

    def _say_dead(self, event: AsyncEvent, letter: NewMessage, told: list[str], otherwise: str) -> None:
        telemetry, name = self._engine.telemetry, event.function
        tries = "1 attempt" if letter.attempts == 1 else f"{letter.attempts} attempts"
        if not told:
            telemetry.say("error", name, f"event dropped after {tries}: {otherwise}")
            return
        now, places = self._engine.clock.now_us(), " and ".join(dict.fromkeys(told))
        text = f"DLQ → {places} after {tries}"
        telemetry.log_lines(name, event.request_id, now, [("PLATFORM", text)])
        telemetry.say("dlq", name, f"dead letter in {places}: {letter.error_code}")


def _told(error: Exception) -> str:
    """Our errors are sentences; of another one its kind says most."""
    return str(error) if isinstance(error, LambdaTuiError) else f"{type(error).__name__}: {error}"


def _request(event: AsyncEvent) -> InvokeRequest:
    return InvokeRequest(
        function=event.function,
        qualifier=event.qualifier,
        payload=event.payload,
        type="Event",
        source=event.source if ":" in event.source else "async",
        request_id=event.request_id,
        attempt=event.attempt,
        client_context=event.client_context,
        parent_id=event.parent_id,
        trace_header=event.trace_header,
        patient=True,
        queued_since_us=max(event.accepted_us, event.visible_us),
    )

"""A clock that was set back between two engines."""

from __future__ import annotations

from pathlib import Path

from lambdatui.clock import MICROS, ManualClock
from lambdatui.config.model import QueueConfig
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.store import Store

QUEUE = QueueConfig(name="q", logical_id="Q")
FIFO = QueueConfig(name="q.fifo", logical_id="F", fifo=True)
HOUR = 3_600


async def left_behind(data: Path, clock: ManualClock) -> None:
    """A fresh event, one that waits a minute for its retry, a message that is delayed for a minute, one that is due."""
    store = Store.open(data, clock)
    await store.start()
    now = clock.now_us()
    for name, wait in (("due", 0), ("again", 60)):
        visible = now + wait * MICROS
        await store.events.accept(
            AsyncEvent(request_id=name, function="f", payload=b"{}", accepted_us=now, visible_us=visible)
        )
    await store.queues.send(QUEUE, [NewMessage(body="due"), NewMessage(body="later", delay_s=60)])
    await store.queues.send(FIFO, [NewMessage(body="once", group_id="g", dedup_id="d")])
    await store.close()


async def waiting(store: Store, clock: ManualClock) -> list[str]:
    events, _ = await store.events.pending("f", clock.now_us(), 10)
    return [each.request_id for each in events]


async def test_what_waited_waits_as_long_as_it_should(data: Path, clock: ManualClock) -> None:
    await left_behind(data, clock)
    earlier = ManualClock(clock.now_us() - HOUR * MICROS)
    store = Store.open(data, earlier)
    assert store.set_back_us == HOUR * MICROS
    assert await waiting(store, earlier) == ["due"]
    assert store.queues.depth("q").visible == 1
    earlier.advance(61)
    assert await waiting(store, earlier) == ["due", "again"]
    assert store.queues.depth("q").visible == 2
    earlier.advance(300)  # deduplication ends after five minutes, not an hour later
    await store.queues.send(FIFO, [NewMessage(body="again", group_id="g", dedup_id="d")])
    assert store.queues.depth("q.fifo").visible == 2
    await store.close()


async def test_an_event_does_not_become_younger_than_it_may_be(data: Path, clock: ManualClock) -> None:
    await left_behind(data, clock)
    earlier = ManualClock(clock.now_us() - HOUR * MICROS)
    store = Store.open(data, earlier)
    events, _ = await store.events.pending("f", earlier.now_us(), 10)
    assert [each.accepted_us for each in events] == [earlier.now_us()]
    await store.close()


async def test_a_clock_that_went_on_moves_nothing(data: Path, clock: ManualClock) -> None:
    await left_behind(data, clock)
    clock.advance(30)
    store = Store.open(data, clock)
    assert store.set_back_us == 0
    assert await waiting(store, clock) == ["due"]
    await store.close()

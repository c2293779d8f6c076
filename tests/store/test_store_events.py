"""Accepted events: kept until done, oldest first, exact."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock, new_request_id
from lambdatui.errors import StoreError
from lambdatui.store.records import AsyncEvent, NewMessage
from lambdatui.store.store import Store


def event(
    clock: ManualClock, payload: bytes = b"{}", request_id: str | None = None, function: str = "f", **more: object
) -> AsyncEvent:
    now_us = clock.now_us()
    return AsyncEvent(
        request_id=request_id or new_request_id(),
        function=function,
        payload=payload,
        accepted_us=now_us,
        visible_us=now_us,
        **more,  # type: ignore[arg-type]
    )


async def test_an_event_comes_back_exactly_and_after_a_restart(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    sent = event(clock, b'{"a":"\xff\x00"}', client_context='{"c":1}', source="http", parent_id=new_request_id())
    await store.events.accept(sent)
    await store.close()
    again = Store.open(data, clock)
    assert again.events.functions() == ["f"]
    assert await again.events.pending("f", clock.now_us(), 10) == ([sent], False)
    assert again.events.count() == 1
    await again.close()


async def test_pending_is_oldest_first_and_leaves_out_what_runs(store: Store, clock: ManualClock) -> None:
    events = [event(clock) for _ in range(6)]
    for each in events:
        await store.events.accept(each)
    ids = [each.request_id for each in events]
    found, more = await store.events.pending("f", clock.now_us(), 3, exclude={ids[0], ids[2]})
    assert ([each.request_id for each in found], more) == ([ids[1], ids[3], ids[4]], True)


async def test_what_a_function_has_waiting_is_not_looked_at_for_another(store: Store, clock: ManualClock) -> None:
    for n in range(20):
        await store.events.accept(event(clock, bytes([n]) * 1_000_000, function=("large", "gone")[n % 2]))
    sent = event(clock)
    await store.events.accept(sent)
    assert await store.events.pending("f", clock.now_us(), 1) == ([sent], False)
    assert store.events.functions() == ["f", "gone", "large"]


async def test_the_next_event_is_known_behind_those_that_wait(store: Store, clock: ManualClock) -> None:
    first, second = event(clock), event(clock)
    for each in (first, second):
        await store.events.accept(each)
    at_us = clock.now_us() + 5_000_000
    await store.events.retry(second.request_id, 2, at_us)
    assert store.events.next_visible_us("f") == first.visible_us
    assert store.events.next_visible_us("f", clock.now_us()) == at_us


async def test_what_is_due_is_found_through_its_index_alone(store: Store, clock: ManualClock) -> None:
    connection = sqlite3.connect(store.data / "state.db")
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT seq, request_id FROM event WHERE function = 'a' AND visible_us <= 1"
        " ORDER BY visible_us, seq LIMIT 9"
    ).fetchall()
    connection.close()
    index = "event_of_function (function=? AND visible_us<?)"
    assert [row[3] for row in plan] == [f"SEARCH event USING COVERING INDEX {index}"]


async def test_a_retry_waits_for_its_time_and_knows_the_last_error(store: Store, clock: ManualClock) -> None:
    sent = event(clock)
    await store.events.accept(sent)
    at_us = clock.now_us() + 60_000_000
    await store.events.retry(sent.request_id, 2, at_us, 1, "KeyError", "'sku'")
    assert store.events.next_visible_us("f") == at_us
    assert await store.events.pending("f", clock.now_us(), 10) == ([], False)
    clock.advance(60)
    (found,), _ = await store.events.pending("f", clock.now_us(), 10)
    assert (found.attempt, found.throttles, found.error_type, found.error_message) == (2, 1, "KeyError", "'sku'")


async def test_done_removes_event_and_payload_once(store: Store, clock: ManualClock) -> None:
    same = [event(clock, b"same"), event(clock, b"same")]
    for each in same:
        await store.events.accept(each)
    assert payloads(store) == [(b"same", 2)]
    await store.events.finish(same[0].request_id)
    await store.events.finish(same[0].request_id)
    assert (store.events.count(), payloads(store)) == (1, [(b"same", 1)])
    await store.events.finish(same[1].request_id)
    assert (store.events.count(), payloads(store), store.events.next_visible_us("f")) == (0, [], None)


async def test_a_dead_letter_moves_or_nothing_happens(store: Store, clock: ManualClock) -> None:
    heard: list[str] = []
    store.queues.add_listener(heard.append)
    sent = event(clock, b'{"order":1}')
    await store.events.accept(sent)
    letter = NewMessage(body='{"order":1}', function="f", request_id=sent.request_id, error_code="KeyError", attempts=3)
    await store.events.finish(sent.request_id, [("dlq", letter)])
    await store.events.finish(sent.request_id, [("dlq", letter)])
    assert (store.events.count(), store.queues.depth("dlq").visible, heard) == (0, 1, ["dlq"])
    assert payloads(store) == [(b'{"order":1}', 1)]


async def test_the_same_request_is_accepted_once(store: Store, clock: ManualClock) -> None:
    sent = event(clock)
    await store.events.accept(sent)
    with pytest.raises(StoreError):
        await store.events.accept(sent)
    assert store.events.count() == 1


async def test_large_payloads_come_in_portions(store: Store, clock: ManualClock) -> None:
    for n in range(20):
        await store.events.accept(event(clock, bytes([n]) * 1_000_000))
    found, more = await store.events.pending("f", clock.now_us(), 100)
    assert 16 <= len(found) < 20
    assert more


async def test_events_that_come_together_are_written_together(store: Store, clock: ManualClock) -> None:
    """In few statements and transactions, in the order in which they came; one that cannot be stored fails alone."""
    first = event(clock)
    await store.events.accept(first)
    batch = [
        event(clock, b"same"),
        event(clock, b"other"),
        event(clock, request_id=first.request_id),
        *(event(clock, b"same") for _ in range(100)),
    ]
    results = await asyncio.gather(*(store.events.accept(each) for each in batch), return_exceptions=True)
    assert [number for number, result in enumerate(results) if result is not None] == [2]
    assert isinstance(results[2], StoreError)
    stored = [first, *batch[:2], *batch[3:]]
    assert await store.events.pending("f", clock.now_us(), 1000) == (stored, False)
    assert store.events.count() == len(stored)
    assert payloads(store) == [(b"{}", 1), (b"same", 101), (b"other", 1)]
    await asyncio.gather(*(store.events.finish(each.request_id) for each in stored))
    assert (store.events.count(), payloads(store)) == (0, [])


def payloads(store: Store) -> list[tuple[bytes, int]]:
    connection = sqlite3.connect(store.data / "state.db")
    found = connection.execute("SELECT data, refs FROM payload").fetchall()
    connection.close()
    return found

"""SQS semantics, fact by fact."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lambdatui.clock import ManualClock, new_request_id
from lambdatui.config.model import QueueConfig
from lambdatui.store.reader import Reader
from lambdatui.store.records import NewMessage
from lambdatui.store.store import Store

PLAIN = QueueConfig(name="q", logical_id="Q")
REDRIVING = QueueConfig(name="q", logical_id="Q", redrive_queue="dlq", max_receive_count=2)
FIFO = QueueConfig(name="f.fifo", logical_id="F", fifo=True)


def bodies(messages: list) -> list[str]:  # type: ignore[type-arg]
    return [message.body for message in messages]


async def test_a_message_is_hidden_for_its_visibility_timeout(store: Store, clock: ManualClock) -> None:
    await store.queues.send(PLAIN, [NewMessage(body="a")])
    (first,) = await store.queues.receive(PLAIN, 10, 30)
    assert (first.receive_count, first.first_received_us) == (1, clock.now_us())
    assert await store.queues.receive(PLAIN, 10, 30) == []
    assert store.queues.depth("q").in_flight == 1
    assert store.queues.next_visible_us("q") == clock.now_us() + 30_000_000
    clock.advance(30)
    (second,) = await store.queues.receive(PLAIN, 10, 30)
    assert (second.id, second.receive_count) == (first.id, 2)
    assert second.receipt != first.receipt


async def test_a_receipt_ends_with_the_next_receive(store: Store, clock: ManualClock) -> None:
    await store.queues.send(PLAIN, [NewMessage(body="a")])
    (old,) = await store.queues.receive(PLAIN, 1, 0)
    (new,) = await store.queues.receive(PLAIN, 1, 30)
    assert old.receipt and new.receipt
    other = msgspec.structs.replace(PLAIN, name="other")
    assert await store.queues.delete_held(PLAIN, [old.receipt, "no receipt"]) == ["gone", "gone"]
    assert await store.queues.delete_held(other, [new.receipt]) == ["gone"]
    assert await store.queues.hide_held("q", [(old.receipt, 5)]) == ["gone"]
    assert await store.queues.delete_held(PLAIN, [new.receipt]) == ["deleted"]
    assert store.queues.depth("q").visible == 0


async def test_delays_count_apart_from_what_is_in_flight(store: Store, clock: ManualClock) -> None:
    slow = msgspec.structs.replace(PLAIN, delay=5)
    sent = await store.queues.send(slow, [NewMessage(body="slow"), NewMessage(body="now", delay_s=0)])
    assert [message.visible_us - clock.now_us() for message in sent] == [5_000_000, 0]
    assert bodies(await store.queues.receive(slow, 10, 30)) == ["now"]
    depth = store.queues.depth("q")
    assert (depth.visible, depth.in_flight, depth.delayed, depth.oldest_us) == (0, 1, 1, clock.now_us())
    clock.advance(5)
    assert bodies(await store.queues.receive(slow, 10, 30)) == ["slow"]


async def test_a_message_received_too_often_moves_with_its_error(store: Store, clock: ManualClock) -> None:
    heard: list[str] = []
    await store.queues.send(REDRIVING, [NewMessage(body="poison", attributes={"k": {"DataType": "String"}})])
    request_id = new_request_id()
    for _ in range(2):
        (message,) = await store.queues.receive(REDRIVING, 10, 0)
        await store.queues.note_failure("q", [message.id], "worker", request_id, "KeyError", "'sku'")
    store.queues.add_listener(heard.append)
    clock.advance(1)
    assert await store.queues.receive(REDRIVING, 10, 0) == []
    assert heard == ["dlq"]
    assert (store.queues.depth("q").visible, store.queues.depth("dlq").visible) == (0, 1)
    (entry,) = Reader(store.data).dlq_entries(["dlq"])
    assert (entry.id, entry.event, entry.attempts) == (message.id, "poison", 2)
    assert (entry.function, entry.request_id, entry.error_code, entry.error_message) == (
        "worker",
        request_id,
        "KeyError",
        "'sku'",
    )
    (again,) = await store.queues.receive(QueueConfig(name="dlq", logical_id="D"), 1, 30)
    assert again.attributes == {"k": {"DataType": "String"}}


async def test_a_redrive_to_a_queue_that_does_not_exist_does_not_lose_the_message(store: Store) -> None:
    await store.queues.send(REDRIVING, [NewMessage(body="a")])
    counts = [
        (await store.queues.receive(REDRIVING, 10, 0, known=lambda name: name == "q"))[0].receive_count
        for _ in range(4)
    ]
    assert counts == [1, 2, 3, 4]


async def test_a_receive_looks_behind_what_it_moves(store: Store) -> None:
    await store.queues.send(REDRIVING, [NewMessage(body=str(n)) for n in range(5)])
    for _ in range(2):
        await store.queues.receive(REDRIVING, 10, 0)
    await store.queues.send(REDRIVING, [NewMessage(body="fresh")])
    assert bodies(await store.queues.receive(REDRIVING, 1, 30)) == ["fresh"]
    assert store.queues.depth("dlq").visible == 5


async def test_old_messages_are_dropped_when_their_retention_ends(store: Store, clock: ManualClock) -> None:
    short = msgspec.structs.replace(PLAIN, retention=60)
    await store.queues.send(short, [NewMessage(body="old")])
    clock.advance(40)
    await store.queues.send(short, [NewMessage(body="young")])
    clock.advance(30)
    assert bodies(await store.queues.receive(short, 10, 30)) == ["young"]
    assert store.queues.depth("q").in_flight == 1
    assert store.queues.depth("q").visible == 0


async def test_a_shorter_visibility_gives_a_message_back(store: Store, clock: ManualClock) -> None:
    heard: list[str] = []
    await store.queues.send(PLAIN, [NewMessage(body="a"), NewMessage(body="b")])
    taken = await store.queues.receive(PLAIN, 1, 30)
    store.queues.add_listener(heard.append)
    assert await store.queues.change_visibility("q", [taken[0].id], 0) == 1
    assert heard == ["q"]
    assert sorted(bodies(await store.queues.receive(PLAIN, 10, 30))) == ["a", "b"]


async def test_fifo_holds_a_group_back_while_one_of_its_messages_is_out(store: Store, clock: ManualClock) -> None:
    await store.queues.send(
        FIFO,
        [NewMessage(body=f"{group}{n}", group_id=group, dedup_id=f"{group}{n}") for n in range(3) for group in "ab"],
    )
    first = await store.queues.receive(FIFO, 2, 30)
    assert bodies(first) == ["a0", "b0"]
    assert await store.queues.receive(FIFO, 10, 30) == []
    await store.queues.delete("f.fifo", [first[0].id])
    assert bodies(await store.queues.receive(FIFO, 10, 30)) == ["a1", "a2"]
    clock.advance(31)
    assert bodies(await store.queues.receive(FIFO, 10, 30)) == ["b0", "a1", "b1", "a2", "b2"]


async def test_fifo_takes_a_duplicate_once_within_five_minutes(store: Store, clock: ManualClock) -> None:
    content = msgspec.structs.replace(FIFO, content_based_deduplication=True)
    (first,) = await store.queues.send(content, [NewMessage(body="x", group_id="g")])
    (again,) = await store.queues.send(content, [NewMessage(body="x", group_id="g")])
    assert (again.id, again.seq) == (first.id, first.seq)
    await store.queues.delete("f.fifo", [first.id])
    await store.queues.send(content, [NewMessage(body="x", group_id="g")])
    assert store.queues.depth("f.fifo").visible == 0
    clock.advance(300)
    (later,) = await store.queues.send(content, [NewMessage(body="x", group_id="g")])
    assert later.id != first.id
    assert store.queues.depth("f.fifo").visible == 1


async def test_a_replay_locks_its_entry_against_everybody(store: Store, clock: ManualClock) -> None:
    dlq = QueueConfig(name="dlq", logical_id="D")
    (sent,) = await store.queues.send(dlq, [NewMessage(body="e", attempts=3, first_us=1)])
    locked = await store.queues.lock_replay(sent.id)
    assert locked is not None
    assert (locked.body, locked.replaying) == ("e", True)
    assert await store.queues.lock_replay(sent.id) is None
    assert await store.queues.receive(dlq, 10, 30) == []
    assert await store.queues.purge("dlq") == 0
    await store.queues.unlock_replay(sent.id, error_code="TypeError", error_message="no", request_id="r", at_us=99)
    entry = Reader(store.data).dlq_entry(sent.id)
    assert entry is not None
    assert (entry.attempts, entry.error_code, entry.request_id, entry.replaying) == (4, "TypeError", "r", False)
    assert await store.queues.lock_replay(sent.id) is not None
    await store.queues.replayed(sent.id)
    assert Reader(store.data).dlq_entry(sent.id) is None
    assert await store.queues.lock_replay(sent.id) is None
    assert store.queues.depth("dlq").visible == 0


async def test_an_engine_that_dies_in_a_replay_unlocks_it(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    (sent,) = await store.queues.send(PLAIN, [NewMessage(body="e")])
    await store.queues.lock_replay(sent.id)
    await store.close()
    again = Store.open(data, clock)
    assert await again.queues.lock_replay(sent.id) is not None
    await again.close()


@pytest.mark.parametrize("body", ["", "\ud800 lone", "\x00nul", "ünï \U0001f600", "x" * 1_000_000])
async def test_bodies_are_kept_exactly(store: Store, body: str) -> None:
    (sent,) = await store.queues.send(PLAIN, [NewMessage(body=body)])
    (received,) = await store.queues.receive(PLAIN, 1, 30)
    assert received.body == body
    entry = Reader(store.data).dlq_entry(sent.id)
    assert entry is not None
    assert entry.event == body


async def test_purge_takes_the_marked_or_all(store: Store) -> None:
    sent = await store.queues.send(PLAIN, [NewMessage(body=str(n)) for n in range(5)])
    assert await store.queues.purge("q", [sent[0].id, sent[1].id, new_request_id()]) == 2
    assert store.queues.depth("q").visible == 3
    assert await store.queues.purge("q") == 3
    assert store.queues.depth("q") == type(store.queues.depth("q"))()


async def test_numbers_rise_over_restarts_and_emptied_queues(data: Path, clock: ManualClock) -> None:
    store = Store.open(data, clock)
    (first,) = await store.queues.send(PLAIN, [NewMessage(body="a")])
    await store.queues.purge("q")
    await store.close()
    again = Store.open(data, clock)
    (second,) = await again.queues.send(PLAIN, [NewMessage(body="b")])
    assert second.seq > first.seq
    await again.close()

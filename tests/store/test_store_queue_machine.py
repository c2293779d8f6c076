"""Queues against a model, over random sends, receives, deletes, redrives, moves, time and restarts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lambdatui.clock import ManualClock
from lambdatui.config.model import QueueConfig
from lambdatui.store.reader import Reader
from lambdatui.store.records import Message, NewMessage
from lambdatui.store.store import Store

MAX_RECEIVES = 3


@dataclass
class Known:
    """What the model believes of one message."""

    place: int  # in the order of the queue
    body: str
    group: str | None
    visible_us: int
    held: bool = False
    receipt: str | None = None
    count: int = 0
    received_us: int = 0


class QueueMachine(RuleBasedStateMachine):
    """No message is lost, given to two holders, miscounted, or (FIFO) given out of order."""

    fifo = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.loop = asyncio.new_event_loop()
        name = "q.fifo" if self.fifo else "q"
        self.queue = QueueConfig(
            name=name, logical_id="Q", fifo=self.fifo, redrive_queue="dlq", max_receive_count=MAX_RECEIVES
        )
        self.dlq = QueueConfig(name="dlq", logical_id="D", fifo=self.fifo)
        self.known: dict[str, Known] = {}
        self.dead: dict[str, Known] = {}
        self.places = 0
        self.store = self.open()

    def open(self) -> Store:
        return Store.open(self.folder / "data", self.clock)

    def run(self, coroutine):  # type: ignore[no-untyped-def]
        return self.loop.run_until_complete(coroutine)

    @rule(groups=st.lists(st.sampled_from("abc"), min_size=1, max_size=5), delay=st.sampled_from([0, 0, 0, 2]))
    def send(self, groups: list[str], delay: int) -> None:
        new = []
        for group in groups:
            text = str(self.next_place())
            new.append(
                NewMessage(body=text, group_id=group, dedup_id=text)
                if self.fifo
                else NewMessage(body=text, delay_s=delay)
            )
        for message in self.run(self.store.queues.send(self.queue, new)):
            self.known[message.id] = Known(int(message.body), message.body, message.group_id, message.visible_us)

    def next_place(self) -> int:
        self.places += 1
        return self.places

    @rule(most=st.integers(1, 6), visibility=st.sampled_from([0, 1, 5]))
    def receive(self, most: int, visibility: int) -> None:
        now_us = self.clock.now_us()
        out_groups = {each.group for each in self.known.values() if each.held and each.visible_us > now_us}
        before = dict(self.known)
        messages: list[Message] = self.run(self.store.queues.receive(self.queue, most, visibility))
        assert len(messages) <= most
        self.settle_redriven()
        for message in messages:
            known = self.known[message.id]
            assert known.visible_us <= now_us, "given to a second holder"
            assert message.receive_count == known.count + 1 <= MAX_RECEIVES
            assert message.body == known.body
            if self.fifo:
                assert known.group not in out_groups
                earlier = [each for each in self.known.values() if each.group == known.group]
                given = {self.known[each.id].place for each in messages}
                assert all(each.place in given for each in earlier if each.place < known.place)
        if self.fifo:
            places = [self.known[message.id].place for message in messages]
            assert places == sorted(places)
        elif len(messages) < most:
            ready = {key for key, each in before.items() if each.visible_us <= now_us and each.count < MAX_RECEIVES}
            assert ready == {message.id for message in messages}, "a visible message was not given"
        for message in messages:
            known = self.known[message.id]
            known.count += 1
            known.held, known.receipt = True, message.receipt
            known.visible_us, known.received_us = message.visible_us, now_us
            assert message.visible_us == now_us + visibility * 1_000_000

    def settle_redriven(self) -> None:
        """What left the queue must be dead, and must have been received as often as it may be."""
        dead = {message.id for message in self.run(self.store.queues.receive(self.dlq, 1000, 0))}
        for key in dead - self.dead.keys():
            self.dead[key] = self.known.pop(key)
            assert self.dead[key].count == MAX_RECEIVES
        assert dead == self.dead.keys(), "a dead letter was lost"

    @rule(step=st.integers(1, 3))
    def move_back(self, step: int) -> None:
        """Every dead letter becomes a new message at the end of the queue that it came from, once."""
        queues = {self.queue.name: self.queue, self.dlq.name: self.dlq}
        move = self.run(self.store.moves.start("dlq", None, None))
        assert self.run(self.store.moves.start("dlq", None, None)) is None
        while self.run(self.store.moves.step(move, step, queues)) == "RUNNING":
            self.restart()
        ended = self.store.moves.get(move.id)
        assert ended is not None
        assert (ended.status, ended.moved, ended.to_move) == ("COMPLETED", len(self.dead), len(self.dead))
        assert self.store.queues.depth("dlq").visible == 0
        reader = Reader(self.folder / "data", self.clock)
        new = [row for row in reader.peek(self.queue.name, 10_000) if row.id not in self.known]
        reader.close()
        assert sorted(row.body for row in new) == sorted(each.body for each in self.dead.values())
        assert not {row.id for row in new} & self.dead.keys()
        for row in new:
            self.known[row.id] = Known(self.next_place(), row.body, row.group_id, self.clock.now_us())
        self.dead = {}

    @rule(pick=st.integers(0, 50))
    def delete_by_receipt(self, pick: int) -> None:
        held = [key for key, each in self.known.items() if each.receipt]
        if held:
            key = held[pick % len(held)]
            receipt = self.known[key].receipt
            assert receipt is not None
            (outcome,) = self.run(self.store.queues.delete_held(self.queue, [receipt]))
            if self.fifo and self.known[key].visible_us <= self.clock.now_us():
                assert outcome == "expired", "the queue has taken it back: its group may have gone on"
            else:
                assert outcome == "deleted"
                del self.known[key]

    @rule(pick=st.integers(0, 50), visibility=st.sampled_from([0, 3, 43_200]))
    def hide_by_receipt(self, pick: int, visibility: int) -> None:
        now_us = self.clock.now_us()
        held = [key for key, each in self.known.items() if each.receipt]
        if held:
            known = self.known[held[pick % len(held)]]
            assert known.receipt is not None
            (outcome,) = self.run(self.store.queues.hide_held(self.queue.name, [(known.receipt, visibility)]))
            until = now_us + visibility * 1_000_000
            if known.visible_us <= now_us:
                assert outcome == "visible"
            elif until > known.received_us + 43_200_000_000:
                assert outcome == "beyond"
            else:
                assert outcome == "hidden"
                known.visible_us = until

    @rule(pick=st.integers(0, 50), visibility=st.sampled_from([0, 3]))
    def change_visibility(self, pick: int, visibility: int) -> None:
        now_us = self.clock.now_us()
        held = [key for key, each in self.known.items() if each.held and each.visible_us > now_us]
        if held:
            key = held[pick % len(held)]
            assert self.run(self.store.queues.change_visibility(self.queue.name, [key], visibility)) == 1
            self.known[key].visible_us = now_us + visibility * 1_000_000

    @rule(seconds=st.sampled_from([0.5, 1, 3, 6]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.store = self.open()

    @invariant()
    def depth_is_the_models(self) -> None:
        now_us = self.clock.now_us()
        hidden = [each for each in self.known.values() if each.visible_us > now_us]
        depth = self.store.queues.depth(self.queue.name)
        assert depth.visible == len(self.known) - len(hidden)
        assert depth.in_flight == sum(each.held for each in hidden)
        assert depth.delayed == sum(not each.held for each in hidden)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        shutil.rmtree(self.folder)


class FifoMachine(QueueMachine):
    fifo = True


_settings = settings(max_examples=8, stateful_step_count=30)
TestStandardQueue = QueueMachine.TestCase
TestStandardQueue.settings = _settings
TestFifoQueue = FifoMachine.TestCase
TestFifoQueue.settings = _settings

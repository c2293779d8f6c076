"""A shard in lanes: each key's records in order, none skipped, over failures, kills and changes of the factor."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambdatui.clock import MICROS
from lambdatui.config.model import Destination
from lambdatui.errors import StoreError
from lambdatui.sources import stream_lanes
from lambdatui.sources.shard_reader import FOLLOW_AFTER
from lambdatui.sources.stream_rules import Advance, Discard, LaneState, Send, Wait, load, plan, save, settle
from lambdatui.store.records import Checkpoint, Record
from lambdatui.store.shards import lane_of
from tests.sources.support import World
from tests.sources.test_stream_rules import RETENTION_S, T0, answer, mapping, partial, record
from tests.sources.test_stream_source import UUID, clicks, data, put, shard

KEYS = "abcdefgh"
LOST = Destination(kind="queue", name="lost")


@given(st.text(), st.integers(1, 10))
def test_a_key_has_one_lane(key: str, lanes: int) -> None:
    assert 0 <= lane_of(key, lanes) < lanes
    assert lane_of(key, lanes) == lane_of(key, lanes)


def test_keys_spread_over_the_lanes() -> None:
    found = Counter(lane_of(f"key-{number}", 10) for number in range(1000))
    assert min(found.values()) > 50


def test_lanes_meet_at_the_furthest_place_that_one_has_begun_with() -> None:
    failed = LaneState(seq=record(1).seq, ends=(record(4).seq, record(7).seq), failed_since_us=1)
    reaches = [stream_lanes.reach(failed), stream_lanes.reach(LaneState(), in_hand=record(5).seq)]
    at = stream_lanes.meeting_point(reaches)
    assert at == record(7).seq
    assert not stream_lanes.met([failed, LaneState(seq=at)], at)
    assert stream_lanes.met(stream_lanes.fresh(at, 3), at)


class Lanes(RuleBasedStateMachine):
    """One shard, its lanes at work side by side, under every mix of settings, answers, kills and factors."""

    @initialize(
        lanes=st.integers(1, 4),
        retries=st.integers(-1, 2),
        bisect=st.booleans(),
        reports=st.booleans(),
        size=st.integers(1, 5),
    )
    def begin_with(self, lanes: int, retries: int, bisect: bool, reports: bool, size: int) -> None:
        self.rules = mapping(
            maximum_retry_attempts=retries,
            bisect_on_error=bisect,
            report_batch_item_failures=reports,
            batch_size=size,
        )
        self.records: list[Record] = []
        self.wanted = lanes
        self.durable: list[Checkpoint] = []
        self.sent: set[str] = set()
        self.given_up: set[str] = set()
        self.known_done: set[str] = set()
        self.limit: str | None = None
        self.take_up(stream_lanes.fresh("", 1))

    def take_up(self, states: list[LaneState]) -> None:
        self.states = states
        self.flying: dict[int, Send] = {}
        self.limit = None
        self.durable = [save(state, "u", "s", index, len(states)) for index, state in enumerate(states)]

    def done(self) -> set[str]:
        """What the durable checkpoints say is done."""
        lanes = len(self.durable)
        return {one.seq for one in self.records if one.seq <= self.durable[lane_of(one.partition_key, lanes)].seq}

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=12))
    def arrive(self, keys: list[str]) -> None:
        for key in keys:
            fresh = record(len(self.records) + 1)
            self.records.append(msgspec.structs.replace(fresh, partition_key=key))

    @rule(lane=st.integers(0, 3))
    def begin(self, lane: int) -> None:
        lane %= len(self.states)
        if lane in self.flying:
            return
        state = self.states[lane]
        mine = [one for one in self.records if lane_of(one.partition_key, len(self.states)) == lane]
        mine = [one for one in mine if state.seq < one.seq and (self.limit is None or one.seq <= self.limit)]
        batch = mine[: self.rules.batch_size]
        step = plan(state, batch, self.rules, T0, full=True, seen_us=T0, retention_s=RETENTION_S)
        if isinstance(step, Wait):
            looked = self.records[-1].seq if self.records and self.limit is None else ""
            self.states[lane] = stream_lanes.passed_over(state, looked, self.limit)
        elif isinstance(step, Send):
            self.in_order(step)
            self.flying[lane] = step
        else:
            self.take(lane, step)

    def in_order(self, send: Send) -> None:
        batch = [one.seq for one in send.batch]
        assert batch == sorted(set(batch))
        done = self.done()
        for one in send.batch:
            before = {other.seq for other in self.records if other.partition_key == one.partition_key} - done
            assert all(seq in batch for seq in before if seq < one.seq), "no record before an earlier one of its key"
            assert one.seq not in done, "nothing that is done comes again"
        self.sent |= set(batch)

    @rule(
        lane=st.integers(0, 3), outcome=st.sampled_from(["ok", "ok", "error", "throttled", "partial"]), at=st.integers()
    )
    def end(self, lane: int, outcome: str, at: int) -> None:
        lane %= len(self.states)
        send = self.flying.pop(lane, None)
        if send is None:
            return
        said = partial(int(send.batch[at % len(send.batch)].seq)) if outcome == "partial" else answer(outcome)
        self.take(lane, settle(self.states[lane], send, said, self.rules, T0 + MICROS))

    def take(self, lane: int, step: Advance | Discard) -> None:
        if isinstance(step, Discard):
            self.given_up |= {one.seq for one in step.send.batch}
        self.states[lane] = step.state
        self.durable[lane] = save(step.state, "u", "s", lane, len(self.states))

    @rule(lanes=st.integers(1, 4))
    def change(self, lanes: int) -> None:
        self.wanted = lanes

    @rule()
    def supervise(self) -> None:
        self.limit = None
        if len(self.states) == self.wanted:
            return
        reaches = [
            stream_lanes.reach(state, self.flying[lane].batch[-1].seq if lane in self.flying else "")
            for lane, state in enumerate(self.states)
        ]
        self.limit = stream_lanes.meeting_point(reaches)
        if stream_lanes.met(self.states, self.limit):
            self.take_up(stream_lanes.fresh(self.limit, self.wanted))

    @rule()
    def kill(self) -> None:
        self.states = [load(checkpoint) for checkpoint in self.durable]
        self.flying, self.limit = {}, None

    @invariant()
    def nothing_is_skipped_and_nothing_comes_back(self) -> None:
        if not hasattr(self, "records"):
            return
        done = self.done()
        assert self.known_done <= done
        assert done <= self.sent | self.given_up
        self.known_done = done

    def teardown(self) -> None:
        """From wherever it stands: once the function works, everything is done, in as many lanes as were asked for."""
        if not hasattr(self, "records"):
            return
        everything = {one.seq for one in self.records}
        for _ in range(20 * len(self.records) + 20):
            if self.done() == everything and len(self.states) == self.wanted:
                break
            self.supervise()
            for lane in range(len(self.states)):
                self.end(lane, "ok", 0)
                self.begin(lane)
        assert self.done() == everything
        assert len(self.states) == self.wanted


TestLanes = Lanes.TestCase
TestLanes.settings = settings(max_examples=25, stateful_step_count=40)


# at work


def by_key(world: World) -> dict[str, list[str]]:
    """What the function took of each key, in the order in which it came."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in world.engine.events("work"):
        for each, text in zip(event["Records"], data(event), strict=True):
            found[each["kinesis"]["partitionKey"]].append(text)
    return found


async def test_lanes_run_side_by_side_and_keep_each_keys_order(world: Any) -> None:
    together = asyncio.Event()

    async def work(event: Any) -> None:
        if here.engine.running == 3:
            together.set()
        await together.wait()
        for _ in range(random.Random(len(event["Records"])).randint(1, 20)):
            await asyncio.sleep(0)

    here = await world(clicks(parallelization_factor=3, batch_size=4), work=work)
    await here.manager.pause("clicks")
    for number in range(20):
        await asyncio.gather(*(put(here, str(number), key=key) for key in KEYS))
    await here.manager.resume("clicks")
    await here.settle(lambda: shard(here).backlog == 0)
    assert here.engine.peak == 3
    assert by_key(here) == {key: [str(number) for number in range(20)] for key in KEYS}
    for event in here.engine.events("work"):
        assert len({lane_of(each["kinesis"]["partitionKey"], 3) for each in event["Records"]}) == 1


async def test_a_put_wakes_the_lanes_that_it_concerns_and_the_others_follow_now_and_then(world: Any) -> None:
    here = await world(clicks(parallelization_factor=10), work=lambda event: None)
    looks: list[tuple[int, int]] = []
    read = here.store.streams.read_lane

    async def counted(*arguments: Any) -> Any:
        looks.append(arguments[-1])
        return await read(*arguments)

    here.store.streams.read_lane = counted
    await put(here, "1", key="a")
    await here.settle(lambda: by_key(here) == {"a": ["1"]} and shard(here).backlog == 0)
    assert {lane for lane, _ in looks} == {lane_of("a", 10)}
    await put(here, *map(str, range(FOLLOW_AFTER)), key="a")
    await here.settle(lambda: shard(here).backlog == 0)
    assert {lane for lane, _ in looks} == set(range(10))


async def test_a_blocked_lane_holds_its_own_keys_up_alone_and_the_backlog_counts_what_waits(world: Any) -> None:
    poison = KEYS[0]
    others = [key for key in KEYS if lane_of(key, 3) != lane_of(poison, 3)]

    def fail(event: Any) -> None:
        if "bad" in data(event):
            raise ValueError("poison")

    here = await world(clicks(parallelization_factor=3), work=fail)
    await put(here, "bad", key=poison)
    await here.settle(lambda: bool(here.engine.requests))
    await put(here, "good", key=poison)
    for key in others:
        await put(here, "1", "2", key=key)
    await here.settle(lambda: sum(map(len, by_key(here).values())) >= 2 * len(others) + 1)
    assert {key: texts for key, texts in by_key(here).items() if key != poison} == {key: ["1", "2"] for key in others}
    row = shard(here)
    assert (row.blocked, row.backlog, row.error) == (True, 2, "ValueError: poison")


async def test_a_kill_repeats_what_was_in_flight_and_no_more(world: Any) -> None:
    rules = clicks(parallelization_factor=4, batch_size=2)
    gate = asyncio.Event()

    async def hang(event: Any) -> None:
        if "hang" in data(event):
            await gate.wait()

    here = await world(rules, work=hang)
    await put(here, "hang", key=KEYS[0])
    await here.timer.parked(1, lambda: here.engine.running == 1)
    others = [key for key in KEYS if lane_of(key, 4) != lane_of(KEYS[0], 4)]
    for key in others:
        await put(here, "x", key=key)
    await here.timer.parked(1, lambda: shard(here).backlog == 1)
    first = by_key(here)
    here = await world(rules, work=lambda event: None)
    await here.settle(lambda: shard(here).backlog == 0)
    again = by_key(here)
    assert again == {KEYS[0]: ["hang"]}
    assert set(first) == {KEYS[0], *others}


async def test_lanes_that_a_full_disk_kept_from_changing_go_on(world: Any) -> None:
    here = await world(clicks(parallelization_factor=2), work=lambda event: None)
    save_lanes = here.store.streams.save_lanes
    refused: list[int] = []

    async def full(checkpoints: list[Checkpoint]) -> None:
        refused.append(len(checkpoints))
        raise StoreError("disk full")

    here.store.streams.save_lanes = full
    await here.engine.reload(clicks(parallelization_factor=3))
    await here.settle(lambda: bool(refused))
    here.store.streams.save_lanes = save_lanes
    await here.engine.reload(clicks(parallelization_factor=2))
    await here.advance(6)
    await asyncio.gather(*(put(here, "x", key=key) for key in KEYS))
    await here.settle(lambda: set(by_key(here)) == set(KEYS))


@pytest.mark.parametrize("seed", range(4))
async def test_factors_change_under_load_with_failures_and_restarts(world: Any, seed: int) -> None:
    chance = random.Random(seed)
    tried: Counter[str] = Counter()
    done: dict[str, list[str]] = defaultdict(list)

    async def work(event: Any) -> None:
        texts = data(event)
        await asyncio.sleep(0)
        tried[texts[0]] += 1
        if tried[texts[0]] == 1 and chance.random() < 0.3:
            raise ValueError("once")
        for each, text in zip(event["Records"], texts, strict=True):
            done[each["kinesis"]["partitionKey"]].append(text)

    factor = 1
    here = await world(clicks(shards=2, batch_size=3), work=work)
    for number in range(12):
        await asyncio.gather(*(put(here, f"{key}{number:02}", key=key) for key in KEYS))
        what = chance.choice(["factor", "factor", "restart", "reshard", "wait"])
        if what == "factor":
            factor = chance.randint(1, 10)
            rules = clicks(shards=here.engine.project.streams[0].shards, batch_size=3, parallelization_factor=factor)
            await here.engine.reload(rules)
        elif what == "restart":
            await here.manager.stop()
            here = await world(here.engine.project, work=work)
        elif what == "reshard":
            count = chance.randint(1, 3)
            await here.store.streams.reshard("clicks", lambda shards, count=count: shards.uniform(count))
        else:
            await here.advance(1)
    for _ in range(100):  # tries that failed come again with time; each is made to fail once at most
        await here.advance(2)
        if not any(row.backlog for row in here.manager.snapshot().streams[0].shards):
            break
    for key in KEYS:
        assert done[key] == [f"{key}{number:02}" for number in range(12)]
    open_ones = {row.id for row in here.manager.snapshot().streams[0].shards if not row.closed}
    assert {len(here.store.streams.checkpoints(UUID, id)) for id in open_ones} == {factor}


async def test_given_up_records_of_a_lane_are_replayed_without_those_of_others(world: Any) -> None:
    broken = True

    def fail(event: Any) -> None:
        if broken and "bad" in data(event):
            raise ValueError("poison")

    rules = clicks(parallelization_factor=3, maximum_retry_attempts=0, on_failure=LOST)
    here = await world(rules, work=fail)
    await here.manager.pause("clicks")
    other = next(key for key in KEYS if lane_of(key, 3) != lane_of("a", 3))
    for text, key in (("bad", "a"), ("other", other), ("last", "a")):
        await put(here, text, key=key)
    await here.manager.resume("clicks")
    await here.settle(lambda: bool(here.engine.reader.dlq_entries(["lost"])))
    [entry] = here.engine.reader.dlq_entries(["lost"])
    broken = False
    await here.engine.reload(clicks(parallelization_factor=2, on_failure=LOST))
    assert (await here.manager.replay_entry(entry.id)).status == "ok"
    assert data(here.engine.events("work")[-1]) == ["bad", "last"]

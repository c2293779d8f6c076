"""How a mapping goes through a shard: order, at least once, nothing skipped without a record about it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lambdatui.clock import MICROS
from lambdatui.config.model import StreamMapping
from lambdatui.engine.model import InvokeResult
from lambdatui.sources.stream_rules import Advance, Discard, LaneState, Send, Wait, load, plan, save, settle
from lambdatui.store.records import Record

RETENTION_S = 1000.0
T0 = 10**15


def record(number: int, arrived_us: int = T0) -> Record:
    return Record(
        stream="clicks",
        shard="shardId-000000000000",
        seq=f"{number:056d}",
        partition_key="k",
        data=b"",
        arrived_us=arrived_us,
    )


def mapping(**more: Any) -> StreamMapping:
    return StreamMapping(uuid="u", function="work", stream="clicks", **more)


def answer(status: str = "ok", payload: bytes = b"null") -> InvokeResult:
    error = {"error_type": "KeyError", "error_message": "x"} if status == "error" else {}
    return InvokeResult(request_id="r", status=status, payload=payload, **error)


def partial(number: int) -> InvokeResult:
    return answer(payload=json.dumps({"batchItemFailures": [{"itemIdentifier": record(number).seq}]}).encode())


def look(state: LaneState, records: list[Record], rules: StreamMapping, now_us: int = T0, **more: Any) -> Any:
    more = {"full": True, "seen_us": T0, "retention_s": RETENTION_S} | more
    return plan(state, records, rules, now_us, **more)


def test_a_success_moves_the_checkpoint_to_the_batchs_end() -> None:
    step = settle(LaneState(), Send(batch=[record(1), record(2)]), answer(), mapping(), T0)
    assert step == Advance(state=LaneState(seq=record(2).seq))


def test_a_failed_batch_blocks_and_comes_again_without_what_has_arrived_since() -> None:
    rules = mapping()
    step = settle(LaneState(), Send(batch=[record(1), record(2)]), answer("error"), rules, T0)
    assert isinstance(step, Advance)
    assert step.state.blocked
    assert (step.delay_s, step.state.attempts, step.state.error) == (1.0, 1, "KeyError: x")
    again = look(step.state, [record(1), record(2), record(3)], rules)
    assert again == Send(batch=[record(1), record(2)])


def test_retries_run_out_after_the_first_try_and_the_maximum() -> None:
    rules, state = mapping(maximum_retry_attempts=2), LaneState()
    for _ in range(2):
        step = settle(state, Send(batch=[record(1)]), answer("error"), rules, T0)
        assert isinstance(step, Advance)
        state = step.state
    step = settle(state, Send(batch=[record(1)]), answer("error"), rules, T0)
    assert isinstance(step, Discard)
    assert (step.condition, step.attempts, step.state) == ("RetryAttemptsExhausted", 3, LaneState(seq=record(1).seq))


@pytest.mark.parametrize("result", [answer("throttled"), msgspec.structs.replace(answer("error"), refused=True)])
def test_what_did_not_reach_the_function_blocks_without_counting_as_a_retry(result: InvokeResult) -> None:
    rules = mapping(maximum_retry_attempts=0)
    step = settle(LaneState(), Send(batch=[record(1)]), result, rules, T0)
    assert isinstance(step, Advance)
    assert (step.state.attempts, step.state.tries, step.delay_s) == (0, 1, 1.0)


def test_records_past_their_age_are_given_up_unseen_and_the_others_go_on() -> None:
    rules = mapping(maximum_record_age=60)
    now = T0 + 61 * MICROS
    step = look(LaneState(), [record(1), record(2, now)], rules, now)
    assert isinstance(step, Discard)
    assert (step.condition, step.send.batch, step.attempts) == ("RecordAgeExceeded", [record(1)], 0)
    assert step.state.seq == record(1).seq
    assert look(step.state, [record(2, now)], rules, now) == Send(batch=[record(2, now)])


def test_without_a_maximum_age_the_streams_retention_ends_the_block() -> None:
    blocked = settle(LaneState(), Send(batch=[record(1)]), answer("error"), mapping(), T0)
    assert isinstance(look(blocked.state, [record(1)], mapping(), T0 + 1001 * MICROS), Discard)


def test_bisecting_halves_without_costing_a_retry_and_keeps_both_halves() -> None:
    rules = mapping(bisect_on_error=True, maximum_retry_attempts=0)
    batch = [record(number) for number in range(1, 5)]
    step = settle(LaneState(), Send(batch=batch), answer("error"), rules, T0)
    assert isinstance(step, Advance)
    assert step.state.ends == (record(2).seq, record(4).seq)
    assert look(step.state, [*batch, record(5)], rules) == Send(batch=batch[:2])
    step = settle(step.state, Send(batch=batch[:2]), answer(), rules, T0)
    assert look(step.state, [*batch[2:], record(5)], rules) == Send(batch=batch[2:])


def test_the_lowest_reported_failure_is_the_checkpoint() -> None:
    rules = mapping(report_batch_item_failures=True)
    batch = [record(number) for number in range(1, 5)]
    step = settle(LaneState(), Send(batch=batch), partial(3), rules, T0)
    assert isinstance(step, Advance)
    assert (step.state.seq, step.state.attempts, step.state.blocked) == (record(2).seq, 1, True)
    assert look(step.state, batch[2:], rules) == Send(batch=batch[2:])


def test_with_bisecting_a_partial_answer_splits_where_it_says() -> None:
    rules = mapping(report_batch_item_failures=True, bisect_on_error=True, maximum_retry_attempts=0)
    batch = [record(number) for number in range(1, 5)]
    step = settle(LaneState(), Send(batch=batch), partial(3), rules, T0)
    assert isinstance(step, Advance)
    assert (step.state.attempts, step.delay_s, step.state.ends) == (0, 0.0, (record(4).seq,))


def test_a_malformed_answer_fails_the_whole_batch() -> None:
    rules = mapping(report_batch_item_failures=True)
    step = settle(LaneState(), Send(batch=[record(1), record(2)]), answer(payload=b'"ok"'), rules, T0)
    assert isinstance(step, Advance)
    assert step.state.seq == ""
    assert "MalformedBatchResponse" in (step.state.error or "")


def test_the_batching_window_gathers_but_never_delays_a_full_batch_or_a_retry() -> None:
    rules = mapping(batching_window=10)
    assert look(LaneState(), [record(1)], rules, full=False) == Wait(due_us=T0 + 10 * MICROS)
    assert isinstance(look(LaneState(), [record(1)], rules, full=True), Send)
    assert isinstance(look(LaneState(), [record(1)], rules, T0 + 10 * MICROS, full=False), Send)
    blocked = LaneState(ends=(record(1).seq,), failed_since_us=T0)
    assert isinstance(look(blocked, [record(1)], rules, full=False), Send)


def test_a_batch_that_retention_took_while_paused_does_not_block_for_ever() -> None:
    blocked = LaneState(seq=record(1).seq, ends=(record(3).seq,), failed_since_us=T0)
    step = look(blocked, [record(9)], mapping())
    assert step == Advance(state=LaneState(seq=record(3).seq))


def test_a_state_survives_its_checkpoint() -> None:
    state = LaneState(seq="1", ends=("2", "4"), attempts=3, tries=3, failed_since_us=5, error="E: x")
    assert load(save(state, "u", "s")) == state


class Shard(RuleBasedStateMachine):
    """One shard under every mix of settings, answers, arrivals, ageing and restarts."""

    @initialize(
        retries=st.integers(-1, 3),
        age=st.sampled_from([-1, 60]),
        bisect=st.booleans(),
        reports=st.booleans(),
        size=st.integers(1, 7),
    )
    def begin(self, retries: int, age: int, bisect: bool, reports: bool, size: int) -> None:
        self.rules = mapping(
            maximum_retry_attempts=retries,
            maximum_record_age=age,
            bisect_on_error=bisect,
            report_batch_item_failures=reports,
            batch_size=size,
        )
        self.state = LaneState()
        self.now = T0
        self.records: list[Record] = []
        self.ended: list[str] = []  # done or given up, in order
        self.sent: set[str] = set()
        self.given_up: set[str] = set()
        self.fails_in_a_row = 0

    @rule(count=st.integers(1, 9))
    def arrive(self, count: int) -> None:
        start = len(self.records) + 1
        self.records += [record(number, self.now) for number in range(start, start + count)]

    @rule(seconds=st.integers(1, 70))
    def wait(self, seconds: int) -> None:
        self.now += seconds * MICROS

    @rule()
    def restart(self) -> None:
        self.state = load(save(self.state, "u", "s"))

    @precondition(lambda self: getattr(self, "records", None))
    @rule(outcome=st.sampled_from(["ok", "error", "throttled", "partial", "malformed"]), at=st.integers(0, 6))
    def go_on(self, outcome: str, at: int) -> None:
        waiting = [each for each in self.records if each.seq > self.state.seq][: self.rules.batch_size]
        before = self.state
        step = look(self.state, waiting, self.rules, self.now, full=True)
        if isinstance(step, Send):
            batch = step.batch
            assert batch == waiting[: len(batch)], "a batch follows the checkpoint without a gap"
            self.sent |= {each.seq for each in batch}
            step = settle(self.state, step, self._answer(outcome, batch[at % len(batch)].seq), self.rules, self.now)
        elif isinstance(step, Wait):
            assert not waiting
            return
        if isinstance(step, Discard):
            self.given_up |= {each.seq for each in step.send.batch}
            start = waiting.index(step.send.batch[0])
            assert start == 0 or outcome == "partial", "only what the function took may lie before"
            assert step.send.batch == waiting[start : start + len(step.send.batch)]
            if step.condition == "RetryAttemptsExhausted":
                assert step.attempts == self.rules.maximum_retry_attempts + 1
        self.state = step.state
        assert before.seq <= self.state.seq
        self.ended += [each.seq for each in waiting if before.seq < each.seq <= self.state.seq]

    def _answer(self, outcome: str, seq: str) -> InvokeResult:
        if outcome == "partial":
            return answer(payload=json.dumps({"batchItemFailures": [{"itemIdentifier": seq}]}).encode())
        return answer(payload=b"[]") if outcome == "malformed" else answer(outcome)

    @invariant()
    def nothing_is_skipped(self) -> None:
        if not hasattr(self, "records"):
            return
        assert self.ended == [each.seq for each in self.records[: len(self.ended)]], "in order, each once, no gap"
        assert set(self.ended) <= self.sent | self.given_up, "sent at least once or recorded as given up"
        if self.rules.maximum_retry_attempts >= 0:
            assert self.state.attempts <= self.rules.maximum_retry_attempts


TestShard = Shard.TestCase
TestShard.settings = settings(max_examples=30, stateful_step_count=30)

"""Tumbling windows: which records share an event, what is carried on, and when a window ends."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.clock import MICROS, iso
from lambdatui.config.model import Destination
from lambdatui.engine.model import InvokeResult
from lambdatui.sources import stream_windows
from lambdatui.sources.responses import MalformedResponseError
from lambdatui.sources.stream_rules import Advance, Discard, LaneState, Send, Wait, load, plan, save, settle
from lambdatui.sources.stream_windows import EMPTY, MAX_STATE, Window, window_at
from lambdatui.store.records import NewMessage
from tests.sources.support import World
from tests.sources.test_stream_rules import RETENTION_S, answer, mapping, record
from tests.sources.test_stream_source import clicks, data, put, shard

T0 = 1_700_000_040_000_000  # the beginning of a minute
MINUTE = 60 * MICROS
LOST = Destination(kind="queue", name="lost")
rules = mapping(tumbling_window=60)
DEEP = b'{"state": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"


def took(state: Any) -> InvokeResult:
    return answer(payload=json.dumps({"state": state}).encode())


def look(state: LaneState, records: list[Any], now_us: int = T0, more: Any = rules, **options: Any) -> Any:
    options = {"full": True, "seen_us": now_us, "retention_s": RETENTION_S} | options
    return plan(state, records, more, now_us, **options)


def opened(state: bytes = b'{"n":1}', start: int = T0) -> LaneState:
    span = stream_windows.span_of([record(1, start)])
    window = Window(start_us=start, end_us=start + MINUTE, state=state, span=span)
    return LaneState(seq=record(1).seq, window=window)


@given(st.integers(0, 10**16), st.integers(1, 900))
def test_windows_are_aligned_to_the_epoch_and_hold_their_records(time_us: int, seconds: int) -> None:
    window = window_at(time_us, seconds)
    assert window.start_us <= time_us < window.end_us
    assert window.start_us % (seconds * MICROS) == 0
    assert window.end_us - window.start_us == seconds * MICROS


def test_an_event_holds_records_of_one_window() -> None:
    records = [record(1, T0), record(2, T0 + MINUTE - 1), record(3, T0 + MINUTE)]
    step = look(LaneState(), records)
    assert step == Send(batch=records[:2], window=Window(start_us=T0, end_us=T0 + MINUTE))


def test_a_batch_at_a_windows_end_does_not_wait_for_more() -> None:
    waiting = mapping(tumbling_window=60, batching_window=300)
    step = look(LaneState(), [record(1, T0), record(2, T0 + MINUTE)], T0, waiting, full=False)
    assert isinstance(step, Send)
    assert look(LaneState(), [record(1, T0)], T0, waiting, full=False) == Wait(due_us=T0 + MINUTE + MICROS)


def test_the_state_is_carried_from_one_invocation_to_the_next() -> None:
    first = settle(LaneState(), look(LaneState(), [record(1, T0)]), took({"n": 1}), rules, T0)
    assert isinstance(first, Advance)
    again = look(first.state, [record(2, T0 + 5)])
    assert again.window.state == b'{"n": 1}'
    second = settle(first.state, again, took({"n": 2}), rules, T0)
    assert second.state.window is not None
    assert second.state.window.span == stream_windows.span_of([record(1, T0), record(2, T0 + 5)])
    assert load(save(second.state, "u", "s")) == second.state, "over a restart too"


def test_the_next_windows_record_ends_a_window_before_it_is_sent() -> None:
    state = opened()
    step = look(state, [record(2, T0 + MINUTE)])
    assert step == Send(batch=[], window=state.window, final=True)
    after = settle(state, step, took({}), rules, T0)
    assert after == Advance(state=LaneState(seq=record(1).seq))
    assert look(after.state, [record(2, T0 + MINUTE)]).window.state == EMPTY, "the state is dropped"


def test_a_window_ends_without_records_a_moment_after_its_time() -> None:
    assert look(opened(), []) == Wait(due_us=T0 + MINUTE + MICROS)
    assert look(opened(), [], T0 + MINUTE + MICROS).final
    assert look(LaneState(seq=record(1).seq), [], T0 + MINUTE + MICROS) == Wait(due_us=None), "one that never opened"


def test_a_window_ends_with_its_shard() -> None:
    assert look(opened(), [], ended=True).final


def test_a_window_that_is_switched_off_is_ended() -> None:
    assert look(opened(), [record(2, T0 + 5)], more=mapping()).final


def test_a_state_of_more_than_a_megabyte_ends_the_window_early_and_a_fresh_one_goes_on() -> None:
    send = look(LaneState(), [record(1, T0)])
    fits = settle(LaneState(), send, answer(payload=b'{"state":"%s"}' % (b"x" * (MAX_STATE - 2))), rules, T0)
    assert fits.state.window is not None
    assert not fits.state.window.early
    step = settle(LaneState(), send, answer(payload=b'{"state":"%s"}' % (b"x" * (MAX_STATE - 1))), rules, T0)
    final = look(step.state, [record(2, T0 + 1)])
    assert final.final
    assert final.window.early
    after = settle(step.state, final, took({}), rules, T0)
    assert look(after.state, [record(2, T0 + 1)]).window == Window(start_us=T0, end_us=T0 + MINUTE)


@pytest.mark.parametrize("payload", [b"null", b"{}", b"[]", b'"x"', b"{", b"", b'{"state": "\xff"', DEEP])
def test_an_answer_without_a_state_is_a_failure(payload: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        stream_windows.returned_state(payload)
    for state, send in ((opened(), look(opened(), [record(2, T0)])), (opened(), look(opened(), [], ended=True))):
        step = settle(state, send, answer(payload=payload), rules, T0)
        assert isinstance(step, Advance)
        assert step.state.blocked
        assert (step.state.window, step.state.seq) == (state.window, state.seq), "nothing is taken from it"


def test_a_partial_answers_state_counts_for_what_was_taken() -> None:
    reporting = mapping(tumbling_window=60, report_batch_item_failures=True)
    records = [record(number, T0) for number in range(1, 4)]

    def said(number: int) -> InvokeResult:
        failed = [{"itemIdentifier": record(number).seq}]
        return answer(payload=json.dumps({"state": {"n": 2}, "batchItemFailures": failed}).encode())

    send = look(LaneState(), records, more=reporting)
    step = settle(LaneState(), send, said(3), reporting, T0)
    assert isinstance(step, Advance)
    assert step.state.seq == record(2).seq
    assert step.state.window is not None
    assert (step.state.window.state, step.state.window.span) == (b'{"n": 2}', stream_windows.span_of(records[:2]))
    whole = settle(LaneState(), send, said(1), reporting, T0)
    assert whole.state.window is None, "where nothing was taken the state stays as it was"


def test_a_window_whose_end_fails_suspends_the_shard_until_retries_run_out() -> None:
    limited = mapping(tumbling_window=60, maximum_retry_attempts=1)
    state = opened()
    step = settle(state, look(state, [], ended=True, more=limited), answer("error"), limited, T0)
    assert isinstance(step, Advance)
    assert look(step.state, [record(2, T0 + MINUTE)], more=limited).final
    last = settle(step.state, look(step.state, [], ended=True, more=limited), answer("error"), limited, T0)
    assert isinstance(last, Discard)
    assert last.send.span == stream_windows.span_of([record(1, T0)]), "the record is about what the window was made of"
    assert last.state == LaneState(seq=record(1).seq)


def test_a_window_whose_end_fails_for_ever_is_given_up_with_age() -> None:
    state = msgspec.structs.replace(opened(), failed_since_us=T0, tries=3)
    assert look(state, [], T0 + MINUTE + round(RETENTION_S) * MICROS).final
    step = look(state, [], T0 + MINUTE + round(RETENTION_S + 1) * MICROS)
    assert isinstance(step, Discard)
    assert step.condition == "RecordAgeExceeded"


@given(
    gaps=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    outcomes=st.lists(st.sampled_from(["ok", "ok", "ok", "error", "throttled", "restart"]), max_size=60),
    size=st.integers(1, 6),
    bisect=st.booleans(),
)
def test_each_windows_final_state_holds_its_records_once_and_in_order(
    gaps: list[int], outcomes: list[str], size: int, bisect: bool
) -> None:
    """The function appends to its state; whatever fails, each final state is the window's records."""
    records, time = [], T0
    for number, gap in enumerate(gaps, start=1):
        time += gap * MICROS
        records.append(record(number, time))
    expected: dict[int, list[int]] = {}
    for each in records:
        expected.setdefault(window_at(each.arrived_us, 60).start_us, []).append(int(each.seq))
    more = mapping(tumbling_window=60, bisect_on_error=bisect)
    state, finals, script = LaneState(), [], iter(outcomes)
    for _ in range(len(outcomes) + 3 * len(records) + 3):
        waiting = [each for each in records if each.seq > state.seq][:size]
        step = look(state, waiting, time, more, ended=not waiting, retention_s=10**6)
        if isinstance(step, Wait):
            break
        if isinstance(step, Send):
            assert step.window is not None
            held = json.loads(step.window.state).get("seen", []) + [int(each.seq) for each in step.batch]
            outcome = next(script, "ok")
            if outcome == "restart":  # killed in the middle: what the function did is forgotten
                state = load(save(state, "u", "s"))
                continue
            if outcome == "ok" and step.final:
                finals.append((step.window.start_us, held))
            said = took({"seen": held}) if outcome == "ok" else answer(outcome)
            step = settle(state, step, said, more, time)
        state = step.state
    assert finals == list(expected.items())


# at work


def summing(event: Any) -> Any:
    state = event["state"]
    for text in data(event):
        state["sum"] = state.get("sum", 0) + int(text)
    return {"state": state}


async def test_a_windows_sum_arrives_at_its_end_also_over_a_restart(world: Any) -> None:
    here = await world(clicks(tumbling_window=60, parallelization_factor=5), work=summing)
    start = here.clock.now_us() - here.clock.now_us() % MINUTE
    await put(here, "1", "2")
    await here.settle(lambda: len(here.engine.requests) == 1)
    here = await world(here.engine.project, work=summing)
    here.clock.advance(30)
    await put(here, "4")
    await here.settle(lambda: len(here.engine.requests) == 1)
    await here.advance(62, step=1)
    *_, last = here.engine.events("work")
    assert last == {
        "Records": [],
        "window": {"start": iso(start)[:-8] + "Z", "end": iso(start + MINUTE)[:-8] + "Z"},
        "state": {"sum": 7},
        "shardId": "shardId-000000000000",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    before = len(here.engine.requests)
    await here.advance(130, step=10)
    assert len(here.engine.requests) == before, "a window without records is not ended: it never began"


async def test_a_window_ends_with_its_shard_and_the_children_begin_afresh(world: Any) -> None:
    here = await world(clicks(tumbling_window=900), work=summing)
    await put(here, "1")
    await here.settle(lambda: len(here.engine.requests) == 1)
    await here.store.streams.reshard("clicks", lambda shards: shards.uniform(2))
    await put(here, "2")
    await here.settle(lambda: len(here.engine.requests) == 3)
    _, final, fresh = here.engine.events("work")
    assert (final["isFinalInvokeForWindow"], final["state"]) == (True, {"sum": 1})
    assert (fresh["isFinalInvokeForWindow"], fresh["state"]) == (False, {})
    assert fresh["shardId"] != final["shardId"]


async def test_a_window_that_is_given_up_leaves_a_record_about_what_it_was_made_of(world: Any) -> None:
    def fail(event: Any) -> Any:
        if event["isFinalInvokeForWindow"]:
            raise ValueError("no end")
        return summing(event)

    here: World = await world(clicks(tumbling_window=60, maximum_retry_attempts=0, on_failure=LOST), work=fail)
    seqs = await put(here, "1", "2", "3")
    await here.advance(62, step=1)
    [entry] = here.engine.reader.dlq_entries(["lost"])
    info = json.loads(entry.event)["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == (seqs[0], seqs[2], 3)
    await here.manager.send("clicks", [NewMessage(body="4")], partition_key="k")
    await here.settle(lambda: shard(here).backlog == 0)
    assert here.engine.events("work")[-1]["state"] == {}

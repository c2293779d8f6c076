"""What becomes of a batch's messages, when a batch is one, and how many run at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.clock import MICROS
from lambdatui.engine.model import InvokeResult
from lambdatui.sources.queue_rules import Item, Scale, Window, backoff, hide_anew, judge
from lambdatui.sources.responses import MalformedResponseError, failed_items
from lambdatui.wire import MAX_SYNC_REQUEST


def item(id: str, *, group: str | None = None, size: int = 10, expires_us: int = 10**18) -> Item:
    return Item(id=id, record=b"x" * size, group=group, expires_us=expires_us, received_us=0)


def result(payload: bytes = b"null", status: str = "ok", **more: Any) -> InvokeResult:
    return InvokeResult(request_id="r", status=status, payload=payload, **more)


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"{}", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}', b'{"statusCode": 200}'],
)
def test_these_answers_are_a_success(payload: bytes) -> None:
    assert failed_items(payload, ["a"]) == frozenset()


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'"ok"',
        b"3",
        b"true",
        b"[]",
        b"[" * 50_000 + b"]" * 50_000,
        b'{"batchItemFailures": [{"itemIdentifier": "\xff"}]}',
        b'{"batchItemFailures": {}}',
        b'{"batchItemFailures": "a"}',
        b'{"batchItemFailures": ["a"]}',
        b'{"batchItemFailures": [{"id": "a"}]}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": null}]}',
        b'{"batchItemFailures": [{"itemIdentifier": 1}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "unknown"}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "z"}]}',
    ],
)
def test_these_answers_fail_the_whole_batch(payload: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        failed_items(payload, ["a", "b"])
    verdict = judge([item("a"), item("b")], result(payload), reports=True, fifo=False)
    assert (verdict.delete, verdict.failed) == ((), ("a", "b"))
    assert verdict.error_code == "MalformedBatchResponse"


def test_without_reporting_the_answer_means_nothing() -> None:
    payload = b'{"batchItemFailures": [{"itemIdentifier": "a"}]}'
    assert judge([item("a")], result(payload), reports=False, fifo=False).delete == ("a",)


def test_a_function_error_leaves_the_batch_with_its_reason() -> None:
    verdict = judge(
        [item("a")], result(b"{}", "error", error_type="KeyError", error_message="x"), reports=True, fifo=False
    )
    assert (verdict.failed, verdict.error_code, verdict.error_message) == (("a",), "KeyError", "x")


def test_in_a_fifo_queue_nothing_behind_a_groups_first_failure_is_done() -> None:
    batch = [item("a", group="1"), item("b", group="1"), item("c", group="2"), item("d", group="1")]
    answer = result(b'{"batchItemFailures": [{"itemIdentifier": "b"}]}')
    verdict = judge(batch, answer, reports=True, fifo=True)
    assert (verdict.delete, verdict.failed) == (("a", "c"), ("b", "d"))


@given(st.lists(st.sampled_from("123"), min_size=1, max_size=8), st.sets(st.integers(0, 7)), st.booleans())
def test_every_message_is_either_deleted_or_left(groups: list[str], bad: set[int], fifo: bool) -> None:
    batch = [item(str(index), group=group) for index, group in enumerate(groups)]
    reported = [{"itemIdentifier": str(index)} for index in bad if index < len(batch)]
    answer = result(str({"batchItemFailures": reported}).replace("'", '"').encode())
    verdict = judge(batch, answer, reports=True, fifo=fifo)
    assert sorted(verdict.delete + verdict.failed) == sorted(each.id for each in batch)
    assert {entry["itemIdentifier"] for entry in reported} <= set(verdict.failed)


def test_a_batch_is_due_when_full_or_when_its_window_ends() -> None:
    window = Window()
    window.add([item("a")], now_us=0)
    assert window.take(4 * MICROS, batch_size=2, window_s=5) == []
    assert window.due_us(5) == 5 * MICROS
    window.add([item("b")], now_us=4 * MICROS)
    assert [each.id for each in window.take(4 * MICROS, batch_size=2, window_s=5)] == ["a", "b"]
    window.add([item("c")], now_us=6 * MICROS)
    assert [each.id for each in window.take(11 * MICROS, batch_size=2, window_s=5)] == ["c"]
    assert window.due_us(5) is None


def test_a_batch_ends_at_six_megabytes() -> None:
    window = Window()
    window.add([item(name, size=MAX_SYNC_REQUEST // 2 - 50) for name in "abc"], now_us=0)
    assert [each.id for each in window.take(0, batch_size=10, window_s=300)] == ["a", "b"]
    assert window.take(0, batch_size=10, window_s=300) == []
    huge = item("d", size=2 * MAX_SYNC_REQUEST)
    window = Window()
    window.add([huge], now_us=0)
    assert window.take(0, batch_size=10, window_s=0) == [huge], "alone it goes, and the door refuses it"


def test_what_the_queue_has_given_back_leaves_the_window() -> None:
    window = Window()
    window.add([item("a", expires_us=5), item("b")], now_us=0)
    assert [each.id for each in window.take(5, batch_size=10, window_s=0)] == ["b"]


def test_a_busy_group_waits_and_a_failed_one_is_dropped() -> None:
    window = Window()
    window.add([item("a", group="1"), item("b", group="2")], now_us=0)
    assert [each.id for each in window.take(0, batch_size=10, window_s=0, busy={"1"})] == ["b"]
    window.drop_groups({"1"})
    assert len(window) == 0


def test_pollers_grow_by_three_hundred_a_minute_to_their_maximum() -> None:
    scale = Scale()
    assert scale.limit == 5
    scale.saturated(0)
    scale.saturated(60 * MICROS)
    assert scale.limit == 305
    scale.saturated(600 * MICROS)
    assert scale.limit == 1250
    scale.drained(idle=True)
    assert scale.limit == 5
    assert Scale(maximum=2).limit == 2


def test_throttles_halve_the_pollers_and_successes_bring_them_back() -> None:
    scale = Scale()
    for _ in range(4):
        scale.throttled()
    assert scale.limit == 1
    scale.succeeded()
    assert scale.limit == 2
    for _ in range(9):
        scale.succeeded()
    assert scale.limit == 5
    for _ in range(9):
        scale.failed()
    assert scale.limit == 2


def test_the_back_off_doubles_to_ten_seconds() -> None:
    assert [backoff(tries) for tries in (1, 2, 3, 4, 5, 50)] == [1, 2, 4, 8, 10, 10]


def test_a_batch_that_waits_is_hidden_anew_in_half_of_its_time_and_whole_when_it_begins() -> None:
    assert hide_anew(expires_us=1000, begun_us=None, visibility_us=400) == 800
    assert hide_anew(expires_us=1000, begun_us=610, visibility_us=400) is None  # as nearly always: it began at once
    assert hide_anew(expires_us=1000, begun_us=700, visibility_us=400) == 700

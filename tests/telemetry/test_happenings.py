"""Sentences without floods, and lines for those who follow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import decode

from lambdatui.clock import ManualClock
from lambdatui.schema import LogBatch
from lambdatui.store.records import HappeningRecord, LogRecords
from lambdatui.telemetry.happenings import Happenings
from lambdatui.telemetry.loghub import LogHub


class Told:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stored: list[HappeningRecord] = []
        self.ids = iter(range(1, 10_000))
        self.happenings = Happenings(self.clock, lambda: next(self.ids), self.stored.append)

    def messages(self) -> list[str]:
        assert [each.message for each in self.happenings.after(0)] == [each.message for each in self.stored]
        return [each.message for each in self.stored]


def test_the_first_throttle_is_said_at_once_and_the_burst_with_its_count() -> None:
    told = Told()
    for _ in range(100):
        told.happenings.say("throttle", "report", "report is throttled at 1")
        told.clock.advance(0.01)
    assert told.messages() == ["report is throttled at 1"]
    told.clock.advance(4)
    told.happenings.settle()
    assert told.messages()[1:] == ["report is throttled at 1 (99 times in 5 s)"]
    told.clock.advance(60)
    told.happenings.settle()
    told.happenings.say("throttle", "report", "report is throttled at 1")
    assert len(told.messages()) == 3, "after a quiet time it is news again"


def test_an_hour_of_throttles_is_about_sixty_sentences() -> None:
    told = Told()
    for _ in range(3600):
        told.happenings.say("throttle", "report", "throttled")
        told.happenings.settle()
        told.clock.advance(1)
    assert len(told.messages()) <= 70


def test_one_more_is_told_in_its_own_words() -> None:
    told = Told()
    told.happenings.say("dlq", "f", "event a went to the DLQ")
    told.happenings.say("dlq", "f", "event b went to the DLQ")
    told.happenings.say("dlq", "g", "event c went to the DLQ")
    told.happenings.settle(final=True)
    assert told.messages() == ["event a went to the DLQ", "event c went to the DLQ", "event b went to the DLQ"]


def test_reloads_and_engine_sentences_are_never_held_back() -> None:
    told = Told()
    for n in range(5):
        told.happenings.say("reload", "f", f"reload {n}")
    assert len(told.messages()) == 5


def test_after_gives_what_is_newer() -> None:
    told = Told()
    told.happenings.restore([HappeningRecord(id=0, time_us=0, kind="engine", function=None, message="before")])
    for n in range(3):
        told.happenings.say("engine", None, str(n))
    assert [each.message for each in told.happenings.after(-1)] == ["before", "0", "1", "2"]
    assert [each.message for each in told.happenings.after(2)] == ["2"]
    assert told.happenings.after(3) == []


def batch(*keys: int, function: str = "f", message: str = "") -> LogRecords:
    return LogRecords(
        id=keys[0],
        time_us=0,
        function=function,
        request_id=None,
        stream=None,
        levels=bytes(len(keys)),
        messages=[message or str(key) for key in keys],
    )


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(0, 400), st.one_of(st.none(), st.integers(0, 20)))
def test_what_a_reader_gets_and_what_it_missed_is_everything(batches: list[int], after: int, limit: int | None) -> None:
    hub = LogHub(capacity=50)
    newest = 0
    for size in batches:
        hub.add(batch(*range(newest + 1, newest + size + 1)))
        newest += size
    assert hub.newest_id == newest
    lines, dropped = hub.after(after, limit=limit)
    ids = [each.id for each in lines]
    assert ids == list(range(newest - len(ids) + 1, newest + 1)) or not ids
    assert len(ids) <= min(50, 50 if limit is None else limit)
    if after:
        assert len(ids) + dropped == max(0, newest - after)
    else:
        assert dropped == 0


def test_a_reader_of_one_function_gets_its_lines_only() -> None:
    hub = LogHub()
    for n in range(1, 11):
        hub.add(batch(n, function="ab"[n % 2]))
    assert [each.id for each in hub.after(4, {"a"})[0]] == [6, 8, 10]
    assert [each.id for each in hub.after(0, {"a"}, 2)[0]] == [8, 10]


def test_lines_are_put_into_bytes_once_for_all_readers_and_read_the_same_either_way() -> None:
    hub = LogHub()
    for first, count in ((1, 2), (3, 9)):  # few lines, which wait for a reader, and many
        hub.add(batch(*range(first, first + count), message="two words"))
    kept, _ = hub.packed_after(0)
    before = [each.batch() for each in kept]
    assert [each.raw for each in kept] == [each.raw for each in hub.packed_after(0)[0]]
    assert all(one.raw is other.raw for one, other in zip(kept, hub.packed_after(0)[0], strict=True))
    assert [each.batch() for each in kept] == before == [decode(each.raw, type=LogBatch) for each in kept]


def test_long_lines_leave_by_their_bytes_and_are_counted() -> None:
    hub = LogHub(max_bytes=1000)
    for key in range(1, 51):
        hub.add(batch(key, message="x" * 100))
    found, dropped = hub.after(1)
    assert 0 < len(found) <= 10
    assert found[-1].id == 50
    assert len(found) + dropped == 49

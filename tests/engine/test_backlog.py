"""What is in memory of the events that wait, and what stays on disk."""

from __future__ import annotations

from lambdatui.engine.backlog import BYTES_AHEAD, READ_AHEAD, Backlog
from lambdatui.store.records import AsyncEvent


def event(number: int, payload: bytes = b"{}", function: str = "f") -> AsyncEvent:
    return AsyncEvent(request_id=str(number), function=function, payload=payload, accepted_us=number, visible_us=number)


def test_an_event_with_nothing_in_front_of_it_is_begun_from_memory() -> None:
    backlog = Backlog()
    backlog.arrived(event(1))
    backlog.arrived(event(2))
    line = backlog.line("f")
    assert not line.unread
    assert [backlog.begin(line).request_id, backlog.begin(line).request_id] == ["1", "2"]
    assert (line.held, backlog.running) == ({"1", "2"}, 2)


def test_what_arrives_behind_others_on_disk_or_while_they_are_read_is_read_from_there() -> None:
    backlog = Backlog()
    backlog.found("f")
    backlog.arrived(event(1))
    line = backlog.line("f")
    assert line.unread
    assert not line.ready
    line.unread, line.reading = False, True
    backlog.arrived(event(2))
    line.reading = False
    backlog.read(line, [event(1)], more=False, later_us=None)
    assert line.unread, "the second one may have come behind what was read"
    assert [each.request_id for each in line.ready] == ["1"]


def test_an_event_that_was_read_before_its_arrival_was_told_is_begun_once() -> None:
    """Writer and readers are threads: a read may have it, and it may even run, before the writer's word comes."""
    backlog = Backlog()
    line = backlog.line("f")
    backlog.read(line, [event(1), event(2)], more=False, later_us=None)
    backlog.arrived(event(1))
    begun = [backlog.begin(line).request_id]
    backlog.arrived(event(1))
    begun.append(backlog.begin(line).request_id)
    assert (begun, list(line.ready), line.unread) == (["1", "2"], [], False)


def test_memory_is_bounded_by_count_and_by_bytes() -> None:
    backlog = Backlog()
    for number in range(READ_AHEAD + 10):
        backlog.arrived(event(number))
    large = b"x" * (BYTES_AHEAD // 4)
    for number in range(100, 110):
        backlog.arrived(event(number, large, function=f"large{number}"))
    assert len(backlog.line("f").ready) == READ_AHEAD
    assert backlog.line("f").unread
    assert sum(len(backlog.line(f"large{number}").ready) for number in range(100, 110)) == 3
    for number in range(100, 103):
        backlog.begin(backlog.line(f"large{number}"))
    backlog.arrived(event(200, large, function="another"))
    assert backlog.line("another").ready, "what was begun has made room"


def test_an_event_that_was_put_off_is_looked_for_when_its_time_has_come() -> None:
    backlog = Backlog()
    for number in (1, 2):
        backlog.arrived(event(number))
    line = backlog.line("f")
    first, second = backlog.begin(line), backlog.begin(line)
    backlog.look.clear()
    backlog.ended(first, 5_000)
    backlog.ended(second, 3_000)
    assert (backlog.next_us, backlog.running) == (3_000, 0)
    backlog.wait_over(2_999)
    assert not backlog.look
    backlog.wait_over(3_000)
    assert (backlog.look, line.unread, backlog.next_us) == ({"f"}, True, None)
    backlog.read(line, [second], more=False, later_us=5_000)
    assert backlog.next_us == 5_000

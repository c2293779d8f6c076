"""Records among printed bytes."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from lambdatui import wire
from lambdatui.telemetry.framing import Framing, Piece
from lambdatui.telemetry.lines import MAX_LINE


def framed(message: str, level: int = 0, json_format: bool = False) -> bytes:
    data = message.encode()
    return wire.LOG_RECORD.pack(wire.log_record_type(level, json_format), len(data), 1_700_000_000_000_000) + data


def read(*chunks: bytes) -> list[tuple[int | None, bytes]]:
    """(level, bytes) with neighbouring printed bytes joined, as they may come in any number of pieces."""
    framing = Framing()
    found: list[tuple[int | None, bytes]] = []
    for piece in [piece for chunk in chunks for piece in framing.feed(chunk)] + framing.flush():
        if piece.level is None and found and found[-1][0] is None:
            found[-1] = (None, found[-1][1] + piece.data)
        else:
            found.append((piece.level, piece.data))
    return found


PRINTED = st.binary(max_size=8) | st.sampled_from([b"\xa5", b"\xa5\x5a", b"\xa5\x5a\x00", b"\xa5\x5a\x00\x01" * 5])
RECORD = st.tuples(st.text(max_size=20), st.sampled_from([0, 10, 20, 30, 40, 50]), st.booleans())


@given(st.lists(PRINTED | RECORD, max_size=8), st.integers(1, 40))
def test_however_the_bytes_are_cut_records_and_printed_bytes_are_the_same(parts: list[object], size: int) -> None:
    data = b"".join(part if isinstance(part, bytes) else framed(*part) for part in parts)  # type: ignore[misc]
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert read(*chunks) == read(data)


@given(st.lists(st.text(max_size=8) | RECORD, max_size=8))
def test_text_and_records_come_back_in_their_order(parts: list[object]) -> None:
    data = b"".join(part.encode() if isinstance(part, str) else framed(*part) for part in parts)  # type: ignore[misc]
    found = read(data)
    assert [one for one in found if one[0] is not None] == [
        (level, text.encode()) for text, level, _ in (part for part in parts if isinstance(part, tuple))
    ]
    printed = b"".join(bytes_ for level, bytes_ in found if level is None)
    assert printed == "".join(part for part in parts if isinstance(part, str)).encode()


def test_a_record_of_several_lines_is_one_line_of_the_log() -> None:
    (piece,) = Framing().feed(framed("[ERROR] KeyError: 'x'\nTraceback (most recent call last):", 40))
    assert piece.line() == ("ERROR", "[ERROR] KeyError: 'x'\nTraceback (most recent call last):")


def test_a_record_without_a_level_of_its_own_has_the_one_that_it_states() -> None:
    stated = Piece(b"[INFO]\t2020-01-31T22:12:58.534Z\tid\tmessage\n", 0)
    assert stated.line() == ("INFO", "[INFO]\t2020-01-31T22:12:58.534Z\tid\tmessage")
    assert Piece(b"anything\n", 0).line() == ("PRINT", "anything")
    assert Piece(b"anything", 30).line() == ("WARNING", "anything")


def test_a_record_that_its_process_did_not_finish_is_there_as_far_as_it_goes() -> None:
    framing = Framing()
    assert framing.feed(b"before" + framed("0123456789", 40)[:-4]) == [Piece(b"before")]
    assert framing.flush() == [Piece(b"012345", 40)]
    assert framing.flush() == []


def test_a_very_long_record_is_cut_and_says_so() -> None:
    (piece,) = Framing().feed(framed("x" * (MAX_LINE + 5)))
    assert piece.line()[1] == "x" * MAX_LINE + " … [5 more bytes of this record were cut]"


def test_a_head_that_nobody_would_write_is_printed_bytes() -> None:
    odd = wire.LOG_RECORD.pack(wire.log_record_type(0, False), 2**32 - 1, 0)
    assert read(odd + b"x") == [(None, odd + b"x")]
    assert read(b"\xa5\x5a\x00\x07" + bytes(20)) == [(None, b"\xa5\x5a\x00\x07" + bytes(20))]


def test_a_long_record_is_put_together_only_when_it_is_whole() -> None:
    """Joined at each read, a record of some megabytes would hold up everybody."""
    data = framed("x" * 8_000_000)
    framing = Framing()
    assert framing.feed(data[:4_000_000]) == []
    tracemalloc.start()
    try:
        assert framing.feed(data[4_000_000:4_000_100]) == []
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert framing.feed(data[4_000_100:]) == [Piece(b"x" * 8_000_000, 0)]

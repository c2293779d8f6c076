"""Raw output as lines with levels, and the platform's own lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.telemetry.cost import billed_ms, dollars
from lambdatui.telemetry.lines import MAX_LINE, LineSplitter


def levels(text: str) -> list[str]:
    splitter = LineSplitter()
    return [level for level, _ in splitter.feed(text.encode()) + splitter.flush()]


@given(st.lists(st.binary(max_size=40)))
def test_chunks_make_no_difference(chunks: list[bytes]) -> None:
    """However the bytes arrive, the lines are those of the whole."""
    whole, pieces = LineSplitter(), LineSplitter()
    expected = whole.feed(b"".join(chunks)) + whole.flush()
    found = [line for chunk in chunks for line in pieces.feed(chunk)] + pieces.flush()
    assert found == expected
    assert len(found) == b"".join(chunks).count(b"\n") + (not b"".join(chunks).endswith(b"\n") and any(chunks))


def test_a_partial_line_waits_for_its_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\ntw") == [("PRINT", "one")]
    assert splitter.feed("o ü".encode()[:-1]) == []
    assert splitter.feed("ü".encode()[-1:] + b"\n") == [("PRINT", "two ü")]
    assert splitter.flush() == []


def test_bytes_that_are_no_text_are_replaced_and_carriage_returns_inside_stay() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a\xffb\n") == [("PRINT", "a\ufffdb")]
    assert splitter.feed(b"[ERROR] KeyError: 'x'\rTraceback (most recent call last):\r  File\r\n") == [
        ("ERROR", "[ERROR] KeyError: 'x'\rTraceback (most recent call last):\r  File")
    ]


def test_a_very_long_line_is_cut_and_says_so() -> None:
    splitter = LineSplitter()
    for _ in range(40):
        splitter.feed(b"x" * 10_000)
    ((_, message),) = splitter.feed(b"end\n")
    assert message == "x" * MAX_LINE + f" … [{400_003 - MAX_LINE} more bytes of this line were cut]"
    assert splitter.feed(b"next\n") == [("PRINT", "next")]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[INFO]\t2020-01-31T22:12:58.534Z\tid\tmessage", "INFO"),
        ("[WARNING]\t2020-01-31T22:12:58.534Z\tid\tmessage", "WARNING"),
        ("[CRITICAL]\tx", "CRITICAL"),
        ("[ERROR] KeyError: 'sku'", "ERROR"),
        ("[ERROR] Runtime.ImportModuleError: Unable to import", "ERROR"),
        ("[INFO] no tab: a print", "PRINT"),
        ("[1, 2]", "PRINT"),
        ("plain", "PRINT"),
        ("", "PRINT"),
        ('{"timestamp": "x", "level": "WARN", "message": "m"}', "WARNING"),
        ('{"level": "error"}', "ERROR"),
        ('{"level": 30, "msg": "pino"}', "PRINT"),
        ('{"level": "loud"}', "PRINT"),
        ('{"level": broken', "PRINT"),
        ("{" * 50_000 + '"level"', "PRINT"),
    ],
)
def test_levels(line: str, level: str) -> None:
    assert levels(line + "\n") == [level]


def test_a_traceback_has_the_level_of_the_record_that_it_belongs_to() -> None:
    text = (
        "[WARNING]\tt\tid\tgave up\n"
        "Traceback (most recent call last):\n"
        '  File "app.py", line 2, in f\n'
        "    raise KeyError('x')\n"
        "KeyError: 'x'\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        "  File\n"
        "app.errors.Broken: it: is\n"
        "this is a print again: yes\n"
    )
    assert levels(text) == ["WARNING"] * 11 + ["PRINT"]


def test_indented_lines_go_on_with_a_record_but_not_with_a_print() -> None:
    assert levels("[INFO]\tt\tid\t{\n  'a': 1\n}\nprint\n  indented") == ["INFO", "INFO", "PRINT", "PRINT", "PRINT"]


def test_a_traceback_out_of_nowhere_is_an_error() -> None:
    assert levels("hello\nTraceback (most recent call last):\n  File x\nValueError: no\nbye") == [
        "PRINT",
        "ERROR",
        "ERROR",
        "ERROR",
        "PRINT",
    ]


def test_nothing_goes_on_over_an_invocations_end() -> None:
    splitter = LineSplitter()
    splitter.feed(b"[ERROR]\tt\tid\tx\n")
    splitter.flush()
    assert splitter.feed(b"  indented\n") == [("PRINT", "  indented")]


def test_billing_rounds_up_and_includes_init() -> None:
    assert [billed_ms(us) for us in (0, 1, 1_000, 1_001, 2_999)] == [1, 1, 1, 2, 3]
    assert billed_ms(1_230, 41_000) == 43
    assert dollars(1_000, 1024) == pytest.approx(0.0000166667 + 0.0000002)
    assert dollars(1_000, 1024, "arm64") < dollars(1_000, 1024)

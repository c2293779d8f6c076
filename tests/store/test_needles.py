"""What SQL looks for first never loses a line that the pattern itself would find, and spares it most of the others."""

from __future__ import annotations

import re
import sqlite3
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdatui.clock import ManualClock
from lambdatui.schema import LEVEL_CODES
from lambdatui.store import needles
from lambdatui.store.ids import clean
from lambdatui.store.needles import Needle, condition, plain, required
from lambdatui.store.reader import Reader
from lambdatui.store.records import LogRecords
from lambdatui.store.store import Store

# Letters with others that are the same without case (k, K and the Kelvin sign; i and ı; s and ſ; µ and μ), what
# SQLite ends texts at, and what it cannot store.
LETTERS = "abkKisSİıſ\u212aéÉµμ\u03a9\u2126 \0\n\ud800%_'*"
ATOMS = st.text(LETTERS, min_size=1, max_size=3).map(re.escape) | st.sampled_from(
    [".", r"\d", r"\w", "[ab]", "[^a]", "^", "$", r"\b", "(?=a)", "(?!b)", "(?<=a)"]
)


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(parts, min_size=1, max_size=3).map("".join),
        st.lists(parts, min_size=2, max_size=3).map(lambda each: f"(?:{'|'.join(each)})"),
        st.tuples(parts, st.sampled_from(["*", "+", "?", "{2}", "{0}", "{1,2}", "+?", "*+"])).map(
            lambda each: f"(?:{each[0]}){each[1]}"
        ),
        st.tuples(st.sampled_from(["(?i:", "(?-i:", "(?>", "(", "(?s:", "(?a:"]), parts).map(
            lambda e: f"{e[0]}{e[1]})"
        ),
    )


PATTERNS = st.tuples(st.sampled_from(["", "(?i)", "(?x)", "(?ia)"]), st.recursive(ATOMS, joined, max_leaves=6)).map(
    "".join
)
TEXTS = st.text(LETTERS + "cd1", max_size=12).map(lambda text: clean(text) or "")


def passes(connection: sqlite3.Connection, text: str, found: tuple[Needle, ...]) -> bool:
    if not found:
        return True
    sql, values = condition("x", found)
    return bool(connection.execute(f"SELECT {sql} FROM (SELECT ? AS x)", (*values, text)).fetchone()[0])


@given(pattern=PATTERNS, texts=st.lists(TEXTS, max_size=10))
@example(pattern="(?i)kiss", texts=["\u212aıſs"])
@example(pattern="(?i:E)É", texts=["eÉ", "EÉ"])
@example(pattern="a\0b", texts=["xa\0b"])
@settings(max_examples=400)
def test_no_match_is_ever_passed_over(pattern: str, texts: list[str]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(pattern)
    except re.error:
        return
    found = required(compiled)
    connection = sqlite3.connect(":memory:")
    for text in texts:
        if compiled.search(text):
            assert passes(connection, text, found), (pattern, text, found)
    connection.close()


@given(text=st.text(LETTERS), around=st.text(LETTERS))
def test_what_a_plain_text_needs_is_in_whatever_contains_it(text: str, around: str) -> None:
    connection = sqlite3.connect(":memory:")
    stored = clean(around + text + around) or ""
    if text in stored:
        assert passes(connection, stored, plain(text))
    connection.close()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("no such text", {"no such text"}),
        (r"^order \d+ is there$", {" is there"}),
        ("(?i)Timeout", {"meout"}),
        ("(?i)no such", {"no "}),
        ("timed out|Traceback", {"timed out", "Traceback"}),
        (r"(foo)+bar", {"foo"}),
        (r"user=(?:anna|otto);", {"user="}),
        (r"\bWARN\b", {"WARN"}),
        ("x?abc", {"abc"}),
        (r"\d+", set()),
        ("(?:ERROR)?", set()),
        ("a|.", set()),
        ("|".join("abcdefghi" + "xy" * number for number in range(1, 12)), {"abcdefghixy"}),
    ],
)
def test_the_longest_text_that_all_matches_have_is_looked_for(pattern: str, expected: set[str]) -> None:
    assert {needle.text for needle in required(re.compile(pattern))} == expected


async def test_only_lines_that_may_match_reach_the_pattern(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [f"line {n}{' boom' if n % 100 == 7 else ''}" for n in range(1000)]
    record = LogRecords(
        id=store.history.next_log_id(len(messages)), time_us=clock.now_us(), function="f", request_id=None,
        levels=bytes([LEVEL_CODES["INFO"]]) * len(messages), messages=messages,
    )  # fmt: skip
    store.history.add(logs=[record])
    await store.history.flush()
    reader = Reader(store.data)
    pattern = re.compile(r"\d boom$")
    with_needles = reader.logs(pattern=pattern)
    assert [line.message for line in with_needles] == messages[7::100]

    asked = 0

    class Counting:
        def search(self, text: str) -> re.Match[str] | None:
            nonlocal asked
            asked += 1
            return pattern.search(text)

    monkeypatch.setattr(needles, "required", lambda _: required(pattern))
    assert reader.logs(pattern=Counting()) == with_needles  # type: ignore[arg-type]
    assert asked == 10
    monkeypatch.setattr(needles, "required", lambda _: ())
    assert reader.logs(pattern=pattern) == with_needles
    reader.close()

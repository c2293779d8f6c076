"""Pages of FilterLogEvents: with and without SQL's help the same events, each once, however far one page looks."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdatui.api.aws.logs_pattern import compiled
from lambdatui.clock import ManualClock
from lambdatui.schema import LEVEL_CODES
from lambdatui.store.logs import FIRST, LAST, Filter, Limits, Span
from lambdatui.store.records import LogRecords, LogStream
from lambdatui.store.store import Store

WORDS = ["ERROR", "error", "took 12 ms", '{"a": "ERROR"}', "ünder", "x", "ERR OR"]
TERMS = st.sampled_from(["ERROR", "error", '"took 12"', '"n"', "%ERR.?OR%", "%[0-9]+%", "*", '"ünd"'])
PATTERNS = st.lists(st.tuples(st.sampled_from(["", "", "-", "?"]), TERMS).map("".join), max_size=4).map(" ".join) | (
    st.sampled_from(['{ $.a = "ERROR" }', "[a, b]", "[a=took, ...]"])
)


async def pages(store: Store, wanted: Filter, limits: Limits, backward: bool) -> list[str]:
    """All messages of all pages, oldest first."""
    found: list[str] = []
    after, before = FIRST, LAST
    while True:
        page = await store.logs.page(Span("g", after, before, backward=backward), limits, wanted)
        messages = [event.message for event in page.events]
        found = messages + found if backward else found + messages
        if not page.more:
            return found
        assert page.place is not None
        assert page.place < before if backward else page.place > after, "each page gets further"
        after, before = (after, page.place) if backward else (page.place, before)


@given(
    lines=st.lists(st.tuples(st.integers(1, 5), st.sampled_from("st"), st.sampled_from(WORDS)), max_size=14),
    pattern=PATTERNS,
    limits=st.builds(Limits, st.integers(1, 4), st.sampled_from([10, 10_000]), st.integers(1, 6)),
    backward=st.booleans(),
)
@settings(max_examples=60)
def test_a_search_finds_the_same_with_and_without_sql(
    lines: list[tuple[int, str, str]], pattern: str, limits: Limits, backward: bool
) -> None:
    wanted = compiled(pattern)

    async def work(folder: Path) -> None:
        store = Store.open(folder, ManualClock())
        await store.start()
        try:
            for time_us, stream, message in lines:
                record = LogRecords(
                    id=store.history.next_log_id(), time_us=time_us, function="f", request_id=None,
                    levels=bytes([LEVEL_CODES["INFO"]]), messages=[message], stream=LogStream("g", stream),
                )  # fmt: skip
                store.history.add(logs=[record])
            await store.history.flush()
            expected = [message for _, _, message in sorted(lines, key=lambda each: each[0]) if wanted.matches(message)]
            assert await pages(store, wanted, limits, backward) == expected
            assert await pages(store, Filter(wanted.matches), limits, backward) == expected
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder)))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("ERROR -fine", [{"ERROR"}]),
        ('"took 12" ms', [{"took 12"}, {"ms"}]),
        ("?WARN ?ERROR", [{"WARN", "ERROR"}]),
        ("?WARN ?*", []),
        ("%took [0-9]+ ms%", [{"took "}]),
        ("-fine", []),
        (" ".join(f"?w{n}" for n in range(100)), []),
        ("", []),
    ],
)
def test_sql_is_asked_for_what_terms_need(pattern: str, expected: list[set[str]]) -> None:
    assert [{needle.text for needle in group} for group in compiled(pattern).needles] == expected


def test_no_number_of_terms_is_too_much_for_sql() -> None:
    assert len(compiled(" ".join(["w"] * 500)).needles) == 8

"""A chain of calls is counted in the trace header, whatever carries it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.engine.recursion import LIMIT, LONGEST, entered, handed_on, hashed, joined, lineage, stops, text

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
A, B = ARN + "a", ARN + "b"
names = st.integers(0, 2**32 - 1).map(lambda number: f"{number:08x}")
chains = st.dictionaries(names, st.integers(0, 99_999), max_size=LONGEST)


@given(chain=chains)
def test_a_header_tells_what_was_written_into_it(chain: dict[str, int]) -> None:
    header = f"Root=1-646fd739-681416254b94dc0e0cb32d4f;Parent=0f1b758a73ce5eaa;Sampled=0;{text(chain)}"
    assert lineage(header) == chain


@pytest.mark.parametrize(
    ("header", "chain"),
    [
        # Recorded from AWS, the first before 2025.
        ("Root=1-6684e6d3-6fb9fad5bad2e7f1bd11ca00;Parent=0f1b758a73ce5eaa;Sampled=0;Lineage=ac449cae:0|74085691:3",
         {"ac449cae": 0, "74085691": 3}),
        ("Root=1-69963f09-0d53825959fc8b6738f20936;Parent=60d5b6543333d209;Sampled=0;Lineage=1:e547cb94:0",
         {"e547cb94": 0}),
        ("root=1-646fd739-681416254b94dc0e0cb32d4f;sampled=0;lineage=cd888fb0:7", {"cd888fb0": 7}),
    ],
)  # fmt: skip
def test_awss_own_headers_are_read(header: str, chain: dict[str, int]) -> None:
    assert lineage(header) == chain


@given(header=st.none() | st.text(max_size=200))
def test_what_is_no_header_tells_of_no_chain(header: str | None) -> None:
    assert lineage(header) == {} or "lineage=" in (header or "").lower()


def test_a_function_may_run_sixteen_times_in_one_chain() -> None:
    chain: dict[str, int] = {}
    runs = 0
    while not stops(chain, A):
        chain = lineage(text(entered(chain, A)))
        runs += 1
        chain = entered(chain, B)  # and another one in between
    assert runs == LIMIT


@given(chain=chains)
def test_entering_counts_one_function_and_forgets_no_count_of_it(chain: dict[str, int]) -> None:
    after = entered(chain, A)
    assert after[hashed(A)] == chain.get(hashed(A), -1) + 1
    assert handed_on(chain, A) == text(after)
    assert len(after) <= LONGEST
    assert all(chain[name] == count for name, count in after.items() if name != hashed(A))


def test_a_batch_is_as_far_as_the_farthest_of_its_messages() -> None:
    first, second = text({"aaaaaaaa": 3, "bbbbbbbb": 1}), text({"bbbbbbbb": 7})
    assert lineage(joined([first, None, second])) == {"aaaaaaaa": 3, "bbbbbbbb": 7}
    assert joined([None, "Root=1-646fd739-681416254b94dc0e0cb32d4f"]) is None

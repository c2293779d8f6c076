"""What the benchmarks write: rows with ratios, tables, and a RESULTS.md whose sections are replaced one by one."""

from __future__ import annotations

import pytest

from benchmarks import results
from benchmarks.common import Row, at_least, at_most, in_turns, percentile, within


def test_a_row_is_met_up_to_its_limit():
    assert at_most("p50", 0.6, "ms", "echo", 0.2, 3).met
    assert not at_most("p50", 0.61, "ms", "echo", 0.2, 3).met
    assert at_least("rate", 300, "/s", "echo", 1000, 0.3).met
    assert not at_least("rate", 299, "/s", "echo", 1000, 0.3).met
    assert within("ready", 400, "ms", 400).met
    assert not within("ready", 401, "ms", 400).met


def test_a_row_tells_value_floor_and_ratio():
    row = at_most("p50", 0.5, "ms", "echo", 0.25, 3)
    assert (row.value, row.against, row.ratio, row.goal) == ("0.500 ms", "echo, 0.250 ms", "2.00×", "≤ 3×")


def test_turns_alternate_so_that_nobody_is_always_first():
    taken: list[str] = []

    def turn(name: str, values: list[float]):
        def work() -> float:
            taken.append(name)
            return values.pop()

        return work

    found = in_turns(3, {"a": turn("a", [1, 9, 2]), "b": turn("b", [4, 4, 4])})
    assert taken == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": 2, "b": 4}


@pytest.mark.parametrize(("percent", "value"), [(50, 51), (99, 100), (100, 100), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, value: int):
    assert percentile(list(range(100, 0, -1)), percent) == value


def test_a_table_has_a_line_for_each_row_and_the_notes_below():
    met = Row("p50", "1 ms", "echo, 1 ms", "1.00×", "≤ 3×", True)
    missed = Row("p99", "9 ms", "", "", "≤ 2 ms", False, "the disk's flush is 8 ms")
    lines = results.table([["warm", *met], ["warm", *missed]])
    assert "| warm | p50 | 1 ms | echo, 1 ms | 1.00× | ≤ 3× | yes |" in lines
    assert "| warm | p99 | 9 ms |  |  | ≤ 2 ms | **no** |" in lines
    assert lines[-1] == "- **p99**: the disk's flush is 8 ms"


DOCUMENT = "# Results\n\n## The goals\n\nold\n\n## Peers\n\n### A part\n\npeer\n\n## Growth\n\ngrown\n"


def test_a_section_is_replaced_and_the_others_stay():
    assert results.with_section(DOCUMENT, "Peers", ["new"]) == (
        "# Results\n\n## The goals\n\nold\n\n## Peers\n\nnew\n\n## Growth\n\ngrown\n"
    )


def test_a_section_that_is_not_there_comes_last():
    assert results.with_section("# Results\n", "Peers", ["new"]) == "# Results\n\n## Peers\n\nnew\n"


def test_writing_a_section_twice_changes_nothing():
    once = results.with_section(DOCUMENT, "Growth", ["new"])
    assert results.with_section(once, "Growth", ["new"]) == once


def test_a_block_of_a_document_is_written_anew():
    document = "# Performance\n\n<!-- peers: made -->\n\nold\n\n<!-- end -->\n\nrest\n"
    expected = "# Performance\n\n<!-- peers: made -->\n\nnew\n\n<!-- end -->\n\nrest\n"
    assert results.with_block(document, "peers", ["new"]) == expected
    assert results.with_block(expected, "peers", ["new"]) == expected
    with pytest.raises(ValueError, match="no block growth"):
        results.with_block(document, "growth", ["new"])


def test_a_run_says_of_which_code_on_what_and_under_which_load():
    said = results.circumstances(0.5, 1.25)
    assert results.revision().split()[0] in said
    assert "load average 0.50 before and 1.25 after" in said
    assert "uvicorn" in said

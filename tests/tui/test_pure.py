"""Formatting, layout, sorting, scaling and dots, without a screen."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lambdatui.schema import Happening, InvocationDetail, LogLine
from lambdatui.tui import text
from lambdatui.tui.details import code_lines, invocation_facts, relative, subject_of, waterfall
from lambdatui.tui.function_lines import configuration_lines
from lambdatui.tui.help import cost_text
from lambdatui.tui.screens.function_row import COLUMNS, function_row
from lambdatui.tui.screens.overview import happening_lines, log_empty
from lambdatui.tui.widgets.bars import cost_groups
from lambdatui.tui.widgets.braille import columns, nice_top, outline, sparkline, stacked
from lambdatui.tui.widgets.lines import fit, left, paragraphs, right, width_of, wrap
from lambdatui.tui.widgets.logstore import LogFilter, rows_of
from lambdatui.tui.widgets.platform_event import record_text
from lambdatui.tui.widgets.rows import Column, Row, fitted, layout, matching, sort_rows, title_text

from . import fakes, moment


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.4, "0.4 ms"),
        (3.02, "3 ms"),
        (3.4, "3.4 ms"),
        (18.0, "18 ms"),
        (999.7, "1.0 s"),
        (1200.0, "1.2 s"),
        (62_000.0, "62 s"),
        (125_000.0, "2 m 05"),
    ],
)
def test_durations_read_as_a_person_says_them(value: float | None, shown: str) -> None:
    assert text.millis(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, "·"), (14, "14"), (31_000, "31.0k"), (4_500_000, "4.5M")])
def test_counts_are_short_and_none_is_a_dot(value: int, shown: str) -> None:
    assert text.count(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, "0 s"), (59, "59 s"), (125, "2 m"), (7_300, "2 h"), (90_000, "1 d")])
def test_ages_stand_still_as_long_as_they_can(value: float, shown: str) -> None:
    assert text.age(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "$0.00"), (0.42, "$0.42"), (12_034.4, "$12,034"), (0.0021, "$0.0021"), (2.3e-7, "$0.00000023")],
)
def test_a_price_keeps_two_digits_that_say_something(value: float, shown: str) -> None:
    assert text.usd(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(30, "30 s"), (90, "90 s"), (600, "10 m"), (5_400, "1 h 30 m")])
def test_a_duration_that_was_chosen_is_told_exactly(value: float, shown: str) -> None:
    assert text.span(value) == shown


@given(st.text())
def test_nothing_that_a_terminal_obeys_survives(value: str) -> None:
    shown = text.clean(value)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert "\u202e" not in shown


def test_an_escape_sequence_becomes_a_visible_sign() -> None:
    assert text.clean("\x1b[31mred\x07") == "␛[31mred␇"


def test_every_state_status_and_kind_has_a_glyph_of_one_cell() -> None:
    for glyph, _ in [*text.STATES.values(), *text.STATUSES.values(), *text.KINDS.values()]:
        assert cell_len(glyph) == 1


def test_states_differ_without_colour() -> None:
    shown = [
        text.STATES[name][0] for name in ("busy", "idle", "failing", "throttled", "stopped", "reloading", "broken")
    ]
    assert len(set(shown)) == len(shown)


def test_json_keeps_short_things_on_one_line() -> None:
    assert text.pretty_json('{"a": {"b": 1}, "c": [1, 2]}') == '{\n  "a": {"b": 1},\n  "c": [1, 2]\n}'


def test_what_is_not_json_is_shown_as_it_is() -> None:
    assert text.pretty_json("{nonsense") == "{nonsense"


@given(st.text(max_size=40), st.integers(1, 60))
def test_fit_gives_exactly_the_width(value: str, width: int) -> None:
    assert width_of(fit(((text.clean(value), ""),), width)) == width


def test_wide_characters_count_as_two_cells() -> None:
    assert left("日本語", 4) == "日… " or width_of(((left("日本語", 4), ""),)) == 4
    assert right("日本", 6) == "  日本"


@given(st.text(alphabet="abc de", max_size=80), st.integers(4, 30))
def test_wrapping_loses_nothing(value: str, width: int) -> None:
    rows = wrap(((value, ""),), width)
    assert "".join(t for row in rows for t, _ in row) == value
    assert all(width_of(row) <= width for row in rows)


# tables


def _names(width: int) -> list[str]:
    return [column.key for column, _ in layout(COLUMNS, width - 6, narrow=width < 90)]


def test_columns_leave_in_their_fixed_order() -> None:
    assert _names(120) == ["name", "state", "inv", "err", "thr", "p50", "p95", "conc", "age", "dlq", "line"]
    assert _names(80) == ["name", "state", "inv", "err", "thr", "p50", "conc", "dlq", "line"]
    assert _names(60) == ["name", "state", "inv", "err", "thr", "conc", "dlq"]


@given(st.integers(40, 200))
def test_the_layout_never_exceeds_the_width(width: int) -> None:
    narrow = width < 90
    shown = layout(COLUMNS, width, narrow=narrow)
    used = sum(w for _, w in shown) + (1 if narrow else 2) * (len(shown) - 1)
    assert used <= width or len(shown) <= 5


def test_headings_take_their_whole_column() -> None:
    assert title_text(Column("a", "NAME", 8), 8) == "NAME    "
    assert title_text(Column("a", "ERR", 8, numeric=True), 8) == "     ERR"
    assert title_text(Column("a", "LAST 60 s", 6, short="60 s"), 6) == "60 s  "


def _rows() -> list[Row]:
    return [function_row(row) for row in moment.functions()]


def test_errors_and_throttles_are_told_in_colour_while_there_was_one_in_the_last_minute() -> None:
    now = moment.function("f", errors=6, errors60=1, throttles=9, throttles60=2)
    since = moment.function("f", errors=6, throttles=9)
    assert [function_row(now).cells[name] for name in ("err", "thr")] == [(("6", "err"),), (("9", "warn"),)]
    assert [function_row(since).cells[name] for name in ("err", "thr")] == [(("6", "dim"),), (("9", "dim"),)]


def test_sorting_keeps_missing_values_last_either_way() -> None:
    up = [row.key for row in sort_rows(_rows(), "p50", False)]
    down = [row.key for row in sort_rows(_rows(), "p50", True)]
    assert up[0] == "track-clicks" and down[0] == "make-thumbnail"
    assert set(up[-2:]) == set(down[-2:]) == {"nightly-report", "price-feed"}


def test_a_filter_needs_every_word() -> None:
    assert [row.key for row in matching(_rows(), "order keyerror")] == ["fulfil-order"]
    assert len(matching(_rows(), "")) == 7


def test_equal_rows_are_equal_so_that_nothing_is_painted_twice() -> None:
    assert _rows() == _rows()


# plots


@pytest.mark.parametrize(("value", "top"), [(0.3, 1), (1, 1), (3.5, 4), (7, 8), (37, 40), (62, 80), (901, 1000)])
def test_the_top_of_a_plot_is_a_round_number(value: float, top: float) -> None:
    assert nice_top(value) == top


def test_the_newest_value_stands_at_the_right_end() -> None:
    assert columns([1.0, 2.0], 5)[-1] == 2.0
    assert columns([1.0] * 3, 8) == [None, None, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_braille_fills_from_the_bottom() -> None:
    assert stacked([[4.0, 4.0]], 1, 1, 4.0)[0] == ["⣿"]
    assert stacked([[2.0, 1.0]], 1, 1, 4.0)[0] == ["⣄"]
    assert stacked([[4.0, 8.0]], 1, 2, 8.0)[0] == ["⢸", "⣿"]


def test_anything_is_at_least_one_dot_and_nothing_is_none() -> None:
    assert stacked([[0.001, 0.0]], 1, 1, 1000.0)[0] == ["⡀"]


def test_errors_name_the_cell_that_they_share_with_throttles() -> None:
    _, owners = stacked([[1.0, 0.0], [1.0, 2.0]], 1, 1, 4.0)
    assert owners == [[0]]
    _, owners = stacked([[0.0, 0.0], [1.0, 2.0]], 1, 1, 4.0)
    assert owners == [[1]]


def test_a_line_has_no_fill() -> None:
    assert outline([4.0, 4.0], 1, 1, 4.0) == [[0x01 | 0x08]]


def test_a_sparkline_without_values_is_blank() -> None:
    assert sparkline([0.0] * 60, 10) == " " * 10
    assert sparkline([1.0] * 4, 2, blocks=True) == "██"


# details


def test_an_event_is_called_by_what_tells_it_apart() -> None:
    assert subject_of('{"order": 1189, "customer": 42}') == "order 1189"
    assert subject_of('{"Records": [{"body": "{\\"order\\": 7}"}]}') == "order 7"
    assert subject_of("not json \x1b[31m") == "not json ␛[31m"


def test_a_code_change_numbers_its_lines() -> None:
    change = fakes.CodeChange(
        function="f",
        old_sha="a41f00",
        new_sha="9c0200",
        changed_at=None,
        diff=["file app.py", "@@ -30,3 +30,3 @@", " def ship():", "-    old", "+    new"],
    )
    shown = [line.text for line in code_lines(change, "", 60)]
    assert shown == ["app.py  a41f → 9c02", " 31 - old", " 31 + new"]


def test_frames_are_named_from_the_code_folder() -> None:
    assert relative("/home/ann/shop/f/app.py", "/home/ann/shop/f") == "app.py"
    assert relative("/usr/lib/python3.11/json/decoder.py", "/home/ann/shop/f") == "json/decoder.py"


def test_a_waterfall_puts_the_steps_behind_one_another() -> None:
    shown = [line.text for line in waterfall(moment.invocation(10, queued_ms=10.0, init_ms=10.0, duration_ms=20.0), 62)]
    assert [line.split()[0] for line in shown] == ["queued", "init", "handler"]
    assert shown[0].index("▆") < shown[1].index("▆") < shown[2].index("▆")


def test_a_happening_is_told_whole_under_where_it_began() -> None:
    told = Happening(id=1, time=moment.at(5), kind="engine", function=None, message="HTTP triggers at http://h:3000")
    rows = happening_lines(told, 26)
    assert [row.text[11:] for row in rows] == ["HTTP triggers", "at", "http://h:3000"]
    assert all(row.text.startswith(" " * 11) for row in rows[1:])


@given(st.text(alphabet="ab /🙂", max_size=60), st.integers(2, 30))
def test_paragraphs_lose_no_letter_and_keep_within_the_width(value: str, width: int) -> None:
    rows = paragraphs(value, width)
    assert all(width_of(row.pieces) <= width for row in rows)
    assert "".join(row.text for row in rows).replace(" ", "") == value.replace(" ", "")


def test_a_fitted_column_is_no_wider_than_its_longest_cell() -> None:
    columns = [Column("name", "NAME", 4, stretch=3, most=20, fit=True), Column("line", "LINE", 4, stretch=1)]
    rows = [Row("1", {"name": (("orders", ""),), "line": ()})]
    assert [width for _, width in layout(fitted(columns, rows), 40)] == [6, 32]
    assert [width for _, width in layout(fitted(columns, []), 40)] == [4, 34]


def test_a_configuration_names_its_folders_from_the_project() -> None:
    row = moment.function("orders", layers=[f"{moment.ROOT}/layers/common"], environment={"QUEUE": "a" * 30})
    shown = [each.text.rstrip() for each in configuration_lines(row, moment.ROOT, 40)]
    assert "code         9c02  orders" in shown
    assert "layers       layers/common" in shown
    assert "".join(shown).replace(" ", "").count("a" * 30)  # whole, however narrow the pane


def test_a_log_that_is_empty_says_why() -> None:
    assert "press i" in log_empty(moment.function("orders"))
    installing = moment.function("orders", "installing", packages="installing requirements.txt")
    assert log_empty(installing).startswith("installing requirements.txt. ")
    broken = next(row for row in moment.functions() if row.state == "broken")
    assert log_empty(broken) == "⚠ price-feed/app.py:3 No module named 'yaml'. pip install pyyaml"


def test_an_invocation_says_what_called_it_and_how_to_get_there() -> None:
    row = msgspec.structs.replace(moment.invocation(2), parent_id="0123456789")
    detail = InvocationDetail(row=row, event=b"{}", result=None, log=[], error=None)
    shown = [each.text.rstrip() for each in invocation_facts(detail, None, None, 60)]
    assert "called by   01234567  b opens it" in shown


def test_an_invocation_says_what_was_called_what_ran_and_what_it_cost() -> None:
    row = moment.invocation(1, qualifier="live", version="3", provisioned=True, cost_usd=2.3e-7)
    detail = InvocationDetail(row=row, event=b"{}", result=None, log=[], error=None)
    shown = [each.text.rstrip() for each in invocation_facts(detail, None, None, 60)]
    assert "live → 3  RequestResponse" in shown[0]
    assert {"billed      4 ms  $0.00000023", "environment e1 warm, provisioned"} <= set(shown)


def test_a_price_stands_in_the_header_as_long_as_it_fits() -> None:
    both, month = cost_groups(moment.header(cost_usd=0.0021, monthly_usd=1.2))
    assert "".join(each for each, _ in both) == "cost $0.0021, $1.20/mo"
    assert "".join(each for each, _ in month) == "cost $1.20/mo"
    (run,) = cost_groups(moment.header(cost_usd=0.0021))
    assert "".join(each for each, _ in run) == "cost $0.0021"
    assert cost_groups(moment.header()) == []


def test_a_json_record_is_shown_by_its_message_its_error_and_what_it_adds() -> None:
    record = {"timestamp": "t", "level": "INFO", "message": "order 7", "requestId": "r", "customer": 42}
    assert record_text(json.dumps(record)) == "order 7  customer=42"
    failed = {"timestamp": "t", "level": "ERROR", "errorType": "KeyError", "errorMessage": "'a'", "stackTrace": []}
    assert record_text(json.dumps(failed)) == "KeyError: 'a'"


@given(st.one_of(st.text(), st.text().map(lambda rest: '{"timestamp"' + rest)))
def test_what_is_no_json_record_is_shown_as_it_is(message: str) -> None:
    assert record_text(message) == message


def test_the_help_says_what_the_price_in_the_header_means() -> None:
    assert cost_text(moment.header()) == ""
    assert cost_text(moment.header(cost_usd=0.0021)) == "$0.0021 since the start at list prices"
    told = cost_text(moment.header(cost_usd=0.0021, monthly_usd=1.2))
    assert "$1.20 a month" in told and "1,000,000 requests and 400,000 GB-s" in told


# what functions write to make trouble


@pytest.mark.parametrize(
    "message",
    ["[" * 100_000, "[" * 400 + "]" * 400, '{"a":' * 900 + "1" + "}" * 900],
    ids=["never ending", "lists", "objects"],
)
def test_json_that_is_nested_very_deep_is_shown_as_it_is(message: str) -> None:
    assert text.pretty_json(message) == message
    shown = LogLine(time=moment.at(0), function="f", request_id=None, level="PRINT", message=message, id=1)
    rows = rows_of(shown, width=60, with_function=0, wrapped=False, pretty=True, pattern=None)
    assert message.startswith(rows[0][-1][0][:20])
    assert subject_of(message)
    with pytest.raises(ValueError, match="deep"):
        text.json_value("[" * 100_000)


def test_whatever_a_row_says_is_painted_harmlessly() -> None:
    painted = fit((("a\x1b[2J", "err"), ("\x9b31m\u202e", "")), 20)
    assert "".join(piece for piece, _ in painted) == "a␛[2J�31m�".ljust(20)


def test_wide_characters_wrap_in_the_narrowest_place() -> None:
    assert "".join(t for row in wrap((("日本語", ""),), 3, 2) for t, _ in row).replace(" ", "") == "日本語"


@pytest.mark.parametrize("needle", ["(", "a{99999999999999}", "(" * 5_000], ids=["open", "too often", "too deep"])
def test_a_filter_that_is_no_expression_is_looked_for_as_text(needle: str) -> None:
    assert LogFilter(needle=needle).pattern.search(f"x{needle}x")  # type: ignore[union-attr]

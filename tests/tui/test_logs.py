"""The log store, and the log view's way of standing still."""

from __future__ import annotations

import json

from lambdatui.schema import LogLine
from lambdatui.tui.widgets.logstore import KEEP, LogFilter, LogStore, rows_of
from lambdatui.tui.widgets.logview import LogView

from .fakes import Shop, opened
from .moment import NOW, REQUEST, at, log_lines
from .moment import shop as shop_state


def _line(number: int, message: str = "hello", level: str = "INFO", request: str | None = REQUEST) -> LogLine:
    return LogLine(time=at(0), function="f", request_id=request, level=level, message=message, id=number)


def _text(line: LogLine, **options: object) -> list[str]:
    defaults = {"width": 60, "with_function": 0, "wrapped": False, "pretty": False, "pattern": None}
    return ["".join(t for t, _ in row) for row in rows_of(line, **{**defaults, **options})]  # type: ignore[arg-type]


def test_the_store_keeps_its_newest_lines() -> None:
    store = LogStore()
    for start in range(0, KEEP * 2, 5_000):
        store.add([_line(i) for i in range(start, start + 5_000)])
    assert KEEP <= len(store) <= KEEP * 1.1
    assert store.line(store.shown[-1]).id == KEEP * 2 - 1


def test_a_filter_is_a_regular_expression_and_plain_text_where_it_is_none() -> None:
    assert LogFilter(needle="order [0-9]+").passes(_line(1, "Order 7"))
    assert LogFilter(needle="f(x").passes(_line(1, "call f(x)"))
    assert not LogFilter(needle="Order").passes(_line(1, "order 7"))


def test_levels_requests_functions_and_time_narrow_together() -> None:
    wanted = LogFilter(min_level="ERROR", request_id=REQUEST, functions=frozenset({"f"}), since_us=NOW - 10)
    assert wanted.passes(_line(1, level="CRITICAL"))
    assert not wanted.passes(_line(1, level="INFO"))
    assert not wanted.passes(_line(1, level="ERROR", request=None))


def test_a_traceback_is_several_rows_under_one_head() -> None:
    shown = _text(_line(1, "KeyError: 'x'\r  File app.py\r    boom", level="ERROR"))
    assert len(shown) == 3 and "ERROR" in shown[0] and shown[1].startswith(" " * 20)


def test_escape_sequences_in_a_log_are_shown_and_not_obeyed() -> None:
    assert "\x1b" not in "".join(_text(_line(1, "\x1b]0;owned\x07")))


def test_a_report_says_memory_and_time_in_short() -> None:
    facts = ("Duration: 3.02 ms", "Billed Duration: 4 ms", "Memory Size: 128 MB", "Max Memory Used: 31 MB")
    message = f"REPORT RequestId: {REQUEST}\t" + "\t".join(facts) + "\t"
    assert _text(_line(1, message, "PLATFORM"), width=90)[0].endswith("Duration: 3.02 ms  Billed: 4 ms  Mem: 31/128 MB")


def test_platform_events_in_json_are_as_short_as_text_lines() -> None:
    def shown(kind: str, record: dict[str, object]) -> str:
        message = json.dumps({"time": "t", "type": f"platform.{kind}", "record": record})
        return _text(_line(1, message, "PLATFORM"), width=90)[0]

    metrics = {"durationMs": 3.024, "billedDurationMs": 4, "memorySizeMB": 128, "maxMemoryUsedMB": 31}
    done = shown("report", {"requestId": REQUEST, "metrics": metrics, "status": "success"})
    assert done.endswith("REPORT Duration: 3.024 ms  Billed: 4 ms  Mem: 31/128 MB")
    assert shown("start", {"requestId": REQUEST, "version": "3"}).endswith("START  Version: 3")
    assert shown("report", {"metrics": {}, "status": "timeout"}).endswith("REPORT Status: timeout")
    assert shown("strange", {}).endswith('"record": {}}')


def test_json_is_laid_out_on_demand() -> None:
    line = _line(1, '{"a": {"b": 1}, "c": "' + "x" * 50 + '"}')
    assert len(_text(line)) == 1
    assert len(_text(line, pretty=True)) > 3


def _view(shop: Shop) -> LogView:
    return shop.widget("#logs", LogView)


async def test_new_lines_never_move_what_is_being_read() -> None:
    async with opened() as shop:
        await shop.press("4", "k", "k", "k")
        before = [line[:-1] for line in shop.text().splitlines()[3:-3]]
        shop.feed.push(new_logs=tuple(_line(1000 + i, "news") for i in range(50)))
        await shop.settle()
        assert [line[:-1] for line in shop.text().splitlines()[3:-3]] == before  # all but the thumb at the side


async def test_following_shows_the_newest_line() -> None:
    async with opened() as shop:
        await shop.press("4")
        shop.feed.push(new_logs=(_line(1000, "the newest line"),))
        await shop.settle()
        assert "the newest line" in shop.text()


async def test_scrolling_up_pauses_and_G_follows_again() -> None:
    async with opened() as shop:
        await shop.press("4", "k")
        assert not _view(shop).following and "standing still" in shop.text()
        await shop.press("G")
        assert _view(shop).following


async def test_f_toggles_following() -> None:
    async with opened() as shop:
        await shop.press("4", "f")
        assert not _view(shop).following
        await shop.press("f")
        assert _view(shop).following


async def test_a_filter_survives_toggles_until_escape() -> None:
    async with opened() as shop:
        await shop.press("4", "slash", *"keyerror", "enter")
        shown = len(_view(shop).store)
        await shop.press("L", "L", "W", "J", "f")
        assert _view(shop).store.filter.needle == "keyerror"
        await shop.press("escape")
        assert _view(shop).store.filter.needle == "" and shown == 20


async def test_errors_are_found_both_ways() -> None:
    async with opened() as shop:
        await shop.press("4", "E")
        first = _view(shop).cursor_line()
        await shop.press("E")
        second = _view(shop).cursor_line()
        await shop.press("e")
        assert first is not None and second is not None and first.level == second.level == "ERROR"
        assert first.id > second.id and _view(shop).cursor_line() == first


async def test_o_shows_one_request_and_back() -> None:
    async with opened() as shop:
        await shop.press("4", "E", "o")
        assert len({_view(shop).store.line(s).request_id for s in _view(shop).store.shown}) == 1
        await shop.press("o")
        assert len(_view(shop).store) == len(log_lines())


async def test_L_raises_the_least_level() -> None:
    async with opened() as shop:
        await shop.press("4", "L", "L", "L")
        assert "ERROR and up" in shop.text() and "INFO" not in "\n".join(shop.text().splitlines()[3:-3])


async def test_T_and_a_digit_choose_the_time_window() -> None:
    async with opened() as shop:
        await shop.press("4", "T", "1")
        assert "last 1 m" in shop.text()


async def test_coming_back_to_the_log_keeps_the_place() -> None:
    async with opened() as shop:
        await shop.press("4", "E", "E")
        line = _view(shop).cursor_line()
        await shop.press("1", "4")
        assert _view(shop).cursor_line() == line


async def test_a_selection_stays_with_its_text_while_lines_arrive() -> None:
    async with opened() as shop:
        await shop.press("4", "f")
        view = _view(shop)
        await shop.pilot.hover(view, offset=(20, 5))
        await shop.settle()
        await shop.pilot.mouse_down(view, offset=(0 + 2, 5))
        await shop.pilot.hover(view, offset=(14, 5))
        await shop.pilot.mouse_up(view, offset=(14, 5))
        await shop.settle()
        before = shop.app.main.get_selected_text()
        shop.feed.push(new_logs=tuple(_line(1000 + i, "news") for i in range(20)))
        await shop.settle()
        assert before and shop.app.main.get_selected_text() == before


async def test_a_log_that_settings_empty_says_which_key_fills_it() -> None:
    async with opened(shop_state(logs=(_line(1, level="DEBUG"),))) as shop:
        await shop.press("4", "L")
        assert "no line of INFO or above: L changes the least level" in shop.text()
        shop.app.main.logs_page.view.refilter(since_us=NOW)
        await shop.settle()
        assert "no line in this time window: T then 0 shows all" in shop.text()

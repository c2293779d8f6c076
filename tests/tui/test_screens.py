"""Every screen shows its panels, at both sizes."""

from __future__ import annotations

import asyncio
import itertools
import time

import msgspec
import pytest

from lambdatui.client.feed import no_answer
from lambdatui.schema import AliasRow, ProblemRow, Sources
from lambdatui.tui.screens.dlq_table import DlqTable
from lambdatui.tui.screens.invocation_table import InvocationTable
from lambdatui.tui.screens.invocations import InvocationsPage
from lambdatui.tui.widgets.panel import Panel
from lambdatui.tui.widgets.table import Table

from .fakes import State, make_app, opened, plain
from .moment import ENGINE, at, function, header, invocation, shop

PANELS = {
    "1": [
        "Functions",
        "Invocations",
        "Errors/Throttles",
        "Duration",
        "Iterator age",
        "Logs  checkout",
        "DLQ",
        "What happened",
    ],
    "2": [
        "Function  checkout",
        "Versions",
        "every call runs $LATEST",
        "Triggers",
        "Invocations",
        "Duration",
        "Environments",
    ],
    "3": ["Invocations", "WHEN", "STATUS", "RAN"],
    "4": ["Logs  all functions", "following"],
    "5": ["Dead letters  orders-dlq", "Attempts", "Event  order 1189", "Error  KeyError"],
    "6": ["Sources", "Waiting", "About"],
    "7": ["Environments", "Concurrency"],
}
NARROW = {
    **PANELS,
    "1": ["Functions", "Inv", "Err/Thr", "p50/p95", "Age", "Logs", "✉ fulfil-order: order 1189 → orders-dlq after 3"],
    "2": ["Function", "Triggers", "Inv"],
    "5": ["Dead letters", "Event", "Error"],
}


@pytest.mark.parametrize(("size", "panels"), [((120, 40), PANELS), ((80, 24), NARROW)])
async def test_every_screen_shows_its_panels(size: tuple[int, int], panels: dict[str, list[str]]) -> None:
    async with opened(size=size) as shop:
        for key, titles in panels.items():
            await shop.press(key)
            await shop.until(lambda titles=titles: all(title in shop.text() for title in titles))


async def test_the_header_has_rates_and_the_state_of_the_engine() -> None:
    async with opened() as shop:
        first = shop.text().splitlines()[0]
        for part in ("λ lambdatui", "inv 41.2/s", "err 3.1%", "thr 12", "conc 9/1000", "dlq 4", "● up 12 m"):
            assert part in first


async def test_the_overview_follows_the_selected_function() -> None:
    async with opened() as shop:
        await shop.press("j")
        assert shop.app.selected == "fulfil-order"
        await shop.until(lambda: "Logs  fulfil-order" in shop.text() and "KeyError" in shop.text())
        assert shop.feed.subscriptions[-1].log_functions == ["fulfil-order"]


async def test_numbers_are_right_aligned_and_nothing_is_a_faint_dot() -> None:
    async with opened() as shop:
        rows = {
            line.split()[1]: line for line in shop.text().splitlines() if "fulfil-order" in line or "checkout" in line
        }
        head = next(line for line in shop.text().splitlines() if "INV/s" in line)
        assert rows["fulfil-order"].index("14") + 2 == head.index("ERR") + 3
        assert rows["▎"].index("·") + 1 == head.index("ERR") + 3


async def test_the_dlq_screen_tells_what_changed_since_the_last_attempt() -> None:
    async with opened() as shop:
        await shop.press("5")
        await shop.until(lambda: "app.py:31 ship" in shop.text())
        shown = shop.text()
        for part in (
            "a41f → 9c02  12 s ago",
            '31 - label = address["postcode"]',
            '31 + label = address.get("postcode", "")',
            "order 1189: 2 items",
            "Log of this request",
            "o: open at line 31",
            '"order": 1189',
        ):
            assert part in shown


async def test_an_invocation_opens_with_its_waterfall_and_escape_leads_back() -> None:
    async with opened() as shop:
        await shop.press("3", "j", "j", "enter")
        page = shop.app.main.invocations_page
        await shop.until(lambda: page.has_class("-detail"))
        for part in (
            "queued",
            "handler",
            "Attempts of",
            "Result",
            "Error  KeyError",
            "app.py:31 ship",
            "31 MB of 128 MB",
        ):
            assert part in shop.text()
        await shop.press("escape")
        assert not page.has_class("-detail") and isinstance(page, InvocationsPage)


async def test_from_a_log_line_to_its_invocation_and_back() -> None:
    async with opened() as shop:
        await shop.press("4", "E", "enter")
        await shop.until(lambda: shop.app.main.page.NAME == "invocations" and "queued" in shop.text())
        await shop.press("escape")
        assert shop.app.main.page.NAME == "logs"


async def test_shards_stand_under_their_stream() -> None:
    async with opened() as shop:
        await shop.press("6")
        await shop.until(lambda: '"order": 1190' in shop.text())
        assert "shard 1" in shop.text() and "✖ blocked" in shop.text() and "in 2 h" in shop.text()


async def test_environments_show_memory_and_concurrency() -> None:
    async with opened() as shop:
        await shop.press("7")
        assert "98/128 MB" in shop.text() and "2/2" in shop.text() and "‖ full" in shop.text()


SENTENCES = {
    "1": "no functions here yet",
    "3": "no invocations yet: press i",
    "4": "no lines yet",
    "5": "no dead letters",
    "6": "no sources",
    "7": "no environment is alive",
}


async def test_empty_screens_say_what_to_do_next() -> None:
    empty = State(connected=True, header=header(functions=0, dlq_depth=0), sources=Sources())
    async with opened(empty) as shop:
        for key, sentence in SENTENCES.items():
            await shop.press(key)
            await shop.until(lambda sentence=sentence: sentence in shop.text())


async def test_before_the_engine_answers_nothing_is_said_about_the_project() -> None:
    app, _, _ = make_app(State())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "connecting to the engine" in plain(app)
        assert "no functions here" not in plain(app)


async def test_a_problem_of_the_project_stands_where_its_functions_would() -> None:
    problem = ProblemRow(
        severity="error", file="template.yaml", line=12, message="cannot be read", remedy="Correct it."
    )
    other = msgspec.structs.replace(problem, line=40)
    none = State(connected=True, header=header(functions=0, problems=[problem, problem, other]))
    async with opened(none) as shop_:
        assert "template.yaml:12 cannot be read (+1: lambdatui check). Correct it." in shop_.text()
        assert "no functions here" not in shop_.text()
    some = msgspec.structs.replace(shop(), header=header(problems=[problem]))
    async with opened(some) as shop_:
        assert "⚠ template.yaml:12 cannot be read." in shop_.text()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_what_is_wrong_as_a_whole_is_seen_however_many_functions_there_are(size: tuple[int, int]) -> None:
    told = "nothing new is accepted: the disk that holds /home/shop/.lambdatui/state.db is full: free some space"
    problem = ProblemRow(severity="error", file=None, line=None, message=told, remedy="")
    many = tuple(function(f"function-{number}", "idle") for number in range(40))
    some = msgspec.structs.replace(shop(functions=many), header=header(problems=[problem]))
    async with opened(some, size=size) as shown:
        assert "⚠ nothing new is accepted: the disk" in shown.text()
        shown.feed.push(header=header())
        await shown.settle()
        assert "nothing new" not in shown.text()


async def test_a_broken_function_says_what_to_install() -> None:
    async with opened() as shop:
        await shop.press("G", "enter")
        assert "No module named 'yaml'" in shop.text() and "pip install pyyaml" in shop.text()


async def test_hostile_names_and_errors_are_harmless() -> None:
    evil = function("evil\x1b[2J\u202e", "failing", errors=1)
    async with opened(shop(functions=(evil,))) as shown:
        text = shown.text()
        assert "\x1b" not in text and "\u202e" not in text and "evil␛[2J" in text


async def test_the_engine_gone_keeps_what_is_shown() -> None:
    async with opened() as shop:
        shop.feed.push(connected=False, gone=True, message="engine gone: it closed the feed")
        await shop.settle()
        assert "✖ engine gone" in shop.text() and "fulfil-order" in shop.text()
        await shop.until(lambda: "Start it again" in shop.text())  # a toast comes with a layout of its own
        assert f"lambdatui run {shop.app.shown_state.header.root} --headless" in shop.told()
        assert shop.text().splitlines()[-1].startswith(" start it again: lambdatui run ")
        shop.feed.push(message="engine gone: waiting for it to start again")
        await shop.settle()
        assert shop.told().count("Start it again") == 1
        shop.feed.push(connected=True, gone=False, message=None)
        await shop.settle()
        assert "engine gone" not in shop.text() + shop.told()
        assert "invoke" in shop.text().splitlines()[-1]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 15)])
async def test_the_next_step_stands_there_as_long_as_the_engine_is_gone(size: tuple[int, int]) -> None:
    long = msgspec.structs.replace(shop(), header=header(root="/home/somebody/a rather long path/of a project/shop"))
    async with opened(long, size=size) as shown:
        shown.feed.push(connected=False, gone=True, message="engine gone: it closed the feed")
        await shown.settle()
        footer = shown.text().splitlines()[-1]
        assert "lambdatui run " in footer and "--headless" in footer and "quit" in footer


async def test_an_engine_that_does_not_answer_is_not_called_gone() -> None:
    async with opened() as shop:
        silent = no_answer(msgspec.structs.replace(ENGINE, pid=4711))
        shop.feed.push(connected=False, message=silent)
        await shop.until(lambda: "does not answer" in shop.text())
        assert "✖ not connected" in shop.text().splitlines()[0] and "gone" not in shop.text()
        assert "kill -CONT 4711" in shop.text().splitlines()[-1]
        shop.feed.push(connected=False, gone=True, message="engine gone: it closed the feed")
        await shop.settle()
        assert "✖ engine gone" in shop.text().splitlines()[0] and "does not answer" not in shop.told()


async def test_an_engine_on_another_port_is_the_one_that_is_called() -> None:
    async with opened() as shop:
        kind = type(shop.client)
        kind.of = classmethod(lambda cls, info, **_: info.url)  # type: ignore[assignment, method-assign]
        try:
            other = msgspec.structs.replace(shop.app.shown_state.engine, url="http://127.0.0.1:4001")
            shop.feed.push(engine=other)
            await shop.settle()
            assert shop.app.client == "http://127.0.0.1:4001"
        finally:
            del kind.of


async def test_a_reload_and_a_syntax_error_are_said_at_once() -> None:
    from lambdatui.schema import Happening

    async with opened() as shop:
        told = Happening(
            id=99,
            time="2026-11-21T14:31:10Z",
            kind="syntax",
            function="checkout",
            message="app.py line 7: invalid syntax; the old version still serves",
        )
        shop.feed.push(happenings=(*shop.feed.state.happenings, told), new_happenings=(told,))
        await shop.settle()
        assert "line 7: invalid syntax" in shop.told() and "⚠ checkout: app.py line 7" in shop.text()


async def test_what_the_feed_brings_is_shown_though_the_machine_holds_the_screen_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten seconds between any two looks at the clock: a timer of Textual's own skips its only turn then."""
    async with opened() as shop:
        looks = itertools.count()
        monkeypatch.setattr("textual.timer._time.get_time", lambda: time.monotonic() + 10 * min(next(looks), 50))
        shop.feed.push(header=header(dlq_depth=77))
        async with asyncio.timeout(60):
            while (told := shop.app.shown_state.header) is None or told.dlq_depth != 77:
                await asyncio.sleep(0.01)


async def test_below_the_least_size_one_line_says_so() -> None:
    async with opened(size=(59, 20)) as shop:
        assert shop.text().strip() == "too small: 60×15 needed"
        await shop.pilot.resize_terminal(80, 24)
        await shop.settle()
        assert "Functions" in shop.text()


async def test_sixty_by_fifteen_is_enough() -> None:
    async with opened(size=(60, 15)) as shop:
        for key in "1234567":
            await shop.press(key)
            assert "too small" not in shop.text()


async def test_resizing_keeps_the_selection() -> None:
    async with opened() as shop:
        await shop.press("j", "j", "j", "5", "j", "j")
        dlq = shop.widget("#dlq", DlqTable)
        before = dlq.cursor
        for size in ((80, 24), (60, 15), (200, 50), (50, 10), (120, 40)):
            await shop.pilot.resize_terminal(*size)
            await shop.settle()
        assert dlq.cursor == before and shop.app.selected == "send-receipt"
        await shop.press("1")
        assert shop.widget("#functions", Table).cursor == "send-receipt"


async def test_the_keys_work_again_after_a_window_that_was_too_small() -> None:
    """Textual takes the focus from what is hidden and gives it nobody."""
    async with opened() as shop:
        for size in ((50, 10), (120, 40)):
            await shop.pilot.resize_terminal(*size)
            await shop.settle()
        await shop.press("j")
        assert shop.app.selected == "fulfil-order"


async def test_a_panel_that_a_narrow_window_hides_leaves_the_keys_to_the_main_one() -> None:
    async with opened() as shop:
        shop.widget("#overview-dlq", Panel).focus()
        await shop.pilot.resize_terminal(80, 24)
        await shop.settle()
        await shop.press("j")
        assert shop.app.selected == "fulfil-order"


async def test_it_is_readable_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened() as shop:
        text = shop.text()
        for part in ("▎ checkout", "✖ failing", "‖ throttled", "↻ reloading", "⚠ broken", "○ idle", "● busy"):
            assert part in text
        colours = {
            segment.style.color.get_truecolor()
            for strip in shop.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.color
        }
        assert all(max(c) - min(c) <= 2 for c in colours)


async def test_a_tick_while_it_is_being_left_is_no_fault() -> None:
    app, _, _ = make_app()
    async with app.run_test(size=(80, 24)):
        pass
    assert not app.screen_stack
    app.tick()


async def test_the_duration_stays_in_its_title_where_only_the_short_form_fits() -> None:
    state = shop()
    assert state.series is not None
    series = msgspec.structs.replace(state.series, p50_ms=[0.1], p95_ms=[0.1])
    async with opened(msgspec.structs.replace(state, series=series)) as shown:
        assert "0.1/0.1" in shown.text()


async def test_the_empty_log_follows_an_installation_to_its_end() -> None:
    wrong = ProblemRow(
        severity="error", file="f/requirements.txt", line=1, message="no such package", remedy="Mend it."
    )
    installing = function("f", "installing", packages="installing requirements.txt")
    state = State(connected=True, header=header(functions=1), functions=(installing,))
    async with opened(state) as shown:
        await shown.until(lambda: "installing requirements.txt. It can run" in shown.text())
        broken = msgspec.structs.replace(installing, state="broken", packages="", problems=[wrong])
        shown.feed.push(functions=(broken,))
        await shown.until(lambda: "f/requirements.txt:1 no such package. Mend it." in shown.text())


async def test_the_list_of_invocations_is_in_the_order_of_their_starts() -> None:
    late = invocation(50, id=50, started_at=at(30.5), version="3", qualifier="live")
    calls = (*shop().invocations, late)
    async with opened(shop(invocations=calls, new_invocations=calls)) as shown:
        await shown.press("3")
        table = shown.widget("#invocations", InvocationTable)
        times = [table.invocations[row.key].started_at for row in table.shown]
        assert times == sorted(times, reverse=True)
        assert table.shown[11].key == "50" and "VER" in shown.text()


async def test_versions_have_a_column_only_where_one_ran() -> None:
    async with opened() as shown:
        await shown.press("3")
        assert "VER" not in shown.text()
        await shown.press("7")
        assert "VER" not in shown.text() and "/tmp" not in shown.text()
        first = msgspec.structs.replace(
            shown.feed.state.environments[0], version="3", start="provisioned", tmp_mb=29.3, tmp_limit_mb=512
        )
        shown.feed.push(environments=(first, *shown.feed.state.environments[1:]))
        await shown.until(lambda: "VER" in shown.text())
        assert "provisioned" in shown.text() and "29/512" in shown.text()


async def test_versions_take_no_room_on_a_small_screen_until_there_is_one() -> None:
    async with opened(size=(80, 24)) as shown:
        await shown.press("2")
        assert "Versions" not in shown.text()
        rows = list(shown.feed.state.functions)
        rows[0] = msgspec.structs.replace(rows[0], version_aliases=[AliasRow(name="live", version="3")])
        shown.feed.push(functions=tuple(rows))
        await shown.until(lambda: "Versions" in shown.text() and "live → 3" in shown.text())


async def test_the_first_state_is_shown_when_it_comes_and_not_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdatui.tui.app.TICK", 3600.0)
    app, _, _ = make_app()
    async with app.run_test(size=(120, 40)):
        async with asyncio.timeout(60):
            while "checkout" not in plain(app):
                await asyncio.sleep(0.01)

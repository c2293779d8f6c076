"""Keys, palette, help, filter, sorting, marks, zoom, copying, leaving."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.widgets import Input, OptionList, TextArea

from lambdatui.schema import PushRow, Sources
from lambdatui.tui.choose import Choose
from lambdatui.tui.dialogs import Ask, Confirm, EventEditor, Reader
from lambdatui.tui.help import help_rows
from lambdatui.tui.main_screen import PAGES
from lambdatui.tui.widgets.logview import LogView
from lambdatui.tui.widgets.panel import Panel
from lambdatui.tui.widgets.table import Table

from .fakes import Shop, opened
from .moment import entry, header, shop


async def test_every_binding_has_an_id_a_name_and_a_sentence() -> None:
    async with opened() as shop:
        await shop.press(*"1234567")
        nodes = [shop.app, shop.app.main, *shop.app.main.pages.values(), *shop.app.main.query(Panel)]
        for node in nodes:
            for _, binding in node._bindings:
                if binding.system:
                    continue
                assert binding.id and binding.description and binding.tooltip, (node, binding)


async def test_every_binding_can_be_run_by_name_from_the_palette() -> None:
    from lambdatui.tui.commands import Commands

    async with opened() as shop:
        titles = " ".join(command.title for command in Commands(shop.app.main)._commands())
        for name in (
            "dlq: replay all",
            "function: set the reserved",
            "log: ",
            "source: pause or resume",
            "Dark or light",
        ):
            assert name in titles


async def test_a_command_of_another_screen_goes_there_first() -> None:
    from lambdatui.tui.commands import Commands

    async with opened() as shop:
        commands = Commands(shop.app.main)
        pause = next(c for c in commands._commands() if c.title.startswith("source: pause"))
        await commands._run(pause)
        await shop.until(lambda: ("pause", "map-1") in shop.client.calls)
        assert shop.app.main.page.NAME == "sources"


async def test_the_footer_shows_the_keys_of_the_focus() -> None:
    async with opened() as shop:
        assert "i invoke" in shop.text().splitlines()[-1]
        await shop.press("5")
        last = shop.text().splitlines()[-1]
        for part in ("r replay", "R replay all shown", "e edit + replay", "x purge", "/ filter", "? help", "q quit"):
            assert part in last


async def test_help_is_made_from_the_bindings_of_the_place() -> None:
    async with opened() as shop:
        await shop.press("5")
        told = {(keys, what) for _, keys, what, _ in help_rows(shop.app.main)}
        assert ("x", "Delete the marked entries, or the one under the cursor; asks first") in told
        assert {place for place, _, what, _ in help_rows(shop.app.main) if "log of the function" in what} == {"DLQ"}
        await shop.press("question_mark")
        assert isinstance(shop.app.screen, Reader) and "Replay all that the filter shows" in shop.text()
        await shop.press("escape")
        assert not isinstance(shop.app.screen, Reader)


async def test_moving_keys_only_move() -> None:
    async with opened() as shop:
        table = shop.widget("#functions", Table)
        for key, where in (
            ("j", 1),
            ("G", 6),
            ("k", 5),
            ("g", 0),
            ("pagedown", 6),
            ("pageup", 0),
            ("down", 1),
            ("up", 0),
        ):
            await shop.press(key)
            assert table.cursor_index == where
        assert not [call for call in shop.client.calls if call[0] != "invocation"]


async def test_a_filter_is_kept_through_toggles_until_escape() -> None:
    async with opened() as shop:
        table = shop.widget("#functions", Table)
        await shop.press("slash", *"order", "enter")
        assert [row.key for row in table.shown] == ["fulfil-order"]
        await shop.press("s", "S", "z", "z", "5", "1")
        shop.feed.push(functions=tuple(reversed(shop.feed.state.functions)))
        await shop.settle()
        assert [row.key for row in table.shown] == ["fulfil-order"]
        await shop.press("escape")
        assert len(table.shown) == 7


async def test_escape_while_typing_forgets_the_filter() -> None:
    async with opened() as shop:
        await shop.press("slash", *"zzz")
        assert "nothing matches 'zzz'" in shop.text()
        await shop.press("escape")
        assert len(shop.widget("#functions", Table).shown) == 7
        assert shop.app.focused is shop.widget("#functions", Table)


async def test_s_sorts_by_the_next_column_and_S_turns_it_round() -> None:
    async with opened() as shop:
        table = shop.widget("#functions", Table)
        await shop.press("s")
        assert table.sort_key == "name" and table.shown[0].key == "checkout"
        await shop.press("S")
        assert table.shown[0].key == "track-clicks" and "NAME▾" in shop.text()


async def test_the_cursor_stays_on_its_row_while_rows_come_and_go() -> None:
    async with opened() as shop:
        await shop.press("j", "j")
        shop.feed.push(functions=shop.feed.state.functions[1:])
        await shop.settle()
        assert shop.widget("#functions", Table).cursor == "track-clicks"


async def test_z_shows_one_panel_and_all_again() -> None:
    async with opened() as shop:
        await shop.press("tab", "tab", "z")
        assert "Errors/Throttles" in shop.text() and "Functions " not in shop.text()
        await shop.press("escape")
        assert "Functions " in shop.text() and "What happened" in shop.text()


async def test_q_leaves_the_zoom_before_it_leaves() -> None:
    async with opened() as shop:
        await shop.press("z", "q")
        assert shop.app.is_running and "What happened" in shop.text()


async def test_enter_opens_the_function_and_escape_leads_back() -> None:
    async with opened() as shop:
        await shop.press("j", "enter")
        assert shop.app.main.page.NAME == "function" and "Function  fulfil-order" in shop.text()
        await shop.press("escape")
        assert shop.app.main.page.NAME == "overview"
        assert shop.widget("#functions", Table).cursor == "fulfil-order"


async def test_l_and_d_lead_to_log_and_dead_letters_of_the_function() -> None:
    async with opened() as shop:
        await shop.press("j", "l")
        assert shop.widget("#logs", LogView).store.filter.functions == frozenset({"fulfil-order"})
        await shop.press("q", "d")
        assert shop.app.main.page.NAME == "dlq"
        await shop.until(lambda: "/fulfil-order" in shop.text())


async def test_p_pauses_the_display_while_the_totals_go_on() -> None:
    async with opened() as shop:
        await shop.press("p")
        shop.feed.push(functions=(), header=header(rate=99.9))
        await shop.settle()
        assert "display paused" in shop.text() and "checkout" in shop.text() and "99.9/s" in shop.text()
        await shop.press("p")
        assert "no functions here yet" in shop.text()


async def test_y_copies_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    async with opened() as shop:
        await shop.press("j", "y")
        assert shop.app.clipboard.startswith("fulfil-order\t✖ failing")


async def test_y_copies_the_exact_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    async with opened() as shop:
        await shop.press("5")
        shop.widget("#dlq-event", Panel).focus()
        await shop.press("y")
        assert shop.app.clipboard == shop.feed.state.dlq[0].event


async def test_w_writes_what_is_shown_and_says_where(tmp_path: Path) -> None:
    async with opened() as shop:
        shop.app.data = tmp_path
        await shop.press("w")
        await shop.until(lambda: "written to" in shop.told())
        [path] = (tmp_path / "written").iterdir()
        assert "fulfil-order" in path.read_text() and path.stat().st_mode & 0o777 == 0o600


async def test_t_changes_between_dark_and_light() -> None:
    async with opened() as shop:
        await shop.press("t")
        assert shop.app.theme.startswith("lambdatui-light")
        await shop.press("t")
        assert shop.app.theme.startswith("lambdatui-dark")


async def test_a_users_keymap_rebinds_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "lambdatui"
    folder.mkdir()
    (folder / "keys.toml").write_text('app.zoom = "f9"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with opened() as shop:
        await shop.press("f9")
        assert shop.app.main.page.zoomed is not None


# on a function


async def test_i_invokes_with_the_last_event_after_editing() -> None:
    async with opened() as shop:
        await shop.press("i")
        await shop.until(lambda: isinstance(shop.app.screen, Choose))
        await shop.press("enter")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        shop.app.screen.query_one(TextArea).text = '{"order": 7}'
        await shop.press("ctrl+s")
        await shop.until(lambda: isinstance(shop.app.screen, Reader))
        assert ("invoke", "checkout", b'{"order": 7}') in shop.client.calls and "succeeded" in shop.text()


async def test_i_offers_what_the_functions_own_trigger_would_send() -> None:
    async with opened() as shop:
        await shop.press("i")
        await shop.until(lambda: "POST /checkout" in shop.text())
        await shop.press("j", "enter")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        assert '"path": "/checkout"' in shop.app.screen.query_one(TextArea).text


def menu(shop: Shop) -> list[str]:
    """What the menu lists, in its order."""
    return [str(one.prompt) for one in shop.app.screen.query_one(OptionList).options]


async def test_typing_narrows_a_menu() -> None:
    async with opened() as shop:
        await shop.press("i")
        await shop.until(lambda: isinstance(shop.app.screen, Choose))
        await shop.press("j", "down", "k")
        chosen = shop.app.screen.query_one(OptionList)
        assert chosen.highlighted == 1, "j and k move, whatever else may be typed"
        await shop.press(*"sam")
        await shop.until(lambda: len(menu(shop)) == 1)
        assert "a sample event" in menu(shop)[0]
        await shop.press("enter")
        await shop.until(lambda: "Sample event" in shop.text())
        every = len(menu(shop))
        await shop.press("slash", *"json kinesis")
        await shop.until(lambda: "nothing matches 'json kinesis'" in shop.text())
        await shop.press("enter")
        assert isinstance(shop.app.screen, Choose), "there is nothing to take"
        await shop.press("escape")
        await shop.until(lambda: len(menu(shop)) == every)
        await shop.press("slash", *"kinesis")
        await shop.until(lambda: all("kinesis" in one for one in menu(shop)))
        await shop.press("down", "up", "enter")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        assert '"aws:kinesis"' in shop.app.screen.query_one(TextArea).text


async def test_escape_leaves_a_menu_when_its_filter_is_gone() -> None:
    async with opened() as shop:
        await shop.press("i")
        await shop.until(lambda: isinstance(shop.app.screen, Choose))
        await shop.press(*"emp", "escape")
        await shop.until(lambda: len(menu(shop)) > 1)
        await shop.press("escape")
        assert not isinstance(shop.app.screen, Choose)
        assert not [call for call in shop.client.calls if call[0] == "invoke"]


async def test_what_is_not_json_is_not_sent() -> None:
    async with opened() as shop:
        await shop.press("i")
        await shop.until(lambda: isinstance(shop.app.screen, Choose))
        await shop.press("enter")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        shop.app.screen.query_one(TextArea).text = "{nope"
        await shop.press("ctrl+s")
        assert isinstance(shop.app.screen, EventEditor) and "not JSON" in shop.text()
        await shop.press("escape")
        assert not [call for call in shop.client.calls if call[0] == "invoke"]


async def test_I_invokes_again_at_once() -> None:
    async with opened() as shop:
        await shop.press("I")
        await shop.until(lambda: ("invoke", "checkout", b'{"order": 1189}') in shop.client.calls)


async def test_r_replays_the_last_failed_event() -> None:
    async with opened() as shop:
        await shop.press("r")
        await shop.until(lambda: any(call[0] == "replay_invocation" for call in shop.client.calls))
        assert ("last_event", "checkout", True) in shop.client.calls


async def test_r_replays_it_as_the_dead_letter_that_it_has_become() -> None:
    """Else it went through, and its queue was as before."""
    dead = (entry(0, function="checkout"), entry(1, function="checkout", request_id="another"), entry(2))
    async with opened(shop(dlq=dead)) as shown:
        await shown.press("r")
        await shown.until(lambda: "left the queue" in shown.told())
        assert [call[1] for call in shown.client.calls if call[0] == "replay"] == ["dead-0"]
        assert not any(call[0] == "replay_invocation" for call in shown.client.calls)


@pytest.mark.parametrize(
    ("typed", "call"),
    [("0", ("reserve", "checkout", 0)), ("7", ("reserve", "checkout", 7)), ("", ("unreserve", "checkout"))],
)
async def test_c_sets_or_removes_the_reserve(typed: str, call: tuple[object, ...]) -> None:
    async with opened() as shop:
        await shop.press("c")
        await shop.until(lambda: isinstance(shop.app.screen, Ask))
        await shop.press(*typed, "enter")
        await shop.until(lambda: call in shop.client.calls)


async def test_a_call_that_fails_is_a_sentence() -> None:
    from lambdatui.errors import NoEngine

    async with opened() as shop:

        def gone(*_: object, **__: object) -> None:
            raise NoEngine("no engine answers at http://127.0.0.1:3001; start one with `lambdatui run`")

        shop.client.last_event = gone  # type: ignore[method-assign, assignment]
        await shop.press("I")
        await shop.until(lambda: "start one with" in shop.told())


async def test_m_sends_and_P_pauses_a_source() -> None:
    async with opened() as shop:
        await shop.press("6", "P")
        await shop.until(lambda: ("pause", "map-1") in shop.client.calls)
        await shop.press("m")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        shop.app.screen.query_one(TextArea).text = "hello"
        await shop.press("ctrl+s")
        await shop.until(lambda: ("send", "orders", "hello") in shop.client.calls)


# leaving


async def _leave(shop: Shop, *keys: str) -> None:
    await shop.pilot.press(*keys)
    await shop.pilot.pause()


async def test_q_at_the_root_leaves() -> None:
    async with opened() as shop:
        await _leave(shop, "q")
        assert shop.app.return_value == 0


async def test_q_asks_while_work_is_in_flight_and_no_is_the_safe_answer() -> None:
    async with opened(shop(header=header(in_flight=3))) as shown:
        await shown.press("q")
        assert isinstance(shown.app.screen, Confirm) and "3 invocations in flight" in shown.text()
        await shown.press("enter")
        assert shown.app.return_value is None
        await shown.press("ctrl+q")
        await _leave(shown, "y")
        assert shown.app.return_value == 0


async def test_attached_it_only_leaves() -> None:
    async with opened(shop(header=header(in_flight=3)), owned=False) as shown:
        await _leave(shown, "q")
        assert shown.app.return_value == 0


async def test_typing_q_into_the_filter_types_a_q() -> None:
    async with opened() as shop:
        await shop.press("slash", "q", "1")
        assert shop.app.main.query_one("#filter Input", Input).value == "q1"


def test_there_are_seven_screens() -> None:
    assert [page.NAME for page in PAGES] == [
        "overview",
        "function",
        "invocations",
        "logs",
        "dlq",
        "sources",
        "environments",
    ]


async def test_a_route_shows_its_curl_and_y_copies_it() -> None:
    async with opened() as shown:
        await shown.press("6", "G")
        await shown.until(lambda: "curl -i" in shown.text() and "y copies a call" in shown.text())
        await shown.press("y")
        assert shown.app.clipboard.startswith("curl -i -X POST ")


async def test_a_message_is_published_to_a_topic() -> None:
    sources = Sources(pushes=[PushRow(id="s", kind="topic", source="news", target="mail")])
    async with opened(msgspec.structs.replace(shop(), sources=sources)) as shown:
        await shown.press("6")
        await shown.until(lambda: "news" in shown.text())
        await shown.press("m")
        await shown.until(lambda: isinstance(shown.app.screen, EventEditor))
        await shown.press("ctrl+s")
        await shown.until(lambda: ("send", "news", "{}") in shown.client.calls)

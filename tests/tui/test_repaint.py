"""Nothing is painted when nothing changed, and only what changed when something did."""

from __future__ import annotations

import asyncio

import msgspec

from lambdatui.tui.widgets.panel import LineWidget
from lambdatui.tui.widgets.table import Table

from .fakes import Shop, opened
from .moment import function


def _count(shop: Shop) -> dict[str, int]:
    return {widget.id or "?": widget.rendered for widget in shop.app.main.query(LineWidget) if widget.rendered}


async def test_nothing_is_painted_when_nothing_changed() -> None:
    async with opened() as shop:
        for key in "1234567":
            await shop.press(key, "j", "k")
            await asyncio.sleep(0.2)  # the cursor rests: what its row needs is asked for, and has to arrive
            await shop.until(lambda: all(one.is_finished for one in shop.app.workers if one.group != "feed"))
            before = _count(shop)
            # the same content in new objects, as the feed sends it
            shop.feed.push(
                functions=tuple(msgspec.structs.replace(f) for f in shop.feed.state.functions),
                dlq=tuple(msgspec.structs.replace(e) for e in shop.feed.state.dlq),
                environments=tuple(msgspec.structs.replace(e) for e in shop.feed.state.environments),
                sources=msgspec.structs.replace(shop.feed.state.sources),
            )
            await shop.settle()
            assert _count(shop) == before, key


async def test_one_changed_function_paints_one_line() -> None:
    async with opened() as shop:
        table = shop.widget("#functions", Table)
        before = table.rendered
        rows = list(shop.feed.state.functions)
        rows[3] = function("send-receipt", "throttled", throttles=13)
        shop.feed.push(functions=tuple(rows))
        await shop.until(lambda: table.rendered > before)
        assert table.rendered - before == 1


async def test_moving_the_cursor_paints_two_lines() -> None:
    async with opened() as shop:
        table = shop.widget("#functions", Table)
        before = table.rendered
        await shop.press("j")
        await shop.until(lambda: table.rendered > before)
        assert table.rendered - before == 2


async def test_screens_that_are_not_open_do_nothing() -> None:
    async with opened() as shop:
        await shop.press("7")
        before = shop.widget("#functions", Table).rendered
        shop.feed.push(functions=())
        await shop.settle()
        assert shop.widget("#functions", Table).rendered == before
        await shop.press("1")
        assert "no functions here yet" in shop.text()


async def test_text_can_be_selected_with_the_mouse_and_copied() -> None:
    async with opened() as shop:
        await shop.pilot.mouse_down("#functions", offset=(4, 3))
        await shop.pilot.hover("#functions", offset=(16, 3))
        await shop.pilot.mouse_up("#functions", offset=(16, 3))
        await shop.settle()
        assert "fulfil" in (shop.app.main.get_selected_text() or "")

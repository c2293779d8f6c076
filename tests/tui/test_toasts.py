"""Toasts: nothing in them acts, and they go."""

from __future__ import annotations

import asyncio

from textual.widgets._toast import Toast, ToastHolder, ToastRack

from lambdatui.tui.toasts import Note

from .fakes import opened


async def test_a_toast_is_data_whoever_raises_it() -> None:
    """Screens and widgets pass their own default on: markup in an error's text became a link that acts when clicked."""
    async with opened() as shop:
        said = "[@click=app.quit]quit[/] [link=https://evil.example]x[/link] [/nothing]"
        for where in (shop.app, shop.app.screen, shop.app.screen.query("*").last()):
            where.notify(said)
        await shop.until(lambda: shop.text().count("[@click=app.quit]") == 3)
        assert not any(one.markup for one in shop.app._notifications)


async def test_toasts_leave_nothing_behind() -> None:
    """A save is a toast: as many as a day has, one after the other."""
    async with opened() as shop:
        for number in range(60):
            shop.app.notify(f"note {number}", timeout=0.05)
            await asyncio.sleep(0.01)
        await shop.until(lambda: not shop.told())
        shop.app.notify("the last one")
        await shop.until(lambda: len(shop.app.screen.query(ToastHolder)) == 1)


async def test_a_toast_whose_time_is_over_when_it_is_mounted_goes_like_any_other() -> None:
    """Its timer counted for ever, and the screen took no key any more."""
    late = Note("late", timeout=-1)
    assert late.has_expired and late.time_left > 0
    async with opened() as shop:
        await shop.app.screen.query_one(ToastRack).mount(ToastHolder(Toast(late)))
        await shop.until(lambda: not shop.app.screen.query(ToastHolder))

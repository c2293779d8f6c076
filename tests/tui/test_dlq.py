"""Replaying and purging dead letters by keyboard."""

from __future__ import annotations

import threading

import msgspec
import pytest
from textual.widgets import TextArea

from lambdatui.schema import DlqEntry, ReplayResult
from lambdatui.tui.dialogs import Ask, Confirm, EventEditor
from lambdatui.tui.replay import AT_ONCE, ReplayJob, outcome
from lambdatui.tui.screens.dlq_table import DlqTable

from .fakes import Shop, opened
from .moment import entry, shop


def _replayed(shop: Shop) -> list[object]:
    return [call[1] for call in shop.client.calls if call[0] == "replay"]


def _left(shop: Shop) -> list[str]:
    return [row.key for row in shop.widget("#dlq", DlqTable).shown]


async def test_a_replayed_entry_leaves_when_it_succeeds() -> None:
    async with opened() as shop:
        await shop.press("5", "r")
        await shop.until(lambda: "dead-0" not in _left(shop))
        assert _replayed(shop) == ["dead-0"]
        await shop.until(lambda: "went through" in shop.told())


async def test_where_more_are_kept_than_a_screen_is_sent_it_says_so() -> None:
    async with opened() as shop:
        await shop.press("5")
        assert "newest" not in shop.widget("#dlq", DlqTable).subject
        assert shop.feed.state.header is not None
        shop.feed.push(header=msgspec.structs.replace(shop.feed.state.header, dlq_depth=12_345))
        await shop.until(lambda: "newest 4 of 12,345" in shop.text())


async def test_one_that_fails_again_stays_with_its_new_error() -> None:
    async with opened() as shop:
        shop.client.fails = {"dead-0"}
        await shop.press("5", "r")
        await shop.until(lambda: "'zip'" in shop.text())
        assert "dead-0" in _left(shop) and shop.widget("#dlq", DlqTable).entries["dead-0"].attempts == 4
        await shop.until(lambda: "failed again" in shop.told())


async def test_marked_entries_are_replayed_together() -> None:
    async with opened() as shop:
        await shop.press("5", "space", "j", "space")
        assert "2 marked of 4" in shop.text()
        await shop.press("r")
        await shop.until(lambda: len(_left(shop)) == 2)
        assert set(_replayed(shop)) == {"dead-0", "dead-2"}


async def test_v_marks_up_to_here_and_u_clears() -> None:
    async with opened() as shop:
        await shop.press("5", "space", "G", "v")
        assert shop.widget("#dlq", DlqTable).marked == ["dead-0", "dead-1", "dead-2", "dead-14"]
        await shop.press("u")
        assert not shop.widget("#dlq", DlqTable).marked


async def test_R_says_how_many_and_asks() -> None:
    async with opened() as shop:
        await shop.press("5", "slash", *"keyerror", "enter", "R")
        assert isinstance(shop.app.screen, Confirm) and "Replay 3 entries that match /keyerror?" in shop.text()
        await shop.press("n")
        assert not _replayed(shop)
        await shop.press("R", "y")
        await shop.until(lambda: sorted(map(str, _replayed(shop))) == ["dead-0", "dead-1", "dead-2"])


async def test_e_replays_the_edited_event_and_the_original_stays_until_then() -> None:
    async with opened() as shop:
        await shop.press("5", "e")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        assert shop.app.screen.query_one(TextArea).text == shop.feed.state.dlq[0].event
        shop.app.screen.query_one(TextArea).text = '{"fixed": true}'
        await shop.press("ctrl+s")
        await shop.until(lambda: ("replay", "dead-0", b'{"fixed": true}') in shop.client.calls)


async def test_purging_one_asks_with_the_safe_answer_highlighted() -> None:
    async with opened() as shop:
        await shop.press("5", "x")
        assert isinstance(shop.app.screen, Confirm) and "❱ n keep" in shop.text()
        await shop.press("enter")
        assert not any(call[0] == "purge" for call in shop.client.calls)
        await shop.press("x", "y")
        await shop.until(lambda: ("purge", ("dead-0",)) in shop.client.calls)


async def test_purging_several_wants_their_number() -> None:
    async with opened() as shop:
        await shop.press("5", "space", "space", "x")
        assert isinstance(shop.app.screen, Ask) and "Type 2" in shop.text()
        await shop.press("3", "enter")
        assert isinstance(shop.app.screen, Ask)
        await shop.press("backspace", "2", "enter")
        await shop.until(lambda: ("purge", ("dead-0", "dead-1")) in shop.client.calls)


async def test_a_long_replay_shows_its_progress_and_escape_cancels_it() -> None:
    many = tuple(entry(i) for i in range(20))
    async with opened(shop(dlq=many)) as shown:
        shown.client.gate = threading.Event()
        await shown.press("5", "R", "y")
        await shown.until(lambda: " 0 of 20 ·" in shown.text())
        assert "Esc cancels; what is done stays done" in shown.text()
        await shown.press("escape")
        shown.client.gate.set()
        await shown.until(lambda: "cancelled" in shown.told())
        assert 0 < len(_replayed(shown)) <= AT_ONCE


async def test_the_box_on_the_overview_replays_too() -> None:
    async with opened() as shop:
        shop.widget("#overview-dlq", DlqTable).focus()
        await shop.press("r")
        await shop.until(lambda: _replayed(shop) == ["dead-0"])


async def test_enter_in_the_box_opens_the_entry_on_its_screen() -> None:
    async with opened() as shop:
        shop.widget("#overview-dlq", DlqTable).focus()
        await shop.press("j", "enter")
        assert shop.app.main.page.NAME == "dlq" and shop.widget("#dlq", DlqTable).cursor == "dead-1"


async def test_the_box_shows_the_newest_until_somebody_is_in_it() -> None:
    def later(number: int) -> tuple[DlqEntry, ...]:
        newest = entry(0, id=f"later-{number}", last_at=f"2999-01-01T00:00:0{number}.000000Z")
        return (newest, *shop.feed.state.dlq)

    async with opened() as shop:
        box = shop.widget("#overview-dlq", DlqTable)
        assert box.cursor == "dead-0"
        shop.feed.push(dlq=later(1))
        await shop.until(lambda: box.cursor == "later-1" and box.top == 0)
        box.focus()
        await shop.press("j")
        assert box.cursor == "dead-0"
        shop.feed.push(dlq=later(2))
        await shop.until(lambda: "later-2" in box.entries)
        assert box.cursor == "dead-0", "what r replays is the one that was chosen"
        await shop.press("enter")
        assert shop.widget("#dlq", DlqTable).cursor == "dead-0"
        await shop.press("escape")
        await shop.until(lambda: shop.app.main.focused is box)
        assert box.cursor == "dead-0", "one comes back to where one was"
        await shop.press("tab")
        await shop.until(lambda: box.cursor == "later-2")


async def test_a_job_counts_and_never_has_more_than_a_few_in_flight() -> None:
    flying = most = 0

    async def replay(entry_id: str) -> ReplayResult:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        import asyncio

        await asyncio.sleep(0)
        flying -= 1
        return ReplayResult(id=entry_id, status="ok" if entry_id != "3" else "error", error_message="boom")

    job = ReplayJob([str(i) for i in range(10)])
    await job.run(replay, lambda: None)
    assert (job.ok, job.failed, job.last_error, job.running) == (9, 1, "boom", False)
    assert most <= AT_ONCE and job.sentence() == "10 of 10 · 9 ok · 1 failed"


@pytest.mark.parametrize(("done", "bar"), [(0, "▱" * 18), (10, "▰" * 9 + "▱" * 9), (20, "▰" * 18)])
def test_the_bar_is_as_full_as_the_work(done: int, bar: str) -> None:
    job = ReplayJob([str(i) for i in range(20)], ok=done)
    assert job.lines()[0].text.startswith(bar)


async def test_after_a_dead_letter_was_read_whole_the_invocations_open_again() -> None:
    async with opened() as shop:
        await shop.press("5", "enter")
        await shop.until(lambda: shop.app.main.page.NAME == "invocations")
        await shop.press("escape", "2", "3")
        assert shop.app.main.focused is not None and shop.app.main.focused.id == "invocations"


async def test_the_invocation_that_a_dead_letter_was_opened_as_replays_the_dead_letter() -> None:
    """Its event alone, without the entry, would go through and leave the queue as it was."""
    async with opened() as shop:
        await shop.press("5", "enter")
        await shop.until(lambda: "r replays it" in shop.text())
        shop.client.fails = {"dead-0"}
        await shop.press("r")
        await shop.until(lambda: "failed again and stays" in shop.told())
        assert "r replays it" in shop.text()
        shop.client.fails = set()
        await shop.press("r")
        await shop.until(lambda: "went through and left the queue" in shop.told())
        assert _replayed(shop) == ["dead-0", "dead-0"]
        await shop.until(lambda: "r replays it" not in shop.text())


async def test_e_on_it_replays_the_edited_dead_letter() -> None:
    async with opened() as shop:
        await shop.press("5", "enter")
        await shop.until(lambda: "r replays it" in shop.text())
        await shop.press("e")
        await shop.until(lambda: isinstance(shop.app.screen, EventEditor))
        shop.app.screen.query_one(TextArea).text = '{"fixed": true}'
        await shop.press("ctrl+s")
        await shop.until(lambda: ("replay", "dead-0", b'{"fixed": true}') in shop.client.calls)
        await shop.until(lambda: "r replays it" not in shop.text())


async def test_another_invocation_is_no_dead_letter() -> None:
    async with opened() as shop:
        await shop.press("5", "enter")
        await shop.until(lambda: "r replays it" in shop.text())
        await shop.press("escape", "3", "enter")
        await shop.until(lambda: shop.app.main.page.has_class("-detail"))
        await shop.press("r")
        await shop.until(lambda: any(call[0] == "replay_invocation" for call in shop.client.calls))
        assert not _replayed(shop) and "r replays it" not in shop.text()


@pytest.mark.parametrize("status", ["missing", "expired"])
def test_what_was_not_replayed_is_not_told_as_failed(status: str) -> None:
    sentence, severity, _ = outcome(ReplayResult(id="x", status=status, error_message="no such entry"))
    assert (sentence, severity) == ("it was not replayed: no such entry", "warning")


async def test_an_entry_that_no_invocation_left_says_so() -> None:
    sent = entry(0, function=None, request_id=None, error_code=None, error_message=None)
    async with opened(shop(dlq=(sent,))) as shown:
        await shown.press("5")
        await shown.until(lambda: "no traceback: no invocation of it failed" in shown.text())
        assert "in the history" not in shown.text()

"""The list of dead letters with its keys, for the DLQ screen and for its box on the overview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from lambdatui.errors import OperationFailed
from lambdatui.schema import DlqEntry
from lambdatui.tui.details import subject_of
from lambdatui.tui.dialogs import Ask, Confirm, EventEditor
from lambdatui.tui.keys import bind
from lambdatui.tui.replay import ReplayJob
from lambdatui.tui.screens.page import seen
from lambdatui.tui.text import age, clean, local_time, plural, since
from lambdatui.tui.widgets.lines import line
from lambdatui.tui.widgets.rows import Cell, Column, Row
from lambdatui.tui.widgets.table import Table

if TYPE_CHECKING:
    from lambdatui.tui.app import LambdaTui

COLUMNS = (
    Column("when", "WHEN", 8),
    Column("function", "FUNCTION", 12, stretch=1, most=24),
    Column("tries", "TRIES", 5, numeric=True, drop=2),
    Column("error", "ERROR", 14, stretch=3),
    Column("queue", "QUEUE", 10, drop=1),
)
BOX_COLUMNS = (
    Column("subject", "EVENT", 10, stretch=1, most=14),
    Column("error", "ERROR", 10, stretch=2),
    Column("age", "AGE", 4, numeric=True),
)

BOX_HINTS = (
    line(("r replay  space mark  R all  e edit", "dim")),
    line(("Enter: payload, traceback, locals", "dim")),
)


class DlqTable(Table):
    """Dead letters. `box`: the small form, without headings, ages instead of times."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("r", "replay", "replay", "Replay the marked entries, or the one under the cursor", "dlq.replay"),
        bind("R", "replay_all", "replay all shown", "Replay all that the filter shows; asks first", "dlq.replay-all"),
        bind(
            "e",
            "edit",
            "edit + replay",
            "Edit the event, then replay; the original stays until it succeeds",
            "dlq.edit",
        ),
        bind("space", "mark", "mark", "Mark or unmark the entry", "dlq.mark"),
        bind("x", "purge", "purge", "Delete the marked entries, or the one under the cursor; asks first", "dlq.purge"),
    ]

    def __init__(self, *, box: bool = False, id: str) -> None:
        super().__init__(
            "DLQ" if box else "Dead letters",
            BOX_COLUMNS if box else COLUMNS,
            markable=True,
            heading=not box,
            empty="no dead letters: what fails for good lands here"
            if box
            else "no dead letters. Events land here after their last attempt failed; "
            "r then sends their exact bytes to the code as it is by then.",
            id=id,
        )
        self.box = box
        self.newest_first = box
        self.entries: dict[str, DlqEntry] = {}

    def help_name(self) -> str:
        return "Dead letters"

    # The box is there to show the newest: it follows them until somebody is in it, whose entry then stays.

    def on_focus(self) -> None:
        self.newest_first = False

    def on_blur(self) -> None:
        if self.box and seen(self) and self.app.app_focus:  # else somebody went to look at the entry, and comes back
            self.newest_first = True
            self.action_edge(-1)

    def show_entries(self, entries: Sequence[DlqEntry], now_us: int, depth: int = 0) -> None:
        """The newest entries of every queue, newest first, of `depth` that there are."""
        ordered = sorted(entries, key=lambda entry: entry.last_at, reverse=True)
        self.entries = {entry.id: entry for entry in ordered}
        queues = sorted({entry.queue for entry in ordered})
        if not self.box:
            self.columns = [c for c in COLUMNS if c.key != "queue" or len(queues) > 1]
        self.footer_lines = list(BOX_HINTS) if self.box and ordered else []
        self.subject = clean(queues[0] if len(queues) == 1 else plural(len(queues), "queue") if queues else "")
        if depth > len(ordered):
            self.subject = f"{self.subject}: newest {len(ordered)} of {depth:,}"
        self.set_rows(self._row_of(entry, now_us) for entry in ordered)

    def show_job(self, job: ReplayJob | None) -> None:
        """The progress of a replay under the rows."""
        self.pinned = job.lines() if job is not None and job.running and not self.box else []
        self._follow_cursor()
        self.sync()

    def _row_of(self, entry: DlqEntry, now_us: int) -> Row:
        function = entry.function or "–"
        error = short_error(entry)
        tag = "info" if entry.replaying else "err"
        cells: dict[str, Cell] = {"error": ((("↻ replaying  " if entry.replaying else "") + error, tag),)}
        if self.box:
            ago = since(entry.last_at, now_us)
            cells["subject"] = ((subject_of(entry.event), ""),)
            cells["age"] = (("–" if ago is None else age(ago), "warn"),)
        else:
            cells["when"] = ((local_time(entry.last_at), ""),)
            cells["function"] = ((clean(function), ""),)
            cells["tries"] = ((str(entry.attempts), ""),)
            cells["queue"] = ((clean(entry.queue), "dlq"),)
        sort = {
            "when": entry.last_at,
            "age": entry.last_at,
            "function": function,
            "tries": entry.attempts,
            "error": error,
            "queue": entry.queue,
        }
        text = " ".join((function, error, entry.queue, entry.event[:2_000], entry.request_id or "", entry.id))
        return Row(entry.id, cells, sort, text)

    @property
    def entry(self) -> DlqEntry | None:
        """The entry under the cursor."""
        return self.entries.get(self.cursor or "")

    # replay

    def action_replay(self) -> None:
        """Replay the marked entries, or the one under the cursor."""
        if self.targets:
            self.tui.start_replay(self.targets)
            self.action_clear_marks()

    def action_replay_all(self) -> None:
        """Replay all that is shown, once that is confirmed."""
        self.tui.act(self._replay_all)

    async def _replay_all(self) -> None:
        ids = [row.key for row in self.shown]
        if not ids:
            raise OperationFailed("there is nothing to replay")
        which = f"that match /{self.needle}" if self.needle else "of every dead-letter queue"
        question = f"Replay {plural(len(ids), 'entry')} {which}?"
        more = "Each is one attempt with its exact bytes. What succeeds leaves its queue."
        if await self.app.push_screen_wait(Confirm(question, more=more, yes="replay")):
            self.tui.start_replay(ids)

    def action_edit(self) -> None:
        """Edit the event, then replay it."""
        self.tui.act(self._edit)

    async def _edit(self) -> None:
        if self.entry is None:
            raise OperationFailed("there is nothing to edit")
        await edit_and_replay(self.tui, self.entry)

    # purge

    def action_purge(self) -> None:
        """Delete the marked entries, or the one under the cursor, once that is confirmed."""
        self.tui.act(self._purge)

    async def _purge(self) -> None:
        ids = self.targets
        if not ids:
            raise OperationFailed("there is nothing to purge")
        if len(ids) == 1:
            entry = self.entries[ids[0]]
            question = f"Purge {subject_of(entry.event)}?"
            more = f"{short_error(entry)}. The event is gone for good."
            sure = await self.app.push_screen_wait(Confirm(question, more=more, yes="purge", no="keep", danger=True))
        else:
            question = f"Purge {plural(len(ids), 'entry')}? Type {len(ids)} to do it."
            more = "The events are gone for good."
            typed = await self.app.push_screen_wait(Ask(question, more=more, expected=str(len(ids))))
            sure = typed is not None
        if sure:
            gone = await self.tui.off(self.tui.client.purge, ids)
            self.marks -= set(ids)
            self.notify(f"{plural(gone, 'entry')} purged")


def short_error(entry: DlqEntry) -> str:
    """`KeyError: 'postcode'`, in one line."""
    kind = clean(entry.error_code or "")
    message = clean(entry.error_message or "")
    if not kind or message.startswith(kind):
        return message or kind or "–"
    return f"{kind}: {message}" if message else kind


async def edit_and_replay(tui: LambdaTui, entry: DlqEntry) -> bool:
    """Have its event edited, replay that, and say what came of it; whether it has left its queue."""
    title = f"Edit, then replay   {subject_of(entry.event)} → {entry.function or entry.queue}"
    event = await tui.push_screen_wait(EventEditor(title, entry.event, verb="replays it", must_be_json=False))
    if event is None:
        return False
    result = await tui.off(tui.client.replay_entry, entry.id, event)
    tui.say_outcome(result, subject_of(entry.event), entry.queue)
    return result.status == "ok"

"""DLQ: the dead letters; for the one under the cursor its event, its error, and what changed in the code since."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from lambdatui.client.feed import State
from lambdatui.errors import LambdaTuiError, OperationFailed
from lambdatui.schema import CodeChange, DlqEntry, InvocationDetail, Subscription
from lambdatui.tui.details import (
    attempt_lines,
    code_lines,
    error_lines,
    log_lines,
    payload_lines,
    subject_of,
)
from lambdatui.tui.keys import bind
from lambdatui.tui.outside import find_file
from lambdatui.tui.screens.dlq_table import DlqTable, short_error
from lambdatui.tui.screens.function_keys import place_of
from lambdatui.tui.screens.page import Page
from lambdatui.tui.text import age, clean, short_id, since, size
from lambdatui.tui.widgets.lines import Line, line, paragraphs
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.panel import Panel
from lambdatui.tui.widgets.table import Table

SETTLE = 0.08  # seconds the cursor must rest before its entry is fetched
PROMISE = "r sends the exact bytes to the new code; an entry leaves the queue when its invocation succeeds."
PROMISE_SAME = "r sends the exact bytes again; an entry leaves the queue when its invocation succeeds."


class DlqPage(Page):
    """From a dead letter to its cause, and back through the queue."""

    NAME: ClassVar[str] = "dlq"
    MAIN: ClassVar[str] = "#dlq"
    PANELS: ClassVar[tuple[type[Panel], ...]] = (DlqTable,)
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("o", "edit_code", "open code", "Open the code in $EDITOR, at the line of this error", "dlq.editor"),
        bind("l", "open_logs", "logs", "The log of the function that failed", "dlq.logs", show=False),
        bind("enter", "open_invocation", "invocation", "Open the last failed invocation", "dlq.open", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown_for: tuple[str, int, str] | None = None
        self.detail: InvocationDetail | None = None
        self.change: CodeChange | None = None
        self.fetching = True

    def compose(self) -> ComposeResult:
        from textual.containers import Horizontal

        with Horizontal(id="dlq-body"):
            with Container(id="dlq-left"):
                yield DlqTable(id="dlq")
                yield Pane("Attempts", id="dlq-attempts")
            with Vertical(id="dlq-right"):
                yield Pane("Event", id="dlq-event")
                yield Pane("Error", id="dlq-error")

    @property
    def table(self) -> DlqTable:
        """The list."""
        return self.query_one("#dlq", DlqTable)

    def subscription(self) -> Subscription:
        return Subscription(function=self.tui.selected, dlq=True)

    def show(self, state: State, fresh: bool) -> None:
        depth = 0 if state.header is None else state.header.dlq_depth
        self.table.show_entries(state.dlq, self.tui.now_us, depth)
        self.show_job()
        self._show_entry()

    def show_ages(self, now_us: int) -> None:
        self._paint_attempts()

    def show_job(self) -> None:
        """The progress of a replay."""
        if self.display:
            self.table.show_job(self.tui.job)

    def look_at(self, function: str | None, entry: str | None) -> None:
        """Show one function's dead letters, or put the cursor on one."""
        self.table.set_filter(function or "")
        if entry:
            self.table.select(entry)
        self._show_entry()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._show_entry()

    async def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        await self.action_open_invocation()

    async def action_open_invocation(self) -> None:
        """The last failed invocation, whole."""
        entry = self.table.entry
        if entry is not None and entry.request_id:
            await self.tui.open_invocation(entry.request_id, entry)

    # the entry under the cursor

    def _code_sha(self, entry: DlqEntry) -> str:
        row = self.function_row(entry.function)
        return row.code_sha if row is not None else ""

    def _show_entry(self) -> None:
        entry = self.table.entry
        key = (entry.id, entry.attempts, self._code_sha(entry)) if entry is not None else None
        if key == self._shown_for:
            return
        same = key is not None and self._shown_for is not None and key[0] == self._shown_for[0]
        self._shown_for = key
        if not same:
            self.detail, self.change, self.fetching = None, None, True
        self._paint()
        if entry is not None:
            self.tui.act(self._fetch, entry, group="dlq-detail", exclusive=True)

    async def _fetch(self, entry: DlqEntry) -> None:
        await asyncio.sleep(SETTLE)
        client, sha = self.tui.client, self._code_sha(entry)

        def read() -> tuple[InvocationDetail | None, CodeChange | None]:
            detail = client.invocation(entry.request_id) if entry.request_id else None
            old = detail.row.code_sha if detail is not None else ""
            if detail is None or not old or old == sha or entry.function is None:
                return detail, None
            return detail, client.code_change(entry.function, old)

        try:
            self.detail, self.change = await self.tui.off(read)
        except LambdaTuiError as error:
            self.notify(clean(str(error)), severity="warning")
        self.fetching = False
        if self.table.entry is not None and self.table.entry.id == entry.id:
            self._paint()

    def _paint(self) -> None:
        entry = self.table.entry
        event, error = self.query_one("#dlq-event", Pane), self.query_one("#dlq-error", Pane)
        if entry is None:
            for pane in (event, error, self.query_one("#dlq-attempts", Pane)):
                pane.subject, pane.note = "", ()
                pane.set_content(lambda width: ())
            return
        event.subject = subject_of(entry.event)
        event.note = ((size(len(entry.event.encode("utf-8", "surrogatepass"))), "dim"),)
        event.set_content(lambda width: payload_lines(entry.event, width), identity=entry.id, copy_text=entry.event)
        error.subject = short_error(entry)
        place = place_of(self.detail.frames, self._root(entry)) if self.detail else None
        error.note = ((f"o: open at line {place[1]}", "dim"),) if place else ()
        detail, loading, root = self.detail, self.fetching, self._root(entry)

        def content(width: int) -> list[Line]:
            out = _error_content(entry, detail, loading, root, width)
            return out + ([line(), *self._attempt_content(entry, width)] if self.size.width < 100 else [])

        error.set_content(content, identity=entry.id)
        self._paint_attempts()

    def _root(self, entry: DlqEntry) -> str:
        row = self.function_row(entry.function)
        return row.code_root if row is not None else ""

    def _paint_attempts(self) -> None:
        entry = self.table.entry
        if entry is None:
            return
        pane = self.query_one("#dlq-attempts", Pane)
        pane.subject = f"of {short_id(entry.request_id)}"
        pane.set_content(lambda width: self._attempt_content(entry, width), identity=entry.id)

    def _attempt_content(self, entry: DlqEntry, width: int) -> list[Line]:
        attempts = self.detail.attempts or [self.detail.row] if self.detail else []
        out = attempt_lines(attempts, entry.queue, entry.last_at, width)
        if self.fetching:
            return [*out, line(("…", "dim"))]
        out += [line(), line(("Code since the last attempt", "dim"))]
        if self.detail is None:
            return [*out, *paragraphs(_unknown(entry), width, "dim")]
        ago = since(self.change.changed_at, self.tui.now_us) if self.change else None
        out += code_lines(self.change, f"{age(ago)} ago" if ago is not None else "", width)
        changed = self.change is not None and bool(self.change.diff)
        return [*out, line(), *paragraphs(PROMISE if changed else PROMISE_SAME, width, "dim")]

    def action_edit_code(self) -> None:
        """Open the code at the line of this error."""
        self.tui.act(self._edit_code)

    async def _edit_code(self) -> None:
        entry = self.table.entry
        if entry is None:
            raise OperationFailed("there is no entry")
        row = self.function_row(entry.function)
        place = place_of(self.detail.frames, self._root(entry)) if self.detail else None
        file, at = place or ((row.file, row.line) if row else (None, None))
        if file is None:
            raise OperationFailed(f"the code of {entry.function or 'this entry'} is not known")
        self.tui.edit(str(find_file(file, self._root(entry), self.tui.root)), at)

    async def action_open_logs(self) -> None:
        """The log of the function that failed."""
        entry = self.table.entry
        if entry is not None:
            await self.tui.open_logs(entry.function)


def _unknown(entry: DlqEntry) -> str:
    """Why no invocation is shown."""
    if entry.request_id is None:
        return "no invocation of it failed: it was sent here, or throttled as often as its queue lets it be received"
    return "the invocation is not in the history any more"


def _error_content(
    entry: DlqEntry, detail: InvocationDetail | None, loading: bool, root: str, width: int
) -> list[Line]:
    if detail is None:
        text = "…" if loading else "no traceback: " + _unknown(entry)
        return [*paragraphs(short_error(entry), width, "err"), line(), *paragraphs(text, width, "dim")]
    out = error_lines(detail, root, width) or paragraphs(short_error(entry), width, "err")
    if detail.log:
        out += [
            *([line()] if out and out[-1].pieces else []),
            line(("Log of this request", "dim")),
            *log_lines(detail.log, width),
        ]
    return out

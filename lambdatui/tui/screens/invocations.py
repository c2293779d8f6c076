"""Invocations: newest first; Enter opens one: timings, event, result, error with locals, log, attempts."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from lambdatui.client.feed import State
from lambdatui.errors import OperationFailed
from lambdatui.schema import DlqEntry, InvocationDetail, ReplayResult, Subscription
from lambdatui.tui.details import error_lines, invocation_facts, log_lines, payload_lines, subject_of
from lambdatui.tui.dialogs import EventEditor
from lambdatui.tui.keys import bind
from lambdatui.tui.outside import find_file
from lambdatui.tui.replay import reason
from lambdatui.tui.screens.dlq_table import edit_and_replay
from lambdatui.tui.screens.function_keys import place_of
from lambdatui.tui.screens.invocation_table import InvocationTable
from lambdatui.tui.screens.page import Page
from lambdatui.tui.text import clean, short_id, size
from lambdatui.tui.widgets.lines import line
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.table import Table


class InvocationsPage(Page):
    """The list, and one invocation in its place."""

    NAME: ClassVar[str] = "invocations"
    MAIN: ClassVar[str] = "#invocations"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "r",
            "replay",
            "replay",
            "Invoke again with the same event; opened from a dead letter, replay that",
            "invocation.replay",
        ),
        bind("e", "edit", "edit + invoke", "The same with an event that you edit first", "invocation.edit"),
        bind("o", "edit_code", "editor", "Open the code in $EDITOR, at the line of the error", "invocation.editor"),
        bind("l", "open_logs", "logs", "The log of its function", "invocation.logs"),
        bind(
            "b",
            "origin",
            "origin",
            "Open the invocation that this one replays, or that called it",
            "invocation.origin",
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.detail: InvocationDetail | None = None
        self._entry: DlqEntry | None = None  # the dead letter that it was opened from
        self._came_straight = False  # opened from another screen: back leads there, not to the list

    def compose(self) -> ComposeResult:
        yield InvocationTable(of_one=False, id="invocations")
        with Container(id="invocation-detail"):
            with Vertical(id="invocation-left"):
                yield Pane("Invocation", id="invocation-facts")
                yield Pane("Event", id="invocation-event")
            with Vertical(id="invocation-right"):
                yield Pane("Result", id="invocation-result")
                yield Pane("Error and log", id="invocation-error")

    @property
    def table(self) -> InvocationTable:
        """The list."""
        return self.query_one(InvocationTable)

    def subscription(self) -> Subscription:
        return Subscription(function=self.tui.selected, invocations=True)

    def show(self, state: State, fresh: bool) -> None:
        if fresh or state.new_invocations or state.invocations_reset:
            self.table.show_invocations(reversed(state.invocations))

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        row = self.table.selected()
        if row is not None:
            self._came_straight = False
            self.tui.act(self._open, row.request_id, group="invocation", exclusive=True)

    def open_detail(self, request_id: str, entry: DlqEntry | None) -> None:
        """One invocation, from another screen; `entry`: the dead letter that it has left."""
        self._came_straight = True
        self.tui.act(self._open, request_id, entry, group="invocation", exclusive=True)

    async def _open(self, request_id: str, entry: DlqEntry | None = None) -> None:
        detail = await self.tui.off(self.tui.client.invocation, request_id)
        if detail is None:
            raise OperationFailed(f"request {short_id(request_id)} is not in the history")
        self.detail, self._entry = detail, entry
        self._paint(detail)
        self.add_class("-detail")
        self.query_one("#invocation-facts", Pane).focus()

    def back(self) -> bool:
        if not self.has_class("-detail"):
            return False
        self.remove_class("-detail")
        self.detail = self._entry = None
        self.table.focus()
        return not self._came_straight

    def _paint(self, detail: InvocationDetail) -> None:
        row = self.function_row(detail.row.function)
        root, limit = (row.code_root, row.memory) if row else ("", None)
        facts, event = self._pane("facts"), self._pane("event")
        result, error = self._pane("result"), self._pane("error")
        facts.subject = short_id(detail.row.request_id)
        queue = self._entry.queue if self._entry is not None else None
        facts.set_content(lambda width: invocation_facts(detail, limit, queue, width))
        text = detail.event.decode("utf-8", "replace")
        event.subject, event.note = subject_of(text), ((size(len(detail.event)), "dim"),)
        event.set_content(lambda width: payload_lines(text, width), copy_text=text)
        out = detail.result.decode("utf-8", "replace") if detail.result is not None else None
        result.note = ((size(len(detail.result)), "dim"),) if detail.result is not None else ()
        result.set_content(lambda width: payload_lines(out, width), copy_text=out or "")
        failed = detail.row.error_type is not None
        error.panel_title = "Error" if failed else "Log"
        error.subject = clean(detail.row.error_type or "")
        error.set_content(
            lambda width: [
                *(error_lines(detail, root, width) if failed else []),
                *([line(("Log of this request", "dim"))] if failed and detail.log else []),
                *(log_lines(detail.log, width) or [line(("it logged nothing", "dim"))]),
            ]
        )

    def _pane(self, name: str) -> Pane:
        return self.query_one(f"#invocation-{name}", Pane)

    def _request(self) -> str:
        row = self.detail.row if self.detail is not None else self.table.selected()
        if row is None:
            raise OperationFailed("there is no invocation under the cursor")
        return row.request_id

    def action_replay(self) -> None:
        """Invoke again with the same event, or replay the dead letter: it leaves its queue when that succeeds."""
        self.tui.act(self._replay)

    async def _replay(self) -> None:
        entry = self._entry
        if entry is not None:
            result = await self.tui.off(self.tui.client.replay_entry, entry.id)
            self.tui.say_outcome(result)
            self._replayed(entry, left=result.status == "ok")
            return
        await self._say(await self.tui.off(self.tui.client.replay_invocation, self._request()))

    def _replayed(self, entry: DlqEntry, *, left: bool) -> None:
        """Where a dead letter has left its queue, what is open is an invocation like any other."""
        if left and self._entry is entry and self.detail is not None:
            self._entry = None
            self._paint(self.detail)

    async def _say(self, result: ReplayResult) -> None:
        if result.status == "ok":
            self.notify(f"✔ it succeeded: {clean(result.payload.decode('utf-8', 'replace'))[:120]}")
        else:
            self.notify(f"✖ it failed: {reason(result)}", severity="error", timeout=8)

    def action_edit(self) -> None:
        """Edit the event, then invoke with it or replay the dead letter with it."""
        self.tui.act(self._edit)

    async def _edit(self) -> None:
        entry = self._entry
        if entry is not None:
            self._replayed(entry, left=await edit_and_replay(self.tui, entry))
            return
        request_id = self._request()
        detail = await self.tui.off(self.tui.client.invocation, request_id)
        if detail is None:
            raise OperationFailed(f"request {short_id(request_id)} is not in the history")
        text = detail.event.decode("utf-8", "replace")
        event = await self.app.push_screen_wait(EventEditor(f"Edit, then invoke {detail.row.function}", text))
        if event is not None:
            await self._say(await self.tui.off(self.tui.client.replay_invocation, request_id, event))

    def action_edit_code(self) -> None:
        """Open the code at the line of the error."""
        self.tui.act(self._edit_code)

    async def _edit_code(self) -> None:
        detail = await self.tui.off(self.tui.client.invocation, self._request())
        row = self.function_row(detail.row.function) if detail is not None else None
        root = row.code_root if row is not None else ""
        place = place_of(detail.frames, root) if detail is not None else None
        file, at = place or ((row.file, row.line) if row is not None else (None, None))
        if file is None:
            raise OperationFailed("the code of this invocation is not known")
        self.tui.edit(str(find_file(file, root, self.tui.root)), at)

    async def action_open_logs(self) -> None:
        """The log of its function."""
        row = self.detail.row if self.detail is not None else self.table.selected()
        if row is not None:
            await self.tui.open_logs(row.function)

    def action_origin(self) -> None:
        """The invocation that this one replays, or that caused it."""
        row = self.detail.row if self.detail is not None else self.table.selected()
        origin = (row.replay_of or row.parent_id) if row is not None else None
        if origin is None:
            self.notify("nothing came before this one", timeout=3)
            return
        self.tui.act(self._open, origin, group="invocation", exclusive=True)

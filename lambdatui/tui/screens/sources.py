"""Sources: what makes functions run. Pause, resume, send, and look at what waits."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from lambdatui.client.client import OutgoingMessage
from lambdatui.client.feed import State
from lambdatui.errors import LambdaTuiError, OperationFailed
from lambdatui.schema import PeekedMessage, Subscription
from lambdatui.tui.details import payload_lines
from lambdatui.tui.dialogs import EventEditor
from lambdatui.tui.keys import bind
from lambdatui.tui.screens.page import Page
from lambdatui.tui.screens.source_items import SourceItem, items_of
from lambdatui.tui.screens.source_row import COLUMNS, row_of
from lambdatui.tui.text import age, clean, json_pieces, local_time, plural, since
from lambdatui.tui.widgets.lines import Line, hanging, line, paragraphs
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.table import Table

SETTLE = 0.15
PEEKED = 50
EMPTY = (
    "no sources: functions here run only when they are invoked. A queue, stream or schedule comes from the template, "
    "or from an [[functions.NAME.events]] table in lambdatui.toml."
)


class SourcesPage(Page):
    """Queues, streams with their shards, schedules, push triggers, routes; beneath, what the selected one holds."""

    NAME: ClassVar[str] = "sources"
    MAIN: ClassVar[str] = "#sources"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("P", "pause_source", "pause/resume", "Pause or resume the source under the cursor", "source.pause"),
        bind("m", "send", "send", "Send a message or a record", "source.send"),
        bind("l", "open_logs", "logs", "The log of its function", "source.logs"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, SourceItem] = {}
        self.peeked: list[PeekedMessage] = []
        self._peeked_for: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Table("Sources", COLUMNS, empty="…", id="sources")
        with Horizontal(id="source-bottom"):
            yield Pane("Waiting", id="source-messages")
            yield Pane("About", id="source-facts")

    def subscription(self) -> Subscription:
        return Subscription(function=self.tui.selected, sources=True)

    def show(self, state: State, fresh: bool) -> None:
        found = items_of(state.sources) if state.sources is not None else []
        self.items = {item.key: item for item in found}
        self.query_one("#sources", Table).empty = EMPTY if state.sources is not None else "…"
        self._show_rows()
        self._show_selected()

    def show_ages(self, now_us: int) -> None:
        self._show_rows()

    def _show_rows(self) -> None:
        now = self.tui.now_us
        self.query_one("#sources", Table).set_rows(row_of(item, now) for item in self.items.values())

    def _item(self) -> SourceItem | None:
        return self.items.get(self.query_one("#sources", Table).cursor or "")

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._show_selected()

    async def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        item = self._item()
        if item is not None and item.function:
            await self.tui.open_function(item.function)

    def _show_selected(self) -> None:
        item = self._item()
        facts = self.query_one("#source-facts", Pane)
        facts.subject = clean(item.name) if item else ""
        facts.set_content(lambda width: _facts(item, width) if item else [], identity=item.key if item else None)
        key = (item.key, item.waiting, item.in_flight) if item else None
        if key == self._peeked_for:
            return
        if item is None or self._peeked_for is None or self._peeked_for[0] != item.key:
            self.peeked = []
            self._paint_messages()
        self._peeked_for = key
        if item is not None and item.kind in ("queue", "stream"):
            self.tui.act(self._peek, item, group="peek", exclusive=True)

    async def _peek(self, item: SourceItem) -> None:
        await asyncio.sleep(SETTLE)
        try:
            self.peeked = await self.tui.off(self.tui.client.peek, item.name, PEEKED)
        except LambdaTuiError:
            self.peeked = []  # the row itself still says how many there are
        self._paint_messages()

    def _paint_messages(self) -> None:
        item, messages, now = self._item(), self.peeked, self.tui.now_us
        pane = self.query_one("#source-messages", Pane)
        pane.subject = clean(item.name) if item else ""
        pane.note = ((plural(len(messages), "message"), "dim"),) if messages else ()
        pane.set_content(lambda width: _messages(item, messages, now, width), identity=item.key if item else None)

    # acting

    def action_pause_source(self) -> None:
        """Pause the source, or let it go on."""
        self.tui.act(self._toggle)

    async def _toggle(self) -> None:
        item = self._item()
        if item is None or not item.pause_id:
            raise OperationFailed("this cannot be paused: only queues and streams with a function, and schedules")
        call = self.tui.client.resume if item.paused else self.tui.client.pause
        await self.tui.off(call, item.pause_id)
        self.notify(f"{item.name} goes on" if item.paused else f"{item.name} is paused: P lets it go on")

    def action_send(self) -> None:
        """Send a message or a record."""
        self.tui.act(self._send)

    async def _send(self) -> None:
        item = self._item()
        if item is None or item.kind not in ("queue", "stream", "topic"):
            raise OperationFailed("messages go to a queue, a stream or a topic: put the cursor on one")
        text = self.peeked[-1].body if self.peeked else "{}"
        body = await self.app.push_screen_wait(
            EventEditor(f"Send to {item.kind} {item.name}", text, verb="sends", must_be_json=False)
        )
        if body is None:
            return
        message = OutgoingMessage(body=body.decode())
        if item.fifo:
            # An id of its own: what a person sends twice is meant twice.
            message = OutgoingMessage(body=body.decode(), group_id="screen", dedup_id=str(uuid.uuid4()))
        await self.tui.off(self.tui.client.send, item.name, [message])
        self.notify(f"sent to {item.name}")

    async def action_open_logs(self) -> None:
        """The log of its function."""
        item = self._item()
        if item is not None and item.function:
            await self.tui.open_logs(item.function)


def _facts(item: SourceItem, width: int) -> list[Line]:
    out = [row for name, value in item.facts for row in hanging(((f"{name:14}", "dim"),), clean(value), width)]
    if item.error:
        out += [line(), *paragraphs(clean(item.error), width, "err")]
    return out


def _messages(item: SourceItem | None, messages: Sequence[PeekedMessage], now: int, width: int) -> list[Line]:
    if item is None:
        return []
    if item.kind not in ("queue", "stream"):
        more = "; m publishes a message" if item.kind == "topic" else ("; y copies a call:" if item.command else "")
        told = paragraphs(f"nothing waits here: it goes to {item.target} at once{more}", width, "dim")
        if item.command:
            told += [line(), *paragraphs(clean(item.command), width, "info")]
        return told
    if not messages:
        return paragraphs(f"nothing waits. m sends a message, or lambdatui send {item.name} '{{…}}'", width, "dim")
    out: list[Line] = []
    for message in messages:
        ago = since(message.sent_at, now)
        head = [(local_time(message.sent_at), "dim"), (f"  {clean(message.state)}", "info")]
        if message.receive_count:
            head.append((f"  received {message.receive_count}×", "warn"))
        if ago is not None:
            head.append((f"  {age(ago)} ago", "dim"))
        out.append(line(*head))
        flat = len(message.body) <= width - 4 and "\n" not in message.body
        body = [Line(json_pieces(message.body))] if flat else payload_lines(message.body, width - 2)
        out += [line("  ", *row.pieces) for row in (body if len(messages) == 1 else body[:6])]
    return out

"""Environments: every worker process, and each function's concurrency against its reserve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from lambdatui.client.feed import State
from lambdatui.schema import ConcurrencyRow, Subscription
from lambdatui.tui.keys import bind
from lambdatui.tui.screens.environment_table import EnvironmentTable
from lambdatui.tui.screens.page import Page
from lambdatui.tui.text import clean, plural
from lambdatui.tui.widgets.lines import Line, left, line, right
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.table import Table


class EnvironmentsPage(Page):
    """What runs on this machine."""

    NAME: ClassVar[str] = "environments"
    MAIN: ClassVar[str] = "#environments"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("l", "open_logs", "logs", "The log of its function", "environment.logs"),
        bind("enter", "open_function", "function", "Open its function", "environment.function", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield EnvironmentTable(of_one=False, id="environments")
        yield Pane("Concurrency", id="concurrency")

    def subscription(self) -> Subscription:
        return Subscription(function=self.tui.selected, environments=True)

    def show(self, state: State, fresh: bool) -> None:
        table = self.query_one(EnvironmentTable)
        table.show_environments(state.environments)
        pane = self.query_one("#concurrency", Pane)
        header = state.header
        if header is not None:
            pane.note = ((f"{header.concurrency} of {header.concurrency_limit}", "dim"),)
            if header.host_wait:
                pane.note = ((f"{plural(header.host_wait, 'call')} wait for the machine · ", "warn"), *pane.note)
        rows = state.concurrency or tuple(
            ConcurrencyRow(
                function=f.name,
                used=f.concurrency,
                reserved=f.reserved_concurrency,
                provisioned=sum(each.allocated for each in f.provisioned),
                provisioned_used=sum(each.in_use for each in f.provisioned),
            )
            for f in state.functions
        )
        pane.set_content(lambda width: concurrency_lines(rows, width), identity="concurrency")

    def _function(self) -> str | None:
        key = self.query_one(EnvironmentTable).cursor
        return next((e.function for e in self.state.environments if e.id == key), None)

    async def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        await self.action_open_function()

    async def action_open_function(self) -> None:
        """The function of this environment."""
        if (name := self._function()) is not None:
            await self.tui.open_function(name)

    async def action_open_logs(self) -> None:
        """The log of its function."""
        if (name := self._function()) is not None:
            await self.tui.open_logs(name)


def concurrency_lines(rows: Sequence[ConcurrencyRow], width: int) -> list[Line]:
    """One bar a function: used, what is provisioned beyond it, and up to where its reserve goes."""
    names = min(28, max((len(row.function) for row in rows), default=8))
    room = max(8, width - names - (38 if any(row.provisioned for row in rows) else 14))
    most = max([*(row.reserved or row.provisioned for row in rows), *(row.used for row in rows), 1])
    scale = min(1.0, room / most)
    out = []
    for row in sorted(rows, key=lambda r: (-r.used, r.function)):
        used = min(room, max(1, round(row.used * scale))) if row.used else 0
        reserved = min(room, max(used, round((row.reserved or row.provisioned) * scale)))
        full = row.reserved is not None and row.used >= row.reserved
        tag = "warn" if full else "ok"
        limit = "∞" if row.reserved is None else str(row.reserved)
        words = ["■ stopped"] if row.reserved == 0 else (["‖ full"] if full else [])
        if row.provisioned:
            words.append(f"{row.provisioned} provisioned, {row.provisioned_used} in use")
        word = "  ".join(words)
        ahead = min(reserved, max(used, round(row.provisioned * scale))) - used
        out.append(
            line(
                (left(clean(row.function), names) + " ", ""),
                (right(f"{row.used}/{limit}", 7) + "  ", tag if row.used or row.reserved == 0 else "faint"),
                ("▰" * used, tag),
                ("▱" * ahead, "info"),
                ("▱" * (reserved - used - ahead), "faint"),
                (f" {word}" if word else "", tag),
            )
        )
    return out or [line(("no functions", "dim"))]

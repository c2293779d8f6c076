"""Logs: all functions merged by time, or some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from lambdatui.client.feed import State
from lambdatui.clock import MICROS
from lambdatui.schema import Subscription
from lambdatui.tui.choose import Choose
from lambdatui.tui.keys import bind
from lambdatui.tui.screens.page import Page
from lambdatui.tui.text import clean, plural
from lambdatui.tui.widgets.logview import LogView
from lambdatui.tui.widgets.panel import Panel

WINDOWS = (("all", 0), ("1 m", 60), ("5 m", 300), ("15 m", 900), ("1 h", 3_600), ("6 h", 21_600))


class LogsPage(Page):
    """One log view over the whole screen."""

    NAME: ClassVar[str] = "logs"
    MAIN: ClassVar[str] = "#logs"
    PANELS: ClassVar[tuple[type[Panel], ...]] = (LogView,)
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("T", "window", "time window", "All, or the last 1 m, 5 m, 15 m, 1 h: T, then 0 to 5", "logs.window"),
        bind("F", "functions", "functions", "All functions, or one", "logs.functions"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.functions: list[str] = []
        self.window = 0  # index into WINDOWS

    def compose(self) -> ComposeResult:
        empty = "no lines yet: press 1, pick a function, and i to invoke it"
        yield LogView("Logs", show_function=True, empty=empty, id="logs")

    @property
    def view(self) -> LogView:
        """The log."""
        return self.query_one(LogView)

    def subscription(self) -> Subscription:
        return Subscription(function=self.tui.selected, logs=True, log_functions=self.functions)

    def show(self, state: State, fresh: bool) -> None:
        if fresh:
            self._describe()
        if fresh or state.logs_reset:
            self.view.restore(state.logs)
        else:
            self.view.feed(state.new_logs)

    def choose(self, functions: Sequence[str]) -> None:
        """Show these functions; all where none is named."""
        self.functions = list(functions)
        self.view.refilter(functions=frozenset(functions), request_id=None)
        self.view.action_resume()
        self._describe()
        self.tui.resubscribe()

    def _describe(self) -> None:
        if len(self.functions) == 1:
            self.view.subject = clean(self.functions[0])
        else:
            self.view.subject = plural(len(self.functions), "function") if self.functions else "all functions"
        self.view.show_function = len(self.functions) != 1
        self.view.extra_note = ((f"last {WINDOWS[self.window][0]}", "warn"), (" · ", "dim")) if self.window else ()
        self.view.sync()

    def back(self) -> bool:
        if self.view.store.filter.request_id is None:
            return False
        self.view.refilter(request_id=None)
        return True

    async def on_log_view_opened(self, event: LogView.Opened) -> None:
        event.stop()
        await self.tui.open_invocation(event.request_id)

    def action_window(self) -> None:
        """Pick the time window by its digit."""
        self.tui.act(self._window)

    async def _window(self) -> None:
        options = [(str(n), f"{n} {name}", "") for n, (name, _) in enumerate(WINDOWS)]
        choice = await self.app.push_screen_wait(Choose("Lines of the last", options))
        if choice is None:
            return
        self.window = int(choice)
        length = WINDOWS[self.window][1]
        self.view.refilter(since_us=self.tui.now_us - length * MICROS if length else 0)
        self._describe()

    def action_functions(self) -> None:
        """All functions, or one."""
        self.tui.act(self._functions)

    async def _functions(self) -> None:
        options = [("", "all functions", ""), *((row.name, row.name, row.state) for row in self.state.functions)]
        choice = await self.app.push_screen_wait(Choose("Show the log of", options))
        if choice is not None:
            self.choose([choice] if choice else [])

"""The frame around the seven pages: header, tabs, the open page, the filter line and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Input, Static

from lambdatui.client.feed import State
from lambdatui.tui.keys import bind, display
from lambdatui.tui.screens.dlq import DlqPage
from lambdatui.tui.screens.environments import EnvironmentsPage
from lambdatui.tui.screens.function import FunctionPage
from lambdatui.tui.screens.invocations import InvocationsPage
from lambdatui.tui.screens.logs import LogsPage
from lambdatui.tui.screens.overview import OverviewPage
from lambdatui.tui.screens.page import Page, seen
from lambdatui.tui.screens.sources import SourcesPage
from lambdatui.tui.widgets.bars import HeaderBar, KeyBar, TabBar, ways_out
from lambdatui.tui.widgets.panel import LineWidget, Panel

if TYPE_CHECKING:
    from lambdatui.tui.app import LambdaTui

LEAST = (60, 15)  # cells; below it nothing can be read
PAGES = (OverviewPage, FunctionPage, InvocationsPage, LogsPage, DlqPage, SourcesPage, EnvironmentsPage)
ALWAYS = ("app.help", "app.commands", "app.leave")


class FilterLine(Container):
    """The line in which a filter is typed."""

    def compose(self) -> ComposeResult:
        yield Static("/ ")
        yield Input(placeholder="words that must occur · Enter keeps the filter · Esc clears it", compact=True)


class MainScreen(Screen[None], inherit_bindings=False):
    """Holds the pages; exactly one is open, and those never wanted are never made."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("tab", "app.focus_next", "next panel", "To the next panel", "panel.next", show=False),
        bind(
            "shift+tab", "app.focus_previous", "previous panel", "To the previous panel", "panel.previous", show=False
        ),
        bind("ctrl+c", "app.copy_selection", "copy", "Copy the selection", "panel.copy", show=False),
    ]
    AUTO_FOCUS = ""

    def __init__(self, project: str) -> None:
        super().__init__()
        self.project = project
        self.pages = {kind.NAME: kind() for kind in PAGES}
        self.page: Page = self.pages["overview"]
        self.ready = False  # all pages have their widgets
        self._filtered: Panel | None = None
        self.header, self.tabs, self.keys = HeaderBar(project), TabBar(), KeyBar()

    @property
    def tui(self) -> LambdaTui:
        """The app, with its own type."""
        from lambdatui.tui.app import LambdaTui

        assert isinstance(self.app, LambdaTui)
        return self.app

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.tabs
        with Container(id="pages"):
            yield self.page
        yield FilterLine(id="filter")
        yield self.keys
        yield Static(f"too small: {LEAST[0]}×{LEAST[1]} needed", id="small")

    def on_mount(self) -> None:
        self.bindings_updated_signal.subscribe(self, lambda _: self.show_keys())
        self.ready = True
        self.page.enter()
        self.call_after_refresh(self.tui.tick)  # the first state may be there already

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < LEAST[0] or event.size.height < LEAST[1], "-too-small")
        self.show_keys()
        self.call_after_refresh(self._keep_focus)

    def _keep_focus(self) -> None:
        """What a smaller window hid lost the focus, and the keys with it: the page has it back once it is seen."""
        if not self.has_class("-too-small") and (self.focused is None or not seen(self.focused)):
            self.page.enter()

    @property
    def dlq_page(self) -> DlqPage:
        """Screen 5."""
        page = self.pages["dlq"]
        assert isinstance(page, DlqPage)
        return page

    @property
    def logs_page(self) -> LogsPage:
        """Screen 4."""
        page = self.pages["logs"]
        assert isinstance(page, LogsPage)
        return page

    @property
    def invocations_page(self) -> InvocationsPage:
        """Screen 3."""
        page = self.pages["invocations"]
        assert isinstance(page, InvocationsPage)
        return page

    async def open_page(self, name: str) -> None:
        """Show another page, made when it is first wanted; the one that was open goes stale."""
        self.close_filter()
        page = self.pages[name]
        if not page.is_attached:
            page.display = False
            await self.query_one("#pages").mount(page)
        focused = self.focused
        if focused is not None and self.page in focused.ancestors:
            self.page.last_focus = focused
        with self.app.batch_update():
            self.page.display = False
            self.page.stale = True
            self.page = page
            self.page.display = True
            self.page.enter()

    def show_bars(self, state: State, now_us: int, paused: bool) -> None:
        """Header, tabs, and in the footer what helps where no engine answers."""
        self.header.show_state(state, now_us, paused)
        self.keys.show_ways_out(ways_out(state))
        depth = state.header.dlq_depth if state.header is not None else 0
        self.tabs.show_tab(self.page.NAME, depth)

    async def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        await self.tui.action_go(event.name)

    def show_keys(self) -> None:
        """The footer for where the focus is."""
        if not self.is_attached or self.app.screen is not self:
            return
        keys: list[tuple[str, str]] = []
        fixed: list[tuple[str, str]] = []
        seen: set[str] = set()
        for active in self.active_bindings.values():
            binding = active.binding
            if not binding.show or not binding.description or binding.action in seen:
                continue
            seen.add(binding.action)
            pair = (display(binding.key), binding.description)
            (fixed if binding.id in ALWAYS else keys).append(pair)
        keys.sort(key=lambda pair: pair[0] == "space")  # what acts comes before what prepares it
        self.keys.show_keys(keys, fixed)

    def repaint_all(self) -> None:
        """Everything anew: another theme."""
        for widget in self.query(LineWidget):
            widget.repaint()

    # filter

    def open_filter(self) -> None:
        """Type a filter for the focused panel, or the page's main one."""
        panel = self.page.focused_panel()
        if panel is None or not panel.set_filter(panel.filter_text()):
            panel = self.page.query_one(self.page.MAIN, Panel)
        self._filtered = panel
        line = self.query_one("#filter", FilterLine)
        line.add_class("-open")
        entry = line.query_one(Input)
        with entry.prevent(Input.Changed):
            entry.value = panel.filter_text()
        entry.cursor_position = len(entry.value)
        entry.focus()

    def close_filter(self) -> None:
        """Back from the filter line; the filter stays."""
        line = self.query_one("#filter", FilterLine)
        if not line.has_class("-open"):
            return
        line.remove_class("-open")
        if self._filtered is not None:
            self._filtered.focus(scroll_visible=False)

    def clear_filter(self) -> bool:
        """Esc: forget the filter that is typed or in force; False where there is none."""
        typing = self.query_one("#filter", FilterLine).has_class("-open")
        panel = self._filtered if typing else self._filtered_panel()
        self.close_filter()
        if panel is None or not panel.filter_text():
            return typing
        panel.set_filter("")
        return True

    def _filtered_panel(self) -> Panel | None:
        focused = self.page.focused_panel()
        if focused is not None and focused.filter_text():
            return focused
        return next((p for p in self.page.query(Panel) if p.display and p.filter_text()), None)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._filtered is not None:
            self._filtered.set_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close_filter()

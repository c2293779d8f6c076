"""What the seven screens share: taking snapshots, filtering, zooming, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from lambdatui.client.feed import State
from lambdatui.schema import FunctionRow, Subscription
from lambdatui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from lambdatui.tui.app import LambdaTui


class Page(Container):
    """One screen. It is given a frozen State when something changed, and only while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = []
    NAME: ClassVar[str] = ""
    MAIN: ClassVar[str] = ""  # selector of the panel that takes the focus first
    PANELS: ClassVar[tuple[type[Panel], ...]] = ()  # kinds of panel whose keys belong to this screen

    def __init__(self) -> None:
        super().__init__(id=f"page-{self.NAME}", classes="page")
        self.last_focus: Widget | None = None
        self.zoomed: Panel | None = None
        self.stale = True  # it was away: the next snapshot is taken whole

    @property
    def tui(self) -> LambdaTui:
        """The app, with its own type."""
        from lambdatui.tui.app import LambdaTui

        assert isinstance(self.app, LambdaTui)
        return self.app

    @property
    def state(self) -> State:
        """The newest snapshot."""
        return self.tui.shown_state

    # what a screen gives

    def subscription(self) -> Subscription:
        """What the engine should tell while this screen is open."""
        return Subscription()

    def show(self, state: State, fresh: bool) -> None:
        """Take a snapshot. `fresh`: the screen was away, so take everything and not only the news."""

    def show_ages(self, now_us: int) -> None:
        """Once a second: what says how long ago something was."""

    def back(self) -> bool:
        """Leave a sub-view; False where there is none."""
        return False

    # shared

    def function_row(self, name: str | None) -> FunctionRow | None:
        """The row of a function in the newest snapshot."""
        return next((row for row in self.state.functions if row.name == name), None)

    def enter(self) -> None:
        """The screen opens: focus what had it last."""
        target = self.last_focus if self.last_focus is not None and seen(self.last_focus) else None
        if target is None and self.MAIN:
            target = self.query_one(self.MAIN)
        if target is not None:
            target.focus(scroll_visible=False)

    def focused_panel(self) -> Panel | None:
        """The panel with the focus, else the main one."""
        focused = self.screen.focused
        if isinstance(focused, Panel) and self in focused.ancestors:
            return focused
        return self.query_one(self.MAIN, Panel) if self.MAIN else None

    def toggle_zoom(self) -> None:
        """Show the focused panel alone, or all again."""
        if self.zoomed is not None:
            self.unzoom()
            return
        panel = self.focused_panel()
        if panel is None:
            return
        self.zoomed = panel
        panel.add_class("-zoom")
        node: Widget = panel
        while node is not self:
            parent = node.parent
            assert isinstance(parent, Widget)
            for sibling in parent.children:
                if sibling is not node:
                    sibling.add_class("-away")
            if parent is not self:
                parent.add_class("-zoom")
            node = parent
        panel.focus(scroll_visible=False)

    def unzoom(self) -> bool:
        """All panels again; False where none was zoomed."""
        if self.zoomed is None:
            return False
        self.zoomed = None
        for node in self.query(".-zoom"):
            node.remove_class("-zoom")
        for node in self.query(".-away"):
            node.remove_class("-away")
        return True


def seen(widget: Widget) -> bool:
    """Whether a widget can take the focus: it and all that holds it are displayed (a closed detail's are not)."""
    return widget.focusable and all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))

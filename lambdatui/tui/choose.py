"""A menu: one of several, found by moving or by typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lambdatui.tui.keys import bind
from lambdatui.tui.text import clean
from lambdatui.tui.widgets.rows import has_words


class _Needle(Input):
    """Has the focus: its keys move, take and leave until something is typed."""

    typing = False

    def on_key(self, event: events.Key) -> None:
        menu = self.screen
        assert isinstance(menu, Choose)
        if event.key in ("ctrl+d", "ctrl+u"):
            menu.action_move("page_down" if event.key == "ctrl+d" else "page_up")
        elif self.typing or not event.is_printable:
            return  # to Input
        elif event.key == "slash":
            self.typing = True
        elif event.key in menu.active_bindings:
            event.prevent_default()
            return  # to the menu
        elif not menu.take_digit(event.character or ""):
            self.typing = True
            return
        event.stop()
        event.prevent_default()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return self.typing and super().check_consume_key(key, character)

    def forget(self) -> None:
        """Begin anew."""
        self.typing = False
        self.value = ""


class Choose(ModalScreen[str | None]):
    """One of several; the answer is its id. Letters that move nothing begin a filter, and so does `/`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,q", "back", "back", "Forget the filter, then leave it", "choose.cancel"),
        bind("j,down", "move('cursor_down')", "down", "Next", "choose.down", show=False),
        bind("k,up", "move('cursor_up')", "up", "Previous", "choose.up", show=False),
        bind("g", "move('first')", "top", "To the first", "choose.top", show=False),
        bind("G", "move('last')", "end", "To the last", "choose.end", show=False),
        bind("pagedown", "move('page_down')", "page down", "Down by a page", "choose.page-down", show=False),
        bind("pageup", "move('page_up')", "page up", "Up by a page", "choose.page-up", show=False),
    ]

    def __init__(self, question: str, options: Sequence[tuple[str, str, str]]) -> None:
        """`options`: id, title, note."""
        super().__init__()
        self.question, self.options = question, options

    def compose(self) -> ComposeResult:
        shown = OptionList(*map(_option, self.options), compact=True)
        shown.can_focus = False
        with Vertical(classes="dialog small"):
            yield Static(clean(self.question), classes="question", markup=False)
            yield shown
            with Horizontal(id="needle"):
                yield Static("/ ")
                yield _Needle(placeholder="type to filter · Enter takes it · Esc goes back", compact=True)

    def on_mount(self) -> None:
        self.query_one(_Needle).focus()
        self._list.action_first()

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    def take_digit(self, typed: str) -> bool:
        """Take the option that begins with a digit; False where there is none."""
        found = [name for name, title, _ in self.options if typed.isdecimal() and title.startswith(typed)]
        if found:
            self.dismiss(found[0])
        return bool(found)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        found = [one for one in self.options if has_words(f"{one[1]} {one[2]}", event.value)]
        none = Option(f"nothing matches {clean(event.value)!r}: Esc clears the filter", disabled=True)
        self._list.styles.height = self._list.outer_size.height  # the dialog does not jump about while it narrows
        self._list.set_options([*map(_option, found)] or [none])
        self._list.action_first()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._list.action_select()

    def action_move(self, how: str) -> None:
        """Move the highlight."""
        getattr(self._list, f"action_{how}")()

    def action_back(self) -> None:
        """Forget the filter; where there is none, leave without an answer."""
        needle = self.query_one(_Needle)
        if needle.typing:
            needle.forget()
        else:
            self.dismiss(None)


def _option(option: tuple[str, str, str]) -> Option:
    from rich.markup import escape

    name, title, note = option
    shown = escape(clean(title))
    return Option(f"{shown}  [dim]{escape(clean(note))}[/]" if note else shown, id=name)

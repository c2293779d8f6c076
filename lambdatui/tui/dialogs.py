"""Questions and forms: modal, one sentence each, the safe answer highlighted where something would be destroyed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from lambdatui.tui.keys import bind
from lambdatui.tui.text import clean, json_value


class Confirm(ModalScreen[bool]):
    """Yes or no. `danger` highlights no, so that Enter destroys nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("y", "answer(True)", "yes", "Do it", "confirm.yes"),
        bind("n,escape,q", "answer(False)", "no", "Leave everything as it is", "confirm.no"),
        bind("left,right,tab,h,l", "swap", "other answer", "Highlight the other answer", "confirm.swap", show=False),
        bind("enter", "take", "take it", "Take the highlighted answer", "confirm.take"),
    ]

    def __init__(
        self, question: str, *, more: str = "", yes: str = "yes", no: str = "no", danger: bool = False
    ) -> None:
        super().__init__()
        self.question, self.more = question, more
        self.words = {True: yes, False: no}
        self.highlighted = not danger

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog small"):
            yield Static(clean(self.question), classes="question", markup=False)
            if self.more:
                yield Static(clean(self.more), classes="soft", markup=False)
            yield Static(self._answers(), id="answers")

    def _answers(self) -> str:
        parts = []
        for value, key in ((True, "y"), (False, "n")):
            word = f"{key} {self.words[value]}"
            parts.append(f"[reverse b] ❱ {word} [/]" if value == self.highlighted else f"   {word} ")
        return "   ".join(parts)

    def action_swap(self) -> None:
        """Highlight the other answer."""
        self.highlighted = not self.highlighted
        self.query_one("#answers", Static).update(self._answers())

    def action_take(self) -> None:
        """Answer with what is highlighted."""
        self.dismiss(self.highlighted)

    def action_answer(self, value: bool) -> None:
        """Answer."""
        self.dismiss(value)


class Ask(ModalScreen[str | None]):
    """One line of text. With `expected`, only that text is taken: for what cannot be undone."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "cancel", "cancel", "Leave it", "ask.cancel")]

    def __init__(self, question: str, *, value: str = "", more: str = "", expected: str | None = None) -> None:
        super().__init__()
        self.question, self.value, self.more, self.expected = question, value, more, expected

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog small"):
            yield Static(clean(self.question), classes="question", markup=False)
            if self.more:
                yield Static(clean(self.more), classes="soft", markup=False)
            yield Input(self.value, compact=True)
            yield Static("Enter takes it · Esc leaves everything as it is", classes="soft hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.expected is not None and event.value.strip() != self.expected:
            self.notify(f"type {self.expected} to go on, or press Esc", severity="warning")
            return
        self.dismiss(event.value)

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


class EventEditor(ModalScreen[bytes | None]):
    """An event to edit and send. What is not JSON is sent only after being said."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+s", "send", "send", "Send what stands here", "editor.send"),
        # Before the editor sees it: there Esc would only move the focus.
        Binding("escape", "cancel", "cancel", tooltip="Send nothing", id="editor.cancel", priority=True),
    ]

    def __init__(self, title: str, text: str, *, verb: str = "send", must_be_json: bool = True) -> None:
        super().__init__()
        self.heading, self.text, self.verb, self.must_be_json = title, text, verb, must_be_json

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog large"):
            yield Static(clean(self.heading), classes="question", markup=False)
            yield TextArea(self.text, tab_behavior="indent", show_line_numbers=True, id="editor", compact=True)
            yield Static("", id="verdict", markup=False)
            yield Static(f"ctrl+s {self.verb} · Esc leaves without sending", classes="soft hint")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()
        self._judge()

    def on_text_area_changed(self) -> None:
        self._judge()

    def _judge(self) -> str | None:
        wrong = None
        try:
            json_value(self.query_one(TextArea).text or "null")
        except ValueError as error:
            wrong = f"✖ not JSON: {error}"
        verdict = self.query_one("#verdict", Static)
        verdict.update(wrong or "✔ JSON")
        verdict.set_class(wrong is not None, "wrong")
        return wrong

    def action_send(self) -> None:
        """Send, once it is what it must be."""
        text = self.query_one(TextArea).text
        if (wrong := self._judge()) and self.must_be_json:
            self.notify(f"{wrong}; nothing was sent", severity="warning")
            return
        self.dismiss((text or "{}").encode() if self.must_be_json else text.encode())

    def action_cancel(self) -> None:
        """Leave without sending."""
        self.dismiss(None)


class Reader(ModalScreen[None]):
    """Something to read: help, the result of an invocation."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,q,question_mark,enter", "close", "close", "Close", "reader.close"),
        bind("y", "copy", "copy", "Copy the text", "reader.copy"),
        bind("j,down", "scroll(1)", "down", "Down", "reader.down", show=False),
        bind("k,up", "scroll(-1)", "up", "Up", "reader.up", show=False),
        bind("pagedown,ctrl+d", "scroll(15)", "page down", "Down by a page", "reader.page-down", show=False),
        bind("pageup,ctrl+u", "scroll(-15)", "page up", "Up by a page", "reader.page-up", show=False),
        bind("g,home", "scroll(-100000)", "top", "To the top", "reader.top", show=False),
        bind("G,end", "scroll(100000)", "end", "To the end", "reader.end", show=False),
    ]

    def __init__(self, title: str, content: object, text: str = "") -> None:
        super().__init__()
        self.heading, self.content, self.text = title, content, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog large"):
            yield Static(clean(self.heading), classes="question", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(self.content, markup=False)  # type: ignore[arg-type]
            yield Static("Esc closes · y copies · j k move", classes="soft hint")

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_copy(self) -> None:
        """Copy what is shown."""
        from lambdatui.tui.app import LambdaTui

        assert isinstance(self.app, LambdaTui)
        self.app.copy(self.text)

    def action_close(self) -> None:
        """Back."""
        self.dismiss(None)

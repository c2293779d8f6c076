"""A scrolling pane of ready lines: an event as JSON, a traceback with its locals, a configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from lambdatui.tui.widgets.lines import Line
from lambdatui.tui.widgets.panel import Panel

Content = Callable[[int], Sequence[Line]]  # from the width in cells


class Pane(Panel):
    """Shows what `content(width)` gives. `copy_text` is what `y` copies, where that is not what it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "hit(1)", "Next hit", show=False, id="pane.next-hit", tooltip="To the next line that matches"),
        Binding(
            "N",
            "hit(-1)",
            "Previous hit",
            show=False,
            id="pane.previous-hit",
            tooltip="To the previous line that matches",
        ),
    ]

    def __init__(self, title: str = "", *, id: str | None = None) -> None:
        super().__init__(title, id=id)
        self._content: Content = lambda width: ()
        self._cache: tuple[int, list[Line]] | None = None
        self._identity: object = None
        self.copy_text = ""
        self.needle = ""

    def set_content(self, content: Content, *, identity: object = None, copy_text: str = "") -> None:
        """New content; the place is kept while `identity` is the same thing."""
        if identity is None or identity != self._identity:
            self.top = 0
        self._identity = identity
        self._content = content
        self.copy_text = copy_text
        self._cache = None
        self.sync()

    def _all(self) -> list[Line]:
        width = self.inner[0]
        if self._cache is None or self._cache[0] != width:
            self._cache = (width, list(self._content(width)))
        return self._cache[1]

    def total(self) -> int:
        return len(self._all())

    def body(self, width: int, height: int) -> list[Line]:
        lines = self._all()
        self.top = max(0, min(self.top, len(lines) - height))
        out = lines[self.top : self.top + height]
        if self.needle:
            out = [_hit(shown) if self.needle.lower() in shown.text.lower() else shown for shown in out]
        return out

    def set_filter(self, needle: str) -> bool:
        self.needle = needle
        if needle and not any(
            needle.lower() in shown.text.lower() for shown in self._all()[self.top :][: self.inner[1]]
        ):
            self.action_hit(1)
        self.sync()
        return True

    def filter_text(self) -> str:
        return self.needle

    def plain(self) -> str:
        return self.copy_text or "\n".join(shown.text.rstrip() for shown in self._all())

    def action_hit(self, direction: int) -> None:
        """To the next or previous line that the filter names."""
        lines = self._all()
        order = range(self.top + 1, len(lines)) if direction > 0 else range(self.top - 1, -1, -1)
        for index in order:
            if self.needle and self.needle.lower() in lines[index].text.lower():
                self.scroll_lines(index - self.top)
                return


def _hit(shown: Line) -> Line:
    return Line(tuple((text, f"{tag} underline".strip()) for text, tag in shown.pieces), "hit")

"""The base of every live widget: a frame with title and note, and lines that are compared before they are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from lambdatui.tui.palette import Palette, palette
from lambdatui.tui.widgets.lines import EMPTY, Line, Piece, fit, strip_of, width_of

if TYPE_CHECKING:
    from lambdatui.tui.app import LambdaTui


class LineWidget(Widget):
    """Paints `build()`'s lines. `sync()` builds them anew and repaints only those that differ."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self.rendered = 0  # lines painted so far; the tests hold it against what changed

    @property
    def tui(self) -> LambdaTui:
        """The app, with its own type."""
        from lambdatui.tui.app import LambdaTui

        assert isinstance(self.app, LambdaTui)
        return self.app

    def build(self, width: int, height: int) -> list[Line]:
        """Every line of the widget; shorter lists are padded with empty lines."""
        raise NotImplementedError

    def sync(self) -> None:
        """Compare what should be shown with what is, and repaint the difference."""
        width, height = self.size
        if not width or not height or not self.is_attached:
            return
        new = self.build(width, height)[:height]
        new += [EMPTY] * (height - len(new))
        old, self._lines = self._lines, new
        if len(old) != height:
            self.refresh()
            return
        dirty = [Region(0, y, width, 1) for y in range(height) if old[y] != new[y]]
        if len(dirty) == height:
            self.refresh()
        elif dirty:
            self.refresh(*dirty)

    def repaint(self) -> None:
        """Paint everything again: the theme or the size is another one."""
        self._lines = []
        self.sync()

    def on_resize(self) -> None:
        self.repaint()

    def on_show(self) -> None:
        self.sync()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return 1

    def palette(self) -> Palette:
        """Colours of the theme in force."""
        return palette(self.app.theme)

    def render_line(self, y: int) -> Strip:
        self.rendered += 1
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.palette().style(""))
        shown = self._lines[y]
        return strip_of(fit(shown.pieces, self.size.width), shown.row, self.palette())


class Panel(LineWidget, can_focus=True):
    """A framed widget: title left and note right on the top line, content between the sides, a thumb where it scrolls.

    Subclasses give `body(width, height)`, and `top`, `total` and `scroll_lines` where they scroll.
    """

    ALLOW_SELECT = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="move.down", tooltip="One line down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="move.up", tooltip="One line up"),
        Binding("g,home", "edge(-1)", "To the top", show=False, id="move.top", tooltip="To the first line"),
        Binding("G,end", "edge(1)", "To the end", show=False, id="move.end", tooltip="To the last line"),
        Binding("ctrl+d", "page(0.5)", "Half a page down", show=False, id="move.half-down", tooltip="Half a page down"),
        Binding("ctrl+u", "page(-0.5)", "Half a page up", show=False, id="move.half-up", tooltip="Half a page up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="move.page-down", tooltip="One page down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="move.page-up", tooltip="One page up"),
    ]
    NOTE_CUTS = False  # may the note be cut, or does it leave whole?
    PAD = 1  # empty cells between the side and the content

    def __init__(self, title: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.panel_title = title
        self.subject = ""  # beside the title, e.g. the function whose log it is
        self.note: tuple[Piece, ...] = ()  # at the right end of the top line
        self.top = 0
        self._mouse_here = False

    # what subclasses give

    def body(self, width: int, height: int) -> list[Line]:
        """The visible content lines."""
        return []

    def total(self) -> int:
        """Lines of content in all, for the thumb; 0 where nothing scrolls."""
        return 0

    def help_name(self) -> str:
        """What `?` calls this place."""
        return self.panel_title or type(self).__name__

    def set_filter(self, needle: str) -> bool:
        """Show what matches; False where this panel has nothing to filter."""
        return False

    def filter_text(self) -> str:
        """The filter in force."""
        return ""

    def cursor_copy(self) -> str:
        """What `y` copies."""
        return self.plain()

    def plain(self) -> str:
        """All that the panel holds as text, for `y` and `w`."""
        return "\n".join(shown.text.rstrip() for shown in self._body_lines())

    # frame

    @property
    def inner(self) -> tuple[int, int]:
        """Cells inside the frame: width, height."""
        return max(0, self.size.width - 2 - 2 * self.PAD), max(0, self.size.height - 2)

    def build(self, width: int, height: int) -> list[Line]:
        inner_width, inner_height = self.inner
        body = self.body(inner_width, inner_height) if inner_width and inner_height else []
        body = body[:inner_height] + [EMPTY] * (inner_height - len(body))
        edge = "accent" if self.has_focus else "border"
        thumb = self._thumb(inner_height)
        out = [self._head(width, edge)]
        for y, content in enumerate(body):
            side = ("┃", "accent" if self.has_focus else "dim") if y in thumb else ("│", edge)
            pieces = fit(content.pieces, inner_width)
            out.append(
                Line(
                    (
                        ("│", edge),
                        (" " * self.PAD, content.row and "on-" + content.row),
                        *_on(pieces, content.row),
                        (" " * self.PAD, content.row and "on-" + content.row),
                        side,
                    )
                )
            )
        out.append(Line((("╰" + "─" * (width - 2) + "╯", edge),)))
        return out

    def _head(self, width: int, edge: str) -> Line:
        title: list[Piece] = [(f" {self.panel_title} ", "bold" if self.has_focus else "dim")]
        if self.subject:
            title.append((f" {self.subject} ", "bold" if self.has_focus else "text"))
        note: list[Piece] = [(" ", ""), *self.note, (" ", "")] if self.note else []
        room = width - 5  # ╭─ … ─╮ and one dash between
        corner = "─"
        if width_of(title) + width_of(note) > room:
            corner, room = "", width - 2
            if note and width_of(title) + width_of(note) == room + 1:
                del note[0]
            elif note and width_of(title) + width_of(note) > room:
                keep = room - width_of(title)
                note = list(fit(note, keep)) if self.NOTE_CUTS and keep > 8 else []
            title = list(fit(title, min(room, width_of(title))))
        dashes = max(0, width - 2 - 2 * len(corner) - width_of(title) - width_of(note))
        return Line((("╭" + corner, edge), *title, ("─" * dashes, edge), *note, (corner + "╮", edge)))

    def _thumb(self, height: int) -> range:
        total = self.total()
        if total <= height or height < 3:
            return range(0)
        size = max(1, height * height // total)
        limit = max(1, total - height)
        start = round((height - size) * min(1.0, max(0, self.top) / limit))
        return range(start, start + size)

    # scrolling by line; tables and logs move a cursor instead

    def action_move(self, delta: int) -> None:
        """Scroll by lines."""
        self.scroll_lines(delta)

    def action_edge(self, direction: int) -> None:
        """Scroll to the first or the last line."""
        self.scroll_lines(direction * 10**9)

    def action_page(self, pages: float) -> None:
        """Scroll by pages."""
        self.scroll_lines(round(max(1, self.inner[1]) * pages))

    def scroll_lines(self, delta: int) -> None:
        """Move the view by `delta` lines, within the content."""
        self.top = max(0, min(self.total() - self.inner[1], self.top + delta))
        self.sync()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-3)

    def on_focus(self) -> None:
        self.sync()

    def on_blur(self) -> None:
        self.sync()

    # selecting with the mouse: only then every piece says where it stands, which costs as much as painting it

    def on_enter(self) -> None:
        self._mouse_here = True
        self.refresh()

    def on_leave(self) -> None:
        self._mouse_here = False

    def line_number(self, y: int) -> int:
        """A rising number of the visible body line `y` that stays with its text, and so does a selection."""
        return self.top + y

    def _body_lines(self) -> list[Line]:
        if len(self._lines) < 3:
            return []
        return [Line(shown.pieces[1:-1]) for shown in self._lines[1:-1]]

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        out = []
        for y, shown in enumerate(self._body_lines()):
            span = selection.get_span(self.line_number(y))
            if span is not None:
                start, end = span
                out.append(shown.text[start : None if end == -1 else end].rstrip())
        return ("\n".join(out), "\n") if out else None

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if not 0 < y < self.size.height - 1 or y >= len(self._lines):
            return strip
        selection = self.text_selection
        if selection is None and not self._mouse_here:
            return strip
        absolute = self.line_number(y - 1)
        span = selection.get_span(absolute) if selection is not None else None
        head, body, tail = strip.crop(0, 1), strip.crop(1, self.size.width - 1), strip.crop(self.size.width - 1)
        if span is not None:
            body = self._selected(body, *span)
        return Strip.join([head, body.apply_offsets(0, absolute), tail])

    def _selected(self, body: Strip, start: int, end: int) -> Strip:
        style = self.screen.get_component_rich_style("screen--selection")
        length = body.cell_length
        end = length if end == -1 else min(end, length)
        if start >= end:
            return body
        middle = Strip(Segment.apply_style(body.crop(start, end), post_style=style))
        return Strip.join([body.crop(0, start), middle, body.crop(end)])


def _on(pieces: tuple[Piece, ...], row: str) -> tuple[Piece, ...]:
    """The pieces with the row's background named in their tags: the frame beside them keeps its own."""
    if not row:
        return pieces
    return tuple((text, tag if "on-" in tag else f"{tag} on-{row}".strip()) for text, tag in pieces)


class Bar(LineWidget):
    """A one-line widget with a background of its own."""

    def pieces(self, width: int) -> tuple[Piece, ...]:
        """What the line says."""
        raise NotImplementedError

    def build(self, width: int, height: int) -> list[Line]:
        return [Line(fit(self.pieces(width), width, ellipsis=False), "bar")]


def drop_to_fit(groups: list[tuple[int, tuple[Piece, ...]]], width: int, gap: int) -> list[tuple[Piece, ...]]:
    """The groups that fit into `width` cells with `gap` between them; those with the highest rank go first."""
    kept = list(groups)
    while kept and sum(width_of(p) for _, p in kept) + gap * (len(kept) - 1) > width:
        worst = max(range(len(kept)), key=lambda i: kept[i][0])
        if kept[worst][0] == 0:
            break
        del kept[worst]
    return [pieces for _, pieces in kept]

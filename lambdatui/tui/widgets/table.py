"""A table on the Line API: rows compared by key and content, so that only changed lines are painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from lambdatui.tui.widgets.lines import Line, Piece, line, paragraphs
from lambdatui.tui.widgets.panel import Panel
from lambdatui.tui.widgets.rows import (
    GAP,
    NARROW_GAP,
    UNMEASURED,
    Column,
    Row,
    cell_pieces,
    fitted,
    layout,
    matching,
    sort_rows,
    title_text,
)

NARROW = 90  # cells; below it columns take their narrow widths


class Table(Panel):
    """Rows with a cursor, marks, sorting and a filter. The cursor holds on to its row's key, not to its place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=False, id="table.open", tooltip="Open what the cursor is on"),
        Binding("s", "sort", "Sort by next column", show=False, id="table.sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse the order", show=False, id="table.reverse", tooltip="Reverse the order"),
        Binding("space", "mark", "Mark", show=False, id="table.mark", tooltip="Mark or unmark the row"),
        Binding(
            "v",
            "mark_to_here",
            "Mark to here",
            show=False,
            id="table.mark-range",
            tooltip="Mark from the last mark to the cursor",
        ),
        Binding("u", "clear_marks", "Clear the marks", show=False, id="table.clear-marks", tooltip="Clear all marks"),
    ]

    class Moved(Message):
        """The cursor stands on another row, or the row went away."""

        def __init__(self, table: Table, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            return self.table

    class Opened(Message):
        """Enter, or a second click, on a row."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            return self.table

    def __init__(
        self,
        title: str,
        columns: Sequence[Column],
        *,
        markable: bool = False,
        empty: str = "nothing here yet",
        heading: bool = True,
        newest_first: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(title, id=id)
        self.columns = list(columns)
        self.markable = markable
        self.empty = empty
        self.heading = heading
        self.newest_first = newest_first  # rows arrive at the top: what is being read stays where it is
        self.noun = ""  # what `note` counts; the bare number where empty
        self.needle = ""
        self.sort_key: str | None = None
        self.descending = False
        self.marks: set[str] = set()
        self.cursor: str | None = None
        self._anchor: str | None = None
        self._all: list[Row] = []
        self.shown: list[Row] = []
        self.footer_lines: list[Line] = []  # below the rows, where there is room
        self.pinned: list[Line] = []  # below the rows, whatever room there is

    # data

    def set_rows(self, rows: Iterable[Row]) -> None:
        """New content. Nothing is painted that did not change."""
        self._all = list(rows)
        self._arrange()

    def set_filter(self, needle: str) -> bool:
        """Show only the rows in which every word occurs."""
        self.needle = needle
        self._arrange()
        return True

    def filter_text(self) -> str:
        return self.needle

    def cursor_copy(self) -> str:
        return "\n".join(self.row_text(key) for key in self.targets)

    def _arrange(self) -> None:
        before = self.cursor
        index = self.cursor_index
        newest = self.newest_first and index == 0 and self.top == 0 and self.sort_key is None
        self.shown = sort_rows(matching(self._all, self.needle), self.sort_key, self.descending)
        keys = {row.key for row in self.shown}
        self.marks &= {row.key for row in self._all}
        if self.cursor not in keys:
            # The row went: its neighbour is the next thing to look at.
            self.cursor = self.shown[min(index, len(self.shown) - 1)].key if self.shown else None
        if newest and self.shown:
            self.cursor = self.shown[0].key
        elif self.newest_first:
            self.top += self.cursor_index - index
        self._follow_cursor()
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))
        self.sync()

    @property
    def cursor_index(self) -> int:
        """Where the cursor stands among the shown rows; 0 where it stands nowhere."""
        return next((i for i, row in enumerate(self.shown) if row.key == self.cursor), 0)

    @property
    def marked(self) -> list[str]:
        """Marked keys among the shown rows, in their order."""
        return [row.key for row in self.shown if row.key in self.marks]

    @property
    def targets(self) -> list[str]:
        """What an action is about: the marked rows, else the one under the cursor."""
        return self.marked or ([self.cursor] if self.cursor else [])

    def select(self, key: str | None) -> None:
        """Put the cursor on a row, if it is shown."""
        if key is None or key == self.cursor or all(row.key != key for row in self.shown):
            return
        self.cursor = key
        self._follow_cursor()
        self.post_message(self.Moved(self, key))
        self.sync()

    # painting

    def total(self) -> int:
        return len(self.shown)

    def build(self, width: int, height: int) -> list[Line]:
        self.note = self._count_note()
        return super().build(width, height)

    def _count_note(self) -> tuple[Piece, ...]:
        number = str(len(self.shown))
        out: list[Piece] = []
        if self.marked:
            out.append((f"{len(self.marked)} marked of {number}", "accent"))
        else:
            out.append((number if not self.noun else f"{number} {self.noun}", "dim"))
        if self.needle:
            out.append((f" · /{self.needle}", "accent"))
        return tuple(out)

    def _visible(self) -> int:
        return max(0, self.inner[1] - (1 if self.heading else 0) - len(self.pinned))

    def _thumb(self, height: int) -> range:
        offset = 1 if self.heading else 0
        inner = super()._thumb(height - offset)
        return range(inner.start + offset, inner.stop + offset)

    def _follow_cursor(self) -> None:
        height, index = self._visible(), self.cursor_index
        if height <= 0:
            return
        if index < self.top:
            self.top = index
        elif index >= self.top + height:
            self.top = index - height + 1
        self.top = max(0, min(self.top, len(self.shown) - height))

    def on_resize(self) -> None:
        self._follow_cursor()  # LineWidget's own handler, which is called too, paints

    def body(self, width: int, height: int) -> list[Line]:
        lead = 2
        columns = layout(fitted(self.columns, self.shown), width - lead, narrow=self.size.width < NARROW)
        out = [self._heading(columns, lead)] if self.heading else []
        if not self.shown:
            text = f"nothing matches {self.needle!r}: Esc clears the filter" if self.needle else self.empty
            return [*out, *paragraphs(text, max(10, width - 2), "dim")]
        room = height - len(self.pinned)
        out += [self._row(row, columns) for row in self.shown[self.top : self.top + room - len(out)]]
        if self.pinned:
            return out + [line()] * (room - len(out)) + self.pinned
        if self.footer_lines and len(out) + len(self.footer_lines) < height:
            out += [line()] * (height - len(out) - len(self.footer_lines)) + self.footer_lines
        return out

    def _heading(self, columns: list[tuple[Column, int]], lead: int) -> Line:
        pieces: list[Piece] = [(" " * lead, "")]
        for number, (column, width) in enumerate(columns):
            arrow = ("▾" if self.descending else "▴") if column.key == self.sort_key else ""
            if number:
                pieces.append((self._gap, ""))
            pieces.append((title_text(column, width, arrow), "accent" if arrow else "dim"))
        return line(*pieces)

    @property
    def _gap(self) -> str:
        return " " * (NARROW_GAP if self.size.width < NARROW else GAP)

    def _row(self, row: Row, columns: list[tuple[Column, int]]) -> Line:
        here = row.key == self.cursor
        marked = row.key in self.marks
        if self.markable:
            lead: Piece = ("■ ", "accent") if marked else ("□ ", "faint" if not here else "dim")
        else:
            lead = ("▎ ", "accent") if here else ("  ", "")
        pieces: list[Piece] = [lead]
        for number, (column, width) in enumerate(columns):
            if number:
                pieces.append((self._gap, ""))
            cell = cell_pieces(row.cells.get(column.key, UNMEASURED), column, width)
            if here and number == 0:
                cell = tuple((text, f"{tag} bold".strip()) for text, tag in cell)
            pieces.extend(cell)
        background = ("cursor" if self.has_focus else "cursor-off") if here else ("mark" if marked else "")
        return line(*pieces, row=background)

    def plain(self) -> str:
        columns = layout(self.columns, 10_000)
        heads = [column.title for column, _ in columns]
        rows = [["".join(t for t, _ in row.cells.get(c.key, ())).strip() for c, _ in columns] for row in self.shown]
        return "\n".join("\t".join(cells) for cells in [heads, *rows])

    def row_text(self, key: str | None) -> str:
        """One row as text: what it gives to be copied, else its cells apart by tabs."""
        for row in self.shown:
            if row.key == key:
                return row.copy or "\t".join("".join(t for t, _ in cell).strip() for cell in row.cells.values())
        return ""

    # keys

    def action_move(self, delta: int) -> None:
        self._go(self.cursor_index + delta)

    def action_edge(self, direction: int) -> None:
        self._go(len(self.shown) - 1 if direction > 0 else 0)

    def action_page(self, pages: float) -> None:
        self._go(self.cursor_index + round(max(1, self._visible()) * pages))

    def _go(self, index: int) -> None:
        if self.shown:
            self.select(self.shown[max(0, min(index, len(self.shown) - 1))].key)

    def scroll_lines(self, delta: int) -> None:
        self._go(self.cursor_index + delta)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.cursor is not None:
            self.post_message(self.Opened(self, self.cursor))

    def action_sort(self) -> None:
        """Sort by the next column that is shown; after the last one the given order returns."""
        names = [c.key for c, _ in layout(self.columns, self.inner[0] - 2, narrow=self.size.width < NARROW)]
        names = [name for name in names if any(name in row.sort for row in self._all)]
        order: list[str | None] = [None, *names]
        at = order.index(self.sort_key) if self.sort_key in order else 0
        self.sort_key = order[(at + 1) % len(order)]
        column = next((c for c in self.columns if c.key == self.sort_key), None)
        self.descending = bool(column and column.numeric)
        self._arrange()

    def action_reverse(self) -> None:
        """Turn the order of the sorted column round."""
        if self.sort_key is None:
            self.action_sort()
        else:
            self.descending = not self.descending
            self._arrange()

    def action_mark(self) -> None:
        """Mark or unmark the row and go on to the next."""
        if self.cursor is None or not self.markable:
            return
        self.marks ^= {self.cursor}
        self._anchor = self.cursor
        self._marks_changed()
        self.action_move(1)

    def action_mark_to_here(self) -> None:
        """Mark every row between the last marked one and the cursor."""
        if self.cursor is None or not self.markable:
            return
        keys = [row.key for row in self.shown]
        start = keys.index(self._anchor) if self._anchor in keys else 0
        low, high = sorted((start, self.cursor_index))
        self.marks |= set(keys[low : high + 1])
        self._marks_changed()

    def action_clear_marks(self) -> None:
        """Forget all marks."""
        self.marks.clear()
        self._anchor = None
        self._marks_changed()

    def _marks_changed(self) -> None:
        self.post_message(self.Moved(self, self.cursor))
        self.sync()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("mark", "mark_to_here", "clear_marks"):
            return self.markable
        return True

    def on_click(self, event: events.Click) -> None:
        index = self.top + event.y - 1 - (1 if self.heading else 0)
        if not 0 <= index < len(self.shown) or not 0 < event.y < self.size.height - 1:
            return
        key = self.shown[index].key
        if key == self.cursor and event.chain > 1:
            self.action_open()
        else:
            self.select(key)

"""A log on the Line API over a store: follow, wrap, levels, and a place that stays put while lines arrive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from lambdatui.schema import LogLine
from lambdatui.tui.text import compact, short_id
from lambdatui.tui.widgets.lines import Line, Piece, line, paragraphs
from lambdatui.tui.widgets.logstore import LEVEL_STEPS, LogFilter, LogStore, rows_of
from lambdatui.tui.widgets.panel import Panel

FUNCTION_CELLS = 16
ROW_CACHE = 4_000
MOST_ROWS = 1_000  # of one log line; a longer traceback is cut


class LogView(Panel):
    """Lines of log. The cursor holds on to a line's serial; following means: the newest line stays in view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "follow", id="log.follow", tooltip="Follow the newest line, or stand still"),
        Binding("e", "error(1)", "next error", id="log.next-error", tooltip="To the next line of level ERROR or worse"),
        Binding(
            "E",
            "error(-1)",
            "previous error",
            show=False,
            id="log.previous-error",
            tooltip="To the previous line of level ERROR or worse",
        ),
        Binding("L", "level", "level", id="log.level", tooltip="Raise the least level shown; after ERROR all again"),
        Binding(
            "o",
            "same_request",
            "same request",
            id="log.request",
            tooltip="Only the lines of this line's request, and back",
        ),
        Binding("W", "wrap", "wrap", show=False, id="log.wrap", tooltip="Wrap long lines, or cut them"),
        Binding("J", "pretty", "JSON", show=False, id="log.json", tooltip="JSON messages laid out, or raw"),
        Binding(
            "G,end",
            "resume",
            "To the newest, and follow",
            show=False,
            id="log.resume",
            tooltip="To the newest line, and follow again",
        ),
        Binding("n", "hit(1)", "Next hit", show=False, id="log.next-hit", tooltip="To the next line that matches"),
        Binding(
            "N",
            "hit(-1)",
            "Previous hit",
            show=False,
            id="log.previous-hit",
            tooltip="To the previous line that matches",
        ),
        Binding("enter", "open_request", "Open", show=False, id="log.open", tooltip="Open the invocation of this line"),
    ]

    NOTE_CUTS = True

    class Opened(Message):
        """Enter on a line that belongs to a request."""

        def __init__(self, view: LogView, request_id: str) -> None:
            super().__init__()
            self.view = view
            self.request_id = request_id

        @property
        def control(self) -> LogView:
            return self.view

    def __init__(
        self, title: str = "Logs", *, show_function: bool = False, empty: str = "", id: str | None = None
    ) -> None:
        super().__init__(title, id=id)
        self.store = LogStore()
        self.show_function = show_function
        self.empty = empty or "no lines yet"
        self.following = True
        self.wrapped = False
        self.pretty = False
        self.cursor: int | None = None  # serial; None while following
        self._anchor: tuple[int, int] = (0, 0)  # serial and row at the top of the view
        self._numbers: list[int] = []  # of the visible rows: serial and row in one
        self._rows: dict[int, list[tuple[Piece, ...]]] = {}
        self._rows_for: tuple[object, ...] = ()
        self.extra_note: tuple[Piece, ...] = ()

    # content

    def feed(self, new: Sequence[LogLine], *, reset: bool = False) -> None:
        """Lines that arrived; nothing that is being read moves."""
        if reset:
            self.store.reset(new)
            self._rows.clear()
            self.cursor, self.following = None, True
        elif not self.store.add(new):
            return
        self._keep_place()
        self.sync()

    def restore(self, lines: Sequence[LogLine]) -> None:
        """Take over all lines anew (the view was hidden), keeping the place by the lines' own ids."""
        place = self.store.line(self.cursor).id if self._valid(self.cursor) and self.cursor is not None else None
        following = self.following
        self.store.reset(lines)
        self._rows.clear()
        self.following, self.cursor = following, None
        if place is not None and not following:
            found = next((s for s in self.store.shown if self.store.line(s).id >= place), None)
            self.cursor, self.following = found, found is None
            self._center()
        self.sync()

    def refilter(self, **changes: object) -> None:
        """Change the filter; the line under the cursor keeps its place where it still shows."""
        values = {name: getattr(self.store.filter, name) for name in LogFilter.__dataclass_fields__}
        self.store.refilter(LogFilter(**{**values, **changes}))
        self._rows.clear()
        if self.cursor is not None and self.store.shown:
            index = min(bisect_left(self.store.shown, self.cursor), len(self.store.shown) - 1)
            self.cursor = self.store.shown[index]
            self._center()
        self._keep_place()
        self.sync()

    def set_filter(self, needle: str) -> bool:
        self.refilter(needle=needle)
        return True

    def filter_text(self) -> str:
        return self.store.filter.needle

    def cursor_copy(self) -> str:
        return self.cursor_text()

    def _valid(self, serial: int | None) -> bool:
        if serial is None:
            return False
        index = bisect_left(self.store.shown, serial)
        return index < len(self.store.shown) and self.store.shown[index] == serial

    def _keep_place(self) -> None:
        shown = self.store.shown
        if not shown:
            self.cursor = None
            return
        if self.cursor is not None and not self._valid(self.cursor):
            self.cursor = shown[min(bisect_left(shown, self.cursor), len(shown) - 1)]
        if not self._valid(self._anchor[0]):
            index = min(bisect_left(shown, self._anchor[0]), len(shown) - 1)
            self._anchor = (shown[index], 0)

    # painting

    def help_name(self) -> str:
        return "Logs"

    def total(self) -> int:
        return len(self.store)

    def line_number(self, y: int) -> int:
        return self._numbers[y] if y < len(self._numbers) else 10**12

    def _rows_of(self, serial: int, width: int) -> list[tuple[Piece, ...]]:
        key = (width, self.wrapped, self.pretty, self.show_function, self.store.filter.needle)
        if key != self._rows_for or len(self._rows) > ROW_CACHE:
            self._rows.clear()
            self._rows_for = key
        rows = self._rows.get(serial)
        if rows is None:
            cells = (FUNCTION_CELLS if width >= 90 else 12) if self.show_function else 0
            rows = self._rows[serial] = rows_of(
                self.store.line(serial),
                width=width,
                with_function=cells,
                wrapped=self.wrapped,
                pretty=self.pretty,
                pattern=self.store.filter.pattern,
            )
        return rows

    def build(self, width: int, height: int) -> list[Line]:
        self.note = self._note()
        return super().build(width, height)

    def _note(self) -> tuple[Piece, ...]:
        wanted = self.store.filter
        out: list[Piece] = [*self.extra_note]
        if wanted.request_id:
            out += [(f"request {short_id(wanted.request_id)}", "accent"), (" · ", "dim")]
        if wanted.min_level != "DEBUG":
            out += [(f"{wanted.min_level} and up", "warn"), (" · ", "dim")]
        if wanted.needle:
            out += [(f"/{wanted.needle}", "accent"), (f" {compact(len(self.store))} · ", "dim")]
        out.append(("following", "dim") if self.following else ("standing still, G follows", "warn"))
        return tuple(out)

    def body(self, width: int, height: int) -> list[Line]:
        numbered = self._numbered(width, height)
        self._numbers = [number for number, _ in numbered]
        return [shown for _, shown in numbered]

    def _why_empty(self) -> str:
        """What hides the lines, and the key that shows them again; where nothing does, why there is none."""
        wanted = self.store.filter
        if wanted.needle or wanted.request_id:
            return "no line matches: Esc clears the filter"
        if wanted.since_us:
            return "no line in this time window: T then 0 shows all"
        if wanted.min_level != "DEBUG":
            return f"no line of {wanted.min_level} or above: L changes the least level"
        return self.empty

    def _numbered(self, width: int, height: int) -> list[tuple[int, Line]]:
        shown = self.store.shown
        if not shown:
            return list(enumerate(paragraphs(self._why_empty(), max(10, width), "dim")))
        if self.following:
            return self._from_the_end(width, height)
        index = bisect_left(shown, self._anchor[0])
        out: list[tuple[int, Line]] = []
        skip = self._anchor[1]
        for serial in shown[index : index + height]:
            out.extend(self._painted(serial, width)[skip:])
            skip = 0
            if len(out) >= height:
                break
        self.top = index
        if len(out) < height and index > 0:
            return self._from_the_end(width, height)
        return out

    def _from_the_end(self, width: int, height: int) -> list[tuple[int, Line]]:
        out: list[tuple[int, Line]] = []
        shown = self.store.shown
        index = len(shown)
        while index > 0 and len(out) < height:
            index -= 1
            out[:0] = self._painted(shown[index], width)
        cut = max(0, len(out) - height)
        self._anchor = (shown[index], cut) if shown else (0, 0)
        self.top = len(shown) - height
        return out[cut:]

    def _painted(self, serial: int, width: int) -> list[tuple[int, Line]]:
        row = ""
        if serial == self.cursor:
            row = "cursor" if self.has_focus else "cursor-off"
        rows = self._rows_of(serial, width)
        return [(serial * MOST_ROWS + n, line(*pieces, row=row)) for n, pieces in enumerate(rows[:MOST_ROWS])]

    def plain(self) -> str:
        return "\n".join(_plain(entry, self.show_function) for entry in self.store.all_lines())

    def cursor_text(self) -> str:
        """The line under the cursor, or the newest."""
        entry = self.cursor_line()
        return _plain(entry, self.show_function) if entry else ""

    def cursor_line(self) -> LogLine | None:
        """The line under the cursor; the newest while following."""
        if not self.store.shown:
            return None
        serial = self.cursor if self._valid(self.cursor) else self.store.shown[-1]
        assert serial is not None
        return self.store.line(serial)

    # moving

    def _index(self) -> int:
        shown = self.store.shown
        if self.cursor is None:
            return len(shown) - 1
        return min(bisect_left(shown, self.cursor), len(shown) - 1)

    def _go(self, index: int) -> None:
        shown = self.store.shown
        if not shown:
            return
        index = max(0, min(index, len(shown) - 1))
        if self.following:
            self.following = False
        self.cursor = shown[index]
        self._into_view(index)
        self.sync()

    def _into_view(self, index: int) -> None:
        shown, (width, height) = self.store.shown, self.inner
        top = bisect_left(shown, self._anchor[0])
        if index <= top:
            self._anchor = (shown[index], 0)
            return
        used, at = 0, index
        while at >= top:
            used += len(self._rows_of(shown[at], width))
            if used > height:
                self._anchor = (shown[min(at + 1, index)], 0)
                return
            at -= 1

    def _center(self) -> None:
        shown = self.store.shown
        if shown and self.cursor is not None:
            index = bisect_left(shown, self.cursor)
            self._anchor = (shown[max(0, index - self.inner[1] // 2)], 0)

    def action_move(self, delta: int) -> None:
        if self.following and delta > 0:
            return
        self._go(self._index() + (0 if self.following else delta))

    def action_edge(self, direction: int) -> None:
        if direction > 0:
            self.action_resume()
        else:
            self._go(0)

    def action_page(self, pages: float) -> None:
        if not (self.following and pages > 0):
            self._go(self._index() + round(max(1, self.inner[1]) * pages))

    def scroll_lines(self, delta: int) -> None:
        self.action_move(delta)

    def action_resume(self) -> None:
        """To the newest line, and follow."""
        self.following, self.cursor = True, None
        self.sync()

    def action_follow(self) -> None:
        """Follow, or stand still on the newest line."""
        if self.following:
            self._go(len(self.store) - 1)
            self.following = False
            self.sync()
        else:
            self.action_resume()

    def action_error(self, direction: int) -> None:
        """To the next or previous line of level ERROR or worse."""
        # While following one stands behind the newest line, so that E finds it and e begins at the first.
        self._jump(direction, self.store.is_error, "no further error in this log")

    def action_hit(self, direction: int) -> None:
        """To the next or previous line that matches: the filter shows nothing else, so it is the neighbour."""
        if not self.store.filter.needle:
            self.notify("no filter: / sets one", timeout=3)
            return
        self._jump(direction, lambda _: True, "no further hit")

    def _jump(self, direction: int, wanted: object, sentence: str) -> None:
        shown = self.store.shown
        assert callable(wanted)
        start = len(shown) if self.cursor is None else self._index()
        order = range(start + 1, len(shown)) if direction > 0 else range(start - 1, -1, -1)
        if self.cursor is None and direction > 0:
            order = range(len(shown) - 1, -1, -1)  # from the end there is nothing after it: the last one
        for index in order:
            if wanted(shown[index]):
                self._go(index)
                return
        self.notify(sentence, timeout=3)

    def action_level(self) -> None:
        """The next least level; all again after ERROR."""
        at = LEVEL_STEPS.index(self.store.filter.min_level)
        self.refilter(min_level=LEVEL_STEPS[(at + 1) % len(LEVEL_STEPS)])

    def action_same_request(self) -> None:
        """Only this line's request, and back."""
        if self.store.filter.request_id is not None:
            self.refilter(request_id=None)
            return
        entry = self.cursor_line()
        if entry is None or entry.request_id is None:
            self.notify("this line belongs to no request", timeout=3)
            return
        self.refilter(request_id=entry.request_id)

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.wrapped = not self.wrapped
        self.sync()

    def action_pretty(self) -> None:
        """JSON messages laid out, or as they came."""
        self.pretty = not self.pretty
        self.sync()

    def action_open_request(self) -> None:
        """Open the invocation that wrote this line."""
        entry = self.cursor_line()
        if entry is not None and entry.request_id is not None:
            self.post_message(self.Opened(self, entry.request_id))

    def on_click(self, event: events.Click) -> None:
        y = event.y - 1
        at = bisect_left(self.store.shown, self._anchor[0])
        width = self.inner[0]
        y += self._anchor[1]
        for index in range(at, len(self.store.shown)):
            rows = len(self._rows_of(self.store.shown[index], width))
            if y < rows:
                if y >= 0:
                    self._go(index)
                return
            y -= rows


def _plain(entry: LogLine, with_function: bool) -> str:
    name = f"{entry.function} " if with_function else ""
    message = entry.message.replace("\r", "\n")
    return f"{entry.time} {name}{entry.level} {message.rstrip()}"

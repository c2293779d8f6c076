"""A live plot on the Line API: a filled curve, a labelled top, the newest value in the title."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Literal

from rich.cells import cell_len

from lambdatui.tui.text import compact, millis
from lambdatui.tui.widgets.braille import Value, block_rows, nice_top, outline, stacked
from lambdatui.tui.widgets.lines import Line, Piece
from lambdatui.tui.widgets.panel import Panel

Unit = Literal["count", "ms"]
WIDE = 28  # cells from which on title and value are written out


def blocks_only() -> bool:
    """True where braille cannot be expected: asked for, a Linux console, or an encoding without it."""
    if asked := os.environ.get("LAMBDATUI_PLOTS"):
        return asked == "blocks"
    encoding = (getattr(sys.__stdout__, "encoding", None) or "utf-8").lower().replace("-", "")
    return os.environ.get("TERM") == "linux" or not encoding.startswith("utf")


class Plot(Panel):
    """One or two series over the last seconds. With `line`, the second is drawn as a line over the first."""

    PAD = 0

    def __init__(
        self,
        title: str,
        tags: Sequence[str],
        *,
        short: str = "",
        unit: Unit = "count",
        line: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(title, id=id)
        self.long_title, self.short_title = title, short or title
        self.tags = list(tags)
        self.unit = unit
        self.line_over = line
        self.series: list[list[Value]] = [[] for _ in tags]
        self.blocks = blocks_only()
        self._values = ("", "", "")  # long, short, tag

    def set_values(
        self, series: Sequence[Sequence[Value]], value: str, value_tag: str = "text", short_value: str = ""
    ) -> None:
        """New values, oldest first, one a second; `value` stands at the right of the title."""
        news = ([list(values) for values in series], (value, short_value or value, value_tag))
        if news == (self.series, self._values):
            return
        self.series, self._values = news
        self.sync()

    def build(self, width: int, height: int) -> list[Line]:
        wide = width >= WIDE
        self.panel_title = self.long_title if wide else self.short_title
        long, short, tag = self._values
        # The frame's corners, and a space on each side of the title and before the note.
        fits = wide and cell_len(self.long_title) + cell_len(long) <= width - 5
        self.note = ((long if fits else short, tag),) if long else ()
        return super().build(width, height)

    def body(self, width: int, height: int) -> list[Line]:
        peak = self._peak()
        if peak <= 0:
            return self._empty(width, height)
        top = nice_top(peak, 1.0)
        rows = self._block_cells(width, height, top) if self.blocks else self._braille_cells(width, height, top)
        label = compact(top) if self.unit == "count" else millis(top)
        return [
            _labelled(cells, label) if not y and width > len(label) + 4 else _line(cells)
            for y, cells in enumerate(rows)
        ]

    def _peak(self) -> float:
        if self.line_over or len(self.series) == 1:
            return max((v or 0.0 for values in self.series for v in values), default=0.0)
        sums = [sum(v or 0.0 for v in at) for at in zip(*self.series, strict=False)]
        return max(sums, default=0.0)

    def _empty(self, width: int, height: int) -> list[Line]:
        base: Piece = ("⣀" * width if not self.blocks else "▁" * width, "faint")
        return [Line()] * (height - 1) + [Line((base,))]

    def _braille_cells(self, width: int, height: int, top: float) -> list[list[Piece]]:
        areas = self.series[:1] if self.line_over else self.series
        rows, owners = stacked(areas, width, height, top)
        over = outline(self.series[1], width, height, top) if self.line_over and len(self.series) > 1 else None
        out = []
        for y in range(height):
            cells: list[Piece] = []
            for x in range(width):
                char, who = rows[y][x], owners[y][x]
                tag = self.tags[who] if who >= 0 else "faint"
                if over and over[y][x]:
                    if who < 0:
                        tag = self.tags[1]
                    char = chr(ord(char) | over[y][x])
                if y == height - 1 and char == "\u2800":
                    char, tag = "⣀", "faint"  # the baseline that all plots share
                cells.append((char, tag))
            out.append(cells)
        return out

    def _block_cells(self, width: int, height: int, top: float) -> list[list[Piece]]:
        values = self.series[0]
        if len(self.series) > 1 and not self.line_over:
            values = [(a or 0.0) + (b or 0.0) for a, b in zip(*self.series[:2], strict=False)]
        return [[(char, self.tags[0]) for char in row] for row in block_rows(values, width, height, top)]

    def plain(self) -> str:
        return "\n".join("\t".join("" if v is None else f"{v:g}" for v in values) for values in self.series)


def _line(cells: list[Piece]) -> Line:
    return Line(tuple(_merged(cells)))


def _labelled(cells: list[Piece], label: str) -> Line:
    keep = len(cells) - len(label) - 1
    return Line((*_merged(cells[:keep]), (label, "dim"), (" ", "")))


def _merged(cells: list[Piece]) -> list[Piece]:
    out: list[Piece] = []
    for char, tag in cells:
        if out and out[-1][1] == tag:
            out[-1] = (out[-1][0] + char, tag)
        else:
            out.append((char, tag))
    return out

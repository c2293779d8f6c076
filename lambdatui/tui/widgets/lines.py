"""Lines as data: pieces of text with a tag each, cut and padded by terminal cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from lambdatui.tui.palette import Palette
from lambdatui.tui.text import clean

Piece = tuple[str, str]  # text, tag


class Line(NamedTuple):
    """One row of cells. `row` names the background that runs through all of it."""

    pieces: tuple[Piece, ...] = ()
    row: str = ""

    @property
    def text(self) -> str:
        """What it says, without tags."""
        return "".join(text for text, _ in self.pieces)


EMPTY = Line()


def line(*pieces: Piece | str, row: str = "") -> Line:
    """A line of pieces; a plain string has no tag."""
    return Line(tuple((p, "") if isinstance(p, str) else p for p in pieces), row)


def width_of(pieces: Iterable[Piece]) -> int:
    """Cells that the pieces take."""
    return sum(cell_len(text) for text, _ in pieces)


def fit(pieces: Iterable[Piece], width: int, *, ellipsis: bool = True) -> tuple[Piece, ...]:
    """Exactly `width` cells: padded with spaces, or cut with `…`. Whatever is painted comes through here, so that
    nothing of it is obeyed by the terminal."""
    out: list[Piece] = []
    left = width
    rest = iter(pieces)
    for text, tag in rest:
        text = clean(text)
        cells = cell_len(text)
        if cells <= left:
            out.append((text, tag))
            left -= cells
            continue
        if ellipsis and left == 0:
            return _mark_cut(out)
        cut = set_cell_size(text, left)
        out.append((cut[:-1] + "…" if ellipsis and cut and cell_len(cut[-1]) == 1 else cut, tag))
        return tuple(out)
    if left:
        out.append((" " * left, ""))
    return tuple(out)


def _mark_cut(out: list[Piece]) -> tuple[Piece, ...]:
    if out and out[-1][0] and cell_len(out[-1][0][-1]) == 1:
        text, tag = out[-1]
        out[-1] = (text[:-1] + "…", tag)
    return tuple(out)


def right(text: str, width: int) -> str:
    """`text` at the right end of `width` cells."""
    return " " * (width - cell_len(text)) + text if cell_len(text) <= width else set_cell_size(text, width)


def left(text: str, width: int) -> str:
    """`text` at the left end of `width` cells, cut with `…` where it is longer."""
    return "".join(t for t, _ in fit(((text, ""),), width))


def spread(start: Iterable[Piece], end: Iterable[Piece], width: int) -> tuple[Piece, ...]:
    """`start` at the left and `end` at the right; the start gives way."""
    tail = tuple(end)
    room = width - width_of(tail)
    if room <= 0:
        return fit(tail, width)
    return (*fit(start, room), *tail)


def wrap(pieces: tuple[Piece, ...], width: int, indent: int = 0) -> list[tuple[Piece, ...]]:
    """The pieces in rows of at most `width` cells, later rows indented."""
    rows: list[tuple[Piece, ...]] = []
    row: list[Piece] = []
    room = width
    for text, tag in pieces:
        while text:
            head, text = _split(text, room)
            if head:
                row.append((head, tag))
                room -= cell_len(head)
            if text:
                rows.append(tuple(row))
                row = [(" " * indent, "")] if indent else []
                room = max(2, width - indent)  # of one wide character
    rows.append(tuple(row))
    return rows


def _split(text: str, cells: int) -> tuple[str, str]:
    if cell_len(text) <= cells:
        return text, ""
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > cells:
            return text[:index], text[index:]
    return text, ""


def paragraphs(text: str, width: int, tag: str = "") -> list[Line]:
    """Prose in lines broken between words."""
    out: list[Line] = []
    for part in text.splitlines() or [""]:
        row = ""
        for word in part.split(" "):
            if row and cell_len(row) + 1 + cell_len(word) > width:
                out.append(line((row, tag)))
                row = word
            else:
                row = f"{row} {word}" if row else word
            while cell_len(row) > width > 1:  # a word that no row holds, such as a path
                head, row = _split(row, width)
                out.append(line((head, tag)))
        out.append(line((row, tag)))
    return out


def hanging(head: Sequence[Piece], text: str, width: int, tag: str = "") -> list[Line]:
    """`head`, then prose; its later rows stand under where it began."""
    indent = width_of(head)
    first, *rest = paragraphs(text, max(10, width - indent), tag)
    return [line(*head, *first.pieces), *(line(" " * indent, *row.pieces) for row in rest)]


def strip_of(pieces: Iterable[Piece], row: str, palette: Palette) -> Strip:
    """The pieces as Textual paints them."""
    style = palette.style
    return Strip([Segment(text, style(tag, row)) for text, tag in pieces if text])

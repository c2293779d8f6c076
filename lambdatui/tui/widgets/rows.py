"""Rows and columns of a table as data: widths, dropping, sorting. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.cells import cell_len

from lambdatui.tui.widgets.lines import Piece, fit, left, right, width_of

Cell = tuple[Piece, ...]
NOTHING: Cell = (("·", "faint"),)
UNMEASURED: Cell = (("–", "faint"),)


@dataclass(frozen=True)
class Column:
    """One column. `drop` is its place in the order of leaving as the table narrows (0: never)."""

    key: str
    title: str
    width: int  # least cells
    drop: int = 0
    numeric: bool = False  # right-aligned
    stretch: int = 0  # share of the cells that are left over
    most: int = 0  # no wider than this when stretching (0: no limit)
    fit: bool = False  # nor wider than its longest cell
    short: str = ""  # title where the table is narrow
    tail: bool = False  # a cell that is too long loses its beginning, not its end
    narrow: int = 0  # least cells where the table is narrow (0: `width`)


@dataclass(frozen=True)
class Row:
    """One row: a key that lives as long as the thing it shows, cells by column, and what to sort by."""

    key: str
    cells: dict[str, Cell]
    sort: dict[str, Any] = field(default_factory=dict)
    text: str = ""  # what a filter searches; the cells' text where empty
    copy: str = ""  # what `y` copies; the cells' text where empty

    def haystack(self) -> str:
        """Text that a filter looks through."""
        return self.text or " ".join(t for cell in self.cells.values() for t, _ in cell)


def fitted(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """The columns with `most` lowered to their longest cell where they ask for it, so that others get the cells."""
    out = []
    for column in columns:
        if column.fit:
            longest = max((width_of(row.cells.get(column.key, ())) for row in rows), default=0)
            most = max(column.width, longest)
            column = replace(column, most=min(column.most, most) if column.most else most)
        out.append(column)
    return out


GAP = 2  # cells between columns; NARROW_GAP where the table is narrow
NARROW_GAP = 1


def layout(columns: Sequence[Column], width: int, narrow: bool = False) -> list[tuple[Column, int]]:
    """The columns that fit into `width` cells, in their order, with the cells each gets."""

    def least(column: Column) -> int:
        return (column.narrow or column.width) if narrow else column.width

    gap = NARROW_GAP if narrow else GAP
    kept = list(columns)
    while sum(least(c) for c in kept) + gap * (len(kept) - 1) > width:
        droppable = [c for c in kept if c.drop]
        if not droppable:
            break
        kept.remove(min(droppable, key=lambda c: c.drop))
    widths = {c.key: least(c) for c in kept}
    spare = width - sum(widths.values()) - gap * (len(kept) - 1)
    growing = [c for c in kept if c.stretch]
    while spare > 0 and growing:
        share = sum(c.stretch for c in growing)
        given = 0
        for column in list(growing):
            extra = max(1, spare * column.stretch // share)
            if column.most:
                extra = min(extra, column.most - widths[column.key])
            extra = max(0, min(extra, spare - given))
            widths[column.key] += extra
            given += extra
            if column.most and widths[column.key] >= column.most:
                growing.remove(column)
        if not given:
            break
        spare -= given
    return [(c, widths[c.key]) for c in kept]


def cell_pieces(cell: Cell, column: Column, width: int) -> Cell:
    """A cell in exactly `width` cells, numbers at the right."""
    used = width_of(cell)
    if column.numeric and used < width:
        return ((" " * (width - used), ""), *cell)
    if column.tail and used > width:
        return tuple((text[len(text) - width :], tag) for text, tag in cell)
    return fit(cell, width)


def title_text(column: Column, width: int, arrow: str = "") -> str:
    """The heading in `width` cells, with the sort arrow where there is one."""
    text = column.title if cell_len(column.title) <= width else (column.short or column.title)
    if arrow:
        text = f"{arrow}{text}" if column.numeric else f"{text}{arrow}"
    return right(text, width) if column.numeric else left(text, width)


def sort_rows(rows: Sequence[Row], key: str | None, descending: bool) -> list[Row]:
    """Rows by one column, stable, missing values last either way; unsorted (`None`) keeps the order given."""
    if key is None:
        return list(rows)
    known = [r for r in rows if r.sort.get(key) is not None]
    missing = [r for r in rows if r.sort.get(key) is None]
    order: Callable[[Row], Any] = lambda row: row.sort[key]  # noqa: E731  a name for mypy's sake
    return sorted(known, key=order, reverse=descending) + missing


def matching(rows: Sequence[Row], needle: str) -> list[Row]:
    """Rows in which every word of the filter occurs, whatever the case."""
    return [row for row in rows if has_words(row.haystack(), needle)] if needle else list(rows)


def has_words(text: str, needle: str) -> bool:
    """Whether every word of the filter occurs in a text, whatever the case."""
    text = text.lower()
    return all(word in text for word in needle.lower().split())

"""Values to dots: braille areas, two columns and four rows a cell; blocks where braille is missing. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

Value = float | None
# Bits of one braille cell: (column, row from the bottom).
_BITS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
_BLOCKS = " ▁▂▃▄▅▆▇█"
# One cell for two heights of 0 to 4 dots; nothing at all is a space.
_PAIRS = [
    [chr(0x2800 + sum(_BITS[0][:left]) + sum(_BITS[1][:right])) if left or right else " " for right in range(5)]
    for left in range(5)
]


def nice_top(value: float, least: float = 1.0) -> float:
    """The smallest round number (1, 2, 3, 4, 5, 6, 8 × 10ⁿ) that is not below `value`."""
    value = max(value, least)
    scale = 10.0 ** math.floor(math.log10(value))
    for step in (1, 2, 3, 4, 5, 6, 8, 10):
        if value <= step * scale * 1.0000001:
            return step * scale
    return 10 * scale


def columns(values: Sequence[Value], dots: int) -> list[Value]:
    """The newest values for `dots` dot columns, at the right end; few values in many columns are widened whole."""
    if not dots:
        return []
    step = max(1, dots // max(1, len(values)))
    wide = [v for v in values for _ in range(step)] if step > 1 else list(values)
    wide = wide[-dots:]
    return [None] * (dots - len(wide)) + wide


def height_of(value: Value, top: float, dots: int) -> int:
    """Dots of a value: none for nothing, at least one for anything."""
    if not value or value <= 0:
        return 0
    return max(1, min(dots, round(value / top * dots)))


def stacked(
    series: Sequence[Sequence[Value]], width: int, height: int, top: float
) -> tuple[list[str], list[list[int]]]:
    """Several curves on top of one another; beside the rows, which series reaches highest in each cell (-1: none)."""
    dots = height * 4
    spread = [columns(values, width * 2) for values in series]
    rows, owners = [], []
    ends = []
    for x in range(width * 2):
        level, column = 0.0, []
        for values in spread:
            level += values[x] or 0.0
            column.append(height_of(level, top, dots))
        ends.append(column)
    for row in range(height):
        base = (height - 1 - row) * 4
        text, owner = [], []
        for cell in range(width):
            bits, who = 0, -1
            for side in (0, 1):
                reach = ends[cell * 2 + side]
                full = max(0, min(4, (reach[-1] if reach else 0) - base))
                for dot in range(full):
                    bits |= _BITS[side][dot]
                below = 0
                for index, end in enumerate(reach):
                    # The first series that fills part of this cell names it: errors before throttles.
                    if end > base and end > below and (who == -1 or index < who):
                        who = index
                    below = end
            text.append(chr(0x2800 + bits))
            owner.append(who)
        rows.append("".join(text))
        owners.append(owner)
    return rows, owners


def outline(values: Sequence[Value], width: int, height: int, top: float) -> list[list[int]]:
    """Braille bits of a line through the values (not filled), `height` rows of `width` cells."""
    dots = height * 4
    grid = [[0] * width for _ in range(height)]
    before: int | None = None
    for x, value in enumerate(columns(values, width * 2)):
        here = height_of(value, top, dots)
        if not here:
            before = None
            continue
        low, high = (here, here) if before is None else (min(before + (here > before), here), max(before - 1, here))
        for level in range(max(1, low), high + 1):
            row = height - 1 - (level - 1) // 4
            grid[row][x // 2] |= _BITS[x % 2][(level - 1) % 4]
        before = here
    return grid


def sparkline(values: Sequence[Value], width: int, top: float | None = None, blocks: bool = False) -> str:
    """One row of cells for the newest values."""
    peak = top or max([v or 0.0 for v in values], default=0.0)
    if peak <= 0:
        return " " * width
    if blocks:
        return block_rows(values, width, 1, peak)[0]
    # As `height_of`, without its call: every function's row has one of these four times a second.
    scale = 4 / peak
    levels = [(min(4, int(v * scale + 0.5)) or 1) if v else 0 for v in columns(values, width * 2)]
    return "".join([_PAIRS[left][right] for left, right in zip(levels[::2], levels[1::2], strict=True)])


def block_rows(values: Sequence[Value], width: int, height: int, top: float) -> list[str]:
    """The same curve in eighths of a block, one value a cell."""
    dots = height * 8
    shown = columns(values, width)
    heights = [height_of(v, top, dots) for v in shown]
    out = []
    for row in range(height):
        base = (height - 1 - row) * 8
        out.append("".join(_BLOCKS[max(0, min(8, h - base))] for h in heights))
    return out

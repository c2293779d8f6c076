"""A pyte screen as SVG: one rectangle a background run, one text a run of words, lines, blocks and braille as shapes.

Shapes, because fonts differ in how they fill a cell and many have no braille at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

import pyte

WIDTH, HEIGHT, SIZE, BASE = 8.4, 18.0, 14, 13.5  # of a cell, of the font, of the base line in a cell; pixels
MARGIN = 12.0
FONTS = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
FOREGROUND, BACKGROUND = "dfe3e8", "15171c"  # the dark theme's, so that only what differs is drawn
NAMED = {
    "black": "1d2128", "red": "e05561", "green": "8cc265", "brown": "d18f52", "blue": "4aa5f0",
    "magenta": "c162de", "cyan": "42b3c2", "white": "d7dae0",
    "brightblack": "5c6370", "brightred": "ff616e", "brightgreen": "a5e075", "brightbrown": "f0a45d",
    "brightyellow": "f0a45d", "brightblue": "4dc4ff", "brightmagenta": "de73ff", "bfightmagenta": "de73ff",
    "brightcyan": "4cd1e0", "brightwhite": "e6e6e6",
}  # fmt: skip
# Arms of a box-drawing character from the middle of its cell: left, up, right, down.
ARMS = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ur", "┘": "lu", "├": "urd", "┤": "lud", "┬": "lrd", "┴": "lur",
    "┼": "lurd", "╴": "l", "╵": "u", "╶": "r", "╷": "d", "━": "lr", "┃": "ud", "╸": "l", "╹": "u", "╺": "r", "╻": "d",
    "┏": "rd", "┓": "ld", "┗": "ur", "┛": "lu", "╌": "lr", "╎": "ud", "┄": "lr", "┆": "ud",
}  # fmt: skip
WIDE = "\0"
WORDS = re.compile(r"\S+(?: \S+)*")  # parted by two spaces or more
HEAVY = "━┃╸╹╺╻┏┓┗┛"
CORNERS = {"╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu"}
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
# Quadrants a character fills: upper left, upper right, lower left, lower right.
QUADRANTS = {
    "▘": "1000", "▝": "0100", "▖": "0010", "▗": "0001", "▚": "1001", "▞": "0110", "▛": "1110", "▜": "1101",
    "▙": "1011", "▟": "0111",
}  # fmt: skip
BRAILLE = 0x2800
BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))  # column, row of each bit


@dataclass(frozen=True)
class Look:
    """How a run of cells is drawn; colours are six hex digits."""

    ink: str
    paper: str
    bold: bool
    italic: bool
    underline: bool
    strike: bool
    drawn: bool  # as a shape, not as text


@dataclass(frozen=True)
class Run:
    """Neighbouring cells of one look; `width` in cells, as a wide character takes two."""

    column: int
    text: str
    width: int
    look: Look


def render(screen: pyte.Screen, title: str) -> str:
    """The whole picture; `title` is what a screen reader says."""
    width, height = screen.columns * WIDTH + 2 * MARGIN, screen.lines * HEIGHT + 2 * MARGIN
    lines = range(screen.lines)
    papers = [_paper(run, row) for row in lines for run in runs(screen, row) if run.look.paper != BACKGROUND]
    inks = [part for row in lines for run in words(screen, row) if (part := _ink(run, row))]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>text { font-family: " + FONTS + f"; font-size: {SIZE}px; }}</style>",
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#{BACKGROUND}"/>',
        f'<g transform="translate({MARGIN:g} {MARGIN:g})">',
        '<g shape-rendering="crispEdges">', *papers, "</g>",
        *inks,
        "</g>", "</svg>", "",
    ])  # fmt: skip


def runs(screen: pyte.Screen, row: int) -> Iterator[Run]:
    """One line as runs, from the left; runs without anything to see are left out."""
    cells = [(column, screen.buffer[row][column]) for column in range(screen.columns)]
    for look, group in groupby(cells, key=lambda cell: _look(cell[1])):
        part = list(group)
        text = "".join(char.data for _, char in part)
        if text.strip() or look.paper != BACKGROUND:
            yield Run(part[0][0], text, len(part), look)


def words(screen: pyte.Screen, row: int) -> Iterator[Run]:
    """The text of one line without its gaps, as drawing programs differ in what they make of several spaces."""
    for run in runs(screen, row):
        if run.look.drawn:
            yield run
            continue
        # The empty second cell of a wide character keeps text and cells in step.
        cells = [screen.buffer[row][run.column + n].data for n in range(run.width)]
        text = "".join(cell or WIDE for cell in cells)
        for match in WORDS.finditer(text):
            yield Run(run.column + match.start(), match.group().replace(WIDE, ""), len(match.group()), run.look)


def _look(char: pyte.screens.Char) -> Look:
    ink, paper = _colour(char.fg, FOREGROUND), _colour(char.bg, BACKGROUND)
    if char.reverse:
        ink, paper = paper, ink
    return Look(
        ink, paper, char.bold, char.italics, char.underscore, char.strikethrough, bool(char.data) and _drawn(char.data)
    )


def _colour(value: str, default: str) -> str:
    return default if value == "default" else NAMED.get(value, value)


def _drawn(character: str) -> bool:
    code = ord(character[0])
    return character in ARMS or character in CORNERS or 0x2580 <= code <= 0x259F or BRAILLE <= code <= 0x28FF


def _paper(run: Run, row: int) -> str:
    x, y = run.column * WIDTH, row * HEIGHT
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{run.width * WIDTH:.1f}" height="{HEIGHT:g}" fill="#{run.look.paper}"/>'
    )


def _ink(run: Run, row: int) -> str:
    x, y = run.column * WIDTH, row * HEIGHT
    if run.look.drawn:
        braille = "".join(_braille(char, x + n * WIDTH, y) for n, char in enumerate(run.text))
        dots = (
            f'<path d="{braille}" stroke="#{run.look.ink}" stroke-width="3" stroke-linecap="round"/>' if braille else ""
        )
        return dots + "".join(_shape(char, x + n * WIDTH, y, run.look.ink) for n, char in enumerate(run.text))
    style = (' font-weight="bold"' if run.look.bold else "") + (' font-style="italic"' if run.look.italic else "")
    lines = " ".join(["underline"] * run.look.underline + ["line-through"] * run.look.strike)
    style += f' text-decoration="{lines}"' if lines else ""
    return (
        f'<text x="{x:.1f}" y="{y + BASE:.1f}" textLength="{run.width * WIDTH:.1f}" '
        f'lengthAdjust="spacingAndGlyphs" fill="#{run.look.ink}"{style}>{escape(run.text)}</text>'
    )


def _shape(char: str, x: float, y: float, ink: str) -> str:
    if char in ARMS:
        return _lines(ARMS[char], x, y, ink, 2.2 if char in HEAVY else 1.1)
    if char in CORNERS:
        return _corner(CORNERS[char], x, y, ink)
    return "".join(
        _rect(x + left, y + top, width, height, ink, SHADES.get(char, 1)) for left, top, width, height in _blocks(char)
    )


def _braille(char: str, x: float, y: float) -> str:
    """The dots of a braille pattern as path steps; nothing for other characters."""
    bits = ord(char) - BRAILLE
    dots = [place for bit, place in enumerate(BRAILLE_DOTS) if bits >> bit & 1] if 0 <= bits <= 0xFF else []
    return "".join(
        f"M{x + WIDTH * (0.27 + 0.46 * column):.1f} {y + HEIGHT * (0.125 + 0.25 * line):.1f}h0" for column, line in dots
    )


def _lines(arms: str, x: float, y: float, ink: str, thickness: float) -> str:
    middle = (x + WIDTH / 2, y + HEIGHT / 2)
    ends = {"l": (x, middle[1]), "r": (x + WIDTH, middle[1]), "u": (middle[0], y), "d": (middle[0], y + HEIGHT)}
    path = "".join(f"M{middle[0]:.1f} {middle[1]:.1f}L{ends[arm][0]:.1f} {ends[arm][1]:.1f}" for arm in arms)
    return f'<path d="{path}" stroke="#{ink}" stroke-width="{thickness:g}"/>'


def _corner(arms: str, x: float, y: float, ink: str) -> str:
    across = x if arms[0] == "l" else x + WIDTH
    along = y if arms[1] == "u" else y + HEIGHT
    path = (
        f"M{across:.1f} {y + HEIGHT / 2:.1f}Q{x + WIDTH / 2:.1f} {y + HEIGHT / 2:.1f} {x + WIDTH / 2:.1f} {along:.1f}"
    )
    return f'<path d="{path}" stroke="#{ink}" stroke-width="1.1" fill="none"/>'


def _blocks(char: str) -> list[tuple[float, float, float, float]]:
    """The rectangles of a block element within its cell: left, top, width, height."""
    code = ord(char)
    if not 0x2580 <= code <= 0x259F:
        return []
    if char in SHADES:
        return [(0, 0, WIDTH, HEIGHT)]
    if char in QUADRANTS:
        half = (WIDTH / 2, HEIGHT / 2)
        filled = [n for n, bit in enumerate(QUADRANTS[char]) if bit == "1"]
        return [(n % 2 * half[0], n // 2 * half[1], *half) for n in filled]
    if char == "▀":
        return [(0, 0, WIDTH, HEIGHT / 2)]
    if char == "▐":
        return [(WIDTH / 2, 0, WIDTH / 2, HEIGHT)]
    if char == "▔":
        return [(0, 0, WIDTH, HEIGHT / 8)]
    if char == "▕":
        return [(WIDTH * 7 / 8, 0, WIDTH / 8, HEIGHT)]
    if code <= 0x2588:  # ▁ to █: eighths from below
        part = HEIGHT * (code - 0x2580) / 8
        return [(0, HEIGHT - part, WIDTH, part)]
    return [(0, 0, WIDTH * (0x2590 - code) / 8, HEIGHT)]  # ▉ to ▏: eighths from the left


def _rect(x: float, y: float, width: float, height: float, ink: str, opacity: float) -> str:
    faint = f' fill-opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#{ink}"{faint}/>'

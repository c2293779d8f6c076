"""Small line plots as SVG: logarithmic axes, each line named at its end, readable on light and on dark paper."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 620, 340
LEFT, RIGHT, TOP, BOTTOM = 62, 176, 34, 46
COLOURS = (("#0969da", "#58a6ff"), ("#bc4c00", "#f0883e"), ("#1a7f37", "#56d364"), ("#8250df", "#bc8cff"))
NAME_GAP = 14  # between two lines' names, pixels
_STYLE = """
text { font: 12px ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #57606a; }
.title { font-size: 14px; font-weight: 600; fill: #24292f; }
.grid { stroke: #d0d7de; stroke-width: 1; }
.line { fill: none; stroke-width: 2; }
.paper { fill: #ffffff; }
"""
_DARK = """
text { fill: #9198a1; } .title { fill: #e6edf3; } .grid { stroke: #30363d; } .paper { fill: #0d1117; }
"""


class Line(NamedTuple):
    """One line: (x, y) pairs, both above 0."""

    name: str
    points: Sequence[tuple[float, float]]


def plot(title: str, across: str, up: str, lines: Sequence[Line], *, told: Callable[[float], str] | None = None) -> str:
    """The whole picture. `told` writes a value on the x axis; every x that was measured has its own tick."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    ticks = decades(min(ys), max(ys))
    x_at = _scale(xs[0], xs[-1], LEFT, WIDTH - RIGHT)
    y_at = _scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    told = told or short
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}{_colours(0)}@media (prefers-color-scheme: dark) {{{_DARK}{_colours(1)}}}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="{LEFT - 8}" y="{TOP - 12}" text-anchor="end">{escape(up)}</text>' if up else "",
    ]
    for tick in ticks:
        y = y_at(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    parts += [
        f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(told(x))}</text>' for x in xs
    ]
    ends = apart([y_at(line.points[-1][1]) for line in lines])
    for number, (line, end) in enumerate(zip(lines, ends, strict=True)):
        path = "L".join(f"{x_at(x):.1f} {y_at(y):.1f}" for x, y in line.points)
        parts.append(f'<path class="line c{number}" d="M{path}"/>')
        parts += [
            f'<circle class="dot c{number}" cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3"/>' for x, y in line.points
        ]
        parts.append(
            f'<text class="name c{number}" x="{WIDTH - RIGHT + 10}" y="{end + 4:.1f}">{escape(line.name)}</text>'
        )
    return "\n".join([*(part for part in parts if part), "</svg>", ""])


def _colours(which: int) -> str:
    return "".join(
        f".line.c{n} {{ stroke: {pair[which]}; }} .dot.c{n}, .name.c{n} {{ fill: {pair[which]}; }}\n"
        for n, pair in enumerate(COLOURS)
    )


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """From a value to its place, by logarithm; a single value stands in the middle."""
    spread = math.log(high / low)
    if not spread:
        return lambda value: (begin + end) / 2
    return lambda value: begin + (end - begin) * math.log(value / low) / spread


def decades(low: float, high: float) -> list[float]:
    """Powers of ten around all values; where these span less than two, their 2s and 5s as well."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    if last - first > 2:
        return [10.0**n for n in range(first, last + 1)]
    steps = [factor * 10.0**n for n in range(first, last) for factor in (1, 2, 5)] + [10.0**last]
    begin = max(n for n, step in enumerate(steps) if step <= low * 1.001 or n == 0)
    end = min(n for n, step in enumerate(steps) if step >= high * 0.999)
    return steps[begin : max(end, begin + 1) + 1]


def apart(places: Sequence[float]) -> list[float]:
    """The places of names, moved down as far as needed to stand NAME_GAP apart."""
    order = sorted(range(len(places)), key=lambda n: places[n])
    found = list(places)
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + NAME_GAP)
    return found


def short(value: float) -> str:
    """2000 -> 2k, 0.05 -> 0.05."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"

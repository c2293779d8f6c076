"""What commands print: JSON documents, aligned tables, and text that cannot drive the terminal it is shown on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from lambdatui.errors import UsageError
from lambdatui.terminal import coloured, harmless, json_text

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
FAINT = "·"


def on_terminal() -> bool:
    """Whether people read stdout."""
    return sys.stdout.isatty()


def out(text: str = "") -> None:
    """A line on stdout, of which a terminal gets nothing but text and colours."""
    click.echo(coloured(text) if on_terminal() else text, color=True)


def say(message: str) -> None:
    """A message for people, on stderr."""
    click.echo(harmless(message) if sys.stderr.isatty() else message, err=True)


def print_json(value: Any) -> None:
    """One JSON document. Rows are Structs; bytes must have been turned to text before."""
    import msgspec

    data = msgspec.json.encode(value)
    if on_terminal():
        out(json_text(msgspec.json.format(data, indent=2).decode()))
        return
    out(data.decode())


def print_json_line(value: Any) -> None:
    """One object on one line."""
    import msgspec

    text = msgspec.json.encode(value).decode()
    out(json_text(text) if on_terminal() else text)


def print_data(data: bytes) -> None:
    """Raw bytes with a final newline; made harmless where a terminal shows them."""
    if on_terminal():
        out(harmless(data.decode(errors="replace")))
        return
    click.echo(data, nl=not data.endswith(b"\n"))


def text_of(data: bytes) -> str | None:
    """The text where it is UTF-8, else None."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def shown(text: str) -> str:
    """Text from functions and their callers, harmless where a terminal shows it, raw elsewhere."""
    return harmless(text) if on_terminal() else text


def colour(text: str, **style: Any) -> str:
    """Styled text on a terminal that wants colours."""
    if not on_terminal() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return text
    return click.style(text, **style)


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    style: Callable[[int, Sequence[str]], dict[str, Any]] | None = None,
) -> None:
    """Columns aligned by their widest cell; on a terminal the last column gives way to the width.

    None and "" show as a faint dot. `style(column, row)` returns click.style's arguments for a cell.
    """
    cells = [[FAINT if cell is None or cell == "" else shown(str(cell)).replace("\n", " ") for cell in r] for r in rows]
    widths = [max(map(width, column)) for column in zip(titles, *cells, strict=True)]
    if on_terminal():
        import shutil

        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
        widths[-1] = max(8, min(widths[-1], room))
    out(colour(_line(titles, titles, widths, right), bold=True))
    for row in cells:
        styles = [style(i, row) if style else {} for i in range(len(row))]
        out(_line(row, titles, widths, right, styles))


def _line(
    row: Sequence[str],
    titles: Sequence[str],
    widths: Sequence[int],
    right: Sequence[str],
    styles: Sequence[dict[str, Any]] = (),
) -> str:
    parts = []
    for i, cell in enumerate(row):
        cell = cut(cell, widths[i])
        space = " " * (widths[i] - width(cell))
        styled = colour(cell, **styles[i]) if styles and styles[i] else cell
        parts.append(space + styled if titles[i] in right else styled + space)
    return "  ".join(parts).rstrip()


def width(text: str) -> int:
    """Cells that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, cells: int) -> str:
    """The text in at most so many cells, with an ellipsis where something is missing."""
    if width(text) <= cells:
        return text
    kept = text[: cells - 1]
    while width(kept) > cells - 1:
        kept = kept[:-1]
    return kept + "…"


def number(value: float | None, digits: int = 1) -> str | None:
    """A figure in few characters."""
    if value is None:
        return None
    return f"{value:.0f}" if value >= 100 or float(value).is_integer() else f"{value:.{digits}f}"


def usd(value: float | None) -> str | None:
    """Dollars without their sign: cents where there are some, else as many places as small prices need."""
    if value is None:
        return None
    if value == 0 or value >= 0.01:
        return f"{value:,.2f}"
    return f"{value:.10f}".rstrip("0") if value < 1e-7 else f"{value:.7f}".rstrip("0")


def clock(iso: str) -> str:
    """The local time of an ISO instant: `14:31:09.434`, with the date before it unless it is today's."""
    from datetime import datetime

    moment = datetime.fromisoformat(iso).astimezone()
    text = moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    return text if moment.date() == datetime.now().astimezone().date() else f"{moment:%Y-%m-%d} {text}"


def since(text: str | None) -> int | None:
    """Microseconds UTC of `--since 5m` (s, m, h, d, combined as 1h30m, or an ISO instant)."""
    if text is None:
        return None
    from lambdatui.clock import SystemClock, from_iso

    parts = _DURATION.findall(text)
    if parts and _DURATION.sub("", text).strip() == "":
        return SystemClock().now_us() - round(sum(float(n) * _SECONDS[unit.lower()] for n, unit in parts) * 1_000_000)
    try:
        return from_iso(text)
    except ValueError as error:
        raise UsageError(f"--since {text!r} is no duration; write 30s, 5m, 2h, 1d or 1h30m") from error


def ago(iso: str) -> str:
    """How long ago an ISO instant was: `12s`, `5m`, `3h`, `2d`."""
    from lambdatui.clock import SystemClock, from_iso

    seconds = max(0, (SystemClock().now_us() - from_iso(iso)) // 1_000_000)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size or (unit != "d" and seconds >= size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

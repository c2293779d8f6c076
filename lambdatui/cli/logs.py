"""logs: print, narrow and follow."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import clock, colour, on_terminal, out, print_json_line, say, shown, since, width
from lambdatui.cli.project import Place, complete_function, function_name, json_option, place_options
from lambdatui.errors import UsageError

if TYPE_CHECKING:
    from lambdatui.client.reading import Reading
    from lambdatui.schema import LogLine

POLL = 0.25
SCREENFUL = 1_000
LEVEL_STYLES: dict[str, dict[str, Any]] = {
    "PLATFORM": {"dim": True},
    "DEBUG": {"dim": True},
    "WARNING": {"fg": "yellow"},
    "ERROR": {"fg": "red"},
    "CRITICAL": {"fg": "red", "bold": True},
}


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=complete_function)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option("--filter", "pattern", metavar="REGEX", help="Only messages with a match.")
@click.option("--level", metavar="L", help="At least DEBUG, INFO, WARNING, ERROR or CRITICAL.")
@click.option("--request", metavar="ID", help="Only one request's lines.")
@click.option("--since", "since_text", metavar="5m", help="Not older than this: 30s, 5m, 2h, 1d.")
@click.option("-n", "limit", type=click.IntRange(0), metavar="N", help="The last N lines.")
@json_option
@place_options
def logs_command(
    names: tuple[str, ...],
    follow: bool,
    pattern: str | None,
    level: str | None,
    request: str | None,
    since_text: str | None,
    limit: int | None,
    as_json: bool,
    place: Place,
) -> int:
    """Print log lines, oldest first: of all functions, or of some. --json prints one object a line.

    \b
    Example:
      lambdatui logs -f orders --level ERROR
      lambdatui logs --request 5f0c2c44-1d5e-4b8e-9d0a-0e1f6a0c7d11
    """
    from lambdatui.client.offline import compiled

    compiled(pattern)
    query: dict[str, Any] = {
        "pattern": pattern,
        "min_level": level_name(level),
        "request_id": request,
        "since_us": since(since_text),
    }
    if limit is None and on_terminal() and not as_json:
        limit = SCREENFUL
    with place.reading() as reading:
        query["functions"] = tuple(function_name(reading, name) for name in names)
        # Where nothing older is to be shown, following begins behind everything that is there now.
        last = newest_id(reading) if follow and (limit == 0 or since_text) else 0
        lines = [] if limit == 0 else reading.logs(limit=limit, **query)
        printer = Printer(as_json)
        printer.show(lines)
        if follow:
            _follow(place, query, max([last, *(line.id for line in lines)]), printer)
        elif not lines:
            narrowed = names or any(query.values())
            say("no such lines" if narrowed else "no lines yet; make an invocation with `lambdatui invoke NAME`")
    return 0


def _follow(place: Place, query: dict[str, Any], last: int, printer: Printer) -> None:
    """Poll for lines after the last one shown; another engine may take over in between."""
    query = {**query, "since_us": None}
    waiting = False
    while True:
        time.sleep(POLL)
        client = None if place.engine() is None else place.client("logs --follow")
        if client is None:
            if not waiting:
                say(f"no engine runs; waiting for one (`{place.start_hint()}`), Ctrl-C ends")
            waiting = True
            continue
        waiting = False
        lines = _new_lines(client, query, last)
        printer.show(lines)
        last = max([last, *(line.id for line in lines)])


def _new_lines(reading: Reading, query: dict[str, Any], last: int) -> list[LogLine]:
    from lambdatui.errors import NoEngine

    try:
        return reading.logs(after_id=last, **query)
    except NoEngine:
        return []  # it just ended; the next look says so


def newest_id(reading: Reading) -> int:
    """The id of the newest line of all."""
    return max((line.id for line in reading.logs(limit=1)), default=0)


def level_name(text: str | None) -> str | None:
    """A key of LEVELS from what a user types; UsageError lists them."""
    from lambdatui.schema import LEVELS

    if text is None:
        return None
    name = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(text.upper(), text.upper())
    if name not in LEVELS:
        raise UsageError(f"--level {text!r} is no level; use one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    return name


class Printer:
    """Lines as they come: time, function, message; further lines of one record stand under its message."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._width = 0

    def show(self, lines: list[LogLine]) -> None:
        """Print and flush."""
        if lines:
            self._width = max(self._width, *(width(line.function) for line in lines))
        for line in lines:
            if self._json:
                print_json_line(line)
            else:
                self._line(line)
        sys.stdout.flush()

    def _line(self, line: LogLine) -> None:
        name = shown(line.function)
        head = f"{clock(line.time)}  {name}{' ' * (self._width - width(name))}  "
        first, *more = line.message.rstrip("\r\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        indent = " " * width(head)
        style = LEVEL_STYLES.get(line.level, {})
        out(colour(head, dim=True) + colour(shown(first), **style))
        for text in more:
            out(indent + colour(shown(text), **style))

"""invocations, show, stats: what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import (
    FAINT,
    clock,
    colour,
    number,
    on_terminal,
    out,
    print_json,
    say,
    shown,
    since,
    table,
    text_of,
    usd,
)
from lambdatui.cli.project import Place, complete_function, function_name, json_option, place_options
from lambdatui.errors import NotFound
from lambdatui.terminal import harmless

if TYPE_CHECKING:
    from lambdatui.schema import InvocationDetail, InvocationRow, Stats

# What a terminal shows without -n; everything goes elsewhere.
SCREENFUL = 50
STATUS_COLOURS = {"error": "red", "timeout": "red", "throttled": "yellow"}


@click.command()
@click.argument("name", required=False, shell_complete=complete_function)
@click.option("--status", type=click.Choice(["ok", "error", "timeout", "throttled"]), help="Only these.")
@click.option("--since", "since_text", metavar="5m", help="Not older than this: 30s, 5m, 2h, 1d.")
@click.option("-n", "limit", type=click.IntRange(1), metavar="N", help="At most N.")
@json_option
@place_options
def invocations_command(
    name: str | None, status: str | None, since_text: str | None, limit: int | None, as_json: bool, place: Place
) -> int:
    """List invocations, newest first: one row for each attempt, throttles included.

    \b
    Example:
      lambdatui invocations orders --status error --since 5m
    """
    since_us = since(since_text)
    screenful = SCREENFUL if limit is None and not as_json and on_terminal() else None
    with place.reading() as reading:
        function = function_name(reading, name) if name else None
        rows = reading.invocations(
            function=function, status=status, since_us=since_us, limit=screenful + 1 if screenful else limit
        )
    if as_json:
        print_json(rows)
    elif not rows:
        narrowed = name or status or since_text
        say("no such invocations" if narrowed else "no invocations yet; make one with `lambdatui invoke NAME`")
    else:
        # History has them in the order of their ends; what stands in the row is when they started.
        _print_invocations(sorted(rows[:screenful], key=lambda row: row.started_at, reverse=True))
        if screenful and len(rows) > screenful:
            say(f"the newest {screenful}; -n N shows more")
    return 0


def _print_invocations(rows: list[InvocationRow]) -> None:
    titles = ("TIME", "FUNCTION", "STATUS", "MS", "TRY", "REQUEST ID", "ERROR")

    def cells(row: InvocationRow) -> list[object]:
        cold = "*" if row.cold else ""
        time = clock(row.started_at).rpartition(".")[0]
        duration = (number(row.duration_ms) or FAINT) + cold
        return [time, row.function, row.status, duration, row.attempt, row.request_id, row.error_type]

    def style(column: int, row: Sequence[str]) -> dict[str, Any]:
        if column == 2 and row[2] in STATUS_COLOURS:
            return {"fg": STATUS_COLOURS[row[2]]}
        return {"dim": True} if row[column] == FAINT else {}

    table(titles, map(cells, rows), right=("MS", "TRY"), style=style)


@click.command()
@click.argument("request_id")
@json_option
@place_options
def show_command(request_id: str, as_json: bool, place: Place) -> int:
    """Show one invocation whole: event, result, log, timings, attempts, error with traceback.

    \b
    Example:
      lambdatui show 5f0c2c44-1d5e-4b8e-9d0a-0e1f6a0c7d11
    """
    with place.reading() as reading:
        detail = reading.invocation(request_id)
    if detail is None:
        raise NotFound(f"there is no invocation {request_id}; `lambdatui invocations` lists them")
    if as_json:
        print_json(document(detail))
    else:
        _print_detail(detail)
    return 0


def document(detail: InvocationDetail) -> dict[str, Any]:
    """`show --json`: the row's keys, then event, result, log, error and more. Bytes that are no UTF-8 are base64."""
    import base64

    import msgspec

    found: dict[str, Any] = msgspec.structs.asdict(detail.row)
    for name, data in (("event", detail.event), ("result", detail.result)):
        text = None if data is None else text_of(data)
        found[name] = text
        if data is not None and text is None:
            found[name] = base64.b64encode(data).decode()
            found[f"{name}_encoding"] = "base64"
    return {
        **found,
        "log": detail.log,
        "error": detail.error,
        "frames": detail.frames,
        "attempts": detail.attempts,
    }


def _print_detail(detail: InvocationDetail) -> None:
    row = detail.row
    out(colour(f"{row.function}  {row.status}", fg=STATUS_COLOURS.get(row.status, "green"), bold=True))
    facts = {
        "request id": row.request_id,
        "started": clock(row.started_at),
        "type": f"{row.type} from {row.source}, {_called(row)}, attempt {row.attempt}",
        "queued": _ms(row.queued_ms),
        "init": _ms(row.init_ms) + _init_parts(row),
        "duration": _ms(row.duration_ms) + _billed(row),
        "overhead": _ms(row.overhead_ms),
        "memory": f"{row.max_memory_mb} MB at most" if row.max_memory_mb is not None else FAINT,
        "environment": _environment(row),
    }
    facts |= {"replay of": row.replay_of} if row.replay_of else {}
    facts |= {"called by": row.parent_id} if row.parent_id else {}
    for name, value in facts.items():
        out(f"  {colour(f'{name:<12}', dim=True)}{shown(value)}")
    if len(detail.attempts) > 1:
        tries = ", ".join(f"{a.attempt} {a.status}" for a in detail.attempts)
        out(f"  {colour('attempts    ', dim=True)}{tries}")
    _section("event", _text(detail.event))
    if detail.result is not None:
        _section("result", _text(detail.result))
    if detail.error:
        _section("error", shown(detail.error))
    lines = [f"{clock(line.time)}  {shown(line.message.replace(chr(13), chr(10))).rstrip()}" for line in detail.log]
    _section("log", "\n".join(lines) or "no lines")


def _called(row: InvocationRow) -> str:
    """`version 3`; where it was called by an alias `live, version 3`."""
    named = f"{row.qualifier}, " if row.qualifier not in (None, row.version) else ""
    return f"{named}version {row.version}"


def _environment(row: InvocationRow) -> str:
    labels = (("cold start", row.cold), ("forked", row.forked), ("provisioned", row.provisioned))
    notes = ", ".join(note for note, true in labels if true)
    return (row.environment or FAINT) + (f" ({notes})" if notes else "")


def _init_parts(row: InvocationRow) -> str:
    """Runtime counts from the start of the process, which is not billed: together they are more than the init."""
    parts = (("runtime", row.init_runtime_ms), ("libraries", row.init_libraries_ms), ("own module", row.init_own_ms))
    told = ", ".join(f"{name} {_ms(value)}" for name, value in parts if value is not None)
    return f" ({told})" if told else ""


def _billed(row: InvocationRow) -> str:
    if row.billed_ms is None:
        return ""
    return f", billed {row.billed_ms} ms" + (f" (${usd(row.cost_usd)})" if row.cost_usd is not None else "")


def _section(title: str, text: str) -> None:
    out(f"\n{colour(title, bold=True)}\n{text.rstrip()}")


def _text(data: bytes) -> str:
    import msgspec

    text = text_of(data)
    if text is None:
        return f"{len(data)} bytes that are no text"
    if not on_terminal():
        return text
    try:
        return harmless(msgspec.json.format(text, indent=2))
    except msgspec.DecodeError:
        return harmless(text)


def _ms(value: float | None) -> str:
    return FAINT if value is None else f"{number(value, 2)} ms"


@click.command()
@click.argument("name", required=False, shell_complete=complete_function)
@click.option("--since", "since_text", metavar="5m", help="Not older than this: 30s, 5m, 2h, 1d.")
@json_option
@place_options
def stats_command(name: str | None, since_text: str | None, as_json: bool, place: Place) -> int:
    """Show metrics by their CloudWatch names; durations and ages in milliseconds.

    \b
    Example:
      lambdatui stats
      lambdatui stats orders --since 1h --json
    """
    since_us = since(since_text)
    with place.reading() as reading:
        function = function_name(reading, name) if name else None
        found = reading.stats(function=function, since_us=since_us)
    if as_json:
        print_json(found)
    elif function is not None:
        _print_one(function, found.get(function))
    elif not any(key != "_account" for key in found):
        say("nothing measured yet; make an invocation with `lambdatui invoke NAME`")
    else:
        _print_stats(found)
    return 0


def _print_stats(found: dict[str, Stats]) -> None:
    titles = ("FUNCTION", "INV", "ERR", "THR", "CONC", "DLQ ERR", "P50 MS", "P95 MS", "P99 MS", "ITER AGE MS", "COST $")

    def cells(name: str) -> list[object]:
        s = found[name]
        counts = (s.Invocations, s.Errors, s.Throttles, s.ConcurrentExecutions, s.DeadLetterErrors)
        times = (s.Duration.p50, s.Duration.p95, s.Duration.p99, s.IteratorAge.max)
        return ["(account)" if name == "_account" else name, *counts, *map(number, times), usd(s.CostUSD)]

    def style(column: int, row: Sequence[str]) -> dict[str, Any]:
        if row[column] in (FAINT, "0"):
            return {"dim": True}
        return {"fg": "red"} if column == 2 else {"fg": "yellow"} if column == 3 else {}

    names = sorted(found, key=lambda name: (name == "_account", name))
    table(titles, map(cells, names), right=titles[1:], style=style)


def _print_one(name: str, stats: Stats | None) -> None:
    if stats is None:
        say(f"nothing measured for {name} yet; make an invocation with `lambdatui invoke {name}`")
        return
    out(colour(shown(name), bold=True))
    distributions = ("Duration", "IteratorAge", "AsyncEventAge")
    for field in stats.__struct_fields__:
        if field not in distributions:
            value = getattr(stats, field)
            out(f"  {field:<44}{usd(value) if field == 'CostUSD' else _figure(value):>14}")
    out()
    parts = ("p50", "p95", "p99", "max", "last")
    rows = [[f"  {d} ms", *(number(getattr(getattr(stats, d), part)) for part in parts)] for d in distributions]
    table(["  METRIC", *(part.upper() for part in parts)], rows, right=[part.upper() for part in parts])


def _figure(value: float) -> str:
    return f"{value:.0f}" if isinstance(value, int) or value.is_integer() else f"{value:.3f}"

"""cost: what the invocations would have cost on AWS, and a month at the present rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import out, print_json, say, since, table, usd
from lambdatui.cli.project import Place, complete_function, function_name, json_option, place_options

if TYPE_CHECKING:
    from lambdatui.schema import Stats


@click.command()
@click.argument("name", required=False, shell_complete=complete_function)
@click.option("--since", "since_text", metavar="5m", help="Not older than this: 30s, 5m, 2h, 1d.")
@json_option
@place_options
def cost_command(name: str | None, since_text: str | None, as_json: bool, place: Place) -> int:
    """Show what invocations cost at AWS's list prices, and a month at the rate of the last minute.

    Prices are us-east-1's. The free tier is taken off the month of all functions together.

    \b
    Example:
      lambdatui cost
      lambdatui cost orders --since 1h --json
    """
    since_us = since(since_text)
    with place.reading() as reading:
        function = function_name(reading, name) if name else None
        stats = reading.stats(function=function, since_us=since_us)
        months = {row.name: row.monthly_usd for row in reading.functions()}
        monthly = reading.monthly_usd()
    found = document(stats, months, monthly, function)
    if as_json:
        print_json(found)
    elif not found["functions"]:
        say("nothing was billed yet; make an invocation with `lambdatui invoke NAME`")
    else:
        _print(found)
    return 0


def document(
    stats: dict[str, Stats], months: dict[str, float | None], monthly: float | None, function: str | None
) -> dict[str, Any]:
    """`cost --json`. `monthly_usd` is null where there is no present rate; the total's has the free tier taken off."""
    from lambdatui.schema import FREE_GB_SECONDS, FREE_REQUESTS

    rows = {
        name: {**_used(one), "monthly_usd": months.get(name)}
        for name, one in stats.items()
        if name != "_account" and function in (None, name) and (one.Invocations or one.CostUSD or months.get(name))
    }
    full = sum(value for value in months.values() if value is not None)
    return {
        "functions": rows,
        "total": {**_used(stats["_account"]), "monthly_usd": monthly},
        "free_tier": {
            "requests": FREE_REQUESTS,
            "gb_seconds": FREE_GB_SECONDS,
            "monthly_usd": None if monthly is None else max(0.0, full - monthly),
        },
    }


def _used(one: Stats) -> dict[str, Any]:
    return {
        "requests": one.Invocations,
        "billed_ms": one.BilledDuration,
        "gb_seconds": one.BilledGBSeconds,
        "cost_usd": one.CostUSD,
    }


def _print(found: dict[str, Any]) -> None:
    titles = ("FUNCTION", "REQUESTS", "BILLED MS", "GB-S", "COST $", "$ A MONTH")

    def cells(name: str, row: dict[str, Any]) -> list[object]:
        counts = (f"{row['requests']:,}", f"{row['billed_ms']:,.0f}", f"{row['gb_seconds']:,.3f}")
        return [name, *counts, usd(row["cost_usd"]), usd(row["monthly_usd"])]

    rows = [cells(name, row) for name, row in sorted(found["functions"].items())]
    table(titles, [*rows, cells("(account)", found["total"])], right=titles[1:])
    free = found["free_tier"]
    if free["monthly_usd"] is None:
        say("a month is projected while an engine runs and something was invoked in the last minute")
    else:
        out(
            f"\nfree tier ({free['requests']:,} requests and {free['gb_seconds']:,.0f} GB-s a month): "
            f"${usd(free['monthly_usd'])} taken off the account's month"
        )

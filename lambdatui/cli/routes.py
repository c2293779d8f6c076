"""routes: the project's HTTP routes and where they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import FAINT, print_json, say, table
from lambdatui.cli.project import Place, json_option, loading_options, place_options

if TYPE_CHECKING:
    from lambdatui.schema import RouteRow

KINDS = {"rest": "REST", "http": "HTTP", "url": "URL", "alb": "ALB"}
HOW = (
    "an Api or HttpApi event or a FunctionUrlConfig in the template, an http or httpApi event in serverless.yml, or "
    'type = "http" in lambdatui.toml declares one'
)


@click.command()
@json_option
@loading_options
@place_options
def routes_command(as_json: bool, place: Place) -> int:
    """List the HTTP routes: method, address, function, API and authorizer.

    Without a running engine the addresses are those of the default port.

    \b
    Example:
      lambdatui routes
      lambdatui routes --json | jq -r '.[] | select(.function == "orders") | .url'
    """
    with place.reading() as reading:
        rows = sorted(reading.sources().routes, key=lambda row: (row.url, row.method))
    if as_json:
        print_json(rows)
    elif not rows:
        say(f"no HTTP routes in {place.project}: {HOW}")
    else:
        table(("METHOD", "URL", "FUNCTION", "API", "AUTHORIZER"), map(_cells, rows), style=_style)
    return 0


def _cells(row: RouteRow) -> list[object]:
    stage = f", {row.stage}" if row.stage else ""
    named = row.api_id if row.api_id not in (row.api, row.function) else ""
    return [row.method, row.url, row.function, f"{named} ({KINDS[row.api]}{stage})".strip(), row.authorizer]


def _style(column: int, row: Sequence[str]) -> dict[str, Any]:
    return {"dim": True} if row[column] == FAINT else {}

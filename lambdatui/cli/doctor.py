"""doctor: what this system guarantees to functions, and to you about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from lambdatui.cli.output import out, print_json, table
from lambdatui.cli.project import Place, json_option, place_options

_COLOURS = {"yes": "green", "partly": "yellow", "no": "red"}


@click.command()
@json_option
@place_options
def doctor_command(as_json: bool, place: Place) -> int:
    """Say what this system guarantees: isolation and limits of functions, tried out here and now.

    What it says of the data folder is about the project that a `run` here, with these options, would take.

    \b
    Example:
      lambdatui doctor
      lambdatui doctor --json | jq '.[] | select(.state != "yes")'
    """
    from lambdatui.client.doctor import data_folder, guarantees, probe

    facts = probe()
    rows = [*guarantees(facts), data_folder(place.project, place.data)]
    if as_json:
        print_json(rows)
        return 0

    def style(column: int, row: Sequence[str]) -> dict[str, Any]:
        return {"fg": _COLOURS[row[1]]} if column == 1 else {}

    table(["GUARANTEE", "HERE", "HOW"], ([row.name, row.state, row.text] for row in rows), style=style)
    for remedy in dict.fromkeys(row.remedy for row in rows if row.remedy):
        names = [row.name for row in rows if row.remedy == remedy]
        out(f"\nFor {_listed(names)}: {remedy}.")
    return 0


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]

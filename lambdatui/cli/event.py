"""event: sample events by service."""

from __future__ import annotations

import click

from lambdatui.cli.output import out, print_json, table
from lambdatui.cli.project import json_option
from lambdatui.errors import NotFound


@click.command()
@click.argument("service", required=False)
@click.argument("kind", metavar="[TYPE]", required=False)
@json_option
def event_command(service: str | None, kind: str | None, as_json: bool) -> int:
    """List sample events, or print one.

    \b
    Example:
      lambdatui event
      lambdatui event sqs receive-message > event.json
    """
    from lambdatui import samples

    names = samples.names()
    if service is None:
        if as_json:
            print_json([{"service": name, "types": kinds} for name, kinds in names.items()])
        else:
            table(("SERVICE", "TYPES"), [(name, ", ".join(kinds)) for name, kinds in names.items()])
        return 0
    kinds = names.get(service.lower())
    if kinds is None:
        raise NotFound(_unknown("service", service, list(names), "lambdatui event"))
    if kind is None and len(kinds) > 1:
        if as_json:
            print_json(kinds)
        else:
            out("\n".join(kinds))
        return 0
    kind = kind.lower() if kind else kinds[0]
    if kind not in kinds:
        raise NotFound(_unknown("type", kind, kinds, f"lambdatui event {service}"))
    out(samples.text(service.lower(), kind))
    return 0


def _unknown(what: str, wanted: str, known: list[str], listing: str) -> str:
    import difflib

    near = difflib.get_close_matches(wanted, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"`{listing}` lists them"
    return f"there is no sample {what} {wanted}; {hint}"

"""dlq: dead letters, looked at, replayed and purged."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.app import CONTEXT, refuse_unknown
from lambdatui.cli.output import FAINT, ago, clock, colour, number, on_terminal, out, print_json, say, shown, table
from lambdatui.cli.project import Place, group_place_options, json_option, place_options
from lambdatui.errors import NotFound, OperationFailed, UsageError

if TYPE_CHECKING:
    from lambdatui.client.client import Client
    from lambdatui.schema import DlqEntry, ReplayResult

EMPTY = "no dead letters"
# A throttled replay tries again after these waits (seconds): the entry is kept by the engine meanwhile.
PACE = (0.2, 0.5, 1.0, 2.0)


class _Dlq(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        refuse_unknown(ctx, args, self.commands)
        return super().resolve_command(ctx, args)


@click.group(cls=_Dlq, invoke_without_command=True, context_settings=CONTEXT)
@group_place_options
@click.pass_context
def dlq_command(ctx: click.Context, /, **_place: str | None) -> None:
    """Dead letters: events and messages that their function could not process.

    \b
    Example:
      lambdatui dlq list
      lambdatui dlq replay --all
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


queue_option = click.option("--queue", metavar="NAME", help="Only this dead-letter queue.")


@dlq_command.command("list")
@queue_option
@click.option("-n", "limit", type=click.IntRange(1), metavar="N", help="At most N, the newest; default all.")
@json_option
@place_options
def list_entries(queue: str | None, limit: int | None, as_json: bool, place: Place) -> int:
    """List the entries of every dead-letter queue, or of one.

    \b
    Example:
      lambdatui dlq list -n 20
      lambdatui dlq list --json
    """
    with place.reading() as reading:
        entries = reading.dlq(queue, limit)
    if as_json:
        print_json(entries)
    elif not entries:
        say(EMPTY)
    else:
        table(("ID", "FUNCTION", "AGE", "TRIES", "ERROR"), map(_cells, entries), right=("AGE", "TRIES"), style=_style)
    return 0


def _cells(entry: DlqEntry) -> list[object]:
    error = ": ".join(filter(None, (entry.error_code, entry.error_message)))
    busy = "replaying… " if entry.replaying else ""
    return [entry.id, entry.function or entry.queue, ago(entry.first_at), entry.attempts, busy + error]


def _style(column: int, row: Sequence[str]) -> dict[str, Any]:
    if row[column] == FAINT:
        return {"dim": True}
    return {"fg": "red"} if column == 4 else {}


@dlq_command.command("show")
@click.argument("entry_id", metavar="ID")
@json_option
@place_options
def show_entry(entry_id: str, as_json: bool, place: Place) -> int:
    """Show one entry whole, with its stored event.

    \b
    Example:
      lambdatui dlq show 0b0e6a52-7c3f-4b4f-8c6e-2f6a7f0d9b1c
    """
    with place.reading() as reading:
        entry = reading.dlq_entry(entry_id)
    if entry is None:
        raise NotFound(_unknown([entry_id]))
    if as_json:
        print_json(entry)
        return 0
    out(colour(shown(entry.error_code or "dead letter"), fg="red", bold=True))
    facts = {
        "id": entry.id,
        "queue": entry.queue,
        "function": entry.function or FAINT,
        "request id": entry.request_id or FAINT,
        "attempts": f"{entry.attempts}, first {clock(entry.first_at)}, last {clock(entry.last_at)}",
        "error": entry.error_message or FAINT,
    }
    for name, value in facts.items():
        out(f"  {colour(f'{name:<12}', dim=True)}{shown(value)}")
    out(f"\n{colour('event', bold=True)}\n{shown(entry.event)}")
    return 0


@dlq_command.command("replay")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--all", "every", is_flag=True, help="Every entry, oldest first.")
@queue_option
@json_option
@place_options
def replay_entries(ids: tuple[str, ...], every: bool, queue: str | None, as_json: bool, place: Place) -> int:
    """Try entries again, one after the other, with their stored events; exit 1 if one failed again.

    A success deletes the entry; a failure keeps it with its new error.

    \b
    Example:
      lambdatui dlq replay 0b0e6a52-7c3f-4b4f-8c6e-2f6a7f0d9b1c
      lambdatui dlq replay --all --queue orders-dlq
    """
    client = place.client("dlq replay")
    entries = chosen(client, ids, every, queue)
    results = []
    for entry in entries:
        result = replay_paced(client, entry.id)
        results.append(result)
        if not as_json:
            out(_outcome(entry, result))
            sys.stdout.flush()
    failed = sum(result.status != "ok" for result in results)
    if as_json:
        from lambdatui.cli.invoke import replay_document

        print_json([replay_document(result) for result in results])
    elif not entries:
        say(EMPTY)
    elif len(entries) > 1:
        say(f"{len(entries) - failed} of {len(entries)} went through" + (f", {failed} stay" if failed else ""))
    return int(failed > 0)


def replay_paced(client: Client, entry_id: str) -> ReplayResult:
    """One replay; where the function has no concurrency left, a few more tries."""
    for wait in PACE:
        result = client.replay_entry(entry_id)
        if result.status != "throttled":
            return result
        time.sleep(wait)
    return client.replay_entry(entry_id)


def _outcome(entry: DlqEntry, result: ReplayResult) -> str:
    words = {"ok": "ok", "missing": "gone already", "expired": "expired: its records are no longer there"}
    error = ": ".join(filter(None, (result.error_type, result.error_message)))
    text = words.get(result.status) or f"{result.status} {error}".rstrip()
    styled = colour(shown(text.replace("\n", " ")), fg="green" if result.status == "ok" else "red")
    return f"{entry.id}  {shown(entry.function or entry.queue)}  {styled}"


@dlq_command.command("purge")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--all", "every", is_flag=True, help="Every entry.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@queue_option
@json_option
@place_options
def purge_entries(ids: tuple[str, ...], every: bool, yes: bool, queue: str | None, as_json: bool, place: Place) -> int:
    """Delete entries for good. Asks before it deletes more than one.

    \b
    Example:
      lambdatui dlq purge --all --queue orders-dlq --yes
    """
    client = place.client("dlq purge")
    entries = chosen(client, ids, every, queue)
    if len(entries) > 1 and not yes:
        confirm(len(entries))
    purged = client.purge([entry.id for entry in entries]) if entries else 0
    if as_json:
        print_json({"purged": purged})
    else:
        say(f"{number(purged)} purged" if entries else EMPTY)
    return 0


def confirm(count: int) -> None:
    """Ask on a terminal; UsageError where there is nobody to ask."""
    if not _can_ask():
        raise UsageError(f"{count} entries would be deleted for good; add --yes to do it")
    if not click.confirm(f"Delete {count} dead letters for good?", err=True):
        raise OperationFailed("nothing was deleted")


def _can_ask() -> bool:
    return sys.stdin.isatty() and on_terminal()


def chosen(client: Client, ids: Sequence[str], every: bool, queue: str | None) -> list[DlqEntry]:
    """The entries that a command names, oldest first for --all. Nothing is done where one does not exist."""
    if bool(ids) == every:
        raise UsageError("name entries, or say --all" + ("; not both" if ids else "; `lambdatui dlq list` shows them"))
    if every:
        return sorted(client.dlq(queue), key=lambda entry: entry.first_at)
    found = {entry_id: client.dlq_entry(entry_id) for entry_id in ids}
    if unknown := [entry_id for entry_id, entry in found.items() if entry is None]:
        raise NotFound(_unknown(unknown))
    return [entry for entry in found.values() if entry is not None]


def _unknown(ids: Sequence[str]) -> str:
    return f"there is no dead letter {', '.join(ids)}; `lambdatui dlq list` shows them"

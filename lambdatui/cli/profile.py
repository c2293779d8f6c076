"""profile: where one invocation's time goes, and what a cold start imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.invoke import installation_told, near_misses, on_an_engine, say_remedies
from lambdatui.cli.output import clock, colour, cut, number, on_terminal, out, print_json, say, shown, usd, width
from lambdatui.cli.payload import read_payload
from lambdatui.cli.project import (
    Place,
    complete_function,
    function_name,
    json_option,
    loading_options,
    place_options,
)
from lambdatui.errors import NotFound, OperationFailed

if TYPE_CHECKING:
    from lambdatui.client.invoking import InvokeClient
    from lambdatui.client.profile import Call, Shown
    from lambdatui.profiles import ColdStart, Profile, ProfileReply, ProfileThread

MOST_THREADS = 5  # beside the handler's that are shown
THREAD_SHARE = 0.01  # of the handler's time: other threads that took less are not shown
IMPORT_BAR = 20  # cells
_STYLES: dict[str, dict[str, Any]] = {"own": {"bold": True}, "layer": {"bold": True}, "standard": {"dim": True}}


@click.command()
@click.argument("name", metavar="NAME[:QUALIFIER]", shell_complete=complete_function)
@click.option("-e", "--event", metavar="FILE|-|JSON", help="The event; default {}.")
@click.option("-o", "--output", metavar="FILE", help="The flame graph's file; default NAME.speedscope.json.")
@click.option("--rate", type=click.IntRange(1, 10_000), default=1000, metavar="HZ", help="Samples a second; 1000.")
@click.option("--cold", is_flag=True, help="In a fresh environment, its init included.")
@click.option("--imports", is_flag=True, help="What the last fresh init imported, and what that costs; runs nothing.")
@click.option("--all", "every", is_flag=True, help="Calls that took little and the inside of libraries, too.")
@click.option(
    "--use-venv", is_flag=True, help="Packages of the active virtual environment or DIR/.venv; none installed."
)
@json_option
@loading_options
@place_options
def profile_command(
    name: str,
    event: str | None,
    output: str | None,
    rate: int,
    cold: bool,
    imports: bool,
    every: bool,
    use_venv: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Run one invocation under a sampling profiler; its calls go to stdout, a flame graph to a file.

    The file is for https://www.speedscope.app, which opens it in the browser without sending it anywhere. --json
    prints it instead. Exit 1 where the function failed; uses the running engine, else starts one for this call.

    \b
    Example:
      lambdatui profile orders -e '{"id": 7}'
      lambdatui profile orders --cold -o cold.speedscope.json
      lambdatui profile orders --imports
    """
    if imports and not cold:
        _print_imports(place, name, every, as_json)
        return 0
    payload = b"{}" if event is None else read_payload(event, "--event")

    def run(client: InvokeClient) -> ProfileReply:
        short, _, qualifier = name.rpartition(":function:")[2].partition(":")
        with installation_told(client, name), near_misses(client, name):
            return client.whole().profile(short, payload, qualifier=qualifier or None, rate_hz=rate, cold=cold)

    def told(client: InvokeClient, reply: ProfileReply) -> None:
        if reply.error_type is not None:
            say(f"failed: {shown(reply.error_type)}: {shown(reply.error_message or '')}")
            say_remedies(client, name)

    reply = on_an_engine(place, run, told, use_venv=use_venv)
    if imports:
        _print_imports(place, name, every, as_json)
        return int(reply.status != "ok")
    _tell(reply, name.rpartition(":function:")[2].partition(":")[0], output, every, as_json)
    return int(reply.status != "ok")


def _tell(reply: ProfileReply, name: str, output: str | None, every: bool, as_json: bool) -> None:
    from lambdatui.client.profile import called_thread, speedscope

    if not any(called_thread(profile) for profile in reply.profiles):
        _nothing_seen(reply)
        return
    document = speedscope(name, reply.profiles)
    if as_json:
        print_json(document)
    else:
        for profile in reply.profiles:
            _print_profile(profile, every)
    if output is not None or not as_json:
        path = output or f"{name}.speedscope.json"
        _write(path, document)
        say(f"{path} is the flame graph: open it at https://www.speedscope.app")


def _nothing_seen(reply: ProfileReply) -> None:
    if reply.profiles:
        wall = max(profile.wall_us for profile in reply.profiles) / 1000
        raise OperationFailed(f"it ended in {number(wall, 2)} ms, before the first sample: a higher --rate sees more")
    raise OperationFailed("its process ended before what was sampled could be sent: `lambdatui logs` may say why")


def _write(path: str, document: dict[str, object]) -> None:
    from pathlib import Path

    import msgspec

    try:
        Path(path).expanduser().write_bytes(msgspec.json.encode(document))
    except OSError as error:
        raise OperationFailed(f"{path} cannot be written: {error.strerror}; name another with -o") from error


def _print_profile(profile: Profile, every: bool) -> None:
    from lambdatui.client.profile import PLACES, call_tree, called_thread, shares

    thread = called_thread(profile)
    calls = call_tree(profile, thread) if thread is not None else []
    cpu = "" if profile.cpu_us is None else f", {number(profile.cpu_us / 1000)} ms of them on the CPU"
    samples = thread.samples if thread is not None else 0
    cost = 100 * profile.sampler_us / max(1, profile.wall_us)
    out(
        f"{colour(profile.phase, bold=True)}  {number(profile.wall_us / 1000)} ms{cpu}; {samples} samples,"
        f" the sampler took {cost:.1f} %"
    )
    parts = [f"{PLACES.get(place, place)} {share:.0%}" for place, share in shares(calls).items()]
    if parts:
        out("  " + ", ".join(parts))
    _print_calls(calls, every)
    for other in _others(profile, sum(call.total_us for call in calls)):
        out(f"\n{colour('thread', bold=True)}  {shown(other.name)}")
        _print_calls(call_tree(profile, other), every)
    out()


def _others(profile: Profile, whole_us: int) -> list[ProfileThread]:
    others = [each for each in profile.threads if not each.called and sum(each.weights) >= THREAD_SHARE * whole_us]
    return sorted(others, key=lambda each: -sum(each.weights))[:MOST_THREADS]


def _print_calls(calls: Sequence[Call], every: bool) -> None:
    from lambdatui.client.profile import EVERY, rows

    whole = sum(call.total_us for call in calls) or 1
    found = list(rows(calls, least_share=0, library_depth=EVERY) if every else rows(calls))
    names = [row.branch + shown(row.call.frame.name) + (" …" if row.folded else "") for row in found]
    wide = min(60, max([8, *map(width, names)]))
    out(colour(f"  TOTAL %  SELF %        MS  {'FUNCTION':{wide}}  WHERE", bold=True))
    for row, name in zip(found, names, strict=True):
        call = row.call
        label = cut(name, wide)
        label += " " * (wide - width(label))
        where = f"{_near(call.frame.file)}:{call.frame.line}"
        figures = f"{100 * call.total_us / whole:>9.1f}{100 * call.own_us / whole:>8.1f}{call.total_us / 1000:>10.1f}"
        out(f"{figures}  {colour(label, **_STYLES.get(call.frame.place, {}))}  {colour(shown(where), dim=True)}")


def _near(file: str) -> str:
    """The part of a path that tells: below site-packages, below the standard library, else as from here."""
    import os
    import re

    found = re.match(r".*/(?:site-packages|dist-packages|lib/python3\.\d+)/(.+)", file)
    if found:
        return found[1]
    near = os.path.relpath(file) if file.startswith("/") else file
    return file if near.startswith("../..") else near


def _print_imports(place: Place, wanted: str, every: bool, as_json: bool) -> None:
    with place.reading() as reading:
        name = function_name(reading, wanted)
        found = reading.cold_start(name)
    if found is None:
        raise NotFound(f"no fresh init of {name} is stored: `lambdatui profile {name} --cold --imports` makes one")
    if as_json:
        print_json(found)
    else:
        _print_cold_start(found, every)


def _print_cold_start(start: ColdStart, every: bool) -> None:
    from lambdatui.client.profile import EVERY, IMPORT_SHARE, import_calls, rows

    whole = start.runtime_ms + start.libraries_ms + start.own_ms
    out(f"{colour(shown(start.function), bold=True)}  last fresh init {clock(start.at)}, {number(whole)} ms")
    parts = (("runtime", start.runtime_ms), ("libraries", start.libraries_ms), ("own module", start.own_ms))
    for title, value in parts:
        out(f"  {title:<12}{number(value):>9} ms  {_bar(value / whole if whole else 0)}")
    if start.usd_per_1000 is not None:
        share = "" if start.billed_share is None else f"; inits are {start.billed_share:.1%} of what was billed"
        out(
            f"  cold starts: {start.cold_starts} of {start.invocations} invocations{share};"
            f" 1,000 inits like this one cost ${usd(start.usd_per_1000)}"
        )
    calls = import_calls(start.imports)
    out(f"\n{colour(f'{start.imports.modules} imports', bold=True)}")
    out(colour(f"{'MS':>10}{'SELF':>9}  {'':{IMPORT_BAR}}  MODULE", bold=True))
    longest = max((call.total_us for call in calls), default=1) or 1
    for row in rows(calls, least_share=0 if every else IMPORT_SHARE, library_depth=EVERY, indent=1):
        _print_import(row, longest)


def _print_import(row: Shown, longest: int) -> None:
    from lambdatui.client.profile import PLACES

    call = row.call
    figures = f"{call.total_us / 1000:>10.1f}{call.own_us / 1000:>9.1f}"
    name = colour(shown(call.frame.name), **_STYLES.get(call.frame.place, {}))
    where = PLACES.get(call.frame.place, call.frame.place) if row.elsewhere else ""
    more = " …" if row.folded else ""
    out(f"{figures}  {_bar(call.total_us / longest)}  {row.branch}{name}{more}  {colour(where, dim=True)}".rstrip())


def _bar(share: float) -> str:
    full = round(share * IMPORT_BAR)
    return colour("▆" * full, fg="cyan") + " " * (IMPORT_BAR - full) if on_terminal() else f"{share:>{IMPORT_BAR}.0%}"

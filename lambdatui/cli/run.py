"""run, attach, stop: the life of an engine as a user sees it."""

from __future__ import annotations

import ipaddress
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from lambdatui.cli.output import out, say
from lambdatui.cli.project import Place, chosen, folder_named, loading_options, place_options
from lambdatui.errors import NoEngine, OperationFailed, UsageError

if TYPE_CHECKING:
    from lambdatui.client.host_command import LaunchOptions
    from lambdatui.schema import EngineInfo

PORT = click.IntRange(0, 65_535)

# Seconds that a start waits for another engine on the same state that is just starting or ending: more than its grace.
CHANGING = 30.0


def _delays(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """`S,S`: waits in seconds, fractions too."""
    if value is None:
        return None
    try:
        delays = tuple(float(part) for part in value.split(","))
    except ValueError:
        delays = ()
    if not delays or any(not 0 <= delay < 1e6 for delay in delays):
        raise click.BadParameter(f"{value!r} is no list of waits; write seconds with a comma between, as 60,120")
    return delays


def _aws(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """auto, none, a URL or a profile."""
    if value is not None:
        from lambdatui.config.aws_profiles import region_of

        region_of(value, os.environ)
    return value


@click.command()
@click.argument("directory", metavar="[DIR]", required=False)
@click.option("-p", "--project", envvar="LAMBDATUI_PROJECT", hidden=True)
@click.option("--headless", is_flag=True, help="The engine alone; log lines on stdout; ends on SIGINT or SIGTERM.")
@click.option("--port", type=PORT, metavar="N", help="Lambda API; default 3001 or the next free one, 0 = any.")
@click.option("--http-port", type=PORT, metavar="N", help="HTTP triggers; default 3000 or the next free one, 0 = any.")
@click.option("--host", metavar="ADDR", help="Address to listen on; default 127.0.0.1.")
@click.option("--allow-remote", is_flag=True, help="Allow a --host that other machines reach.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A Host header to accept beside the loopback's.")
@click.option(
    "--retry-delays", callback=_delays, metavar="S,S", help="Async retry waits in seconds; default 60,120 as on AWS."
)
@click.option("--account-concurrency", type=click.IntRange(1), metavar="N", help="Default 1000.")
@click.option(
    "--billing", type=click.Choice(["current", "classic"]), help="classic: steps of 100 ms, init free, as until 2020."
)
@click.option(
    "--burst-model",
    type=click.Choice(["current", "classic"]),
    help="How fast functions scale: 1,000 environments each per 10 s, or AWS's rule until 2023; default current.",
)
@click.option("--fresh", is_flag=True, help="Every environment is a fresh process.")
@click.option(
    "--use-venv", is_flag=True, help="Packages of the active virtual environment or DIR/.venv; none installed."
)
@click.option(
    "--aws",
    callback=_aws,
    metavar="auto|none|URL|PROFILE",
    help="Who answers the AWS services that the engine does not; PROFILE: AWS itself, with its credentials.",
)
@click.option(
    "--pass-credentials", is_flag=True, help="Functions get your AWS credentials in place of ones valid here alone."
)
@click.option("--max-environments", type=click.IntRange(1), metavar="N", help="Processes at once on this machine.")
@click.option("--env-vars", metavar="FILE", help="Variables by function (SAM's JSON form), or a .env file.")
@loading_options
@click.option("--data", envvar="LAMBDATUI_DATA", metavar="DIR", help="State; default DIR/.lambdatui.")
@click.option("--grace", type=click.FloatRange(0), metavar="S", help="Seconds that calls in flight get; default 10.")
@click.option("--region", metavar="NAME", help="Default the region in serverless.yml, else AWS_REGION, else us-east-1.")
def run_command(directory: str | None, project: str | None, headless: bool, **options: Any) -> int:
    """Run the project in DIR (default .): the engine, and a screen on it.

    \b
    Example:
      lambdatui run ./sample_functions
      lambdatui run --headless --port 0
    """
    from lambdatui.client.host_command import LaunchOptions

    options["data"] = chosen("data", options["data"])
    folder = folder_named(directory or chosen("project", project) or ".")
    refuse_remote(options["host"], options["allow_remote"])
    env_vars = options["env_vars"]
    if env_vars and not Path(env_vars).is_file():
        raise UsageError(f"there is no file {env_vars}: --env-vars names a JSON or .env file")
    place = Place(str(folder), options["data"], template=options["template"], parameters=options["parameters"])
    launch = LaunchOptions(**options)
    return _headless(place, launch) if headless else _with_screen(place, launch)


def _headless(place: Place, launch: LaunchOptions) -> int:
    from lambdatui.client.host_command import exec_headless

    if (info := _engine_here(place)) is not None:
        out(f"lambdatui runs already (pid {info.pid}): Lambda {info.url}  HTTP {info.http_url}")
        return 0
    return exec_headless(place.project, launch)


def _with_screen(place: Place, launch: LaunchOptions) -> int:
    from lambdatui.client.launch import start_engine

    need_terminal("lambdatui run --headless")
    if (info := _engine_here(place)) is not None:
        say(f"an engine runs already at {info.url}: attaching a screen to it (options of this start do not apply)")
        return show_screen(str(place.project), info, owned=False, data=place.data)
    with waiting(f"starting {place.project.name or place.project} …"):
        engine = start_engine(place.project, launch, meanwhile=_import_screen)
    try:
        code = show_screen(str(place.project), engine.info, owned=True, data=place.data)
    finally:
        engine.close(on_wait=lambda: say("stopping…"))
    return code


def _engine_here(place: Place) -> EngineInfo | None:
    """The engine that runs on the project; one that is starting or ending is waited for."""
    from lambdatui.client.locate import await_engine, is_locked

    if not is_locked(place.data):
        return None
    with waiting("an engine is starting or ending here: waiting for it …"):
        return await_engine(place.data, CHANGING)


def _import_screen() -> None:
    import lambdatui.tui.app  # noqa: F401  (takes as long as the engine's start)


def refuse_remote(host: str | None, allowed: bool) -> None:
    """UsageError for an address that other machines can reach, unless that was allowed."""
    if host is None or allowed or host == "localhost":
        return
    try:
        if ipaddress.ip_address(host.strip("[]")).is_loopback:
            return
    except ValueError:
        pass
    raise UsageError(
        f"--host {host} lets other machines run code here; add --allow-remote if that is meant, or leave it out"
    )


def need_terminal(instead: str) -> None:
    """UsageError where there is no terminal for a screen."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise UsageError(f"the screen needs a terminal, and this is none; use `{instead}`")


def show_screen(project: str, engine: EngineInfo, *, owned: bool, data: Path | None) -> int:
    """The screen until it is left; the exit code."""
    with waiting("opening the screen …"):
        from lambdatui.tui.app import run_screen

    end_with_terminal()
    try:
        return run_screen(project, engine, owned, data)
    finally:
        forget_typed()


def end_with_terminal() -> None:
    """From now on end this process as SIGHUP does once its terminal has gone.

    The kernel tells the session's leader alone: where that is `make`, it waits for us, and we would for ever. An
    inherited `nohup` does not hold: a screen without a terminal is of no use to anyone.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)  # no event but the end

    def wait() -> None:
        if any(event & select.POLLHUP for _, event in poll.poll()):  # macOS may say that it cannot tell
            os.kill(os.getpid(), signal.SIGHUP)

    Thread(target=wait, name="terminal", daemon=True).start()


@contextmanager
def waiting(message: str) -> Iterator[None]:
    """A message for as long as the block takes; it leaves no trace. Nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(message)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def forget_typed() -> None:
    """Drop keys that were meant for the screen: the shell would run them."""
    with suppress(OSError, ValueError, termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


@click.command()
@click.argument("url", metavar="[URL]", required=False, envvar="LAMBDATUI_URL")
@place_options
def attach_command(url: str | None, place: Place) -> int:
    """Open one more screen on a running engine: the project's, or the one at URL (with LAMBDATUI_TOKEN).

    \b
    Example:
      lambdatui attach
      LAMBDATUI_TOKEN=… lambdatui attach http://127.0.0.1:3001
    """
    need_terminal("lambdatui logs -f")
    found = place.engine()
    if url is None:
        if found is None:
            raise NoEngine(f"no engine runs for {place.project}; start one with `{place.start_hint()}`")
        return show_screen(str(place.project), found, owned=False, data=place.data)
    if found is not None and found.url.rstrip("/") == url.rstrip("/"):
        return show_screen(found.project, found, owned=False, data=place.data)
    info = engine_at(url, os.environ.get("LAMBDATUI_TOKEN", ""))
    return show_screen(info.project, info, owned=False, data=None)


def engine_at(url: str, token: str) -> EngineInfo:
    """What the engine at a URL says of itself, with the token and address that reached it."""
    import msgspec

    from lambdatui.client.client import Client

    client = Client(url, token)
    client.header()  # refuses a wrong token here rather than on the screen
    return msgspec.structs.replace(client.info(), url=client.url, token=token)


@click.command()
@click.option("--grace", type=click.FloatRange(0), metavar="S", help="Seconds that calls in flight get; default 10.")
@place_options
def stop_command(grace: float | None, place: Place) -> int:
    """End the running engine; calls in flight may end first, accepted events stay on disk.

    \b
    Example:
      lambdatui stop
      lambdatui stop --grace 0
    """
    from lambdatui.client.locate import is_locked

    place.client("stop").stop(grace)
    deadline = time.monotonic() + (10.0 if grace is None else grace) + 10.0
    while is_locked(place.data):
        if time.monotonic() > deadline:
            raise OperationFailed("the engine has not ended yet; look again, or end it by `kill` and its pid")
        time.sleep(0.05)
    say("stopped")
    return 0

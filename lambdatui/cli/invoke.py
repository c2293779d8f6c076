"""invoke and replay: make a function run and pass its result on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from lambdatui.cli.output import on_terminal, print_data, print_json, say, text_of
from lambdatui.cli.payload import read_payload
from lambdatui.cli.project import (
    Place,
    complete_function,
    json_option,
    loading_options,
    place_options,
    unknown_function,
)
from lambdatui.errors import LambdaTuiError, NotFound, OperationFailed, UsageError

if TYPE_CHECKING:
    from lambdatui.client.invoking import InvokeClient, InvokeReply
    from lambdatui.schema import FunctionRow, ReplayResult

T = TypeVar("T")

# How long a call waits for an engine that is starting or stopping on the same state.
BUSY_SECONDS = 15.0
TAIL_LIMIT = 4_096
_TELL_EVERY = 0.5  # seconds


@click.command()
@click.argument("name", metavar="NAME[:QUALIFIER]", shell_complete=complete_function)
@click.option("-e", "--event", metavar="FILE|-|JSON", help="The event; default {}.")
@click.option("--async", "as_event", is_flag=True, help="Queue the event (type Event) and print its request id.")
@click.option("--dry-run", is_flag=True, help="Only ask whether the call would be allowed.")
@click.option("--log", is_flag=True, help="Print the invocation's log on stderr.")
@click.option(
    "--use-venv", is_flag=True, help="Packages of the active virtual environment or DIR/.venv; none installed."
)
@loading_options
@place_options
def invoke_command(
    name: str, event: str | None, as_event: bool, dry_run: bool, log: bool, use_venv: bool, place: Place
) -> int:
    """Invoke a function; its result goes to stdout, exit 1 where it failed.

    Uses the running engine, else starts one for this call.

    \b
    Example:
      lambdatui invoke orders -e '{"id": 7}' --log
      lambdatui event sqs receive-message | lambdatui invoke worker -e -
    """
    if as_event and dry_run:
        raise UsageError("--async and --dry-run exclude each other")
    payload = b"{}" if event is None else read_payload(event, "--event")
    if as_event:
        reply = _checked(place.client("invoke --async"), name, payload, "Event", log)
        print_json({"request_id": reply.request_id})
        return 0
    kind = "DryRun" if dry_run else "RequestResponse"
    reply = _invoked(place, name, payload, kind, log, use_venv=use_venv)
    if dry_run:
        return 0
    print_data(reply.payload)
    if reply.function_error and on_terminal():
        say(f"failed; `lambdatui show {reply.request_id}` tells more")
    return int(bool(reply.function_error))


def _invoked(place: Place, name: str, payload: bytes, kind: str, log: bool, *, use_venv: bool) -> InvokeReply:
    """The reply; the log and what keeps the function from loading are told on stderr."""

    def call(client: InvokeClient) -> InvokeReply:
        with installation_told(client, name):
            return _checked(client, name, payload, kind, log)

    def told(client: InvokeClient, reply: InvokeReply) -> None:
        if log:
            _print_log(client, reply)
        if reply.function_error:
            say_remedies(client, name)

    return on_an_engine(place, call, told, use_venv=use_venv)


def on_an_engine(
    place: Place, call: Callable[[InvokeClient], T], told: Callable[[InvokeClient, T], None], *, use_venv: bool
) -> T:
    """What `call` gives of the running engine, or of one for this call, which `told` may ask further. An engine that is
    just ending is waited for."""
    from lambdatui.client.http import Unavailable

    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        with _engine_for_one_call(place, deadline, use_venv=use_venv) as client:
            try:
                reply = call(client)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                continue
            told(client, reply)
            return reply


def say_remedies(client: InvokeClient, name: str) -> None:
    """What keeps the function from loading, with the next step (a module to install, a line to correct)."""
    for row in named_rows(client, name):
        for problem in row.problems:
            if problem.severity == "error":
                say(problem.message)
                say(f"    {problem.remedy}")


def _checked(client: InvokeClient, name: str, payload: bytes, kind: str, log: bool) -> InvokeReply:
    with near_misses(client, name):
        return client.invoke(name, payload, type=kind, log=log)


@contextmanager
def near_misses(client: InvokeClient, name: str) -> Iterator[None]:
    """A name that does not exist gets the near misses instead of AWS's ARN."""
    try:
        yield
    except NotFound as error:
        rows = client.whole().functions()
        plain, _, qualifier = name.rpartition(":function:")[2].partition(":")
        known = next((row for row in rows if plain in (row.name, row.logical_id, *row.aliases)), None)
        if known is None:
            raise NotFound(unknown_function(plain, rows)) from error
        if not qualifier:
            raise
        names = [*(alias.name for alias in known.version_aliases), *(each.version for each in known.versions)]
        there = f"it has {', '.join(names)}" if names else "nothing of it has been published"
        raise NotFound(f"{known.name} has no version or alias {qualifier}: {there}") from error


def _print_log(client: InvokeClient, reply: InvokeReply) -> None:
    """The whole log where Lambda's 4 KB tail may have left something out."""
    tail = reply.log_tail.decode(errors="replace")
    if len(reply.log_tail) >= TAIL_LIMIT:
        reading = client.whole()
        deadline = time.monotonic() + 2.0  # lines are stored a moment after the reply
        while time.monotonic() < deadline:
            lines = [line.message for line in reading.logs(request_id=reply.request_id)]
            if any(message.startswith("REPORT") or '"platform.report"' in message for message in lines):
                tail = "\n".join(message.rstrip("\n") for message in lines)
                break
            time.sleep(0.05)
    say(tail.replace("\r", "\n").rstrip("\n"))


@contextmanager
def installation_told(client: InvokeClient, name: str) -> Iterator[None]:
    """While a call waits for its function's packages, say on stderr how far they are."""
    ended = threading.Event()
    telling = threading.Thread(target=_tell_installation, args=(client, name, ended), daemon=True)
    telling.start()
    try:
        yield
    finally:
        ended.set()
        telling.join(1.0)


def _tell_installation(client: InvokeClient, name: str, ended: threading.Event) -> None:
    last = ""
    while not ended.wait(_TELL_EVERY):
        try:
            text = next((row.packages for row in named_rows(client, name) if row.state == "installing"), "")
        except LambdaTuiError:  # the call itself tells
            return
        if not sys.stderr.isatty():  # a log wants to know that it waits, not each step
            text = text.partition(":")[0]
        if text and text != last:
            say(text)
        last = text or last


def named_rows(client: InvokeClient, name: str) -> list[FunctionRow]:
    """The rows of the functions that a name, logical id or ARN means."""
    plain = name.rpartition(":function:")[2].partition(":")[0]
    return [row for row in client.whole().functions() if plain in (row.name, row.logical_id, *row.aliases)]


@contextmanager
def _engine_for_one_call(place: Place, deadline: float, *, use_venv: bool) -> Iterator[InvokeClient]:
    while True:
        if (client := place.invoke_client()) is not None:
            place.say_not_applied()
            yield client
            return
        from lambdatui.client.host_command import LaunchOptions
        from lambdatui.client.invoking import InvokeClient
        from lambdatui.client.launch import one_shot
        from lambdatui.client.locate import is_locked

        launch = LaunchOptions(
            data=place.given_data, template=place.template, parameters=place.parameters, use_venv=use_venv
        )
        with ExitStack() as started:
            try:
                engine = started.enter_context(one_shot(place.project, launch))
            except LambdaTuiError:
                if not is_locked(place.data) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                continue
            yield InvokeClient(engine.info.url, engine.info.token)
        return


@click.command()
@click.argument("request_id")
@click.option("--edit", is_flag=True, help="Edit the event in $EDITOR first; the stored one stays.")
@json_option
@place_options
def replay_command(request_id: str, edit: bool, as_json: bool, place: Place) -> int:
    """Invoke again with the same stored event; the result goes to stdout, exit 1 where it failed again.

    \b
    Example:
      lambdatui replay 5f0c2c44-1d5e-4b8e-9d0a-0e1f6a0c7d11 --edit
    """
    client = place.client("replay")
    event = None
    if edit:
        detail = client.invocation(request_id)
        if detail is None:
            raise NotFound(f"there is no invocation {request_id}; `lambdatui invocations` lists them")
        event = edited(detail.event)
    result = client.replay_invocation(request_id, event)
    if result.status == "missing":
        raise NotFound(f"there is no invocation {request_id}; `lambdatui invocations` lists them")
    if as_json:
        print_json(replay_document(result))
    elif result.payload:
        print_data(result.payload)
    if result.status not in ("ok", "error", "timeout"):
        say(f"{result.status}: {result.error_message or result.error_type or 'nothing was run'}")
    return int(result.status != "ok")


def edited(event: bytes) -> bytes:
    """The event after $EDITOR; OperationFailed where it was left without saving, UsageError where it is no text."""
    text = text_of(event)
    if text is None:
        raise UsageError("the event is no text and cannot be edited; replay it without --edit")
    try:
        changed = click.edit(text, extension=".json")
    except click.ClickException as error:
        raise OperationFailed(f"{error.message}; set EDITOR to one that is installed") from error
    if changed is None or not changed.strip():
        raise OperationFailed("the editor ended without an event: nothing was replayed")
    return changed.encode()


def replay_document(result: ReplayResult) -> dict[str, object]:
    """A replay's outcome as JSON, its payload as text."""
    import msgspec

    return {**msgspec.structs.asdict(result), "payload": result.payload.decode(errors="replace") or None}

"""Which project a command means, and how it is reached: the running engine, or what is stored."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lambdatui.errors import NoEngine, NotFound, UsageError

if TYPE_CHECKING:
    from lambdatui.client.client import Client
    from lambdatui.client.invoking import InvokeClient
    from lambdatui.client.offline import Offline
    from lambdatui.client.reading import Reading
    from lambdatui.schema import EngineInfo, FunctionRow

F = TypeVar("F", bound=Callable[..., Any])


def folder_named(text: str) -> Path:
    """The folder that a command was given. UsageError where it is none; a template's name says what was meant."""
    folder = Path(text).expanduser()
    if folder.is_file() and folder.suffix in (".yaml", ".yml", ".json", ".template"):
        raise UsageError(f"{text} is a file: name its folder {folder.parent}, and the file with --template {text}")
    if not folder.is_dir():
        raise UsageError(f"there is no folder {text}: name the folder that holds the functions")
    return folder


class Place:
    """The project and its state folder that a command works on, and how its files are to be read."""

    def __init__(
        self, project: str | None, data: str | None, *, template: str | None = None, parameters: Sequence[str] = ()
    ) -> None:
        from lambdatui.client.locate import find_project, project_data

        given = folder_named(project) if project else None
        self.project = given.resolve() if given else find_project(Path.cwd(), data)
        self.data = project_data(self.project, data)
        self.given_data = data
        self.template = template
        self.parameters = tuple(parameters)  # "K=V", each

    def engine(self) -> EngineInfo | None:
        """The running engine, if any."""
        from lambdatui.client.locate import read_engine

        return read_engine(self.data)

    def invoke_client(self) -> InvokeClient | None:
        """What invokes on the running engine, if any."""
        from lambdatui.client.invoking import InvokeClient
        from lambdatui.client.locate import read_door

        door = read_door(self.data)
        return None if door is None else InvokeClient(door.url, door.token)

    def client(self, purpose: str) -> Client:
        """A client of the running engine; NoEngine says how to start one. `purpose`: "dlq replay" and the like."""
        client = self.invoke_client()
        if client is None:
            raise NoEngine(
                f"no engine runs for {self.project}, and `{purpose}` needs one; start it with `{self.start_hint()}`"
            )
        return client.whole()

    @contextmanager
    def reading(self, *, quiet: bool = False) -> Iterator[Reading]:
        """The running engine where there is one, else the project's files and stored state.

        What of that is gone is told on stderr, once, unless `quiet`.
        """
        from lambdatui.client.client import Client

        if not quiet:
            self._say_damage()
        info = self.engine()
        reading: Reading
        if info is not None:
            self.say_not_applied()
            reading = Client.of(info)
        else:
            reading = self.offline()
        try:
            yield reading
        finally:
            reading.close()

    def offline(self) -> Offline:
        """The project's files and stored state, whatever runs."""
        from lambdatui.client.offline import Offline

        return Offline(
            self.project,
            self.data,
            template=self.template,
            parameters=dict(pair.split("=", 1) for pair in self.parameters),
        )

    def _say_damage(self) -> None:
        from lambdatui.cli.output import say
        from lambdatui.client.damage import untold

        for sentence in untold(self.data):
            say(sentence)

    def say_not_applied(self) -> None:
        """Options about reading the files change nothing of an engine that has read them."""
        if self.template or self.parameters:
            from lambdatui.cli.output import say

            say("an engine runs already: --template and --parameter do not apply to what it has loaded")

    def start_hint(self) -> str:
        """The command that starts an engine here."""
        return "lambdatui run" if self.project == Path.cwd() else f"lambdatui run {_short(self.project)}"


def _pairs(ctx: click.Context, param: click.Parameter, value: Sequence[str]) -> Sequence[str]:
    """Each `K=V`."""
    for pair in value:
        name, equals, _ = pair.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{pair!r} has no value; write NAME=VALUE, as Stage=dev")
    return value


def loading_options(command: F) -> F:
    """Add --template and --parameter; with `place_options`, the place carries them."""
    command = click.option(
        "--parameter",
        "parameters",
        multiple=True,
        callback=_pairs,
        metavar="K=V",
        help="A template parameter's value (serverless.yml: an option or param); repeatable.",
    )(command)
    return click.option(
        "--template", metavar="PATH", help="The template, serverless.yml or CDK stack; default the project's own."
    )(command)


def place_options(command: F) -> F:
    """Add -p/--project and --data, and hand the command a `place`."""

    @click.option(
        "-p", "--project", envvar="LAMBDATUI_PROJECT", metavar="DIR", help="The project; default: nearest running, or ."
    )
    @click.option("--data", envvar="LAMBDATUI_DATA", metavar="DIR", help="Its state; default DIR/.lambdatui.")
    @functools.wraps(command)
    def with_place(*args: Any, project: str | None, data: str | None, **options: Any) -> Any:
        loading = {name: options.pop(name) for name in ("template", "parameters") if name in options}
        return command(*args, place=Place(chosen("project", project), chosen("data", data), **loading), **options)

    return with_place  # type: ignore[return-value]


def group_place_options(group: F) -> F:
    """Accept -p/--project and --data before the command as well; `chosen` finds them."""
    group = click.option("--data", metavar="DIR", help="Its state, for any command; default DIR/.lambdatui.")(group)
    return click.option("-p", "--project", metavar="DIR", help="The project, for any command.")(group)


def chosen(name: str, own: str | None) -> str | None:
    """An option's value: as given to the command itself, else before it, else by its variable."""
    from click.core import ParameterSource

    context: click.Context | None = click.get_current_context()
    if context is None or context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        return own
    while (context := context.parent) is not None:
        if context.params.get(name) is not None:
            return str(context.params[name])
    return own


def json_option(command: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def function_name(reading: Reading, wanted: str) -> str:
    """The function's own name for a name, logical id or ARN. Names that only history knows pass too."""
    rows = reading.functions()
    short = wanted.rpartition(":function:")[2].partition(":")[0]
    for row in rows:
        names = (row.name, row.logical_id, *row.aliases)
        if wanted in (*names, row.arn) or short in names:
            return row.name
    if reading.invocations(function=wanted, limit=1):
        return wanted
    raise NotFound(unknown_function(wanted, rows))


def unknown_function(wanted: str, rows: list[FunctionRow]) -> str:
    """The sentence for a function that does not exist."""
    import difflib

    names = [row.name for row in rows]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    if near:
        return f"there is no function {wanted}; did you mean {near[0]}?"
    if not names:
        return f"there is no function {wanted}: the project has none; `lambdatui check` says what was looked for"
    few = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"there is no function {wanted}; there are: {few}"


def complete_function(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Function names for the shell's completion; silent where anything is wrong."""
    try:
        places = [ctx.params, *([ctx.parent.params] if ctx.parent else []), ctx.find_root().params]
        project, data = (
            next((found[name] for found in places if found.get(name)), None) for name in ("project", "data")
        )
        project = project or os.environ.get("LAMBDATUI_PROJECT")
        data = data or os.environ.get("LAMBDATUI_DATA")
        with Place(project, data).reading(quiet=True) as reading:
            return [row.name for row in reading.functions() if row.name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 (the shell's line must not be disturbed by whatever it is)
        return []


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)

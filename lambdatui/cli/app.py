"""The command table and the outer edge: every error becomes a sentence on stderr and an exit code.

Commands are imported when they run or show their own help, so that `--help` and a quick call stay quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

import click

from lambdatui import __version__
from lambdatui.cli.output import say
from lambdatui.cli.project import group_place_options
from lambdatui.errors import LambdaTuiError

# name -> module below lambdatui.cli, and the line in the list of commands
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run a project: engine and screen (or --headless)."),
    "attach": ("run", "Open one more screen on a running engine."),
    "stop": ("run", "End the running engine."),
    "list": ("functions", "List functions with their configuration and problems."),
    "check": ("functions", "Say what would load, and every problem with its remedy."),
    "invoke": ("invoke", "Invoke a function; its result goes to stdout."),
    "profile": ("profile", "Show where an invocation's time goes, and what a cold start imports."),
    "invocations": ("history", "List invocations, newest first."),
    "show": ("history", "Show one invocation whole."),
    "stats": ("history", "Show metrics by their CloudWatch names."),
    "cost": ("cost", "Show what invocations cost, and a month at the present rate."),
    "logs": ("logs", "Print log lines, or follow them."),
    "replay": ("invoke", "Invoke again with the stored event of a request."),
    "dlq": ("dlq", "List, show, replay and purge dead letters."),
    "send": ("send", "Put a message on a queue or a record on a stream."),
    "queues": ("send", "Show the depth of every queue and stream."),
    "peek": ("send", "Show what a queue holds, without receiving it."),
    "routes": ("routes", "List the HTTP routes and where they answer."),
    "event": ("event", "List or print sample events."),
    "doctor": ("doctor", "Say what this system guarantees: isolation and limits of functions."),
    "completion": ("completion", "Print the completion script for your shell."),
}
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group that imports its commands late and proposes near misses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lambdatui.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        refuse_unknown(ctx, args, COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run and exit. 0 done, 1 failed, 2 wrong usage, 3 no engine, 130 interrupted."""
        extra["standalone_mode"] = False
        code = 1
        try:
            code = self._run(args, prog_name, extra)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has enough. Python would complain once more while it flushes stdout at exit.
            code = 0
            _silence_stdout()
        sys.exit(code)

    def _run(self, args: Sequence[str] | None, prog_name: str | None, extra: dict[str, Any]) -> int:
        try:
            result = super().main(args, prog_name, **extra)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort as error:
            return 130 if isinstance(error.__cause__, KeyboardInterrupt) else 1
        except KeyboardInterrupt:
            return 130
        except LambdaTuiError as error:
            say(f"lambdatui: {error}")
            return error.exit_code
        except BrokenPipeError:
            raise
        except Exception as error:
            if os.environ.get("LAMBDATUI_DEBUG") == "1":
                raise
            say(f"lambdatui: {unexpected(error)}")
            return 1
        return result if isinstance(result, int) else 0

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            # click would print an empty line first
            raise click.exceptions.Exit(130) from error
        except BrokenPipeError as error:
            # click would end with 1
            _silence_stdout()
            raise click.exceptions.Exit(0) from error


def unexpected(error: Exception) -> str:
    """The sentence for what no command foresaw."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        what = f"{where}{error.strerror}"
    else:
        what = " ".join(f"unexpected {type(error).__name__}: {error}".split()).rstrip(": ")
    return f"{what} (LAMBDATUI_DEBUG=1 shows where)"


def refuse_unknown(ctx: click.Context, args: Sequence[str], known: Collection[str]) -> None:
    """UsageError with the nearest command where `args` begins with one that does not exist."""
    if not args or args[0] in known or args[0].startswith("-"):
        return
    import difflib

    near = difflib.get_close_matches(args[0], list(known), n=1)
    hint = f"did you mean `{ctx.command_path} {near[0]}`?" if near else f"`{ctx.command_path} --help` lists them"
    raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)


def _silence_stdout() -> None:
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


@click.group(cls=Commands, invoke_without_command=True, context_settings=CONTEXT)
@click.version_option(__version__, "-V", "--version", message="lambdatui %(version)s")
@group_place_options
@click.pass_context
def cli(ctx: click.Context, /, **_place: str | None) -> None:
    """A folder of AWS Lambda functions as a running, visible system in your terminal.

    \b
    Begin with:
      lambdatui run ./sample_functions
      lambdatui invoke NAME -e '{"key": "value"}'

    Exit codes: 0 done, 1 the function or the operation failed, 2 wrong usage or no such thing, 3 no engine.
    """
    if sys.platform == "win32":
        raise click.UsageError("lambdatui needs Linux or macOS; on Windows run it inside WSL (`wsl --install`)")
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())

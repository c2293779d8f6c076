"""completion: the script that makes a shell complete commands and function names."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lambdatui.cli.output import out
from lambdatui.errors import UsageError

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion_command(shell: str | None) -> int:
    """Print the completion script for bash, zsh or fish (default: your $SHELL).

    \b
    Example:
      eval "$(lambdatui completion bash)"
      lambdatui completion fish > ~/.config/fish/completions/lambdatui.fish
    """
    from click.shell_completion import get_completion_class

    from lambdatui.cli.app import cli

    shell = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(shell) if shell in SHELLS else None
    if kind is None:
        raise UsageError(f"completion is there for {', '.join(SHELLS)}; name one of them")
    completer = kind(cli, {}, "lambdatui", "_LAMBDATUI_COMPLETE")
    # Not source(): for bash that starts a bash to ask for its version.
    out(completer.source_template % completer.source_vars())
    return 0

"""Commands: one file a group, each importing what it needs when it runs. Clients of the engine like any other."""

from __future__ import annotations


def main() -> None:
    """The console script."""
    from lambdatui.cli.app import cli

    cli.main(prog_name="lambdatui")

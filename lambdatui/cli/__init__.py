"""Commands: one file a group, each importing what it needs when it runs. Clients of the engine like any other."""

from __future__ import annotations

import gc

# New objects between two collections. A short command makes hardly any garbage, and looking for it in what it imports
# took a fifth of its time.
_GARBAGE = 100_000


def main() -> None:
    """The console script."""
    gc.set_threshold(_GARBAGE)
    try:
        from lambdatui.cli.app import cli

        cli.main(prog_name="lambdatui")
    finally:
        gc.freeze()  # nor at the end: the process gives everything back at once

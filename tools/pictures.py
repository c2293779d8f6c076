"""Draws docs/pictures/*.svg from the running program: the pages, and the README's six steps. Run by `make pictures`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import svg
from shop import DEAD_LETTERS, FIX, ROOT, copy_shop, leave, open_shop, repair
from terminal import Terminal

PICTURES = ROOT / "docs" / "pictures"
# Each page by its key, and what it shows when it is there.
PAGES = {
    "2": ("function", "own module "),
    "3": ("invocations", "schedule:make"),
    "4": ("logs", "all functions"),
    "6": ("sources", "GET /orders"),
    "7": ("environments", "frozen"),
}
LIVED = re.compile(r"up [3-9]\d s")  # long enough for the plots to have a shape
# The plots and the log of the selected function are there.
FILLED = re.compile(r"Duration [^╮]*[0-9][\s\S]*Logs  fulfil-order[\s\S]*REPORT")
# What of the README's steps is drawn. The dead letter shows why it failed: steps 2 and 3 are one picture.
STEPS = {
    "1-start": "The overview a few seconds after the start",
    "2-dead-letters": "The first dead letter, its event and its traceback",
    "5-reload": "What has changed in the code since the last attempt",
}
REPLAYED = re.compile(r"replay of \w+")  # in "What happened"


def main() -> None:
    """Three sessions: a tour, the repair, and the smallest full size."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for session in (tour, steps, small):
        with tempfile.TemporaryDirectory(prefix="shop-", ignore_cleanup_errors=True) as folder:
            session(Path(folder))


def tour(folder: Path) -> None:
    """Every page at 120x40, once everything that the shop has to show has happened."""
    with open_shop(copy_shop(folder), 120, 40) as terminal:
        terminal.wait(LIVED, timeout=60)
        terminal.press("j")
        terminal.wait(FILLED)
        keep(terminal, "overview", "The overview: functions, plots, logs and what happened")
        for key, (name, shown) in PAGES.items():
            terminal.press(key)
            terminal.wait(shown)
            keep(terminal, name, f"The page {name}")
        leave(terminal)


def steps(folder: Path) -> None:
    """The README's six steps."""
    shop = copy_shop(folder)
    with open_shop(shop, 120, 40) as terminal:
        for step in repair(terminal, shop):
            if step == "5-reload":
                terminal.wait(f"+ {FIX}")
            if step in STEPS:
                keep(terminal, step, STEPS[step])
        terminal.press("1")
        terminal.wait(REPLAYED)
        keep(terminal, "6-replayed", "The replay went through")
        leave(terminal)


def small(folder: Path) -> None:
    """The same program on 80x24."""
    with open_shop(copy_shop(folder), 80, 24) as terminal:
        terminal.wait(DEAD_LETTERS)
        keep(terminal, "overview-80x24", "The overview on 80 by 24")
        terminal.press("5")
        terminal.wait("Dead letters")
        terminal.wait("KeyError")
        keep(terminal, "dead-letters-80x24", "The dead letters on 80 by 24")
        leave(terminal)


def keep(terminal: Terminal, name: str, title: str) -> None:
    """Write what the terminal shows as docs/pictures/NAME.svg."""
    terminal.settle()
    path = PICTURES / f"{name}.svg"
    path.write_text(svg.render(terminal.screen, title), encoding="utf-8")
    sys.stderr.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()

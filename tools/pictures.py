"""Draws docs/pictures/*.svg from the running program: the pages, and the README's six steps. Run by `make pictures`."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import svg
from shop import DEAD_LETTERS, ROOT, copy_shop, leave, open_shop, repair
from terminal import Terminal

PICTURES = ROOT / "docs" / "pictures"
# Each page by its key, and what it shows when it is there.
PAGES = {
    "2": ("function", "ship-order"),
    "3": ("invocations", "fulfil-order"),
    "4": ("logs", "REPORT"),
    "6": ("sources", "shardId"),
    "7": ("environments", "track-clicks"),
}


def main() -> None:
    """Three sessions: a tour, the repair, and the smallest full size."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for session in (tour, steps, small):
        with tempfile.TemporaryDirectory() as folder:
            session(Path(folder))


def tour(folder: Path) -> None:
    """Every page at 120x40, once everything that the shop has to show has happened."""
    with open_shop(copy_shop(folder), 120, 40) as terminal:
        terminal.wait(re.compile(r"orders-dlq|ValueError"), timeout=60)
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
            if step not in ("4-fix", "6-replay"):
                keep(terminal, step, f"Step {step.replace('-', ', ', 1).replace('-', ' ')}")
        terminal.wait(REPLAYED)
        keep(terminal, "6-replayed", "Step 6, replayed")
        leave(terminal)


def small(folder: Path) -> None:
    """The same program on 80x24."""
    with open_shop(copy_shop(folder), 80, 24) as terminal:
        terminal.wait(DEAD_LETTERS)
        keep(terminal, "overview-80x24", "The overview on 80 by 24")
        terminal.press("5")
        terminal.wait("KeyError")
        keep(terminal, "dead-letters-80x24", "The dead letters on 80 by 24")
        leave(terminal)


def keep(terminal: Terminal, name: str, title: str) -> None:
    """Write what the terminal shows as docs/pictures/NAME.svg."""
    terminal.settle()
    path = PICTURES / f"{name}.svg"
    path.write_text(svg.render(terminal.screen, title), encoding="utf-8")
    sys.stderr.write(f"{path.relative_to(ROOT)}\n")


REPLAYED = re.compile(r"replayed|1 ok", re.IGNORECASE)

if __name__ == "__main__":
    main()

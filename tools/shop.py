"""The sample shop in a real terminal, and the README's six steps on it: for the pictures and for their test."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from terminal import NotShown, Terminal

ROOT = Path(__file__).resolve().parents[1]
BUG = 'postcode = address["postcode"]'
FIX = 'postcode = address.get("postcode", "")'
RELOADED = re.compile(r"app\.py\s+[0-9a-f]{4} → [0-9a-f]{4}")  # the code hashes before and after
DEAD_LETTERS = re.compile(r"5 DLQ [1-9]")  # the tab counts them


def copy_shop(folder: Path) -> Path:
    """The sample functions as a fresh checkout has them, below `folder`."""
    shop = folder / "sample_functions"
    shutil.copytree(ROOT / "sample_functions", shop, ignore=shutil.ignore_patterns(".lambdatui", "__pycache__"))
    return shop


def open_shop(shop: Path, columns: int, rows: int) -> Terminal:
    """`lambdatui run ./sample_functions` on a terminal of that size, on free ports, without a user's own settings."""
    home = shop.parent / "home"
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "lambdatui", "run", f"./{shop.name}", "--port", "0", "--http-port", "0"]
    env = dict.fromkeys(("LAMBDATUI_PROJECT", "LAMBDATUI_DATA", "LAMBDATUI_TOKEN", "XDG_CONFIG_HOME"))
    return Terminal(command, columns=columns, rows=rows, cwd=shop.parent, env={**env, "HOME": str(home)})


def repair(terminal: Terminal, shop: Path) -> Iterator[str]:
    """Do the README's steps one by one; yields the name of each when the screen shows what the README says."""
    terminal.wait("ship-order")
    terminal.wait(DEAD_LETTERS, timeout=60)
    yield "1-start"
    terminal.press("5")
    terminal.wait("Dead letters")
    terminal.wait("KeyError")
    yield "2-dead-letters"
    find_bug(terminal)
    yield "3-why"
    app = shop / "ship-order" / "app.py"
    source = app.read_text(encoding="utf-8")
    app.write_text(source.replace(f"    {BUG}", f"    {FIX}"), encoding="utf-8")
    yield "4-fix"
    terminal.wait(RELOADED)
    yield "5-reload"
    terminal.press("r")
    yield "6-replay"


def find_bug(terminal: Terminal) -> None:
    """Move down the dead letters until the one beside the list is of the marked bug."""
    for _ in range(10):
        try:
            terminal.wait('address["postcode"]', timeout=3)
        except NotShown:
            terminal.press("j")
        else:
            return
    terminal.wait('address["postcode"]')


def leave(terminal: Terminal) -> int:
    """Quit as a person would, answering the question about work in flight; returns the exit code."""
    terminal.press("ctrl+q")
    for _ in range(30):
        try:
            return terminal.wait_end(timeout=2)
        except NotShown:
            terminal.press("y")  # a busy machine may not have asked yet
    return terminal.wait_end()

"""The README's six steps, done in a real terminal as a new user does them, and checked from outside by the commands."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from shop import RELOADED, copy_shop, leave, open_shop, repair
from terminal import Terminal

WAIT_S = 60


def command(shop: Path, *words: str) -> list[dict]:
    """What `lambdatui WORDS --json` prints for the shop."""
    done = subprocess.run(
        [sys.executable, "-m", "lambdatui", *words, "--json", "--project", str(shop)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def until(met: Callable[[], bool], read: Callable[[], object]) -> None:
    """Look until it is so; `read` keeps the terminal from filling up and says what it shows where it never is."""
    end = time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < end, read()
        read()


def dead_labels(shop: Path) -> list[dict]:
    return [entry for entry in command(shop, "dlq", "list") if entry["queue"] == "ship-order-dlq"]


def test_the_six_steps_of_the_readme_repair_the_shop_on_a_small_terminal_and_on_a_large_one(tmp_path: Path) -> None:
    shop = copy_shop(tmp_path)
    app = shop / "ship-order" / "app.py"
    source = app.read_text(encoding="utf-8")
    with open_shop(shop, 80, 24) as terminal:
        replayed = do_the_steps(terminal, shop)
        app.write_text(source, encoding="utf-8")  # "Put the line back to see it fail again"
        terminal.press("5")
        terminal.wait("Dead letters")
        terminal.wait_gone(RELOADED)
        terminal.press("1")
        terminal.resize(120, 40)
        assert do_the_steps(terminal, shop) != replayed
        assert leave(terminal) == 0
    assert not (shop / ".lambdatui" / "engine.json").exists()


def do_the_steps(terminal: Terminal, shop: Path) -> str:
    """All six, and what the commands say of them; returns the id of the dead letter that was replayed."""
    before: list[dict] = []
    replays = len(replays_of(shop))
    for step in repair(terminal, shop):
        if step == "2-dead-letters":
            entries = dead_labels(shop)
            assert {(entry["function"], entry["error_code"]) for entry in entries} == {("ship-order", "KeyError")}
            assert {entry["attempts"] for entry in entries} == {1}
        if step == "5-reload":
            before = dead_labels(shop)

    def read() -> str:
        terminal.settle()
        return terminal.text

    # One entry was replayed with its exact bytes; it succeeded, so it is gone.
    until(lambda: len(dead_labels(shop)) == len(before) - 1, read)
    left = {entry["id"] for entry in dead_labels(shop)}
    (gone,) = [entry for entry in before if entry["id"] not in left]
    assert [row["status"] for row in replays_of(shop)] == ["ok"] * (replays + 1)
    assert json.loads(gone["event"])["address"]["city"] == "Hong Kong"
    return gone["id"]


def replays_of(shop: Path) -> list[dict]:
    return [row for row in command(shop, "invocations", "ship-order") if row["source"] == "replay"]

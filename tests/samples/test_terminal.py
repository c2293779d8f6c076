"""The driver of pictures and end-to-end tests reads a real terminal and says what it saw instead."""

import re
import sys

import pytest
from terminal import NotShown, Terminal


def program(source: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", source]


def test_it_reads_what_a_program_paints_and_sends_keys() -> None:
    source = "import sys; print('ready', flush=True); print('got', sys.stdin.readline().strip())"
    with Terminal(program(source), columns=40, rows=6) as terminal:
        terminal.wait("ready")
        terminal.type("five")
        terminal.press("enter")
        assert "got five" in terminal.wait(re.compile(r"got \w+"))
        assert terminal.wait_end() == 0


def test_a_program_that_ends_without_showing_it_is_said_at_once() -> None:
    with Terminal(program("print('only this'); raise SystemExit(3)"), columns=40, rows=6) as terminal:
        with pytest.raises(NotShown, match="only this"):
            terminal.wait("something else", timeout=60)
        assert terminal.wait_end() == 3


def test_switches_that_a_terminal_obeys_are_not_shown() -> None:
    source = r"print('\x1b[>1u\x1b[<u\x1b[?2026h\x1bP+q544e\x1b\\clean\x1b[?2026l', flush=True); input()"
    with Terminal(program(source), columns=40, rows=6) as terminal:
        terminal.wait("clean")
        assert terminal.text.strip() == "clean"


def test_the_program_sees_the_size_it_was_given_and_its_changes() -> None:
    source = "import os\nwhile True:\n print(*os.get_terminal_size(), flush=True)\n input()"
    with Terminal(program(source), columns=61, rows=7) as terminal:
        terminal.wait("61 7")
        terminal.resize(80, 24)
        terminal.press("enter")
        terminal.wait("80 24")

"""A project whose names, logs, errors and payloads try to drive the terminal, before the real program in a real one."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[1;1H\x9b31m\x1b]52;c;ZXZpbA==\x07\x1bP+q\x1b\\\x08\x7f\u202e"
TEMPLATE = r"""
Resources:
  Bad:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: bad
      Description: "\e[2J\e]52;c;ZXZpbA==\a\x9b2J"
      CodeUri: src/
      Handler: app.handler
      Runtime: python3.11
  "Worse\e]0;owned\a":
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: "none\e[2J.handler", Runtime: "python\e[2J"}
  "Table\e[2J": {Type: "AWS::No\e[2J::Such"}
"""
SOURCE = f"""
def handler(event, context):
    print("out", {EVIL!r})
    if event:
        raise type("Error" + {EVIL!r}, (Exception,), {{}})("because " + {EVIL!r})
    return {EVIL!r}
"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]")
LAMBDATUI = (sys.executable, "-P", "-m", "lambdatui")


class Terminal:
    """What the terminal that a command's output goes to was given."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self._given: list[bytes] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO once nobody has it open any more
            while data := os.read(self._ours, 65536):
                self._given.append(data)

    def so_far(self) -> str:
        return b"".join(self._given).decode(errors="replace")

    def wait(self, seconds: float) -> None:
        self._reading.join(seconds)

    def text(self) -> str:
        """All of it, once those who write to it are gone."""
        os.close(self.theirs)
        self._reading.join(60)
        os.close(self._ours)
        return self.so_far()


def assert_harmless(text: str) -> None:
    plain = _COLOUR.sub("", text)
    found = _OBEYED.search(plain)
    assert found is None, plain[max(0, found.start() - 60) : found.end() + 20]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "src/app.py").write_text(SOURCE)
    return folder


@pytest.fixture
def shown_by_the_engine(project: Path) -> Iterator[Terminal]:
    terminal = Terminal()
    engine = subprocess.Popen(
        [*LAMBDATUI, "run", str(project), "--headless", "--port", "0", "--http-port", "0", "--aws", "none"],
        stdin=subprocess.DEVNULL,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
    )
    try:
        yield terminal
    finally:
        engine.terminate()
        engine.wait(60)


def run(project: Path, terminal: Terminal, *command: str) -> bytes:
    """Run with the terminal as stderr, and as stdout where that is not returned."""
    done = subprocess.run(
        [*LAMBDATUI, *command, "-p", str(project)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if command[0] == "invoke" else terminal.theirs,
        stderr=terminal.theirs,
        timeout=60,
        check=False,
    )
    return done.stdout or b""


def test_nothing_that_a_project_says_drives_the_terminal(project: Path, shown_by_the_engine: Terminal) -> None:
    while "ready" not in shown_by_the_engine.so_far():
        shown_by_the_engine.wait(0.05)
    terminal = Terminal()
    result = run(project, terminal, "invoke", "bad", "--log")  # stdout is a pipe, stderr is not
    assert "\\u001b]0;owned" in result.decode()
    for command in ("invoke bad --log -e [1]", "logs", "logs --json", "list --json"):
        run(project, terminal, *command.split())
    text = terminal.text()
    assert text.count("owned") > 6
    assert_harmless(text)
    piped = subprocess.run([*LAMBDATUI, "logs", "-p", str(project)], capture_output=True, timeout=60, check=True)
    assert EVIL.partition("\x08")[0] in piped.stdout.decode()
    subprocess.run([*LAMBDATUI, "stop", "-p", str(project)], capture_output=True, timeout=60, check=True)
    text = shown_by_the_engine.text()
    assert text.count("owned") > 2
    assert_harmless(text)

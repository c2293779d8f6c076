"""A program in a real pseudo-terminal, driven by keys and read as a screen. Knows nothing of lambdatui.

Waiting is always for something on the screen, never for time alone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
}
# What pyte would print instead of obeying: keyboard protocol switches, device control strings and window commands.
FOREIGN = re.compile(r"\x1b\[[<>=][0-9;:]*[A-Za-z]|\x1b[P_^X][^\x1b]*\x1b\\|\x1b\[[0-9;]*t")
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*|[P_^X][^\x1b]*\x1b?)?$")

Wanted = str | re.Pattern[str] | Callable[[str], bool]


class NotShown(AssertionError):
    """What was waited for never came; the message carries the whole screen."""


class Terminal:
    """`command` on a pty of `columns` x `rows` cells. `env` replaces or adds; a value of None removes."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._rest = ""
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            cwd=str(cwd) if cwd else None,
            env=_environment(env or {}),
            dimensions=(rows, columns),
            encoding="utf-8",
            codec_errors="replace",
            timeout=None,
        )
        self._child.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def text(self) -> str:
        """The screen as lines, without colours."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def pid(self) -> int:
        """The program's."""
        return int(self._child.pid)

    @property
    def sane(self) -> bool:
        """Whether it shows its cursor and keeps the mouse to itself, as before the program."""
        mouse = {mode << 5 for mode in (1000, 1002, 1003, 1006, 1015)}  # pyte's numbers of private modes
        return not self.screen.cursor.hidden and not mouse & self.screen.mode

    def press(self, *keys: str) -> None:
        """Keys by Textual's names (`enter`, `ctrl+s`, `5`) one after the other."""
        for key in keys:
            self._child.send(_bytes_of(key))

    def type(self, text: str) -> None:
        """Text as it is."""
        self._child.send(text)

    def resize(self, columns: int, rows: int) -> None:
        """What a terminal does when its window changes."""
        self.screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def wait(self, wanted: Wanted, timeout: float = 60) -> str:
        """Read until the screen shows `wanted` (text, a pattern, or a test of the text); returns the screen's text.

        Raises NotShown after `timeout` seconds, or at once when the program ends without having shown it.
        """
        return self._until(lambda text: _shows(text, wanted), timeout, f"did not show {wanted!r}")

    def wait_gone(self, unwanted: Wanted, timeout: float = 60) -> str:
        """Read until the screen no longer shows `unwanted`."""
        return self._until(lambda text: not _shows(text, unwanted), timeout, f"still shows {unwanted!r}")

    def settle(self, quiet: float = 0.08, timeout: float = 2) -> None:
        """Read until nothing has been painted for `quiet` seconds, so that no half-painted frame is kept."""
        end = time.monotonic() + timeout
        while self._read(quiet) and time.monotonic() < end:
            pass

    def wait_end(self, timeout: float = 60) -> int:
        """Read until the program has ended; returns its exit code (128 + signal where one ended it)."""
        end = time.monotonic() + timeout
        while self._child.isalive() and time.monotonic() < end:
            self._read(0.1)
        if self._child.isalive():
            raise NotShown(f"the program did not end within {timeout:g} s\n{self.text}")
        self._child.close()
        if self._child.exitstatus is not None:
            return int(self._child.exitstatus)
        return 128 + int(self._child.signalstatus or 0)

    def close(self) -> None:
        """End the program: its terminal goes away, then it is killed."""
        self._child.close(force=True)

    def _until(self, met: Callable[[str], bool], timeout: float, complaint: str) -> str:
        end = time.monotonic() + timeout
        while not met(self.text):
            if time.monotonic() > end:
                raise NotShown(f"within {timeout:g} s the screen {complaint}\n{self.text}")
            if not self._read(0.1) and not self._child.isalive():
                raise NotShown(f"the program ended; before that the screen {complaint}\n{self.text}")
        return self.text

    def _read(self, timeout: float) -> bool:
        """Feed what has arrived within `timeout` seconds; False when nothing did."""
        try:
            data = self._rest + self._child.read_nonblocking(65_536, timeout)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return False
        cut = UNFINISHED.search(data)
        data, self._rest = (data[: cut.start()], cut.group()) if cut else (data, "")
        self._stream.feed(FOREIGN.sub("", data))
        return True


def _bytes_of(key: str) -> str:
    if key.startswith("ctrl+"):
        return chr(ord(key[5]) & 0x1F)
    return KEYS.get(key, key)


def _shows(text: str, wanted: Wanted) -> bool:
    if isinstance(wanted, str):
        return wanted in text
    if isinstance(wanted, re.Pattern):
        return wanted.search(text) is not None
    return wanted(text)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """The process's own, as a modern terminal in UTF-8 sets it, with `changes`."""
    base: dict[str, str | None] = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    base |= {"LANG": "C.UTF-8", "LC_ALL": None, "NO_COLOR": None, "COLUMNS": None, "LINES": None}
    return {name: value for name, value in {**base, **changes}.items() if value is not None}

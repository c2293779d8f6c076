"""A real screen for benchmarks: `lambdatui attach` in a pseudo-terminal, whose bytes are counted and looked through."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

from benchmarks.common import PATIENCE_S, rss_mb, users_variables

_KEPT = 64 * 1024  # of the newest bytes, for a text that spans two reads


class Terminal:
    """An attached screen of `columns` × `rows`; what it paints is read at once by a thread of its own."""

    def __init__(self, project: Path, columns: int = 120, rows: int = 40) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        variables = users_variables(TERM="xterm-256color", COLORTERM="truecolor")
        for name in ("LINES", "COLUMNS", "NO_COLOR"):
            variables.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lambdatui", "--project", str(project), "attach"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=variables,
            start_new_session=True,
        )
        os.close(slave)
        self.painted = 0  # bytes so far
        self.paints: list[tuple[float, bytes]] = []  # (when it was read, what), while `keep`
        self.keep = False
        self._newest = b""
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 256 * 1024):
                now = time.time()
                with self._news:
                    self.painted += len(data)
                    if self.keep:
                        self.paints.append((now, data))
                    self._newest = (self._newest + data)[-_KEPT:]
                    self._news.notify_all()

    def press(self, keys: str) -> None:
        """Type; what was painted before counts no more for `until`."""
        with self._news:
            self._newest = b""
        os.write(self._master, keys.encode())

    def until(self, text: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until `text` has been painted since the last `press`."""
        end = time.monotonic() + patience_s
        with self._news:
            while text.encode() not in self._newest:
                if not self._news.wait(end - time.monotonic()):
                    sys.exit(f"the screen did not show {text!r}; the last it painted: {self._newest[-2000:]!r}")

    def press_ms(self, keys: str, text: str) -> float:
        """From the key to the paint that has `text`."""
        began = time.perf_counter()
        self.press(keys)
        self.until(text)
        return (time.perf_counter() - began) * 1e3

    def cpu_ms(self) -> float:
        """CPU time of all its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((one / "schedstat").read_text().split()[0]) for one in tasks.iterdir()) / 1e6

    def rss_mb(self) -> float:
        return rss_mb(self.process.pid)

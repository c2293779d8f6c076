"""stdout, stderr and `logging` as a handler on Lambda has them: everything reaches the log at once, in order.

`logging` costs a good part of a cold start, so its handler is put in place when somebody imports it.
"""

from __future__ import annotations

import io
import os
import sys
from time import gmtime, strftime, time

from .channel import move_high

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_write = os.write
_TIME = "%Y-%m-%dT%H:%M:%S"
_NO_BREAK_SPACE = "\u00a0"
_BREAKPOINT = (
    "breakpoint() ignored at %s:%d: no terminal in an execution environment; "
    "log the value, or replay the event with --edit\n"
)


class _Stream(io.TextIOWrapper):
    """Text that is in the pipe as soon as it has been written: a process that dies takes nothing with it."""

    def write(self, text: str) -> int:
        count = super().write(text)
        self.flush()
        return count

    def writelines(self, lines: Any) -> None:
        super().writelines(lines)
        self.flush()


class LogCapture:
    """The log of this environment; `request_id` is that of the invocation under way, "" during init."""

    def __init__(self) -> None:
        self.request_id = ""
        self.tenant_id: str | None = None
        self.json_format = False
        # A descriptor of our own: user code may close 1 and 2.
        self._fd = move_high(1, 1)
        self._streams: list[Any] = []
        for name, fd, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
            binary = open(fd, "wb", closefd=False)  # noqa: SIM115 - for as long as the process lives
            stream = _Stream(binary, encoding="utf-8", errors=errors)
            setattr(sys, name, stream)
            setattr(sys, "__%s__" % name, stream)
            self._streams.append(stream)
        sys.breakpointhook = self._breakpoint

    def write(self, text: str) -> None:
        """Put `text` into the log past whatever sys.stdout is now."""
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while data:
            try:
                data = data[_write(self._fd, data) :]
            except OSError:
                return  # nobody reads any more

    def flush(self) -> None:
        """Bring out what user code has left in any of the streams."""
        streams = list(self._streams)
        if sys.stdout is not streams[0] or sys.stderr is not streams[1]:
            streams += [sys.stdout, sys.stderr]
        for stream in streams:
            try:
                stream.flush()
            except Exception:
                continue  # closed, or an object of the user's that cannot

    def line(self, level: str, message: str) -> None:
        """One line in Lambda's text format, as if by `logging`."""
        now = time()
        stamp = "%s.%03dZ" % (strftime(_TIME, gmtime(now)), int(now * 1000) % 1000)
        self.write("[%s]\t%s\t%s\t%s\n" % (level, stamp, self.request_id, message))

    def error(self, payload: dict[str, Any], encode: Any) -> None:
        """An uncaught exception, from its error payload, as Lambda's runtime client logs it."""
        if self.json_format:
            self.write(encode({"timestamp": strftime(_TIME, gmtime(time())), "level": "ERROR", **payload}) + "\n")
            return
        head = "[ERROR] " + payload["errorType"]
        if payload["errorMessage"]:
            head += ": " + payload["errorMessage"]
        lines = [head, "Traceback (most recent call last):"]
        for element in payload["stackTrace"]:
            lines += [_indent(each) for each in element.splitlines()] or [""]
        self.write("\r".join(lines) + "\n")

    def equip(self, logging: ModuleType) -> None:
        """Give the root logger Lambda's handler; called once `logging` has been imported."""
        from .logging_handler import install

        install(logging, self)

    def _breakpoint(self, *args: Any, **kwargs: Any) -> None:
        frame = sys._getframe(1)
        self.write(_BREAKPOINT % (os.path.basename(frame.f_code.co_filename), frame.f_lineno))


def _indent(line: str) -> str:
    """Leading spaces as no-break spaces, which log viewers keep."""
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text

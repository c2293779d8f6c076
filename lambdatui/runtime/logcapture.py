"""stdout, stderr and `logging` as a handler on Lambda has them: everything reaches the log at once, in order.

What Lambda's runtime client hands to the platform as one record (of `logging`, an uncaught exception) goes into the
pipe framed, as `wire.LOG_RECORD` says; everything else stands there as it was written. `logging` costs a good part of a
cold start, so its handler is put in place when somebody imports it.
"""

from __future__ import annotations

import os
import sys
from time import gmtime, strftime, time, time_ns

from ..wire import LOG_RECORD, log_record_type
from .channel import move_high

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .logging_handler import Installation

_write = os.write
_set_blocking = os.set_blocking
_TIME = "%Y-%m-%dT%H:%M:%S"
_ERROR = 40
_NO_BREAK_SPACE = "\u00a0"
_BREAKPOINT = (
    "breakpoint() ignored at %s:%d: no terminal in an execution environment; "
    "log the value, or replay the event with --edit\n"
)


class Unbuffered:
    """A standard stream that keeps nothing back: a process that dies takes nothing with it. Named as on Lambda."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> Unbuffered:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def writelines(self, lines: Any) -> None:
        self.stream.writelines(lines)
        self.stream.flush()


class LogCapture:
    """The log of this environment; `request_id` is that of the invocation under way, "" during init."""

    def __init__(self) -> None:
        self.request_id = ""
        self.tenant_id: str | None = None
        self._logging: Installation | None = None
        self.renew()
        for name, errors in (("stdout", "strict"), ("stderr", "backslashreplace")):
            stream = getattr(sys, name)
            stream.reconfigure(encoding="utf-8", errors=errors)
            setattr(sys, name, Unbuffered(stream))
        sys.breakpointhook = self._breakpoint

    def renew(self) -> None:
        """Write to what descriptor 1 is now, in the format that the variables name now."""
        self.json_format = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        # A descriptor of our own: user code may close 1 and 2.
        self._fd = move_high(1, 1)
        if self._logging is not None:
            self._logging.renew()

    def record(self, message: str, type: int) -> None:
        """Put `message` into the log as one record, past whatever sys.stdout is now. UnicodeError: lone surrogates."""
        data = message.encode()
        self._write(LOG_RECORD.pack(type, len(data), time_ns() // 1000) + data)

    def text(self, text: str) -> None:
        """Put `text` into the log as if it were printed."""
        self._write(text.encode("utf-8", "backslashreplace"))

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[_write(self._fd, rest) :]
            except BlockingIOError:  # user code has changed what descriptor 1 shares with this one
                _set_blocking(self._fd, True)
            except OSError:
                return  # nobody reads any more

    def line(self, level: str, message: str) -> None:
        """One line in Lambda's text format, as if by `logging`."""
        now = time()
        stamp = "%s.%03dZ" % (strftime(_TIME, gmtime(now)), int(now * 1000) % 1000)
        self.record("[%s]\t%s\t%s\t%s\n" % (level, stamp, self.request_id, message), log_record_type(0, False))

    def error(self, payload: dict[str, Any], encode: Any) -> None:
        """An uncaught exception, from its error payload, as Lambda's client logs it. UnicodeError as `record`."""
        kind = log_record_type(_ERROR, self.json_format)
        if self.json_format:
            stamp = strftime(_TIME + "Z", gmtime(time()))
            self.record(encode({"timestamp": stamp, "level": "ERROR", **payload}), kind)
            return
        head = "[ERROR]"
        if payload["errorType"]:
            head += " " + payload["errorType"] + (":" if payload["errorMessage"] else "")
        if payload["errorMessage"]:
            head += " " + payload["errorMessage"]
        lines = [head, "Traceback (most recent call last):"]
        for element in payload["stackTrace"]:
            lines += [_indent(each) for each in element.splitlines()] or [""]
        self.record("\n".join(lines), kind)

    def equip(self, logging: ModuleType) -> None:
        """Give the root logger Lambda's handler; called once `logging` has been imported."""
        from .logging_handler import Installation

        self._logging = Installation(logging, self)

    def _breakpoint(self, *args: Any, **kwargs: Any) -> None:
        frame = sys._getframe(1)
        text = _BREAKPOINT % (os.path.basename(frame.f_code.co_filename), frame.f_lineno)
        self.text(text)


def _indent(line: str) -> str:
    """Leading spaces as no-break spaces, which log viewers keep."""
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text

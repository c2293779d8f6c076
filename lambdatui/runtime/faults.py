"""What goes wrong in user code, as the payload that Lambda gives: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Fault(Exception):
    """An error of the runtime's own, with one of Lambda's Runtime.* types."""

    def __init__(self, type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.trace = trace or []


def payload_of(error: BaseException, request_id: str) -> dict[str, Any]:
    """The error object; `request_id` is "" for an init error. What the error's own __str__ raises, this raises."""
    if isinstance(error, Fault):
        message, kind, trace = error.message, error.type, error.trace
    else:
        message, kind, trace = str(error), type(error).__name__, _stack_trace(error.__traceback__)
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def user_traceback(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not the runtime's."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return trace


def _stack_trace(trace: TracebackType | None) -> list[str]:
    try:
        import traceback  # dear at start, and most environments never need it
    except Exception:  # user code has used up the descriptors, or emptied sys.modules; Lambda's client has it already
        return _bare_trace(trace)
    frames = [
        (frame.filename, frame.lineno or 0, frame.name, frame.line)
        for frame in traceback.extract_tb(user_traceback(trace))
        if not frame.filename.startswith(_HERE)
    ]
    # Lambda's client knows its own frames by this name, so it leaves out those of a user's bootstrap.py too.
    first = next((index for index, frame in enumerate(frames) if "/bootstrap.py" not in frame[0]), 0)
    return traceback.format_list(frames[first:])


def _bare_trace(trace: TracebackType | None) -> list[str]:
    """As `traceback` gives it where it cannot read the source."""
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_HERE):
            lines.append('  File "%s", line %d, in %s\n' % (code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return lines

"""Where an exception came from, for the screen: the user's frames with their source lines and local values.

Values are shown bounded, and names that sound secret are masked. User code runs here (`__repr__`), so it runs in a
thread that is left behind when it takes too long: the error itself must reach the engine.
"""

from __future__ import annotations

import _thread

from ..quickjson import encoder
from ..wire import sounds_secret

TYPE_CHECKING = False  # importing `typing` would take a third of a cold start
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, Callable

MAX_BYTES = 64 * 1024
MAX_FRAMES = 20
MAX_LOCALS = 40
MAX_VALUE = 200
LINES_AROUND = 5
PATIENCE_S = 0.5
_encode = encoder(ascii=True)


def describe(trace: TracebackType | None, source: Callable[[str], str | None], inside: Callable[[str], bool]) -> bytes:
    """The DIAGNOSTICS payload, at most 64 KB, b"" where there is nothing to show.

    `source` gives a file's text as it ran, `inside` says whether a file is below the code folder. Where no frame is,
    the last two are shown.
    """
    result: list[bytes] = []
    done = _thread.allocate_lock()
    done.acquire()

    def work() -> None:
        try:
            result.append(_describe(trace, source, inside))
        except BaseException:
            pass  # a __repr__ that raises what it should not: no diagnostics then
        finally:
            done.release()

    try:
        _thread.start_new_thread(work, ())
    except RuntimeError:
        return b""
    done.acquire(True, PATIENCE_S)
    return result[0] if result else b""


def _describe(trace: TracebackType | None, source: Callable[[str], str | None], inside: Callable[[str], bool]) -> bytes:
    frames: list[tuple[FrameType, int]] = []
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    shown = [each for each in frames if inside(each[0].f_code.co_filename)] or frames[-2:]
    pieces: list[str] = []
    size = len('{"frames": []}')
    # From the innermost outwards: what does not fit is far from the error.
    for frame, line in reversed(shown[-MAX_FRAMES:]):
        piece = _encode(_frame(frame, line, source))
        if size + len(piece) + 2 > MAX_BYTES:
            break
        size += len(piece) + 2
        pieces.append(piece)
    return ('{"frames": [%s]}' % ", ".join(reversed(pieces))).encode() if pieces else b""


def _frame(frame: FrameType, line: int, source: Callable[[str], str | None]) -> dict[str, Any]:
    file = frame.f_code.co_filename
    text = source(file)
    lines: list[list[object]] = []
    if text is not None:
        first = max(1, line - LINES_AROUND)
        around = text.splitlines()[first - 1 : line + LINES_AROUND]
        lines = [[first + index, each[:MAX_VALUE]] for index, each in enumerate(around)]
    return {"file": file, "line": line, "function": frame.f_code.co_name, "source": lines, "locals": _locals(frame)}


def _locals(frame: FrameType) -> dict[str, str]:
    names = [name for name in frame.f_locals if not (name.startswith("__") and name.endswith("__"))]
    return {name[:MAX_VALUE]: _show(name, frame.f_locals[name]) for name in names[:MAX_LOCALS]}


def _show(name: str, value: object) -> str:
    if sounds_secret(name):
        return "********"
    try:
        text = _bounded(value, 3)
    except BaseException as error:
        return "<repr() of %s raised %s>" % (type(value).__name__, type(error).__name__)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "\u2026"


def _bounded(value: Any, depth: int) -> str:
    """A repr whose cost does not grow with the value, for the built-in containers; the value's own for the rest."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return repr(value[:MAX_VALUE]) + ("\u2026" if len(value) > MAX_VALUE else "")
    if kind is int:
        return repr(value) if value.bit_length() < 4096 else "<int of %d bits>" % value.bit_length()
    if kind not in (dict, list, tuple, set, frozenset):
        return repr(value)
    if not value:
        return repr(value)
    if depth == 0:
        return "\u2026"
    few: list[str] = []
    for each in value:
        if len(few) == 20:
            few.append("\u2026")
            break
        if kind is dict:
            few.append("%s: %s" % (_bounded(each, depth - 1), _entry(each, value[each], depth)))
        else:
            few.append(_bounded(each, depth - 1))
    inside = ", ".join(few)
    if kind is list:
        return "[%s]" % inside
    if kind is tuple:
        return "(%s)" % (inside + "," if len(few) == 1 else inside)
    return "frozenset({%s})" % inside if kind is frozenset else "{%s}" % inside


def _entry(key: object, value: object, depth: int) -> str:
    if isinstance(key, str) and sounds_secret(key):
        return "********"
    return _bounded(value, depth - 1)

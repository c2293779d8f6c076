"""What one side showed for an init or an invocation, in a form in which two sides can be compared.

A log is a sequence of plain bytes (what was written to fds 1 and 2) and of records, framed as Lambda's runtimes hand
them to the platform: type (4 bytes) | length (4) | time in microseconds (8) | message, big-endian.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lambdatui import runtime

_FRAME = re.compile(rb"\xa5\x5a\x00[\x02-\x1b].{12}", re.DOTALL)


@dataclass(frozen=True)
class Record:
    """One piece of a log. `type`: the frame's four bytes in hex, or "plain"."""

    type: str
    text: str


@dataclass(frozen=True)
class Seen:
    """`kind`: ready, init error, result, error or exit; `status`: of an ended process, negative for a signal."""

    kind: str
    payload: bytes
    log: list[Record]
    status: int | None = None


def records(data: bytes) -> list[Record]:
    """The log's pieces in their order, neighbouring plain ones joined."""
    found: list[Record] = []
    position = 0
    while position < len(data):
        frame = _FRAME.search(data, position)
        plain = data[position : frame.start() if frame else len(data)]
        if plain:
            found.append(Record("plain", plain.decode("utf-8", "backslashreplace")))
        if frame is None:
            break
        length = int.from_bytes(frame[0][4:8], "big")
        message = data[frame.end() : frame.end() + length]
        assert len(message) == length, "a frame that is cut off"
        found.append(Record(frame[0][:4].hex(), message.decode("utf-8", "backslashreplace")))
        position = frame.end() + length
    return found


# The client's and our own frames: which files and functions stand around and below a handler differs by nature. In a
# traceback an entry is the `File` line with the source and markers that are indented under it; in a payload, a string.
_OWN = "|".join(('[^"\n]*/awslambdaric/', *(f"{Path(path).parent}/" for path in (runtime.__file__, __file__))))
_ENTRY = rf'[ \u00a0|]*File "(?:{_OWN})[^"/]*", line .*(?:\n[ \u00a0|]{{4}}.*)*'
_ELEMENT = re.compile(rf'"  File \\"(?:{_OWN})(?:[^"\\]|\\.)*"(?:, )?')
_RULES = (
    (re.compile(rf"(?:\n{_ENTRY})+\Z"), ""),
    (re.compile(rf"^{_ENTRY}\n", re.MULTILINE), ""),
    (_ELEMENT, ""),
    # A warning whose place is in one of those files, with that place's source.
    (re.compile(rf"^(?:{_OWN})[^\n]*:\d+: (\w+Warning: .*\n)  .*\n", re.MULTILINE), r"\1"),
    (re.compile(r", \]"), "]"),  # behind the last frame of a list
    # The time at which something was written; that there are milliseconds, or none, is kept.
    (re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d([.,]\d{3})?"), lambda m: f"DAY{m[1]}TIME{'.MS' if m[2] else ''}"),
    # The same in milliseconds since 1970, as the client's own error line has it.
    (re.compile(r"\[\d{13}\]"), "[MILLISECONDS]"),
    # Where an object lies in memory.
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
)


def normal(text: str) -> str:
    """`text` without what cannot be the same in two processes."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)  # type: ignore[arg-type]
    return text


def comparable(seen: Seen) -> dict[str, object]:
    """What has to be equal on both sides."""
    payload = seen.payload
    if len(payload) < 100_000:
        payload = normal(payload.decode("utf-8", "backslashreplace")).encode()
    return {
        "kind": seen.kind,
        "payload": payload,
        "log": [(record.type, normal(record.text)) for record in seen.log if normal(record.text)],
        "status": seen.status,
    }

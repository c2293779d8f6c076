"""Events and messages as they stand on a command line: JSON, a file's name, or - for stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from lambdatui.errors import UsageError


def read_payload(text: str, option: str, *, stdin: str = "- for stdin") -> bytes:
    """The bytes that `text` means, untouched. Text that parses as JSON is JSON, else it names a file.

    `stdin`: how a sentence about what is neither names the way through stdin.
    """
    if text == "-":
        return sys.stdin.buffer.read()
    if not text:
        raise UsageError(f"{option} is empty; give JSON, a file's name, or {stdin}")
    if is_json(text):
        return text.encode()
    path = Path(text).expanduser()
    try:
        return path.read_bytes()
    except FileNotFoundError:
        kind = "broken JSON" if text.lstrip()[:1] in ("{", "[", '"') else "neither JSON nor a file that exists"
        raise UsageError(f"{option}: {_short(text)} is {kind}; give JSON, a file's name, or {stdin}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{option}: {_short(text)} cannot be read: {reason}") from error


def is_json(text: str) -> bool:
    """Whether the text parses as JSON."""
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"

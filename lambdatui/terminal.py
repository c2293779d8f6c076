"""Text from functions, their callers and project files where a terminal shows it: nothing in it may drive the terminal.

Knows no stream: who prints decides whether a terminal is there. Files and pipes get everything as it is.
"""

from __future__ import annotations

import re

MASK = "********"  # for the value of a secret
LEAST_SECRET = 8  # characters of one that is masked wherever it stands: "test" stands everywhere
# Control characters but tab and newline, DEL, C1, and the marks that turn the direction of text around.
HOSTILE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")


def harmless(text: str) -> str:
    r"""Escape sequences and other control characters as visible text (`\x1b`)."""
    return HOSTILE.sub(lambda hit: _visible(hit[0]), text)


def coloured(text: str) -> str:
    """As `harmless`, but colours stay, which we put in ourselves."""
    if not HOSTILE.search(text):
        return text
    return "".join(part if at % 2 else harmless(part) for at, part in enumerate(_COLOURS.split(text)))


def json_text(text: str) -> str:
    """JSON that stays the same JSON."""
    return HOSTILE.sub(lambda hit: f"\\u{ord(hit[0]):04x}", text)


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

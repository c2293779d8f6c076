"""How bindings are written here: each with an id to rebind it by, a word for the footer, a sentence for help."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from textual.binding import Binding

SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "escape": "Esc",
    "enter": "Enter",
    "space": "space",
    "tab": "tab",
    "shift+tab": "shift+tab",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


def bind(keys: str, action: str, word: str, tooltip: str, id: str, *, show: bool = True) -> Binding:
    """A binding: `word` stands in the footer, `tooltip` in help and palette, `id` in a user's keys.toml."""
    return Binding(keys, action, word, show=show, tooltip=tooltip, id=id)


def display(key: str) -> str:
    """A key as it is printed on the keyboard."""
    return SHOWN.get(key, key.upper().replace("SHIFT+", "") if len(key) == 1 and key.isupper() else key)


def user_keymap() -> tuple[dict[str, str], str | None]:
    """`id = "key,key"` pairs of the user's keys.toml, and the sentence of what is wrong with it."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    path = Path(base) / "lambdatui" / "keys.toml"
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError) as error:
        return {}, f"{path} is not read: {error}"
    # A dotted id may be written bare: TOML then nests it.
    return dict(_flat(table, "")), None


def _flat(table: dict[str, object], prefix: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            out += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            out.append((prefix + name, value))
    return out

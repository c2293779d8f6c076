"""Colours by meaning. Widgets name a tag ("err", "dim bold"); only this module knows what it looks like."""

from __future__ import annotations

from functools import cache

from rich.style import Style
from textual.theme import Theme

DARK = {
    "bg": "#15171c",
    "bar": "#1c2128",
    "panel": "#1c2128",
    "cursor": "#22335a",
    "cursor-off": "#20242c",
    "mark": "#2a2440",
    "hit": "#5a4a12",
    "border": "#363c46",
    "text": "#dfe3e8",
    "dim": "#7d8590",
    "faint": "#4d545e",
    "accent": "#7aa2f7",
    "blue": "#7aa2f7",
    "err": "#ff7b72",
    "warn": "#e3b341",
    "ok": "#7ee787",
    "dlq": "#d2a8ff",
    "info": "#76e3ea",
}
LIGHT = {
    "bg": "#fbfbfa",
    "bar": "#eef0f3",
    "panel": "#eef0f3",
    "cursor": "#d5e3ff",
    "cursor-off": "#eceef1",
    "mark": "#efe6fd",
    "hit": "#ffe9a8",
    "border": "#c9ced6",
    "text": "#1f2328",
    "dim": "#656d76",
    "faint": "#a5adb7",
    "accent": "#1f5fd0",
    "blue": "#1f5fd0",
    "err": "#c4232f",
    "warn": "#8a5a00",
    "ok": "#177a33",
    "dlq": "#7a45d6",
    "info": "#0b7285",
}
# The exact 16 of the terminal, so that rounding down never puts text on its own colour.
DARK16 = {
    **dict.fromkeys(("bg", "bar", "panel", "cursor-off", "mark"), "#000000"),
    **{"cursor": "#000080", "hit": "#808000", "border": "#808080", "text": "#ffffff", "dim": "#c0c0c0"},
    **{"faint": "#808080", "accent": "#00ffff", "blue": "#00ffff", "err": "#ff0000", "warn": "#ffff00"},
    **{"ok": "#00ff00", "dlq": "#ff00ff", "info": "#00ffff"},
}
LIGHT16 = {
    **dict.fromkeys(("bg", "bar", "panel", "cursor-off", "mark"), "#ffffff"),
    **{"cursor": "#c0c0c0", "hit": "#ffff00", "border": "#808080", "text": "#000000", "dim": "#000000"},
    **{"faint": "#808080", "accent": "#0000ff", "blue": "#0000ff", "err": "#800000", "warn": "#808000"},
    **{"ok": "#008000", "dlq": "#800080", "info": "#008080"},
}


class Palette:
    """Styles of one theme, looked up by tag: a colour name, `bold`, `italic`, `reverse`, or `on-ROW`."""

    def __init__(self, colours: dict[str, str]) -> None:
        self.colours = colours
        self._styles: dict[tuple[str, str], Style] = {}

    def style(self, tag: str, row: str = "") -> Style:
        """The style of `tag` on a line whose background is `row` ("" is the widget's own)."""
        key = (tag, row)
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._make(tag, row)
        return style

    def _make(self, tag: str, row: str) -> Style:
        colour, background, flags = "text", self.colours[row or "bg"], {}
        for word in tag.split():
            if word in ("bold", "italic", "reverse", "underline"):
                flags[word] = True
            elif word.startswith("on-"):
                background = self.colours[word[3:]]
            else:
                colour = word
        return Style(color=self.colours[colour], bgcolor=background, **flags)  # type: ignore[arg-type]


def _theme(name: str, colours: dict[str, str], dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=colours["accent"],
        secondary=colours["info"],
        accent=colours["accent"],
        warning=colours["warn"],
        error=colours["err"],
        success=colours["ok"],
        foreground=colours["text"],
        background=colours["bg"],
        surface=colours["bg"],
        panel=colours["panel"],
        dark=dark,
        variables={
            "line": colours["border"],
            "soft": colours["dim"],
            "cursor-row": colours["cursor"],
            "bar": colours["bar"],
            "block-cursor-background": colours["cursor"],
            "block-cursor-foreground": colours["text"],
            "input-selection-background": colours["cursor"],
        },
    )


SETS = {"dark": DARK, "light": LIGHT, "dark-16": DARK16, "light-16": LIGHT16}
THEMES = {f"lambdatui-{name}": _theme(f"lambdatui-{name}", c, name.startswith("dark")) for name, c in SETS.items()}


@cache
def palette(theme: str) -> Palette:
    """The palette of a registered theme; the dark one for a theme that is not ours."""
    return Palette(SETS.get(theme.removeprefix("lambdatui-"), DARK))

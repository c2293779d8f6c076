"""Pilots that wait for the screen's messages, and not until the processor idles."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

FRAME = 0.02  # seconds; the screen lays out and paints at most this often


@pytest.fixture(autouse=True)
def _quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait_for_idle` measures load, which a busy machine never lets end; one frame is what there is to wait for."""

    async def one_frame(*_: object) -> None:
        await asyncio.sleep(FRAME)

    async def all_handled(*_: object) -> bool:
        # Asking every widget of seven screens costs more than what they have to do.
        for _ in range(12):
            await asyncio.sleep(0)
        return True

    monkeypatch.setattr("textual.pilot.Pilot._wait_for_screen", all_handled)
    monkeypatch.setattr("textual.app.wait_for_idle", one_frame)
    monkeypatch.setattr("textual.pilot.wait_for_idle", one_frame)


_parse = Stylesheet._parse_rules
_parsed: dict[object, list[RuleSet]] = {}


@pytest.fixture(autouse=True)
def _styles_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sheets are parsed for every app that a test opens: a quarter of the time of all of them."""

    def cached(self: Stylesheet, css: str, read_from: tuple[str, str], **options: Any) -> list[RuleSet]:
        key = (css, *options.values(), tuple(sorted(self._variables.items())))
        if key not in _parsed:
            _parsed[key] = _parse(self, css, read_from, **options)
        return _parsed[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", cached)

"""What every test of the screen shares: sheets parsed once, and no waiting for the processor to idle."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parse = Stylesheet._parse_rules
_parsed: dict[object, list[RuleSet]] = {}


@pytest.fixture(autouse=True)
def _no_idling(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait_for_idle` measures load, which a busy machine never lets end; `Shop.quiet` looks at the queues instead."""

    async def go_on(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("textual.app.wait_for_idle", go_on)
    monkeypatch.setattr("textual.pilot.wait_for_idle", go_on)


@pytest.fixture(autouse=True)
def _styles_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sheets are parsed for every app that a test opens: a quarter of the time of all of them."""

    def cached(self: Stylesheet, css: str, read_from: tuple[str, str], **options: Any) -> list[RuleSet]:
        key = (css, *options.values(), tuple(sorted(self._variables.items())))
        if key not in _parsed:
            _parsed[key] = _parse(self, css, read_from, **options)
        return _parsed[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", cached)

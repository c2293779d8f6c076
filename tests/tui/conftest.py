"""What every test of the screen shares: sheets parsed once, no frames for nobody, no waiting for an idle processor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from lambdatui.tui.text import SECRETS

_parse = Stylesheet._parse_rules
_parsed: dict[object, list[RuleSet]] = {}


@pytest.fixture(autouse=True)
def _nothing_hidden() -> Iterator[None]:
    yield
    SECRETS.hide(())


@pytest.fixture(autouse=True)
def _no_idling(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait_for_idle` measures load, which a busy machine never lets end; `Shop.quiet` looks at the queues instead."""

    async def go_on(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("textual.app.wait_for_idle", go_on)
    monkeypatch.setattr("textual.pilot.wait_for_idle", go_on)


@pytest.fixture(autouse=True)
def _no_painting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are for a terminal, and there is none: `Shop.text` renders what a test looks at, `test_repaint` paints."""
    if request.module.__name__.endswith("test_repaint"):
        return

    def forget(self: Compositor, *_: object, **__: object) -> None:
        self._dirty_regions.clear()

    monkeypatch.setattr(Compositor, "render_update", forget)


@pytest.fixture(autouse=True)
def _styles_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sheets are parsed for every app that a test opens: a quarter of the time of all of them."""

    def cached(self: Stylesheet, css: str, read_from: tuple[str, str], **options: Any) -> list[RuleSet]:
        key = (css, *options.values(), tuple(sorted(self._variables.items())))
        if key not in _parsed:
            _parsed[key] = _parse(self, css, read_from, **options)
        return _parsed[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", cached)

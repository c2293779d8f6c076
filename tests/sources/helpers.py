"""What tests of several sources look at."""

from __future__ import annotations

import pytest

from tests.sources.support import World


def accepts(here: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """(function, qualifier) of each asynchronous event from now on."""
    seen: list[tuple[str, str | None]] = []

    async def accept(function: str, payload: bytes, *, qualifier: str | None = None, **more: object) -> str:
        seen.append((function, qualifier))
        return "request"

    monkeypatch.setattr(here.engine, "accept", accept)
    return seen

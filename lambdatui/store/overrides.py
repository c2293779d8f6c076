"""Properties that the API or a screen has set over what the project's files say."""

from __future__ import annotations


class OverrideStore:
    """(function, property) -> (value as JSON text, the configured value it was set over as JSON text)."""

    def all(self) -> dict[tuple[str, str], tuple[str, str]]:
        raise NotImplementedError

    async def put(self, function: str, prop: str, value: str, base: str) -> None:
        raise NotImplementedError

    async def delete(self, function: str, prop: str) -> None:
        raise NotImplementedError

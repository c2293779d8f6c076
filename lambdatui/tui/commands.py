"""The command palette: every action by its name, those of other screens too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from lambdatui.tui.keys import display
from lambdatui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from lambdatui.tui.app import LambdaTui


class Command(NamedTuple):
    """An action with its place: a node that is there, or a kind of panel on a page that may not be open yet."""

    title: str
    help: str
    action: str
    node: DOMNode | None
    page: str
    kind: type[Panel] | None = None


class Commands(Provider):
    """Actions where the focus is first, then those of every page and of its panels."""

    @property
    def tui(self) -> LambdaTui:
        """The app, with its own type."""
        from lambdatui.tui.app import LambdaTui

        assert isinstance(self.app, LambdaTui)
        return self.app

    def _commands(self) -> Iterator[Command]:
        main = self.tui.main
        seen: set[str] = set()
        for active in main.active_bindings.values():
            yield from self._of(active.binding, seen, active.node, main.page.NAME)
        for page in main.pages.values():
            for _, binding in page._bindings:
                yield from self._of(binding, seen, page, page.NAME)
            for kind in page.PANELS:
                for _, binding in kind._merge_bindings():
                    yield from self._of(binding, seen, None, page.NAME, kind)

    def _of(
        self, binding: Binding, seen: set[str], node: DOMNode | None, page: str, kind: type[Panel] | None = None
    ) -> Iterator[Command]:
        key = binding.id or binding.action
        # Moving by palette would be a joke.
        if key in seen or not binding.description or key.startswith("move."):
            return
        seen.add(key)
        room = key.split(".")[0]
        name = binding.tooltip or binding.description
        title = name if room in ("app", "screen", "panel") else f"{room}: {name[0].lower()}{name[1:]}"
        yield Command(title, f"key {display(binding.key)}", binding.action, node, page, kind)

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.title, partial(self._run, command), help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.title)
            if score > 0:
                yield Hit(score, matcher.highlight(command.title), partial(self._run, command), help=command.help)

    async def _run(self, command: Command) -> None:
        node: DOMNode | None = command.node
        main = self.tui.main
        if node is not self.tui and node is not main:
            await self.tui.open_page(command.page)
        if node is None and command.kind is not None:
            node = main.page.query(command.kind).first()
        await self.tui.run_action(command.action, node)

"""The command palette: every action by its name, those of other screens too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from lambdatui.tui.keys import display

if TYPE_CHECKING:
    from lambdatui.tui.app import LambdaTui


class Command(NamedTuple):
    """An action with its place."""

    title: str
    help: str
    action: str
    node: DOMNode
    page: str


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
            yield from self._of(active.binding, active.node, main.page.NAME, seen)
        for page in main.pages.values():
            for node in (page, *page.query("*")):
                for _, binding in node._bindings:
                    if node.check_action(binding.action.split("(")[0], ()) is not False:
                        yield from self._of(binding, node, page.NAME, seen)

    def _of(self, binding: Binding, node: DOMNode, page: str, seen: set[str]) -> Iterator[Command]:
        key = binding.id or binding.action
        # Moving by palette would be a joke, and typing a digit is quicker than naming its screen.
        if key in seen or not binding.description or key.startswith("move."):
            return
        seen.add(key)
        room = key.split(".")[0]
        name = binding.tooltip or binding.description
        title = name if room in ("app", "screen", "panel") else f"{room}: {name[0].lower()}{name[1:]}"
        yield Command(title, f"key {display(binding.key)}", binding.action, node, page)

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
        node = command.node
        if node is not self.tui and node is not self.tui.main and command.page != self.tui.main.page.NAME:
            self.tui.open_page(command.page)
        await self.tui.run_action(command.action, node)

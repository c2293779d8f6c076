"""Function: one function whole."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from lambdatui.client.feed import State
from lambdatui.schema import Subscription
from lambdatui.tui.function_lines import configuration_lines, has_versions, trigger_lines, version_lines
from lambdatui.tui.screens.environment_table import EnvironmentTable
from lambdatui.tui.screens.function_keys import FunctionKeys
from lambdatui.tui.screens.function_row import state_cell
from lambdatui.tui.screens.invocation_table import InvocationTable
from lambdatui.tui.screens.overview import Plots
from lambdatui.tui.text import clean, plural
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.table import Table


class FunctionPage(FunctionKeys):
    """Plots, configuration, versions, triggers, problems, latest invocations and environments of one function."""

    NAME: ClassVar[str] = "function"
    MAIN: ClassVar[str] = "#function-invocations"

    def compose(self) -> ComposeResult:
        yield Plots(id="function-plots")
        with Horizontal(id="function-main"):
            with Container(id="function-left"):
                yield Pane("Configuration", id="function-configuration")
                with Vertical(id="function-about"):
                    yield Pane("Versions", id="function-versions")
                    yield Pane("Triggers", id="function-triggers")
            with Vertical(id="function-right"):
                yield InvocationTable(of_one=True, id="function-invocations")
                yield EnvironmentTable(of_one=True, id="function-environments")

    def subscription(self) -> Subscription:
        name = self.tui.selected
        return Subscription(function=name, invocations=True, invocations_function=name, environments=True)

    def show(self, state: State, fresh: bool) -> None:
        name = self.tui.selected
        row = self.function_row(name)
        configuration = self.query_one("#function-configuration", Pane)
        triggers = self.query_one("#function-triggers", Pane)
        if row is None:
            configuration.set_content(lambda width: ())
            return
        configuration.panel_title, configuration.subject = "Function", clean(row.name)
        configuration.note = state_cell(row)
        root = self.tui.root
        configuration.set_content(lambda width: configuration_lines(row, root, width), identity=row.name)
        problems = len(row.problems)
        box = self.query_one("#function-left", Container)
        box.set_class(problems > 0, "-problems")
        box.set_class(not has_versions(row), "-unversioned")
        versions, now = self.query_one("#function-versions", Pane), self.tui.now_us
        versions.note = ((plural(len(row.versions), "version"), "dim"),) if row.versions else ()
        versions.set_content(lambda width: version_lines(row, now, width), identity=row.name)
        triggers.note = ((f"⚠ {plural(problems, 'problem')}", "warn"),) if problems else ()
        triggers.set_content(lambda width: trigger_lines(row, width), identity=row.name)
        self.query_one(Plots).show_series(state.series, name)
        if fresh or state.new_invocations or state.invocations_reset:
            own = [invocation for invocation in reversed(state.invocations) if invocation.function == name]
            self.query_one(InvocationTable).show_invocations(own)
        self.query_one(EnvironmentTable).show_environments(e for e in state.environments if e.function == name)
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Where there is room for it, versions and triggers are as high as what they say; the rest is the
        configuration's."""
        room = self.query_one("#function-left").size.height
        for name in ("versions", "triggers"):
            pane = self.query_one(f"#function-{name}", Pane)
            if self.screen.has_class("-narrow") or room < 24:
                pane.styles.clear_rule("height")
                continue
            wanted = max(3, min(pane.total(), room // 3)) + 2
            if pane.styles.height is None or pane.styles.height.value != wanted:
                pane.styles.height = wanted

    async def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        table = self.query_one(InvocationTable)
        row = table.selected()
        if event.table is table and row is not None:
            await self.tui.open_invocation(row.request_id)

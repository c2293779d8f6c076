"""Function: one function whole."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.css.query import NoMatches

from lambdatui.client.feed import State
from lambdatui.errors import LambdaTuiError, OperationFailed
from lambdatui.profiles import ColdStart, ProfileReply
from lambdatui.schema import Subscription
from lambdatui.tui.function_lines import configuration_lines, has_versions, trigger_lines, version_lines
from lambdatui.tui.keys import bind
from lambdatui.tui.profile_lines import cold_start_lines, profile_lines
from lambdatui.tui.screens.environment_table import EnvironmentTable
from lambdatui.tui.screens.function_keys import FunctionKeys
from lambdatui.tui.screens.function_row import state_cell
from lambdatui.tui.screens.invocation_table import InvocationTable
from lambdatui.tui.screens.overview import Plots
from lambdatui.tui.text import clean, millis, plural
from lambdatui.tui.widgets.lines import line
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.table import Table

SETTLE_S = 0.5


class FunctionPage(FunctionKeys):
    """Plots, configuration, versions, triggers, problems, latest invocations and environments of one function."""

    NAME: ClassVar[str] = "function"
    MAIN: ClassVar[str] = "#function-invocations"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("m", "profile", "profile", "Measure: run the last event under the profiler", "function.profile"),
        bind(
            "M",
            "times",
            "times",
            "What the last cold start imported, and the last profile",
            "function.times",
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.cold: ColdStart | None = None  # of the function `_cold_of`
        self._cold_of: str | None = None
        self._cold_read = False  # whether it has been looked for: before, nothing is said of it
        self.profiled: ProfileReply | None = None

    def compose(self) -> ComposeResult:
        yield Plots(id="function-plots")
        with Horizontal(id="function-main"):
            with Container(id="function-left"):
                yield Pane("Configuration", id="function-configuration")
                with Vertical(id="function-about"):
                    yield Pane("Versions", id="function-versions")
                    yield Pane("Triggers", id="function-triggers")
                yield Pane("Cold start", id="function-cold")
            with Vertical(id="function-right"):
                yield InvocationTable(of_one=True, id="function-invocations")
                yield EnvironmentTable(of_one=True, id="function-environments")
        with Horizontal(id="function-times"):
            yield Pane("Cold start", id="function-imports")
            yield Pane("Profile", id="function-calls")

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
        started = any(each.cold and each.function == name for each in state.new_invocations)
        if name != self._cold_of or started:
            self._ask_cold_start(row.name)
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Where there is room for it, versions and triggers are as high as what they say; the rest is the
        configuration's."""
        room = self.query_one("#function-left").size.height
        for name in ("versions", "triggers", "cold"):
            pane = self.query_one(f"#function-{name}", Pane)
            if self.screen.has_class("-narrow") or room < 24:
                pane.styles.clear_rule("height")
                continue
            wanted = max(3, min(pane.total(), room // (4 if name == "cold" else 3))) + 2
            if pane.styles.height is None or pane.styles.height.value != wanted:
                pane.styles.height = wanted

    # where the time goes

    def _ask_cold_start(self, name: str) -> None:
        if name != self._cold_of:
            self.cold = self.profiled = None
            self._cold_of, self._cold_read = name, False
            self._show_times(name)
        self.run_worker(self._read_cold_start(name), group="cold-start", exclusive=True)

    async def _read_cold_start(self, name: str) -> None:
        if self._cold_read:  # history has a row a moment after the screen; of a burst of starts the last is read
            await asyncio.sleep(SETTLE_S)
        try:
            found = await self.tui.off(self.tui.client.cold_start, name)
        except LambdaTuiError:
            return  # the screen says elsewhere that the engine is gone
        if name == self._cold_of:
            self.cold, self._cold_read = found, True
            with suppress(NoMatches):  # the page has gone meanwhile
                self._show_times(name)

    def _show_times(self, name: str) -> None:
        start, read, now = self.cold, self._cold_read, self.tui.now_us
        note = () if start is None else ((millis(start.runtime_ms + start.libraries_ms + start.own_ms), "dim"),)
        for pane in (self.query_one("#function-cold", Pane), self.query_one("#function-imports", Pane)):
            pane.note = note
            pane.set_content(lambda width: cold_start_lines(start, now, width) if read else [], identity=name)
        reply, row = self.profiled, self.function_row(name)
        calls, root = self.query_one("#function-calls", Pane), row.code_root if row is not None else ""
        if reply is None:
            hint = line(("press m to run the last event under the profiler", "dim"))
            calls.set_content(lambda width: [hint], identity=name)
        else:
            calls.note = ((reply.error_type or "ok", "err" if reply.error_type else "ok"),)
            calls.set_content(lambda width: profile_lines(reply, root, width), identity=reply.request_id)
        self._fit()

    def action_times(self) -> None:
        """What a cold start imports and what the last profile showed, in the place of the rest."""
        self.add_class("-times")
        self.query_one("#function-imports", Pane).focus()

    def back(self) -> bool:
        if not self.has_class("-times"):
            return False
        self.remove_class("-times")
        self.query_one(InvocationTable).focus()
        return True

    def action_profile(self) -> None:
        """Run the last event under the profiler and show its calls."""
        self.tui.act(self._profile, group="profile", exclusive=True)

    async def _profile(self) -> None:
        name = self._named()
        last = await self.tui.off(self.tui.client.last_event, name)
        if last is None:
            raise OperationFailed(f"{name} has no event yet: press i to pick one")
        self.action_times()
        calls = self.query_one("#function-calls", Pane)
        calls.note = (("running …", "info"),)
        calls.set_content(lambda width: [line(("it runs under the profiler …", "dim"))])
        calls.focus()
        try:
            reply = await self.tui.off(self.tui.client.profile, name, last.event)
        finally:
            calls.note = ()
            self._show_times(name)
        if name == self._cold_of:
            self.profiled = reply
            self._show_times(name)

    async def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        table = self.query_one(InvocationTable)
        row = table.selected()
        if event.table is table and row is not None:
            await self.tui.open_invocation(row.request_id)

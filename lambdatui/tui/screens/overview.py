"""Overview: every function at a glance, and for the selected one its plots, its log, its dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from lambdatui.client.feed import State
from lambdatui.schema import FunctionRow, Happening, ProblemRow, Series, Subscription
from lambdatui.tui.screens.dlq_table import DlqTable
from lambdatui.tui.screens.function_keys import FunctionKeys
from lambdatui.tui.screens.function_row import COLUMNS, function_row
from lambdatui.tui.text import KINDS, clean, compact, local_time, millis, rate
from lambdatui.tui.widgets.braille import Value
from lambdatui.tui.widgets.lines import Line, Piece, fit, hanging, line
from lambdatui.tui.widgets.logview import LogView
from lambdatui.tui.widgets.pane import Pane
from lambdatui.tui.widgets.panel import LineWidget
from lambdatui.tui.widgets.plot import Plot
from lambdatui.tui.widgets.rows import Row
from lambdatui.tui.widgets.table import Table

LOG_EMPTY = "no lines yet: press i to invoke it"
CONNECTING = "connecting to the engine …"
NO_FUNCTIONS = (
    "no functions here yet. A function is NAME.py with `handler` or `lambda_handler`, or one of a template.yaml: "
    "add one, it appears by itself. `lambdatui check` says what is looked at."
)


class Plots(Horizontal):
    """Invocations, errors and throttles, duration, iterator age of one function, on one baseline."""

    def compose(self) -> ComposeResult:
        yield Plot("Invocations", ["ok"], short="Inv", id="plot-invocations")
        yield Plot("Errors/Throttles", ["err", "warn"], short="Err/Thr", id="plot-errors")
        yield Plot("Duration", ["blue", "info"], short="p50/p95", unit="ms", line=True, id="plot-duration")
        yield Plot("Iterator age", ["warn"], short="Age", unit="ms", id="plot-age")

    def show_series(self, series: Series | None, function: str | None) -> None:
        """The series of `function`; nothing of another one is shown under its name."""
        if series is None or series.function != function:
            series = Series(function=function or "", end=0)
        errors, throttles = sum(series.errors), sum(series.throttles)
        recent = series.invocations[-10:]
        per_second = sum(recent) / len(recent) if recent else 0.0
        p50, p95 = _last(series.p50_ms), _last(series.p95_ms)
        iterator_age = _last(series.iterator_age_ms)
        self._plot("invocations").set_values([_floats(series.invocations)], f"{rate(per_second)}/s", "ok")
        tag = "err" if errors else ("warn" if throttles else "dim")
        self._plot("errors").set_values(
            [_floats(series.errors), _floats(series.throttles)], f"{compact(errors)}/{compact(throttles)}", tag
        )
        long = f"p50 {_bare(p50, p95)} p95 {millis(p95)}" if p95 is not None else "–"
        short = f"{_bare(p50, p95)}/{_number(p95)}" if p95 is not None else "–"
        self._plot("duration").set_values([series.p50_ms, series.p95_ms], long, "blue" if p95 else "dim", short)
        self._plot("age").set_values([series.iterator_age_ms], millis(iterator_age), "warn" if iterator_age else "dim")

    def _plot(self, name: str) -> Plot:
        return self.query_one(f"#plot-{name}", Plot)


def _floats(values: Sequence[int]) -> list[Value]:
    return [float(v) for v in values]


def _last(values: Sequence[float | None]) -> float | None:
    return next((v for v in reversed(values) if v is not None), None)


def _number(value: float) -> str:
    text = millis(value)
    return text.removesuffix(" ms")


def _bare(p50: float | None, p95: float | None) -> str:
    """p50 without its unit where p95 has the same one."""
    if p50 is None or p95 is None:
        return "–"
    left, right = millis(p50), millis(p95)
    return left.split(" ")[0] if left.split(" ")[-1] == right.split(" ")[-1] else left


class Latest(LineWidget):
    """The newest of what happened in one line, where there is no room for all of it."""

    happening: Happening | None = None

    def build(self, width: int, height: int) -> list[Line]:
        if self.happening is None:
            return []
        head, text, tag = happening_parts(self.happening)
        return [line(*fit((("  ", ""), *head, (text, tag)), width))]


class OverviewPage(FunctionKeys):
    """What is wrong, within two seconds of looking."""

    NAME: ClassVar[str] = "overview"
    MAIN: ClassVar[str] = "#functions"

    def __init__(self) -> None:
        super().__init__()
        self._just_entered = True
        self._rows: dict[str, tuple[FunctionRow, Row]] = {}

    def enter(self) -> None:
        self._just_entered = True
        super().enter()

    def compose(self) -> ComposeResult:
        yield Table("Functions", COLUMNS, empty=CONNECTING, id="functions")
        yield Plots(id="plots")
        with Horizontal(id="bottom"):
            yield LogView("Logs", empty=LOG_EMPTY, id="overview-log")
            with Vertical(id="side"):
                yield DlqTable(box=True, id="overview-dlq")
                yield Pane("What happened", id="happened")
        yield Latest(id="latest")

    def subscription(self) -> Subscription:
        name = self.tui.selected
        return Subscription(function=name, logs=name is not None, log_functions=[name] if name else [], dlq=True)

    def show(self, state: State, fresh: bool) -> None:
        table = self.query_one("#functions", Table)
        known = state.header.problems if state.header is not None else []
        problems = [problem for problem in dict.fromkeys(known) if problem.severity != "notice"]
        told = problem_text(problems)
        table.empty = (
            CONNECTING if state.header is None else (told and f"⚠ {told} {problems[0].remedy}") or NO_FUNCTIONS
        )
        table.pinned = [line(("  ⚠ ", "warn"), (told, "warn"))] if told else []
        table.set_rows(self._function_rows(state.functions))
        if self._just_entered:
            # Only then: while it is open the cursor leads, and what is selected follows.
            self._just_entered = False
            table.select(self.tui.selected)
        self._fit_table(len(state.functions) + 2 * bool(told))
        name = self.tui.selected
        self.query_one(Plots).show_series(state.series, name)
        self._show_log(state, fresh, name)
        self.show_ages(self.tui.now_us)
        if fresh or state.new_happenings or state.happenings_reset:
            self._show_happenings(state.happenings)

    def _function_rows(self, functions: Sequence[FunctionRow]) -> list[Row]:
        """Each as it was made last, while the feed has nothing new of the function."""
        before, self._rows = self._rows, {}
        for row in functions:
            kept = before.get(row.name)
            self._rows[row.name] = kept if kept is not None and kept[0] is row else (row, function_row(row))
        return [made for _, made in self._rows.values()]

    def _show_log(self, state: State, fresh: bool, name: str | None) -> None:
        log = self.query_one("#overview-log", LogView)
        wanted = frozenset({name}) if name else frozenset()
        log.subject = clean(name or "")
        if (told := log_empty(self.function_row(name))) != log.empty:
            log.empty = told
            log.sync()
        if log.store.filter.functions != wanted:
            log.refilter(functions=wanted, request_id=None)
            log.action_resume()
            fresh = True
        if fresh or state.logs_reset:
            log.restore(state.logs)
        else:
            log.feed(state.new_logs)

    def show_ages(self, now_us: int) -> None:
        box = self.query_one("#overview-dlq", DlqTable)
        box.show_entries(self.state.dlq, now_us)

    def _show_happenings(self, happenings: Sequence[Happening]) -> None:
        def content(width: int) -> list[Line]:
            rows = [row for happening in reversed(happenings) for row in happening_lines(happening, width)]
            return rows or [line(("nothing yet", "dim"))]

        self.query_one("#happened", Pane).set_content(content, identity="happened")
        latest = self.query_one(Latest)
        latest.happening = happenings[-1] if happenings else None
        latest.sync()

    def _fit_table(self, rows: int) -> None:
        """As high as its rows, within what leaves the panels under it their room."""
        height = self.size.height
        if not height:
            return
        most = max(6, height - 11 if height < 30 else height * 2 // 5)
        wanted = min(max(rows, 3) + (4 if height >= 30 else 3), most)
        table = self.query_one("#functions", Table)
        if table.styles.height is None or table.styles.height.value != wanted:
            table.styles.height = wanted

    def on_resize(self) -> None:
        self._fit_table(len(self.state.functions) + 2 * bool(self.query_one("#functions", Table).pinned))

    def on_table_moved(self, event: Table.Moved) -> None:
        if event.table.id == "functions":
            event.stop()
            self.tui.select_function(event.key)

    async def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        if event.table.id == "functions":
            await self.tui.open_function(event.key)
        elif event.table.id == "overview-dlq":
            await self.tui.open_dlq(None, entry=event.key)

    async def on_log_view_opened(self, event: LogView.Opened) -> None:
        event.stop()
        await self.tui.open_invocation(event.request_id)


def log_empty(row: FunctionRow | None) -> str:
    """Why a function has no log yet, and what to do about it."""
    if row is not None and row.state == "installing":
        return f"{clean(row.packages) or 'its packages are being installed'}. It can run when that has ended."
    wrong = [problem for problem in row.problems if problem.severity == "error"] if row is not None else []
    return f"⚠ {problem_text(wrong)} {clean(wrong[0].remedy)}" if wrong else LOG_EMPTY


def problem_text(problems: Sequence[ProblemRow]) -> str:
    """The first of the problems with its place, and how to see the others."""
    if not problems:
        return ""
    first = problems[0]
    place = f"{first.file}:{first.line} " if first.file and first.line else f"{first.file} " if first.file else ""
    more = f" (+{len(problems) - 1}: lambdatui check)" if len(problems) > 1 else ""
    return clean(f"{place}{first.message}{more}.")


@lru_cache(maxsize=1_000)
def happening_lines(happening: Happening, width: int) -> tuple[Line, ...]:
    """Time, glyph and the whole sentence, in as many rows as it takes."""
    head, text, tag = happening_parts(happening)
    return tuple(hanging(head, text, width, tag))


def happening_parts(happening: Happening) -> tuple[tuple[Piece, ...], str, str]:
    """Time and glyph, the sentence, and its tag."""
    glyph, tag = KINDS.get(happening.kind, ("▸", "dim"))
    message = clean(happening.message)
    if happening.function and happening.function not in message:
        message = f"{clean(happening.function)}: {message}"
    return ((local_time(happening.time) + " ", "dim"), (f"{glyph} ", tag)), message, tag

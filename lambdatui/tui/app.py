"""The app: one feed, one tick that hands a frozen State to the open screen, and every call off the loop's thread."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec
from rich.text import Text
from textual.binding import BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen

from lambdatui.client.client import Client
from lambdatui.client.feed import Feed, State
from lambdatui.client.locate import locator
from lambdatui.clock import Clock, SystemClock
from lambdatui.errors import LambdaTuiError
from lambdatui.schema import DlqEntry, EngineInfo, Happening, ReplayResult, Subscription
from lambdatui.tui import outside
from lambdatui.tui.commands import Commands
from lambdatui.tui.dialogs import Confirm
from lambdatui.tui.keys import bind, display, user_keymap
from lambdatui.tui.main_screen import MainScreen
from lambdatui.tui.palette import THEMES
from lambdatui.tui.replay import ReplayJob, outcome
from lambdatui.tui.text import SECRETS, clean, plural
from lambdatui.tui.toasts import Toasting
from lambdatui.tui.widgets.bars import SCREENS, start_command

TICK = 0.2  # seconds between two paints of what the feed brings
AGES = 1.0  # seconds between two looks at what only grows older
EARLY = 2.0  # seconds of the screen's life in which a lost connection is not yet told of
SETTLE = 0.06  # seconds that the cursor rests before plots and log follow it
T = TypeVar("T")

TOASTED: dict[str, SeverityLevel] = {"reload": "information", "syntax": "error", "config": "information"}


class Feeding(Protocol):
    """What the app needs of a feed; client.feed.Feed, or one in memory."""

    def subscribe(self, subscription: Subscription) -> None:
        """Say what is wanted from now on."""
        ...

    def __aiter__(self) -> AsyncIterator[State]: ...

    async def close(self) -> None:
        """End it."""
        ...


class LambdaTui(Toasting[int]):
    """The screen on one engine."""

    CSS_PATH = "styles.tcss"
    TITLE = "lambdatui"
    COMMANDS = {Commands}
    ESCAPE_TO_MINIMIZE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            bind(str(n), f"go('{name}')", long, f"To screen {n}, {long}", f"screen.{name}", show=False)
            for n, (name, long, _) in enumerate(SCREENS, 1)
        ),
        bind("slash", "filter", "filter", "Filter what the focused panel shows; Esc clears it", "app.filter"),
        bind("z", "zoom", "zoom", "Show the focused panel alone, or all again", "app.zoom"),
        bind("p", "pause", "pause", "Pause the display; the totals go on", "app.pause", show=False),
        bind("y", "copy", "copy", "Copy what is under the cursor", "app.copy", show=False),
        bind("w", "write", "write", "Write what the panel holds to a file", "app.write", show=False),
        bind("t", "theme", "theme", "Dark or light", "app.theme", show=False),
        bind("question_mark", "help", "help", "What the keys do where the cursor is", "app.help"),
        bind("colon,ctrl+p", "command_palette", "commands", "Every action by name", "app.commands"),
        bind("escape", "step_back", "back", "Out of what is open; clears the filter", "app.back", show=False),
        bind("q", "leave", "quit", "Out of what is open; at the root it quits", "app.leave"),
        bind("ctrl+q", "quit_screen", "quit", "Quit", "app.quit", show=False),
    ]

    def __init__(
        self,
        feed: Feeding,
        client: Client,
        *,
        project: str,
        owned: bool,
        data: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.feed = feed
        self.client = client
        self.project = project
        self.owned = owned
        self.data = data
        self.clock = clock or SystemClock()
        self.shown_state = State()
        self.latest = self.shown_state
        self.selected: str | None = None
        self.paused = False
        self.job: ReplayJob | None = None
        self._pending = False
        self._settling: asyncio.TimerHandle | None = None
        self._showing: asyncio.TimerHandle | None = None  # the next paint, where there is something to paint
        self._shown_at = 0.0
        self._early_until = time.monotonic() + EARLY
        self._trail: list[str] = []  # screens to go back to
        self._connected: bool | None = None
        self._lost: str | None = None  # in what way, while no engine is heard
        self._lost_toast = ""
        super().__init__()
        for theme in THEMES.values():
            self.register_theme(theme)
        sixteen = self.console.color_system in ("standard", "windows")
        self.theme = "lambdatui-dark-16" if sixteen else "lambdatui-dark"

    # life

    @property
    def main(self) -> MainScreen:
        """The one screen that holds the seven pages."""
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    def get_default_screen(self) -> Screen[Any]:
        return MainScreen(Path(self.project).name or self.project)

    @property
    def now_us(self) -> int:
        """Microseconds UTC."""
        return self.clock.now_us()

    @property
    def root(self) -> str:
        """The project's folder as the engine names it."""
        header = self.shown_state.header
        return header.root if header is not None else self.project

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda _: self.main.repaint_all())
        keymap, wrong = user_keymap()
        if keymap:
            self.set_keymap(keymap)
        if wrong:
            self.notify(wrong, severity="warning", timeout=10)
        self.act(self._read_feed, group="feed")
        if not self.is_headless:  # left in any other way the terminal stays as it is: no echo, no cursor
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, 128 + signal.SIGTERM)
        self.set_interval(AGES, self._grow_older)

    async def _read_feed(self) -> None:
        self._resubscribe()
        async for state in self.feed:
            self.take(state)

    def take(self, state: State) -> None:
        """A newer state of the feed; shown at once if none was a moment ago, its news added to those that wait."""
        self.latest = join(self.latest, state) if self._pending else state
        self._pending = True
        if self._showing is None:
            self._show_in(self._shown_at + TICK - time.monotonic())

    def _show_in(self, seconds: float) -> None:
        self._showing = self._later(seconds, self.tick)

    def _later(self, seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        """The loop's own timer. Textual's fires never, not late, where the machine holds it up for longer than its time
        just as it is about to wait (it counts that as a turn to skip, and it has one): then nothing was shown any more.
        """
        return asyncio.get_running_loop().call_later(max(seconds, 0), self.call_next, work)

    def tick(self) -> None:
        """Show what changed since the last one; nothing where nothing did."""
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None
        if not self._pending or not self.is_running:
            return
        if not self._is_there:
            self._show_in(TICK)
            return
        self._pending = False
        self._shown_at = time.monotonic()
        self._show(self.latest)

    @property
    def _is_there(self) -> bool:
        """Whether the main screen can be painted: not before it is mounted, nor while it is being left."""
        return bool(self.screen_stack) and self.main.ready and self.main.is_attached

    def _grow_older(self) -> None:
        if self._is_there and self.is_running:
            self._show_bars()
            if not self.paused:
                self.main.page.show_ages(self.now_us)

    def _show(self, state: State) -> None:
        before, self.shown_state = self.shown_state, state
        if state.functions is not before.functions:
            SECRETS.hide(row.environment.get(name, "") for row in state.functions for name in row.secrets)
        engine = state.engine
        if engine is not None and before.engine is not None and engine.pid != before.engine.pid:
            self.owned = False  # another one: its life is not this screen's
        if engine is not None and engine != before.engine and engine.url != self.client.url:
            self.client = type(self.client).of(engine)
        if self.selected is None and state.functions:
            self.selected = state.functions[0].name
            self._resubscribe()
        self._say_connection(state)
        self._show_bars()
        if not state.happenings_reset:
            for happening in state.new_happenings:
                self._toast(happening)
        if not self.paused:
            page = self.main.page
            page.show(state, page.stale)
            page.stale = False

    def _show_bars(self) -> None:
        self.main.show_bars(self.shown_state, self.now_us, self.paused)

    def _say_connection(self, state: State) -> None:
        was, self._connected = self._connected, state.connected
        lost = None if state.connected else "gone" if state.gone else state.message
        if lost == self._lost:
            return
        for old in [each for each in self._notifications if each.message == self._lost_toast]:
            self._unnotify(old)  # it is no longer true
        self._lost = lost
        if lost is not None and was is not None:
            self._lost_toast = _told_of(state)
            self.notify(self._lost_toast, severity="warning", timeout=12)
        elif was is False and state.connected and state.header is not None and time.monotonic() > self._early_until:
            self.notify("connected again", timeout=3)

    def _toast(self, happening: Happening) -> None:
        severity = TOASTED.get(happening.kind)
        if severity is not None:
            name = (
                f"{happening.function}: " if happening.function and happening.function not in happening.message else ""
            )
            self.notify(clean(name + happening.message), severity=severity, timeout=6)

    # work off the loop

    async def off(self, call: Callable[..., T], *arguments: Any) -> T:
        """A blocking call on another thread."""
        return await asyncio.to_thread(call, *arguments)

    def act(
        self,
        work: Callable[..., Coroutine[Any, Any, None]],
        *arguments: Any,
        group: str = "act",
        exclusive: bool = False,
    ) -> None:
        """Run an action; what it raises for the user becomes a sentence on the screen."""

        # A function and not a coroutine: one that is cancelled before its turn was then never begun.
        async def guarded() -> None:
            try:
                await work(*arguments)
            except LambdaTuiError as error:
                self.notify(clean(str(error)), severity="error", timeout=8)
            except Exception as error:  # noqa: BLE001  the edge: a fault of ours is a sentence too, and the screen stays
                self.notify(f"a fault of lambdatui itself: {clean(repr(error))}", severity="error", timeout=12)

        wanted: Callable[[], Awaitable[None]] = guarded
        self.run_worker(wanted, group=group, exclusive=exclusive, exit_on_error=False)

    def _resubscribe(self) -> None:
        if not self.screen_stack:
            return  # it is being left
        self.feed.subscribe(self.main.page.subscription())

    # moving about

    def select_function(self, name: str | None) -> None:
        """The function that plots, logs and keys are about."""
        if name is None or name == self.selected:
            return
        self.selected = name
        # The cursor moves at once; what is about the function follows when it rests, not at every row on the way.
        if self._settling is not None:
            self._settling.cancel()
        self._settling = self._later(SETTLE, self._selection_settled)

    def _selection_settled(self) -> None:
        self._settling = None
        self._resubscribe()
        if self.screen_stack and not self.paused and not self.main.page.stale:
            self.main.page.show(self.shown_state, True)

    async def action_go(self, name: str) -> None:
        """To a screen by its number."""
        self._trail.clear()
        await self.open_page(name)

    async def open_page(self, name: str, *, from_here: bool = False) -> None:
        """To a screen; with `from_here` Esc leads back."""
        if name == self.main.page.NAME:
            return
        if from_here:
            self._trail.append(self.main.page.NAME)
        await self.main.open_page(name)
        self._resubscribe()
        self.main.page.show(self.shown_state, True)
        self.main.page.stale = False
        self._show_bars()

    async def open_function(self, name: str) -> None:
        """The screen of one function."""
        self.select_function(name)
        await self.open_page("function", from_here=True)

    async def open_logs(self, function: str | None) -> None:
        """The log of one function, or of all."""
        await self.open_page("logs", from_here=True)
        self.main.logs_page.choose([function] if function else [])

    async def open_dlq(self, function: str | None, entry: str | None = None) -> None:
        """The dead letters of one function, or one of them."""
        await self.open_page("dlq", from_here=True)
        self.main.dlq_page.look_at(function, entry)

    async def open_invocation(self, request_id: str, entry: DlqEntry | None = None) -> None:
        """One invocation, whole; the one that left a dead letter, with it."""
        await self.open_page("invocations", from_here=True)
        self.main.invocations_page.open_detail(request_id, entry)

    def resubscribe(self) -> None:
        """The open screen wants something else of the feed."""
        self._resubscribe()

    async def action_step_back(self) -> None:
        """Out of what is open, innermost first."""
        await self._step_back()

    async def _step_back(self) -> bool:
        if self.job is not None and self.job.running and self.main.page.NAME == "dlq":
            self.job.cancel()
            return True
        if self.main.clear_filter() or self.main.page.unzoom() or self.main.page.back():
            return True
        if self._trail:
            await self.open_page(self._trail.pop())
            return True
        return False

    async def action_leave(self) -> None:
        """Out of a sub-view; at the root, quit."""
        if self.main.page.unzoom() or self.main.page.back():
            return
        if self._trail:
            await self.open_page(self._trail.pop())
            return
        self.action_quit_screen()

    def action_quit_screen(self) -> None:
        """Leave; where the engine is this screen's own it ends too, and is asked about what is in flight."""
        self.act(self._quit, group="quit", exclusive=True)

    async def _quit(self) -> None:
        header = self.shown_state.header
        busy = header.in_flight if header is not None and self.shown_state.connected else 0
        if self.owned and busy:
            question = f"{plural(busy, 'invocation')} in flight. End the engine?"
            more = "They get ten seconds to end. Accepted events and queues stay on disk."
            if not await self.push_screen_wait(Confirm(question, more=more, yes="end it", no="stay", danger=True)):
                return
        self.exit(0)

    # what every panel can do

    def action_filter(self) -> None:
        """Filter what the focused panel shows."""
        self.main.open_filter()

    def action_zoom(self) -> None:
        """The focused panel alone, or all again."""
        self.main.page.toggle_zoom()

    def action_pause(self) -> None:
        """Pause the display, or go on with what came meanwhile."""
        self.paused = not self.paused
        if not self.paused:
            self.main.page.show(self.shown_state, True)
        self._show_bars()

    def action_copy(self) -> None:
        """Copy the selection, or what is under the cursor."""
        selected = self.main.get_selected_text()
        panel = self.main.page.focused_panel()
        self.copy(selected or (panel.cursor_copy() if panel else ""))

    def action_copy_selection(self) -> None:
        """Copy what the mouse selected; without a selection say how to quit, which is what was meant."""
        if selected := self.main.get_selected_text():
            self.copy(selected)
        else:
            self.notify("nothing is selected; q quits", timeout=3)

    def copy(self, text: str) -> None:
        """To the terminal's clipboard (OSC 52) and the desktop's."""
        if not text:
            self.notify("nothing to copy here", timeout=2)
            return
        self.copy_to_clipboard(text)
        self.act(self.off, outside.copy_outside, text)
        lines = text.count("\n") + 1
        self.notify(f"copied {plural(lines, 'line')}" if lines > 1 else f"copied {clean(text)[:40]}", timeout=2)

    def action_write(self) -> None:
        """Write what the panel holds to a file."""
        self.act(self._write)

    async def _write(self) -> None:
        panel = self.main.page.focused_panel()
        if panel is None:
            return
        name = f"{self.main.page.NAME}-{panel.panel_title}"
        path = await self.off(outside.write_file, self.data, name, ".txt", SECRETS.masked(panel.plain()))
        self.notify(f"written to {path}", timeout=8)

    def action_theme(self) -> None:
        """Dark or light."""
        name = self.theme
        self.theme = name.replace("dark", "light") if "dark" in name else name.replace("light", "dark")

    def action_help(self) -> None:
        """What the keys do where the cursor is."""
        from lambdatui.tui.help import help_screen

        self.push_screen(help_screen(self.main))

    def edit(self, file: str, line: int | None) -> None:
        """Open $EDITOR on a file; the screen stands aside until it ends."""
        import subprocess

        command = outside.editor_command(file, line)
        with self.suspend():
            subprocess.run(command, check=False)
        self.refresh()

    # replay

    def start_replay(self, ids: list[str]) -> None:
        """Replay dead letters, a few at a time; one job at once."""
        if self.job is not None and self.job.running:
            self.notify("a replay runs already: Esc on the DLQ screen cancels it", severity="warning")
            return
        self.job = ReplayJob(list(ids))
        self._job_changed()
        self.act(self._replay, self.job, group="replay")

    async def _replay(self, job: ReplayJob) -> None:
        async def one(entry_id: str) -> ReplayResult:
            return await self.off(self.client.replay_entry, entry_id)

        await job.run(one, self._job_changed)
        if len(job.ids) == 1 and job.results:
            self.say_outcome(job.results[0])
            return
        severity: SeverityLevel = "error" if job.failed else "information"
        last = f" · last error: {clean(job.last_error)}" if job.failed else ""
        self.notify(f"replayed {job.sentence()}{last}", severity=severity, timeout=8)

    def say_outcome(self, result: ReplayResult, *names: str) -> None:
        """What came of replaying one dead letter; `names`: what is shown of it, and its queue."""
        sentence, severity, seconds = outcome(result, *names)
        self.notify(sentence, severity=severity, timeout=seconds)

    def _job_changed(self) -> None:
        if self.main.dlq_page.is_attached:
            self.main.dlq_page.show_job()

    def _fatal_error(self) -> None:
        """A fault of ours: one sentence where Textual would print a traceback with all locals."""
        import traceback

        kind = sys.exc_info()[1]
        path = outside.write_file(self.data, "screen-fault", ".txt", traceback.format_exc())
        said = (
            f"the screen failed ({clean(repr(kind))[:200]}); the project's state is safe. "
            f"Open another with `lambdatui attach`, or run again. Details: {path}"
        )
        self._exit_renderables.append(Text(said))
        self._close_messages_no_wait()

    def get_key_display(self, binding: Any) -> str:
        return display(binding.key)


def join(waiting: State, newer: State) -> State:
    """`newer` with the news of `waiting`, which nobody has shown yet, before its own."""
    news: dict[str, Any] = {}
    for name in ("logs", "invocations", "happenings"):
        if getattr(newer, f"{name}_reset"):
            continue
        news[f"new_{name}"] = getattr(waiting, f"new_{name}") + getattr(newer, f"new_{name}")
        news[f"{name}_reset"] = getattr(waiting, f"{name}_reset")
    return msgspec.structs.replace(newer, **news)


def run_screen(project: str, engine: EngineInfo, owned: bool, data: Path | None = None) -> int:
    """Show the screen on `engine` until it is left; 0. `owned`: quitting ends the engine too, which the caller does.

    `data` is the project's state folder, whose engine.json is reread when the engine is gone; without it (an engine
    that was named by URL) the same address is tried again.
    """
    locate = locator(data) if data is not None else lambda: engine
    app = LambdaTui(Feed(locate), Client.of(engine), project=project, owned=owned, data=data)
    answer = app.run()
    return answer if answer is not None else app.return_code or 0


def _told_of(lost: State) -> str:
    """Why no engine is heard, with the next step."""
    message = clean(lost.message or "engine gone")
    if not lost.gone:
        return message
    return f"{message}. Start it again ({start_command(lost.header)}): this screen goes on by itself"

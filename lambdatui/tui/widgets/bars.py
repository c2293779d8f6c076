"""The three one-line bars: figures at the top, screens under them, keys at the bottom."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from textual import events
from textual.message import Message

from lambdatui.client.feed import State
from lambdatui.schema import Header
from lambdatui.tui.text import age, clean, compact, plural, since, usd, utc_now_text
from lambdatui.tui.widgets.lines import Piece, fit, width_of
from lambdatui.tui.widgets.panel import Bar, drop_to_fit

SCREENS = (
    ("overview", "Overview", "Over"),
    ("function", "Function", "Func"),
    ("invocations", "Invocations", "Invoc"),
    ("logs", "Logs", "Logs"),
    ("dlq", "DLQ", "DLQ"),
    ("sources", "Sources", "Src"),
    ("environments", "Environments", "Env"),
)


# Words of the footer where it is narrow.
SHORT_WORDS = {
    "replay all shown": "all",
    "profile": "prof",
    "edit + replay": "edit",
    "edit + invoke": "edit",
    "open code": "code",
    "commands": "cmds",
    "same request": "request",
    "next error": "error",
    "time window": "window",
    "pause/resume": "pause",
}


Pieces = tuple[Piece, ...]
Group = tuple[int, Pieces]


class HeaderBar(Bar):
    """Project, rates and the state of the engine. What matters least leaves first."""

    def __init__(self, project: str) -> None:
        super().__init__(id="header")
        self.project = project
        self.state: State | None = None
        self.paused = False
        self.now_us = 0

    def show_state(self, state: State, now_us: int, paused: bool) -> None:
        """Take the newest figures; paints only what differs."""
        self.state, self.now_us, self.paused = state, now_us, paused
        self.sync()

    def pieces(self, width: int) -> tuple[Piece, ...]:
        state = self.state
        header = state.header if state else None
        end = self._end(state, header, width)
        room = width - width_of(end) - 4
        groups: list[tuple[int, tuple[Piece, ...]]] = [(0, (("λ lambdatui", "accent bold"),))]
        groups.append((7, ((clean(header.project if header else self.project), "dim"),)))
        if header is not None:
            groups += self._figures(header)
        kept, gap = self._fitted(groups, header, room - 1, wide=width >= 110)
        out: list[Piece] = [(" ", "")]
        for number, group in enumerate(kept):
            if number:
                out.append((" " * gap, ""))
            out.extend(group)
        out.append((" " * max(1, width - width_of(out) - width_of(end) - 1), ""))
        return (*out, *end, (" ", ""))

    @staticmethod
    def _fitted(groups: list[Group], header: Header | None, room: int, *, wide: bool) -> tuple[list[Pieces], int]:
        """What fits, and the gap between: the cost of the run and of a month where both fit, else that of a month."""
        costs = cost_groups(header) if header is not None else []
        kept: list[Pieces] = []
        for cost in (*costs, None):
            shown = [*groups, (8, cost)] if cost is not None else groups
            kept = drop_to_fit(shown, room, 2)
            if cost is None or cost in kept:
                return kept, 3 if wide and len(drop_to_fit(shown, room, 3)) == len(kept) else 2
        return kept, 2

    def _figures(self, header: Header) -> list[tuple[int, tuple[Piece, ...]]]:
        percent = header.error_rate * 100
        error_tag = "err" if percent > 0 else "dim"
        groups = [
            (10, ((plural(header.functions, "function"), "dim"),)),
            (2, (("inv ", "dim"), (f"{header.rate:.1f}/s", "ok" if header.rate else "dim"))),
            (1, (("err ", "dim"), (f"{percent:.1f}%", error_tag))),
            (3, (("thr ", "dim"), (compact(header.throttles), "warn" if header.throttles else "dim"))),
            (4, (("conc ", "dim"), (f"{header.concurrency}/{header.concurrency_limit}", ""))),
            (1, (("dlq ", "dim"), (compact(header.dlq_depth), "dlq" if header.dlq_depth else "dim"))),
        ]
        if header.host_wait:
            groups.append((5, (("host wait ", "dim"), (str(header.host_wait), "warn"))))
        if header.pending_events:
            groups.append((6, (("queued ", "dim"), (compact(header.pending_events), "info"))))
        return groups

    def _end(self, state: State | None, header: Header | None, width: int) -> list[Piece]:
        clock: Piece = (f"  {utc_now_text(self.now_us)}", "dim") if self.now_us else ("", "")
        paused: list[Piece] = [("‖ display paused  ", "warn")] if self.paused else []
        if state is None or (not state.connected and header is None):
            return [*paused, ("◌ connecting", "dim"), clock]
        if not state.connected:
            return [*paused, ("✖ engine gone" if state.gone else "✖ not connected", "err bold"), clock]
        assert header is not None
        if header.state != "running":
            return [*paused, (f"◌ {clean(header.state)}", "warn"), clock]
        up = since(header.started_at, self.now_us)
        text = f"● up {age(up)}" if up is not None and width >= 100 else "●"
        return [*paused, (text, "ok"), clock]


def cost_groups(header: Header) -> list[Pieces]:
    """What was spent since the start and what a month at the present rate costs, the free tier taken off: from the
    longest way to say it to the shortest. Nothing where nothing was billed."""
    run: Piece = (usd(header.cost_usd), "")
    if header.monthly_usd is None:
        return [(("cost ", "dim"), run)] if header.cost_usd else []
    month: Piece = (f"{usd(header.monthly_usd)}/mo", "")
    return [(("cost ", "dim"), run, (", ", "dim"), month), (("cost ", "dim"), month)]


def start_command(header: Header | None) -> str:
    """What starts the engine again; `header` is the last that was heard of it."""
    root = "DIR" if header is None else shlex.quote(clean(header.root))
    return f"lambdatui run {root} --headless"


def ways_out(state: State) -> tuple[str, ...]:
    """What to do where no engine is heard, from the longest way to say it to the shortest; empty where one is."""
    if state.connected or state.message is None:
        return ()
    if state.gone:
        again = [start_command(header) for header in (state.header, None)]
        return (*(f"start it again: {command}" for command in again), again[-1])
    message = clean(state.message)
    return message, message.rpartition(": ")[2]


class TabBar(Bar):
    """The screens with their numbers; short names where it is narrow."""

    class Chosen(Message):
        """A click on a screen's name."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.current = "overview"
        self.dlq = 0
        self._spans: list[tuple[int, int, str]] = []

    def show_tab(self, current: str, dlq: int) -> None:
        """Which screen is open, and how many dead letters wait."""
        self.current, self.dlq = current, dlq
        self.sync()

    def pieces(self, width: int) -> tuple[Piece, ...]:
        out: list[Piece] = [(" ", "")]
        self._spans = []
        for number, (name, long, short) in enumerate(SCREENS, 1):
            text = f" {number} {long if width >= 100 else short}"
            if name == "dlq" and self.dlq:
                text += f" {compact(self.dlq)}"
            text += " "
            tag = "dim"
            if name == self.current:
                tag = "bold on-cursor"
            elif name == "dlq" and self.dlq:
                tag = "dlq"
            start = width_of(out)
            out.append((text, tag))
            self._spans.append((start, start + len(text), name))
            if width >= 100:
                out.append((" ", ""))
        return tuple(out)

    def build(self, width: int, height: int) -> list[object]:  # type: ignore[override]
        return [shown._replace(row="") for shown in super().build(width, height)]

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(name))


class KeyBar(Bar):
    """The keys of the place where the cursor is, as many as fit; help, commands and leaving always."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self.keys: Sequence[tuple[str, str]] = ()
        self.fixed: Sequence[tuple[str, str]] = ()
        self.ways_out: Sequence[str] = ()

    def show_keys(self, keys: Sequence[tuple[str, str]], fixed: Sequence[tuple[str, str]]) -> None:
        """(key, word) pairs; `fixed` ones stand at the end and never leave."""
        self.keys, self.fixed = keys, fixed
        self.sync()

    def show_ways_out(self, sentences: Sequence[str]) -> None:
        """Say in the keys' place what helps while no engine answers them: the first that fits, else the last, cut."""
        self.ways_out = sentences
        self.sync()

    def pieces(self, width: int) -> tuple[Piece, ...]:
        wide = width >= 100
        gap = 2 if wide else 1
        keys = [(key, word if wide else SHORT_WORDS.get(word, word)) for key, word in self.keys]
        fixed = [(key, word if wide else SHORT_WORDS.get(word, word)) for key, word in self.fixed]
        tail = [part for pair in fixed for part in ((" " * gap, ""), *_key(*pair))]
        out: list[Piece] = [(" ", "")]
        room = width - 2 - width_of(tail)
        if self.ways_out:
            fitting = (each for each in self.ways_out if width_of([(each, "err")]) <= room)
            return (*out, *fit([(next(fitting, self.ways_out[-1]), "err")], room), *tail)
        for number, (key, word) in enumerate(keys):
            piece = ([(" " * gap, "")] if number else []) + list(_key(key, word))
            if width_of(out) + width_of(piece) + width_of(tail) > width - 1:
                break
            out.extend(piece)
        return (*out, *(tail if keys else tail[1:]))


def _key(key: str, word: str) -> tuple[Piece, ...]:
    return ((key, "accent bold"), (f" {word}", "dim"))

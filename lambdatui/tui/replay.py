"""Replaying dead letters: a few at a time, counted, cancellable. Pure but for the calls it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from textual.notifications import SeverityLevel

from lambdatui.errors import LambdaTuiError
from lambdatui.schema import ReplayResult
from lambdatui.tui.text import clean
from lambdatui.tui.widgets.lines import Line, line

AT_ONCE = 3  # replays in flight: enough to be quick, few enough to leave the function's concurrency to others
BAR_CELLS = 18

Replayer = Callable[[str], Awaitable[ReplayResult]]


@dataclass
class ReplayJob:
    """A replay of several entries while it runs, and what came of it."""

    ids: Sequence[str]
    ok: int = 0
    failed: int = 0
    cancelled: bool = False
    running: bool = True
    last_error: str = ""
    results: list[ReplayResult] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Entries that are through, either way."""
        return self.ok + self.failed

    def cancel(self) -> None:
        """Begin no further entry; those in flight end by themselves."""
        self.cancelled = True

    async def run(self, replay: Replayer, changed: Callable[[], None]) -> None:
        """Replay every entry in order, AT_ONCE at a time; `changed` after each."""
        rest = iter(self.ids)

        async def worker() -> None:
            for entry_id in rest:
                if self.cancelled:
                    return
                try:
                    self._count(await replay(entry_id))
                except LambdaTuiError as error:
                    self.failed += 1
                    self.last_error = str(error)
                changed()

        try:
            await asyncio.gather(*(worker() for _ in range(min(AT_ONCE, len(self.ids)))))
        finally:
            self.running = False
            changed()

    def _count(self, result: ReplayResult) -> None:
        self.results.append(result)
        if result.status == "ok":
            self.ok += 1
        else:
            self.failed += 1
            self.last_error = reason(result)

    def lines(self) -> list[Line]:
        """The bar with its count, and what Esc does."""
        total = len(self.ids)
        full = round(self.done / total * BAR_CELLS) if total else BAR_CELLS
        return [
            line(("▰" * full, "ok"), ("▱" * (BAR_CELLS - full), "faint"), "  ", self.sentence()),
            line(("Esc cancels; what is done stays done", "dim")),
        ]

    def sentence(self) -> str:
        """`31 of 47 · 31 ok · 0 failed`."""
        words = f"{self.done} of {len(self.ids)} · {self.ok} ok · {self.failed} failed"
        return f"{words} · cancelled" if self.cancelled else words


def outcome(result: ReplayResult, name: str = "it", queue: str = "the queue") -> tuple[str, SeverityLevel, float]:
    """What came of replaying a dead letter: a sentence, how grave it is, and for how many seconds it is shown."""
    if result.status == "ok":
        return f"✔ {name} went through and left {queue}", "information", 5
    if result.status in ("missing", "expired"):
        return f"{name} was not replayed: {reason(result)}", "warning", 8
    return f"✖ {name} failed again and stays: {reason(result)}", "error", 8


def reason(result: ReplayResult) -> str:
    """Why a replay did not succeed, fit for a screen."""
    return clean(result.error_message or result.error_type or result.status)

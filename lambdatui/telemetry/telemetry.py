"""What happened, in one place: rows to history, lines to those who follow, counts to the metrics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from lambdatui.clock import Clock
from lambdatui.schema import LEVEL_CODES, Happening
from lambdatui.store.history import HistoryStore
from lambdatui.store.metric_names import THROTTLES
from lambdatui.store.records import HappeningRecord, InvocationRecord, LogRecords, LogStream
from lambdatui.telemetry.cost import Rule
from lambdatui.telemetry.happenings import Happenings
from lambdatui.telemetry.loghub import LogHub
from lambdatui.telemetry.metrics import Metrics

TICK_S = 0.5
_CALM_TICKS = 4  # on a disk that is nearly full small rows pass between large ones that do not
RESTORED_HAPPENINGS = 200


class Telemetry:
    """On the loop only. Nothing here waits; history writes in its own time."""

    def __init__(self, history: HistoryStore, clock: Clock, billing: Rule = "current") -> None:
        self.billing = billing
        self._history = history
        self._clock = clock
        self._ticker: asyncio.Task[None] | None = None
        self._troubles: list[_Trouble] = [
            _Trouble(lambda: history.problem, "history is not being written", self._written)
        ]
        self._hearers: list[Callable[[], None]] = []
        self.metrics = Metrics(clock)
        self.logs = LogHub()
        self.happenings = Happenings(clock, history.next_happening_id, self._store_happening)
        history.on_flush(self.metrics.drain)

    async def start(self) -> None:
        """Bring back what an earlier engine said, and begin to tick."""
        self.happenings.restore(await self._history.last_happenings(RESTORED_HAPPENINGS))
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def close(self) -> None:
        """Say what is left to say and write everything."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        self.happenings.settle(final=True)
        await self._history.flush()

    def on_news(self, heard: Callable[[], None]) -> None:
        """Call `heard` after each sentence and each piece of log; it must only take note."""
        self._hearers.append(heard)

    def say(self, kind: str, function: str | None, message: str) -> None:
        """One sentence of what happened; bursts are told with a count."""
        self.happenings.say(kind, function, message)

    def happenings_after(self, happening_id: int) -> list[Happening]:
        """Sentences with greater ids, oldest first."""
        return self.happenings.after(happening_id)

    def log_lines(
        self,
        function: str,
        request_id: str | None,
        time_us: int,
        lines: Sequence[tuple[str, str]],
        *,
        stream: LogStream | None = None,
    ) -> None:
        """Add (level, message), in order. `stream` None: lines of ours, which AWS has not."""
        if not lines:
            return
        key = self._history.next_log_id(len(lines))
        levels = bytes([LEVEL_CODES[level] for level, _ in lines])
        messages = [message for _, message in lines]
        records = LogRecords(
            id=key,
            time_us=time_us,
            function=function,
            request_id=request_id,
            levels=levels,
            messages=messages,
            stream=stream,
        )
        self.logs.add(records)
        self._history.add(logs=[records])
        self._tell()

    @property
    def behind(self) -> bool:
        """Whether log lines come faster than they can be written: who reads them should wait."""
        return self._history.behind

    def invocation(self, record: InvocationRecord) -> None:
        """Count one attempt and store its row. A throttle is neither invocation nor error; a DryRun is nothing."""
        if record.type != "DryRun":
            self._count(record)
        self._history.add(invocations=[record])

    def _count(self, record: InvocationRecord) -> None:
        count, function, qualifier, version = self.metrics.count, record.function, record.qualifier, record.version
        if record.status == "throttled":
            count(function, THROTTLES, qualifier=qualifier, version=version)
            return
        self.metrics.invoked(record)
        if record.provisioned:
            count(function, "ProvisionedConcurrencyInvocations", qualifier=qualifier, version=version)

    def _store_happening(self, record: HappeningRecord) -> None:
        self._history.add(happenings=[record])
        self._tell()

    def _tell(self) -> None:
        for heard in self._hearers:
            heard()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.happenings.settle()
            if self.metrics.pending:
                self._history.touch()
            for trouble in self._troubles:
                sentence = trouble.look()
                if sentence is not None:
                    self.say("notice", None, sentence)

    def watch(self, problem: Callable[[], str | None], begun: str, ended: str) -> None:
        """Say `begun` and why when `problem` begins to give a reason, and `ended` when it gives none any more."""
        self._troubles.append(_Trouble(problem, begun, lambda: ended))

    def _written(self) -> str:
        lost = f" ({self._history.lost} rows were dropped meanwhile)" if self._history.lost else ""
        return f"history is being written again{lost}"


class _Trouble:
    """Something that may be wrong for a while: said once when it begins and once when it is surely over."""

    def __init__(self, problem: Callable[[], str | None], begun: str, ended: Callable[[], str]) -> None:
        self._problem = problem
        self._begun = begun
        self._ended = ended
        self._calm = _CALM_TICKS  # ticks since there was a problem

    def look(self) -> str | None:
        """The sentence to say now, if there is one."""
        problem, before = self._problem(), self._calm
        self._calm = 0 if problem is not None else min(before + 1, _CALM_TICKS)
        if problem is not None:
            return f"{self._begun}: {problem}" if before == _CALM_TICKS else None
        return self._ended() if before < self._calm == _CALM_TICKS else None

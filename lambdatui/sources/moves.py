"""Carries out message move tasks (StartMessageMoveTask) at their rate. How far one has come stands in the store."""

from __future__ import annotations

from lambdatui.clock import MICROS
from lambdatui.sources.ports import Engine
from lambdatui.sources.source import Loop
from lambdatui.sources.timer import Timer
from lambdatui.store.records import Move

STEP = 500  # messages in one transaction where no rate is asked for
TICKS = 10  # steps a second where one is


class Mover(Loop):
    """Every running task of the project, also those that an earlier engine began."""

    def __init__(self, engine: Engine, timer: Timer) -> None:
        super().__init__(engine, timer, label="queue moves")
        self._due: dict[str, int] = {}  # by task
        engine.store.moves.add_listener(self.wake)

    async def round(self) -> int | None:
        """Makes the steps that are due; when the next one is."""
        running = self.engine.store.moves.running()
        self._due = {move.id: self._due.get(move.id, 0) for move in running}
        for move in running:
            if self._due[move.id] <= self.engine.clock.now_us() and self.active:
                await self._step(move)
        return min(self._due.values(), default=None)

    async def _step(self, move: Move) -> None:
        limit, pause_us = portion(move.rate)
        queues = {queue.name: queue for queue in self.engine.project.queues}
        status = await self.engine.store.moves.step(move, limit, queues)
        self._due[move.id] = self.engine.clock.now_us() + pause_us
        if status == "RUNNING":
            return
        del self._due[move.id]
        ended = self.engine.store.moves.get(move.id)
        if ended is not None and status != "CANCELLED":
            what = "a message" if ended.moved == 1 else f"{ended.moved} messages"
            where = f"to {move.destination}" if move.destination else "back where they came from"
            failed = f"; then the move failed: {ended.failure}" if ended.failure else ""
            self.engine.telemetry.say("dlq", None, f"{what} of {move.source} moved {where}{failed}")


def portion(rate: int | None) -> tuple[int, int]:
    """(messages in a step, microseconds until the next one) at `rate` messages a second; None: as fast as it goes."""
    if rate is None:
        return STEP, 0
    limit = max(1, rate // TICKS)
    return limit, -(-limit * MICROS // rate)

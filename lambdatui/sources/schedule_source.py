"""A schedule at work: at each due time one asynchronous event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdatui import schema
from lambdatui.clock import iso
from lambdatui.config.model import Project, ScheduleConfig
from lambdatui.errors import UsageError
from lambdatui.sources import shapes
from lambdatui.sources.ports import Engine
from lambdatui.sources.source import Loop
from lambdatui.sources.timer import Timer

if TYPE_CHECKING:
    from lambdatui.config.schedules import Schedule


def _parse(expression: str, timezone: str | None = None) -> Schedule:
    from lambdatui.config.schedules import parse  # for projects that have schedules

    return parse(expression, timezone)


def following(schedule: Schedule, due_us: int | None, now_us: int) -> int | None:
    """The due time to wait for, at `now_us` and with `due_us` waited for so far: pure.

    Times that passed while nobody looked (a sleeping computer, a clock put forward) are not made up, except the one
    that was waited for. A clock put back pulls the due time back with it instead of leaving the schedule silent.
    """
    fresh = schedule.next_after(now_us)
    if due_us is None or fresh is None:
        return due_us if fresh is None else fresh
    return min(due_us, fresh)


def understood(expression: str) -> bool:
    """Whether there is anything to run; `check` says what is wrong with the others."""
    try:
        _parse(expression)
    except UsageError:
        return False
    return True


class ScheduleSource(Loop):
    """One schedule. Raises UsageError for an expression that cannot be understood."""

    def __init__(
        self, engine: Engine, timer: Timer, project: Project, config: ScheduleConfig, *, paused: bool = False
    ) -> None:
        super().__init__(engine, timer, label=f"schedule {config.id}", paused=paused)
        self.config = config
        self._project = project
        self._schedule = _parse(config.expression, config.timezone)
        self._due_us: int | None = None
        self._last_us: int | None = None

    def update(self, project: Project, config: ScheduleConfig) -> None:
        """Takes over changed settings; a changed expression counts from now."""
        if (config.expression, config.timezone) != (self.config.expression, self.config.timezone):
            self._schedule = _parse(config.expression, config.timezone)
            self._due_us = None
        self.config = config
        self._project = project
        self.wake()

    def snapshot(self) -> schema.ScheduleRow:
        due = None if self.paused else self._due_us or self._schedule.next_after(self.engine.clock.now_us())
        return schema.ScheduleRow(
            id=self.config.id,
            function=self.config.function,
            expression=self.config.expression,
            next_at=None if due is None else iso(due),
            last_at=None if self._last_us is None else iso(self._last_us),
            paused=self.paused,
            timezone=self.config.timezone,
            qualifier=self.config.qualifier,
            scheduler=self.config.scheduler,
        )

    async def rest(self) -> None:
        """What falls due while paused is not made up."""
        self._due_us = None

    async def round(self) -> int | None:
        now = self.engine.clock.now_us()
        due = following(self._schedule, self._due_us, now)
        if due is None or due > now:
            self._due_us = due
            return due
        self._due_us = self._schedule.next_after(now)
        await self._fire(due)
        return self._due_us

    async def _fire(self, due_us: int) -> None:
        config, project = self.config, self._project
        payload = (
            shapes.scheduled_event(
                config.id, due_us, region=project.region, account=project.account, scheduler=config.scheduler
            )
            if config.input is None
            else config.input.encode()
        )
        self._last_us = self.engine.clock.now_us()
        source = f"schedule:{config.id}"
        await self.engine.accept(config.function, payload, source=source, qualifier=config.qualifier)

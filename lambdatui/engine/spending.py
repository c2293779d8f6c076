"""What provisioned concurrency is charged while it stands, and a month at the present rate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lambdatui.config.model import FunctionConfig
from lambdatui.errors import NotFound
from lambdatui.telemetry import cost
from lambdatui.telemetry.cost import Usage
from lambdatui.telemetry.seconds import Spent

if TYPE_CHECKING:
    from lambdatui.engine.engine import Engine
    from lambdatui.engine.provisioned import Wanted

LOOK_S = 1.0


class StandingCharges:
    """Provisioned concurrency is paid from when it is asked for, in steps of five minutes that have begun."""

    def __init__(self) -> None:
        self._paid: dict[tuple[str, int], float] = {}  # (NAME:QUALIFIER, number) -> paid until, monotonic seconds

    def due(self, wanted: Iterable[Wanted], now: float) -> list[Wanted]:
        """Those whose next step begins; it counts as paid then. Another number is another one."""
        standing = {(one.name, one.requested): one for one in wanted}
        self._paid = {key: until for key, until in self._paid.items() if key in standing or until > now}
        begun = [key for key in standing if self._paid.get(key, now) <= now]
        for key in begun:
            self._paid[key] = max(self._paid.get(key, now), now - LOOK_S) + cost.PROVISIONED_STEP_S
        return [standing[key] for key in begun]


async def charge_provisioned(engine: Engine) -> None:
    """Charge for it as long as the engine runs."""
    charges = StandingCharges()
    while True:
        for one in charges.due(engine.provisioner.wanted, engine.clock.monotonic()):
            with contextlib.suppress(NotFound):  # it has gone since the last round
                config = engine.function(one.function).config
                gb_s = one.requested * config.memory / 1024 * cost.PROVISIONED_STEP_S
                usd = cost.provisioned_dollars(gb_s, config.architecture)
                engine.telemetry.metrics.charge(one.function, usd, qualifier=one.qualifier)
        await asyncio.sleep(LOOK_S)


def month_of(config: FunctionConfig, spent: Spent | None, provisioned: int = 0) -> Usage | None:
    """A month of what a function was billed lately, and of the environments that are provisioned for it. None: nothing
    to go by."""
    if spent is None and not provisioned:
        return None
    spent = spent or Spent(seconds=1)
    months = cost.MONTH_S / spent.seconds
    seconds = (spent.compute + spent.provisioned_compute) * 1024 / config.memory
    extra_gb = max(0, config.ephemeral_storage - cost.INCLUDED_STORAGE_MB) / 1024
    return Usage(
        architecture=config.architecture,
        requests=spent.requests * months,
        compute=spent.compute * months,
        provisioned_compute=spent.provisioned_compute * months,
        provisioned=provisioned * config.memory / 1024 * cost.MONTH_S,
        storage=seconds * extra_gb * months,
        free=not provisioned,
    )


def monthly_usd(usages: Sequence[Usage | None], *, free_tier: bool) -> float | None:
    """What such a month costs all together; None where there is nothing to go by."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    bill = cost.bill(known)
    return bill.total if free_tier else bill.total + bill.free_tier

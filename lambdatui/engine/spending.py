"""A month at the present rate: what the functions use now, as the price list counts it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lambdatui.config.model import FunctionConfig
from lambdatui.telemetry import cost
from lambdatui.telemetry.cost import Usage
from lambdatui.telemetry.metrics import Spent


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

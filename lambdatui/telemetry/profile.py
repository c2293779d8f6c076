"""What a function's cold starts went to and cost, from what is stored of them."""

from __future__ import annotations

from typing import Protocol

from lambdatui.clock import iso
from lambdatui.profiles import ColdStart, ImportTree
from lambdatui.store.inits import Spending
from lambdatui.store.records import InitRecord
from lambdatui.telemetry import cost


class Inits(Protocol):
    """The part of the store's reader that tells of inits."""

    def last_init(self, function: str) -> tuple[InitRecord, ImportTree, Spending] | None: ...


def cold_start(
    reader: Inits, function: str, memory_mb: int, architecture: str, storage_mb: int, rule: cost.Rule = "current"
) -> ColdStart | None:
    """None where no fresh init of the function is stored."""
    found = reader.last_init(function)
    if found is None:
        return None
    init, tree, spent = found
    billed = rule == "current"
    return ColdStart(
        function=init.function,
        version=init.version,
        code_sha=init.code_sha,
        at=iso(init.at_us),
        runtime_ms=init.runtime_us / 1000,
        libraries_ms=init.libraries_us / 1000,
        own_ms=init.own_us / 1000,
        init_ms=init.init_us / 1000,
        imports=tree,
        invocations=spent.invocations,
        cold_starts=spent.cold_starts,
        billed_share=min(1.0, spent.init_us / 1000 / spent.billed_ms) if spent.billed_ms and billed else None,
        usd_per_1000=_dollars(init.init_us, memory_mb, architecture, storage_mb) * 1000 if billed else None,
    )


def _dollars(init_us: int, memory_mb: int, architecture: str, storage_mb: int) -> float:
    """Of one init alone, without the price of the request."""
    whole = cost.dollars(cost.billed_ms(init_us), memory_mb, architecture, storage_mb=storage_mb)
    return whole - cost.REQUEST

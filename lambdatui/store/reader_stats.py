"""The metric table as CloudWatch's figures."""

from __future__ import annotations

import sqlite3
from typing import Any

from lambdatui.clock import MICROS
from lambdatui.schema import Distribution, Stats
from lambdatui.store.buckets import quantiles
from lambdatui.store.history_rows import add_histogram
from lambdatui.store.metric_names import BILLED_GB_SECONDS, BILLED_MS, COST_USD, DISTRIBUTIONS, MAXIMA, SUMS

ACCOUNT = "_account"
BILLED = (BILLED_MS, BILLED_GB_SECONDS, COST_USD)


class _Total:
    """One metric of one function, summed over its minutes."""

    __slots__ = ("counts", "last", "last_minute", "max", "sum")

    def __init__(self) -> None:
        self.sum = 0.0
        self.max = 0.0
        self.last: float | None = None
        self.last_minute = -1
        self.counts: dict[int, int] = {}

    def add(self, minute: int, total: float, most: float, last: float | None, packed: bytes | None) -> None:
        self.sum += total
        self.max = max(self.max, most)
        if last is not None and minute >= self.last_minute:
            self.last, self.last_minute = last, minute
        if packed is not None:
            add_histogram(self.counts, packed)

    def distribution(self) -> Distribution:
        if not self.counts:
            return Distribution()
        p50, p95, p99 = quantiles(self.counts, (0.5, 0.95, 0.99), self.max)
        return Distribution(p50=p50, p95=p95, p99=p99, max=self.max, last=self.last)


def read(connection: sqlite3.Connection, function: str | None, since_us: int | None) -> dict[str, Stats]:
    """{function: Stats}, with `_account` for all of them, also where one is asked for. Since: whole minutes."""
    own = " AND mapping = ''" if has_column(connection, "metric", "mapping") else ""
    rows = connection.execute(
        f"SELECT minute, function, name, sum, max, last, histogram FROM metric WHERE minute >= ?{own}",
        (0 if since_us is None else since_us // (60 * MICROS),),
    )
    totals: dict[str, dict[str, _Total]] = {ACCOUNT: {}}
    own_maxima: set[str] = set()
    for minute, owner, name, *rest in rows:
        if owner == ACCOUNT:  # the account's own rows are maxima that cannot be had from the functions' ones
            if name in MAXIMA:
                own_maxima.add(name)
                _add(totals, ACCOUNT, name, minute, rest)
            continue
        _add(totals, owner, name, minute, rest)
        if name not in own_maxima:
            _add(totals, ACCOUNT, name, minute, rest)
    wanted = sorted(totals) if function is None else [owner for owner in (ACCOUNT, function) if owner in totals]
    return {owner: _stats(totals[owner]) for owner in wanted}


def _add(totals: dict[str, dict[str, _Total]], owner: str, name: str, minute: int, rest: list[Any]) -> None:
    totals.setdefault(owner, {}).setdefault(name, _Total()).add(minute, *rest)


def _stats(metrics: dict[str, _Total]) -> Stats:
    figures: dict[str, Any] = {name: round(metrics[name].sum) for name in SUMS if name in metrics}
    figures.update({name: _whole(metrics[name].sum) for name in BILLED if name in metrics})
    figures.update({name: _whole(metrics[name].max) for name in MAXIMA if name in metrics})
    figures.update({name: metrics[name].distribution() for name in DISTRIBUTIONS if name in metrics})
    return Stats(**figures)


def _whole(value: float) -> float:
    """An int wherever it is one: utilization alone has fractions."""
    return int(value) if value == int(value) else round(value, 12)


def has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """False in a file that an older lambdatui wrote and no engine of this one has opened since."""
    sql = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"
    return connection.execute(sql, (table, column)).fetchone() is not None

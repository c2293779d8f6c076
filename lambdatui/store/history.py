"""What happened: invocations, log lines, metrics and happenings, buffered and written in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lambdatui.store.records import HappeningRecord, InvocationRecord, LogRecord, MetricDelta


class HistoryStore:
    """history.db. Everything added within 200 ms is written in one transaction."""

    def next_invocation_id(self) -> int:
        raise NotImplementedError

    def next_log_id(self) -> int:
        raise NotImplementedError

    def next_happening_id(self) -> int:
        raise NotImplementedError

    def add(
        self,
        *,
        invocations: Sequence[InvocationRecord] = (),
        logs: Sequence[LogRecord] = (),
        metrics: Sequence[MetricDelta] = (),
        happenings: Sequence[HappeningRecord] = (),
    ) -> None:
        """Buffer rows; never waits."""
        raise NotImplementedError

    def on_flush(self, collect: Callable[[], Sequence[MetricDelta]]) -> None:
        """Ask `collect` for metric deltas at each flush, so that rows and their counts share a transaction."""
        raise NotImplementedError

    async def flush(self) -> None:
        raise NotImplementedError

"""What happened reaches history, followers and metrics alike, and comes back after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock, iso, new_request_id
from lambdatui.store.reader import Reader
from lambdatui.store.records import InvocationRecord, LogStream
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    opened = Store.open(tmp_path / "data", clock)
    await opened.start()
    yield opened
    await opened.close()


def attempt(store: Store, clock: ManualClock, status: str, **more: object) -> InvocationRecord:
    base: dict[str, object] = {"function": "f", "version": "$LATEST", "type": "RequestResponse", "source": "api"}
    return InvocationRecord(
        id=store.history.next_invocation_id(),
        request_id=new_request_id(),
        status=status,
        started_us=clock.now_us(),
        **{**base, **more},  # type: ignore[arg-type]
    )


async def test_throttles_are_neither_invocations_nor_errors(store: Store, clock: ManualClock) -> None:
    telemetry = Telemetry(store.history, clock)
    for status, duration_us in (("ok", 10_000), ("error", 20_000), ("timeout", 3_000_000), ("throttled", None)):
        telemetry.invocation(attempt(store, clock, status, duration_us=duration_us, init_us=500_000))
    telemetry.invocation(attempt(store, clock, "ok", type="DryRun"))
    figures = telemetry.metrics.figures("f")
    await telemetry.close()
    stats = Reader(store.data).stats()["f"]
    assert (figures.invocations, figures.errors, figures.throttles) == (3, 2, 1)
    assert (stats.Invocations, stats.Errors, stats.Throttles) == (3, 2, 1)
    assert stats.Duration.max == 3000, "the handler's time, without its init"
    assert len(Reader(store.data).invocations()) == 5


async def test_lines_reach_followers_and_history_with_the_same_ids(store: Store, clock: ManualClock) -> None:
    telemetry = Telemetry(store.history, clock)
    request_id = new_request_id()
    stream = LogStream("/aws/lambda/f", "2026/11/21/[$LATEST]0123")
    telemetry.log_lines("f", request_id, clock.now_us(), [("INFO", "a")], stream=stream)
    telemetry.log_lines("f", request_id, clock.now_us() + 5, [("ERROR", "b\rc")])
    telemetry.log_lines("f", None, clock.now_us(), [])
    lines, dropped = telemetry.logs.after(0)
    await telemetry.close()
    assert (Reader(store.data).logs(), dropped) == (lines, 0)
    assert [(each.time, each.level, each.message, each.stream) for each in lines] == [
        (iso(clock.now_us()), "INFO", "a", stream.name),
        (iso(clock.now_us() + 5), "ERROR", "b\rc", None),
    ]


async def test_sentences_come_back_after_a_restart_with_rising_ids(tmp_path: Path, clock: ManualClock) -> None:
    seen: list[int] = []
    for turn in range(3):
        store = Store.open(tmp_path / "data", clock)
        await store.start()
        telemetry = Telemetry(store.history, clock)
        await telemetry.start()
        telemetry.say("engine", None, f"started {turn}")
        telemetry.say("throttle", "f", "throttled")
        telemetry.say("throttle", "f", "throttled")
        await telemetry.close()
        happenings = telemetry.happenings_after(0)
        await store.close()
        seen = [each.id for each in happenings]
        assert seen == sorted(set(seen))
        assert len(seen) == 3 * (turn + 1)
    assert [each.id for each in Reader(tmp_path / "data").happenings()] == seen


async def test_a_metric_without_a_row_is_stored_too(store: Store, clock: ManualClock) -> None:
    telemetry = Telemetry(store.history, clock)
    telemetry.metrics.count("f", "AsyncEventsReceived")
    await telemetry.close()
    assert Reader(store.data).stats()["f"].AsyncEventsReceived == 1

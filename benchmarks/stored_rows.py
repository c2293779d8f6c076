"""A data directory with something in it, written by the store itself while no engine runs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from lambdatui.clock import MICROS, SystemClock, new_request_id
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions, Project
from lambdatui.schema import LEVEL_CODES
from lambdatui.store.records import AsyncEvent, InvocationRecord, LogRecords, LogStream, MetricDelta, NewMessage
from lambdatui.store.store import Store

BODY = b'{"order": 17, "items": [{"sku": "a-1", "count": 2}], "note": "as usual"}'
LEVELS = bytes([LEVEL_CODES["INFO"], LEVEL_CODES["PLATFORM"]])
_PORTION = 5_000


def written(data: Path, write: Callable[[Store], Awaitable[None]]) -> None:
    """Let `write` fill the store of `data`."""

    async def work() -> None:
        store = Store.open(data, SystemClock())
        await store.start()
        try:
            await write(store)
        finally:
            await store.close()

    asyncio.run(work())


def backlog(root: Path, count: int) -> None:
    """So much for the project's one queue, or its one stream, else as events of its function `work`."""
    data = root / ".lambdatui"
    project = load_project(root, LoadOptions(), data)
    written(data, lambda store: _backlog(store, project, count))


async def _backlog(store: Store, project: Project, count: int) -> None:
    now_us = SystemClock().now_us()
    if project.queues:
        for _ in range(count // 100):
            await store.queues.send(project.queues[0], [NewMessage(body=BODY.decode())] * 100)
    elif project.streams:
        await store.streams.open(project.streams[0])
        for start in range(0, count, 500):
            records = [(f"key-{number}", BODY, None) for number in range(start, min(count, start + 500))]
            await store.streams.put(project.streams[0], records)
    else:
        events = [
            AsyncEvent(
                request_id=new_request_id(), function="work", payload=BODY, accepted_us=now_us, visible_us=now_us
            )
            for _ in range(count)
        ]
        await asyncio.gather(*(store.events.accept(event) for event in events))


def history(data: Path, count: int, functions: list[str]) -> None:
    """`count` invocations within the last hour, every one with an event of its own, and two log lines for each."""
    written(data, lambda store: _history(store, count, functions))


async def _history(store: Store, count: int, functions: list[str]) -> None:
    now_us = SystemClock().now_us()
    step_us = 3600 * MICROS // count
    add = store.history
    for start in range(0, count, _PORTION):
        rows, lines = [], []
        for number in range(start, min(count, start + _PORTION)):
            name, at_us, request_id = (
                functions[number % len(functions)],
                now_us - (count - number) * step_us,
                new_request_id(),
            )
            failed = number % 50 == 0
            rows.append(
                InvocationRecord(
                    id=add.next_invocation_id(), request_id=request_id, function=name, version="$LATEST",
                    type="RequestResponse", source="api", status="error" if failed else "ok", started_us=at_us,
                    error_type="ValueError" if failed else None, error_message="no such order" if failed else None,
                    duration_us=1500 + number % 700, billed_ms=3, max_memory_mb=21, environment=f"{number % 8:032x}",
                    code_sha="c" * 64, event=b'{"order": %d}' % number, result=b"null", cost_usd=1e-8,
                )
            )  # fmt: skip
            stream = LogStream(f"/aws/lambda/{name}", f"2026/01/01/[$LATEST]{number % 8:032x}")
            texts = [f"order {number} is there", f"REPORT RequestId: {request_id}"]
            lines.append(
                LogRecords(
                    id=add.next_log_id(len(texts)), time_us=at_us, function=name, request_id=request_id,
                    levels=LEVELS, messages=texts, stream=stream,
                )
            )  # fmt: skip
        minutes = {row.started_us // (60 * MICROS) for row in rows}
        deltas = [
            MetricDelta(
                minute=minute, function=name, name=metric, resource=name, sum=10.0, max=2.0, count=10,
                histogram={400: 10},
            )
            for minute in minutes for name in functions for metric in ("Invocations", "Errors", "Duration")
        ]  # fmt: skip
        add.add(invocations=rows, logs=lines, metrics=deltas)
        await add.flush()


def dead_letters(data: Path, queue: str, count: int, function: str) -> None:
    async def write(store: Store) -> None:
        from lambdatui.config.model import QueueConfig

        config = QueueConfig(name=queue, logical_id=queue)
        letter = NewMessage(
            body=BODY.decode(), function=function, request_id=new_request_id(), error_code="ValueError",
            error_message="no such order", attempts=3,
        )  # fmt: skip
        for _ in range(count // 100):
            await store.queues.send(config, [letter] * 100)

    written(data, write)


def rows(database: Path, sql: str) -> list[tuple[int, ...]]:
    """What a query finds, beside a running engine."""
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()

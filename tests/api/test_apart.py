"""Expressions that may try many ways: they find what they would, beside a door that goes on answering, or are ended."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from lambdatui.api import apart
from lambdatui.client.client import Client
from lambdatui.clock import SystemClock
from lambdatui.errors import UsageError
from lambdatui.store.records import LogRecords
from lambdatui.store.store import Store
from tests.api.api_support import Running, project
from tests.api.model_check import watched_client
from tests.api.test_bodies import post
from tests.api.test_logs import GROUP, messages, write
from tests.host.conftest import wait_for

ECHO = "/2015-03-31/functions/echo/invocations"
LINES = ["a" * 100 + "b", "a" * 100, "b" * 100, '{"at": "' + "a" * 100 + 'b"}', "short"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    opened = Running(tmp_path / "data", project(tmp_path), {"echo": lambda event: event}, aws="none")
    yield opened
    opened.close()


@pytest.fixture
def logs(running: Running) -> Any:
    return watched_client("logs", running.url)[0]


def searches(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):  # a zombie, or gone
        return "lambdatui.api.apart" in process.cmdline()
    return False


def found(logs: Any, pattern: str) -> list[str]:
    return messages(logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern))


def test_a_heavy_pattern_finds_the_same_as_a_light_one(running: Running, logs: Any) -> None:
    write(running, *LINES)
    assert found(logs, "%a*a*a*b%") == [LINES[0], LINES[2], LINES[3]]
    assert found(logs, "%^a+a*b$%") == [LINES[0]]
    assert found(logs, "{ $.at = %^a*a*b$% }") == [LINES[3]]
    client = Client.of(running.info)  # behind FilterLogEvents, which writes all lines down
    assert [line.message for line in client.logs(pattern="^a*a*a*b$")] == [LINES[0]]
    assert [line.message for line in client.logs(pattern="a*a*a*b", limit=1)] == [LINES[3]]


def test_what_takes_too_long_is_ended_and_said_while_others_are_answered(
    running: Running, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PATIENCE_S", 2.0)
    write(running, "a" * 50_000 + "!")
    running.run(running.store.history.flush())
    client = Client.of(running.info)
    with ThreadPoolExecutor(2) as callers:
        slow = [
            callers.submit(found, logs, "%a*a*a*[bc]%"),
            callers.submit(client.logs, pattern="a*a*a*[bc]"),
        ]
        answered = 0
        while not all(each.done() for each in slow):
            assert post(running.port, ECHO, b"1")[:2] == (200, b"1")
            answered += 1
    assert answered > 5, "a search in this process would hold it up"
    with pytest.raises(ClientError, match="took longer than 2 s and was ended: write the pattern with fewer repeats"):
        slow[0].result()
    with pytest.raises(UsageError, match="took longer than 2 s"):
        slow[1].result()
    wait_for(lambda: not any(map(searches, psutil.Process().children(recursive=True))))


def test_no_more_than_two_searches_run_at_once_whichever_call_asks(
    running: Running, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PATIENCE_S", 1.0)
    write(running, "a" * 50_000 + "!")
    running.run(running.store.history.flush())
    client, most = Client.of(running.info), 0
    with ThreadPoolExecutor(4) as callers:
        slow = [callers.submit(found, logs, "%a*a*a*[bc]%") for _ in range(2)]
        slow += [callers.submit(client.logs, pattern="a*a*a*[bc]") for _ in range(2)]
        while not all(each.done() for each in slow):
            most = max(most, sum(map(searches, psutil.Process().children())))
    assert most == 2


async def test_a_search_does_not_outlive_the_process_that_asked_for_it(tmp_path: Path) -> None:
    """An engine that is killed leaves none behind."""
    data = tmp_path / "data"
    store = Store.open(data, SystemClock())
    await store.start()
    lines = LogRecords(
        id=store.history.next_log_id(), time_us=1, function="f", request_id=None, levels=b"\x01",
        messages=["a" * 50_000 + "!"],
    )  # fmt: skip
    store.history.add(logs=[lines])
    await store.close()
    asker = subprocess.Popen([sys.executable, "-P", "-c", ASKER, str(data)])
    parent = psutil.Process(asker.pid)
    while not (searching := [one for one in parent.children() if one.cpu_times().user > 0.2]):
        assert asker.poll() is None
        await asyncio.sleep(0.01)
    asker.kill()
    asker.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, searching, 60)
    assert (len(gone), alive) == (1, [])


ASKER = """
import asyncio, sys
from lambdatui.api.apart import Lines, search
asked = Lines(data=sys.argv[1], pattern="a*a*a*[bc]", functions=[], min_level=None, request_id=None, since_us=None,
              after_id=0, limit=None)
async def ask():
    await search(asyncio.Semaphore(), asked, list)
asyncio.run(ask())
"""

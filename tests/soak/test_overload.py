"""Ten times what there is room for: throttles and back-pressure, no collapse, and all is well when it is over.

A few seconds in `make test`; `make soak MINUTES=10` presses for longer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.common import Engine, plain_project
from benchmarks.hammer import invoke_request
from lambdatui.client.client import Client, OutgoingMessage
from lambdatui.client.locate import read_engine
from tests.soak.callers import called, press, reason

MINUTES = float(os.environ.get("LAMBDATUI_SOAK_MINUTES") or 5)
NARROW = 2  # environments that the function may have; its callers are ten times as many
BUSY_S = 0.15  # what it takes: 13 calls a second, fewer than the 20 that its reserve may be asked for
LATER_S = 0.002
GROWTH_MB = 40.0  # the log's ring and SQLite's caches fill; a queue in memory would be hundreds
RECOVERY_S = 10.0
LEDGER = """
import os, time
def note(name, text):
    with open(os.path.join(os.environ["LEDGER"], name), "a") as file:
        file.write(text + "\\n")
"""
SETTINGS = f"""
[defaults]
environment = {{ LEDGER = "LEDGER_FOLDER" }}
[functions.narrow]
code = "code"
handler = "narrow.handler"
reserved_concurrency = {NARROW}
[functions.near]
code = "code"
handler = "near.handler"
[functions.later]
code = "code"
handler = "later.handler"
reserved_concurrency = 1
[functions.worker]
code = "code"
handler = "worker.handler"
reserved_concurrency = {NARROW}
[[functions.worker.events]]
type = "queue"
queue = "work"
[queues.work]
"""


def project(root: Path) -> Path:
    plain_project(
        root / "code",
        ledger=LEDGER,
        narrow=f"import time\ndef handler(event, context):\n    time.sleep({BUSY_S})\n",
        near="def handler(event, context):\n    return event\n",
        later=f"import time, ledger\ndef handler(event, context):\n    time.sleep({LATER_S})\n"
        "    ledger.note('later', context.aws_request_id)\n",
        worker=f"import time, ledger\ndef handler(event, context):\n    time.sleep({LATER_S})\n"
        "    for each in event['Records']:\n        ledger.note('worker', each['body'])\n",
    )
    ledger = root / "ledger"
    ledger.mkdir()
    (root / "lambdatui.toml").write_text(SETTINGS.replace("LEDGER_FOLDER", str(ledger)))
    return root


def noted(root: Path, name: str) -> Counter[str]:
    path = root / "ledger" / name
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


async def overloaded(root: Path, engine: Engine, seconds: float, events: int, messages: int) -> str:
    """Press from all sides at once; what came of it as a sentence."""
    info = read_engine(engine.data)
    assert info is not None
    client, url = Client.of(info), engine.url
    narrow, near, later = (
        invoke_request(name, b'{"n": 1}', event=name == "later") for name in ("narrow", "near", "later")
    )
    for request in (narrow, near):
        assert (await called(url, request)).status == 200
    before_mb, done = engine.rss_mb(), asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    bodies = [f"message {number}" for number in range(messages)]

    async def send() -> None:
        for start in range(0, messages, 100):
            await asyncio.to_thread(
                client.send, "work", [OutgoingMessage(body=one) for one in bodies[start : start + 100]]
            )

    throttled, neighbour, accepted, _ = await asyncio.gather(
        press(url, narrow, 10 * NARROW, done),
        press(url, near, 1, done),
        press(url, later, 4, done, events),
        send(),
    )
    ended = time.monotonic()
    after = await called(url, narrow)
    assert set(throttled.statuses) == {200, 429}, throttled.statuses
    assert {reason(body) for body in throttled.bodies} == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
    assert set(neighbour.statuses) == {200}, "another function answers as if nothing were"
    assert set(accepted.statuses) == {202}, "what is accepted waits on disk, however much it is"
    assert after.status == 200, "served at once when the callers are gone"
    until = time.monotonic() + 60 + RECOVERY_S
    while time.monotonic() < until and (
        noted(root, "later").total() < accepted.statuses[202] or len(noted(root, "worker")) < messages
    ):
        await asyncio.sleep(0.1)
    drained = time.monotonic() - ended
    assert len(noted(root, "later")) == accepted.statuses[202], "every event that was accepted has run"
    assert set(noted(root, "worker")) == set(bodies), "and every message"
    while time.monotonic() < until and client.stats()["narrow"].Throttles < throttled.statuses[429]:
        await asyncio.sleep(0.1)  # counts are stored five times a second
    assert client.stats()["narrow"].Throttles == throttled.statuses[429], "each refusal is counted, and once"
    grown = engine.rss_mb() - before_mb
    assert grown < GROWTH_MB
    return (
        f"{throttled.statuses[200]} served and {throttled.statuses[429]} throttled by a function of {NARROW};"
        f" beside it {neighbour.statuses[200]} calls took {neighbour.longest * 1e3:.0f} ms at most;"
        f" {accepted.statuses[202]} events and {messages} messages were done {drained:.1f} s later;"
        f" the engine grew by {grown:.1f} MB"
    )


async def test_ten_times_what_there_is_room_for_is_throttled_or_waits_and_then_all_is_well(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    with Engine(root) as engine:
        await overloaded(root, engine, 1.0, 100, 100)


@pytest.mark.soak
async def test_overload_for_minutes(tmp_path: Path) -> None:
    root = project(tmp_path / "p")
    with Engine(root) as engine:
        seconds = MINUTES * 60
        print(await overloaded(root, engine, seconds, round(seconds * 100), round(seconds * 20)))

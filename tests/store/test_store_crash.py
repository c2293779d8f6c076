"""Real processes: kill -9 while writing, and reading while another process writes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lambdatui.clock import SystemClock
from lambdatui.store.reader import Reader
from lambdatui.store.shards import HASH_SPACE, hash_key, seq_text
from lambdatui.store.store import Store

WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from lambdatui.clock import SystemClock
from lambdatui.config.model import QueueConfig, StreamConfig
from lambdatui.store.records import AsyncEvent, LogRecords, NewMessage
from lambdatui.store.store import Store

QUEUE = QueueConfig(name="q", logical_id="Q")
STREAM = StreamConfig(name="s", logical_id="S", shards=2)

async def main():
    clock = SystemClock()
    store = Store.open(Path(sys.argv[1]), clock)
    await store.start()

    async def work(who):
        n = 0
        while True:
            name = f"{who}.{n}"
            n += 1
            now = clock.now_us()
            await store.events.accept(
                AsyncEvent(request_id=name, function="f", payload=name.encode(), accepted_us=now, visible_us=now))
            (message,) = await store.queues.send(QUEUE, [NewMessage(body=name)])
            (record,) = await store.streams.put(STREAM, [(name, name.encode(), None)])
            if n % 3 == 0:
                await store.events.finish(name)
            key = store.history.next_log_id()
            line = LogRecords(id=key, time_us=now, function="f", request_id=None, levels=b"\\0", messages=[name])
            store.history.add(logs=[line])
            print(name, message.id, record.seq, n % 3 == 0, flush=True)

    async def reshape():
        await store.streams.open(STREAM)
        for count in itertools.cycle([3, 5, 2, 4]):
            await store.streams.reshard("s", lambda shards: shards.uniform(count))
            await asyncio.sleep(0.01)

    await asyncio.gather(reshape(), *(work(who) for who in range(8)))

asyncio.run(main())
"""


@pytest.fixture
def writer(tmp_path: Path):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    yield process
    process.kill()
    process.communicate()


async def test_kill_9_loses_nothing_that_was_confirmed(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    confirmed = [writer.stdout.readline().split() for _ in range(300)]
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().splitlines()
    confirmed += [line.split() for line in rest if len(line.split()) == 4]
    writer.wait()

    data = tmp_path / "data"
    store = Store.open(data, SystemClock())
    waiting, _ = await store.events.pending("f", SystemClock().now_us(), 100_000)
    pending = {each.request_id: each.payload for each in waiting}
    messages = {each.id: each.body for each in Reader(data).peek("q", 100_000)}
    records = {}
    state = store.streams.state("s")
    assert state is not None
    assert sum(shard.last - shard.first + 1 for shard in state.open) == HASH_SPACE
    for shard in state.shards:
        found = await store.streams.read("s", shard.id, "", 100_000)
        assert [each.seq for each in found] == sorted(each.seq for each in found)
        assert store.streams.backlog("s", shard.id, "") == len(found)
        for each in found:
            assert shard.first <= hash_key(each.partition_key) <= shard.last
            assert seq_text(shard.start) < each.seq
            assert shard.end is None or each.seq < seq_text(shard.end)
        records.update({each.seq: each.data for each in found})
    for name, message_id, seq, done in confirmed:
        assert (name in pending) == (done == "False")
        assert pending.get(name, name.encode()) == name.encode()
        assert messages[message_id] == name
        assert records[seq] == name.encode()
    assert store.events.count() == len(pending)
    assert store.queues.depth("q").visible == len(messages)
    await store.close()
    for name in ("state.db", "history.db"):
        connection = sqlite3.connect(data / name)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM payload WHERE refs < 1").fetchone() == (0,)
        connection.close()


def test_another_process_reads_while_one_writes(tmp_path: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    reader = Reader(tmp_path / "data")
    last = 0
    for _ in range(40):
        confirmed = writer.stdout.readline().split()
        seen = {each.event for each in reader.dlq_entries(["q"])}
        assert confirmed[0] in seen
        assert len(seen) >= last
        last = len(seen)
        ids = [line.id for line in reader.logs()]
        assert ids == sorted(ids)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert len(reader.dlq_entries(["q"])) >= last, "a reader alone recovers what the killed writer left in the WAL"
    reader.close()

"""The feed's merge as a pure function, and the Feed against a real WebSocket server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from lambdatui.client import feed as feed_module
from lambdatui.client.feed import MAX_INVOCATIONS, MAX_LOGS, Feed, State, ended, feed_url, merge, taken
from lambdatui.schema import FEED_VERSION, EngineInfo, Header, Subscription, Update
from tests.client.fake_engine import T0, batch, function, row

WAIT = 60


def info(url: str, token: str = "t0ken") -> EngineInfo:
    return EngineInfo(
        pid=1, url=url, http_url="", aws_url=None, token=token, project="/shop", version="1", started_at=T0
    )


def test_what_an_update_leaves_out_stays_the_same_object() -> None:
    state = merge(State(), Update(functions=[function()], header=Header(project="shop", root="/")))
    after = merge(state, Update(new_logs=[batch(1)]))
    assert after.functions is state.functions
    assert after.header is state.header
    assert after.connected


def test_rows_of_functions_that_changed_take_the_place_of_the_old_ones() -> None:
    state = merge(State(), Update(functions=[function("one"), function("two")]))
    after = merge(state, Update(function_changes=[function("two", errors=3)]))
    assert [(row.name, row.errors) for row in after.functions] == [("one", 0), ("two", 3)]
    assert after.functions[0] is state.functions[0]


def test_news_gather_until_they_are_taken() -> None:
    state = merge(merge(State(), Update(new_logs=[batch(1)], logs_reset=True)), Update(new_logs=[batch(2)]))
    assert [entry.id for entry in state.new_logs] == [1, 2]
    assert state.logs_reset
    state = merge(taken(state), Update(new_logs=[batch(3)]))
    assert [entry.id for entry in state.new_logs] == [3]
    assert [entry.id for entry in state.logs] == [1, 2, 3]
    assert not state.logs_reset


def test_a_reset_voids_what_was_there_even_with_nothing_new() -> None:
    state = merge(State(), Update(new_invocations=[row()], new_logs=[batch(1)]))
    state = merge(state, Update(invocations_reset=True, logs_reset=True, new_logs=[batch(9)]))
    assert state.invocations == ()
    assert state.invocations_reset
    assert [entry.id for entry in state.new_logs] == [9]


def test_lists_keep_their_newest() -> None:
    state = merge(State(), Update(new_logs=[batch(*range(MAX_LOGS))]))
    state = merge(state, Update(new_logs=[batch(MAX_LOGS)], logs_dropped=3))
    assert (len(state.logs), state.logs[0].id, state.logs[-1].id) == (MAX_LOGS, 1, MAX_LOGS)
    state = merge(state, Update(new_invocations=[row(str(i)) for i in range(MAX_INVOCATIONS + 5)], logs_dropped=4))
    assert (len(state.invocations), state.invocations[-1].request_id) == (MAX_INVOCATIONS, str(MAX_INVOCATIONS + 4))
    assert state.logs_dropped == 7


def test_feed_url() -> None:
    assert feed_url("http://127.0.0.1:3001") == "ws://127.0.0.1:3001/feed"
    assert feed_url("https://h/") == "wss://h/feed"


ENGINE = """
import asyncio, msgspec
from websockets.asyncio.server import serve
from lambdatui.schema import EnvironmentRow, Update

row = EnvironmentRow(id="e", function="f", pid=1, state="busy", start="fresh", version="1", code_sha="", memory_mb=1,
    memory_limit_mb=128, cpu_percent=0, invocations=1, age_s=1)

async def talk(connection):
    await connection.recv()
    await connection.send(msgspec.msgpack.encode(Update(environments=[row])))
    await connection.wait_closed()

async def main():
    async with serve(talk, "127.0.0.1", 0) as server:
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()

asyncio.run(main())
"""

Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk, seen: list[str] | None = None) -> AsyncIterator[str]:
    def check(connection: ServerConnection, request: Request) -> Response | None:
        if seen is not None:
            seen.append(request.path)
        if request.headers.get("Authorization") != "Bearer t0ken":
            return Response(401, "Unauthorized", Headers())
        return None

    async with serve(talk, "127.0.0.1", 0, process_request=check) as running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"


async def until(feed: Feed, wanted: Callable[[State], Any]) -> State:
    async with asyncio.timeout(WAIT):
        async for state in feed:
            if wanted(state):
                return state
    raise AssertionError("the feed ended")


async def heard(connection: ServerConnection) -> Subscription:
    return msgspec.msgpack.decode(await connection.recv(), type=Subscription)


async def say(connection: ServerConnection, **update: Any) -> None:
    await connection.send(msgspec.msgpack.encode(Update(**update)))


async def test_a_subscription_is_told_at_once_and_again_when_it_changes() -> None:
    told: asyncio.Queue[Subscription] = asyncio.Queue()

    async def talk(connection: ServerConnection) -> None:
        while True:
            told.put_nowait(await heard(connection))
            await say(connection, functions=[function()])

    paths: list[str] = []
    async with server(talk, paths) as url:
        feed = Feed(lambda: info(url), Subscription(logs=True))
        state = await until(feed, lambda s: s.functions)
        assert state.engine == info(url)
        feed.subscribe(Subscription(dlq=True))
        feed.subscribe(Subscription(dlq=True))
        assert (await told.get()).logs
        assert (await asyncio.wait_for(told.get(), WAIT)).dlq
        await feed.close()
    assert told.empty()
    assert paths == ["/feed"]


async def test_a_slow_reader_misses_states_but_no_lines() -> None:
    sent = asyncio.Event()

    async def talk(connection: ServerConnection) -> None:
        await heard(connection)
        for i in range(50):
            await say(connection, new_logs=[batch(i)])
        sent.set()
        await connection.wait_closed()

    async with server(talk) as url:
        feed = Feed(lambda: info(url))
        lines: list[int] = []
        async with asyncio.timeout(WAIT):
            async for state in feed:
                lines += [entry.id for entry in state.new_logs]
                await sent.wait()
                if len(lines) == 50:
                    break
        await feed.close()
    assert lines == list(range(50))


async def test_an_engine_that_comes_back_on_another_port_is_found(monkeypatch: Any) -> None:
    monkeypatch.setattr(feed_module, "FIRST_DELAY", 0.01)
    where: list[EngineInfo | None] = [None]

    async def first(connection: ServerConnection) -> None:
        await heard(connection)
        await say(connection, functions=[function("one")], new_logs=[batch(1)], logs_reset=True)
        await connection.close()

    async def second(connection: ServerConnection) -> None:
        assert (await heard(connection)).logs
        await say(connection, functions=[function("two")], logs_reset=True)
        await connection.wait_closed()

    async with server(first) as old, server(second) as new:
        feed = Feed(lambda: where[0], Subscription(logs=True))
        gone = await until(feed, lambda s: not s.connected)
        assert gone.message is not None
        assert gone.message.startswith("engine gone")
        where[0] = info(old)
        await until(feed, lambda s: s.functions)
        where[0] = None
        kept = await until(feed, lambda s: not s.connected)
        assert kept.functions[0].name == "one"
        assert len(kept.logs) == 1
        where[0] = info(new)
        back = await until(feed, lambda s: s.functions[0].name == "two")
        assert (back.logs, back.logs_reset, back.message) == ((), True, None)
        await feed.close()


async def test_an_engine_that_is_there_and_does_not_answer_is_told_of_until_it_does(monkeypatch: Any) -> None:
    """A process of its own that is stopped, as a person or a hung disk would; its port still takes connections."""
    for name in ("SILENCE", "CLOSE_TIMEOUT", "FIRST_DELAY"):
        monkeypatch.setattr(feed_module, name, 0.1)
    monkeypatch.setattr(feed_module, "GIVE_UP", 5)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ENGINE, stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        assert process.stdout is not None
        engine = msgspec.structs.replace(info((await process.stdout.readline()).decode().strip()), pid=process.pid)
        feed = Feed(lambda: engine)
        before = await until(feed, lambda s: s.connected and s.environments)
        for _ in range(2):
            process.send_signal(signal.SIGSTOP)
            silent = await until(feed, lambda s: not s.connected)
            assert silent.message is not None
            assert f"kill -CONT {process.pid}" in silent.message
            assert not silent.gone
            assert silent.environments == before.environments  # nobody knows better
            process.send_signal(signal.SIGCONT)
            back = await until(feed, lambda s: s.connected)
            assert back.message is None
        process.send_signal(signal.SIGSTOP)
        await until(feed, lambda s: not s.connected)
        await asyncio.sleep(1)  # the connection is given up, and others are tried in vain
        assert feed.state.message == silent.message
        process.send_signal(signal.SIGCONT)
        await until(feed, lambda s: s.connected)
        process.kill()
        gone = await until(feed, lambda s: s.gone)
        assert gone.environments == ()
        await feed.close()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def test_nothing_runs_in_what_is_known_of_an_engine_that_has_gone() -> None:
    rows = (function("busy", state="busy", concurrency=3, rate=2.0, errors=4), function("sick", state="broken"))
    header = Header(project="shop", root="/", rate=9.0, concurrency=3, in_flight=3, dlq_depth=7, pending_events=5)
    last = ended(State(header=header, functions=rows, logs=batch(1).lines()))
    assert last.header is not None
    assert (last.header.rate, last.header.concurrency, last.header.in_flight) == (0, 0, 0)
    assert (last.header.dlq_depth, last.header.pending_events) == (7, 5)
    assert [(row.state, row.concurrency, row.rate, row.errors) for row in last.functions] == [
        ("idle", 0, 0, 4),
        ("broken", 0, 0, 0),
    ]
    assert len(last.logs) == 1


async def test_a_refused_token_is_said() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with server(talk) as url:
        feed = Feed(lambda: info(url, "wrong"))
        state = await until(feed, lambda s: s.message)
        assert state.message is not None
        assert "LAMBDATUI_TOKEN" in state.message
        await feed.close()


async def test_another_version_is_said_instead_of_shown() -> None:
    async def talk(connection: ServerConnection) -> None:
        await heard(connection)
        await connection.send(msgspec.msgpack.encode({"version": 99, "functions": []}))
        await connection.wait_closed()

    async with server(talk) as url:
        feed = Feed(lambda: info(url))
        state = await until(feed, lambda s: s.message)
        assert state.message is not None
        assert "version 99" in state.message
        await feed.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"\xc1",
        b"\x91" * 5_000,
        msgspec.msgpack.encode({"version": FEED_VERSION, "new_logs": [[1, "t", "f", None, None, b"\xff", ["line"]]]}),
    ],
    ids=["no msgpack", "too deep", "lines that do not add up"],
)
async def test_what_is_no_feed_is_said_instead_of_shown(frame: bytes) -> None:
    async def talk(connection: ServerConnection) -> None:
        await heard(connection)
        await connection.send(frame)
        await connection.wait_closed()

    async with server(talk) as url:
        feed = Feed(lambda: info(url))
        state = await until(feed, lambda s: s.message)
        assert state.message is not None
        assert "not understood" in state.message
        await feed.close()


async def test_close_ends_the_iteration() -> None:
    feed = Feed(lambda: None)

    async def read() -> None:
        async for _ in feed:
            pass

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    await feed.close()
    await asyncio.wait_for(reader, WAIT)

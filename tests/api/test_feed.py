"""The feed over real WebSockets: who gets it, what it tells, and what it does not repeat."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lambdatui.client.client import Client, OutgoingMessage
from lambdatui.schema import FEED_VERSION, Subscription, Update
from lambdatui.telemetry.loghub import LogHub
from tests.api.api_support import TOKEN, Running


@contextmanager
def screen(door: Running, token: str = TOKEN, **headers: str) -> Iterator[ClientConnection]:
    address = door.url.replace("http", "ws") + "/feed"
    with connect(address, additional_headers={"Authorization": f"Bearer {token}", **headers}, proxy=None) as ws:
        yield ws


def update(ws: ClientConnection, timeout: float = 60) -> Update:
    frame = ws.recv(timeout=timeout)
    assert isinstance(frame, bytes)
    return msgspec.msgpack.decode(frame, type=Update)


def subscribe(ws: ClientConnection, **wanted: object) -> None:
    ws.send(msgspec.msgpack.encode(Subscription(**wanted)))  # type: ignore[arg-type]


def until(ws: ClientConnection, holds: Callable[[Update], bool]) -> Update:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = update(ws)
        if holds(found):
            return found
    raise AssertionError("it never came")


def test_without_the_token_it_is_a_401(door: Running) -> None:
    with pytest.raises(InvalidStatus) as caught, screen(door, "wrong"):
        pass
    assert caught.value.response.status_code == 401
    with pytest.raises(InvalidStatus) as caught, screen(door, Origin="https://evil.example"):
        pass
    assert caught.value.response.status_code == 403


def test_the_first_frame_says_hello(door: Running) -> None:
    with screen(door) as ws:
        hello = update(ws)
    assert hello.version == FEED_VERSION
    assert hello.header is not None
    assert hello.header.project == "shop"
    assert {row.name for row in hello.functions or []} >= {"echo"}
    assert hello.happenings_reset
    assert hello.new_logs is None
    assert hello.sources is None


def test_nothing_is_sent_while_nothing_changes(door: Running) -> None:
    """What other tests did may still be settling; what is sent at every look is never followed by silence."""
    door.run(door.store.history.flush())
    with screen(door) as ws:
        update(ws)
        assert any(_silent(ws, 0.7) for _ in range(60))


def _silent(ws: ClientConnection, seconds: float) -> bool:
    try:
        ws.recv(timeout=seconds)
    except TimeoutError:
        return True
    return False


def test_a_subscription_is_told_whole_and_then_only_news(door: Running) -> None:
    client = Client(door.url, TOKEN)
    client.invoke("echo")
    door.run(door.store.history.flush())
    with screen(door) as ws:
        update(ws)
        subscribe(ws, logs=True, invocations=True, dlq=True, sources=True, environments=True, function="echo")
        first = until(ws, lambda one: one.invocations_reset)
        assert first.logs_reset
        assert (first.new_logs or [])[-1].messages[-1] == "hello from echo"
        assert (first.new_invocations or [])[-1].function == "echo"
        assert first.dlq is not None
        assert first.sources is not None
        assert first.environments == []
        assert first.concurrency is not None
        assert first.series is not None
        assert first.series.function == "echo"
        newest = (first.new_invocations or [])[-1].id
        client.invoke("page", b'{"rawPath": "/"}')
        news = until(ws, lambda one: bool(one.new_invocations))
        assert not news.invocations_reset
        assert [row.function for row in news.new_invocations or []] == ["page"]
        assert (news.new_invocations or [])[0].id > newest
        assert news.dlq is None
        assert news.environments is None


def test_logs_and_invocations_can_be_narrowed(door: Running) -> None:
    client = Client(door.url, TOKEN)
    client.invoke("echo")
    client.invoke("page", b'{"rawPath": "/"}')
    door.run(door.store.history.flush())
    with screen(door) as ws:
        subscribe(ws, logs=True, log_functions=["page"], invocations=True, invocations_function="page")
        first = until(ws, lambda one: one.invocations_reset)
        assert {line.function for line in first.new_logs or []} == {"page"}
        assert {row.function for row in first.new_invocations or []} == {"page"}


def test_a_screen_is_sent_the_newest_dead_letters_only(door: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdatui.api.sections.DLQ_MOST", 2)
    client = Client(door.url, TOKEN)
    ids = client.send("letters", [OutgoingMessage(body=text) for text in "abc"])
    with screen(door) as ws:
        subscribe(ws, dlq=True)
        assert {entry.id for entry in until(ws, lambda one: bool(one.dlq)).dlq or []} == set(ids[1:])
    client.purge(ids)


def test_a_dead_letter_appears_and_goes(door: Running) -> None:
    client = Client(door.url, TOKEN)
    with screen(door) as ws:
        subscribe(ws, dlq=True)
        until(ws, lambda one: one.dlq is not None)
        ids = client.send("letters", [OutgoingMessage(body="x")])
        assert {entry.id for entry in until(ws, lambda one: bool(one.dlq)).dlq or []} == set(ids)
        client.purge(ids)
        assert until(ws, lambda one: one.dlq is not None).dlq == []


def test_a_happening_is_told_once(door: Running) -> None:
    async def say(sentence: str) -> None:
        door.telemetry.say("notice", None, sentence)

    with screen(door) as ws:
        update(ws)
        door.run(say("one"))
        assert [one.message for one in until(ws, lambda u: bool(u.new_happenings)).new_happenings or []] == ["one"]
        door.run(say("two"))
        news = until(ws, lambda u: bool(u.new_happenings))
        assert [one.message for one in news.new_happenings or []] == ["two"]
        assert not news.happenings_reset


def test_garbage_ends_the_screen_and_nothing_else(door: Running) -> None:
    with screen(door) as other:
        for garbage in (b"\xc1", "text", b"\x93\x01\x02\x03", msgspec.msgpack.encode({"logs": "yes"})):
            with screen(door) as ws:
                ws.send(garbage)
                with pytest.raises(ConnectionClosed) as caught:
                    while True:
                        ws.recv(timeout=60)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1007
        assert update(other).header is not None


def test_frames_come_at_most_five_times_a_second(door: Running) -> None:
    client = Client(door.url, TOKEN)
    with screen(door) as ws:
        update(ws)
        began, frames = time.monotonic(), 0
        while (lasted := time.monotonic() - began) < 1.0 or (not frames and lasted < 60):
            client.invoke("echo")
            try:
                update(ws, timeout=0.001)
                frames += 1
            except TimeoutError:
                continue
    assert 1 <= frames <= 5 * lasted + 1


HANDSHAKE = (
    "GET /feed HTTP/1.1\r\nHost: localhost\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n"
)


def masked(payload: bytes) -> bytes:
    """A client's short binary frame; a mask of zeros leaves the payload as it is."""
    return bytes((0x82, 0x80 | len(payload))) + bytes(4) + payload


def test_a_screen_that_does_not_read_holds_up_nobody(fresh: Callable[..., Running]) -> None:
    own = fresh()
    client = Client(own.url, TOKEN)

    async def flood() -> None:
        now = own.engine.clock.now_us()
        own.telemetry.log_lines("echo", None, now, [("INFO", "x" * 10_000)] * 150)

    with socket.socket() as lazy, screen(own) as reader:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", own.port))
        wanted = msgspec.msgpack.encode(Subscription(logs=True))
        assert len(wanted) < 126
        lazy.sendall((HANDSHAKE % TOKEN).encode() + masked(wanted))
        subscribe(reader, logs=True)
        for _ in range(6):
            own.run(flood())
            assert client.invoke("echo").status_code == 200
            news = until(reader, lambda one: bool(one.new_logs))
            assert sum(len(text) for batch in news.new_logs or [] for text in batch.messages) <= 1_000_000
        state = own.servers[0]._server.server_state  # type: ignore[union-attr]
        waiting = [connection.transport.get_write_buffer_size() for connection in state.connections]
    assert max(waiting) < 3_000_000


def test_the_first_look_at_a_young_engines_logs_finds_those_of_the_engine_before(fresh: Callable[..., Running]) -> None:
    own = fresh()
    assert Client(own.url, TOKEN).invoke("echo").status_code == 200
    end = time.monotonic() + 60
    while not own.engine.reader.logs(functions=["echo"]) and time.monotonic() < end:
        time.sleep(0.02)
    own.telemetry.logs = LogHub()  # as a new engine has it
    with screen(own) as ws:
        subscribe(ws, logs=True, log_functions=["echo"])
        first = until(ws, lambda one: one.logs_reset)
    assert (first.new_logs or [])[-1].messages[-1] == "hello from echo"


def test_the_feed_ends_with_the_server(fresh: Callable[..., Running]) -> None:
    own = fresh()
    with screen(own) as ws:
        update(ws)
        own.engine.stopping = True
        stopping = until(ws, lambda one: one.header is not None)
        assert stopping.header is not None
        assert stopping.header.state == "stopping"
        own.run(own.servers[0].close(0.5))
        with pytest.raises(ConnectionClosed):
            while True:
                ws.recv(timeout=60)

"""Many large requests and answers at once: what they hold together is capped, said, and free again when they end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdatui.api import bodies
from lambdatui.api.bodies import BODIES, UNREAD
from tests.api.api_support import TOKEN, Running

PATH = "/2015-03-31/functions/slow/invocations"
LARGE = json.dumps("x" * 400_000).encode()


@pytest.fixture
def gate(door: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """`slow` waits until this is called; a megabyte is all that bodies may have."""
    opened: asyncio.Event = asyncio.Event()

    async def wait(event: object) -> str:
        await opened.wait()
        return "done"

    monkeypatch.setitem(door.engine.handlers, "slow", wait)
    monkeypatch.setattr(BODIES, "most", 1_000_000)

    def let_go() -> None:
        door.run(asyncio.sleep(0))
        door._loop.call_soon_threadsafe(opened.set)

    yield let_go
    let_go()
    until(lambda: BODIES.held == 0)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def post(port: int, path: str, body: bytes, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text, answer.headers


def test_what_is_too_much_together_is_throttled_and_said_and_passes(door: Running, gate: Callable[[], None]) -> None:
    with ThreadPoolExecutor(2) as callers, contextlib.ExitStack() as ends:
        ends.callback(gate)
        taken = [callers.submit(post, door.port, PATH, LARGE) for _ in range(2)]
        until(lambda: BODIES.held == 2 * len(LARGE))
        status, body, headers = post(door.port, PATH, LARGE)
        assert (status, headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert "try again when some have ended" in json.loads(body)["message"]
        until(lambda: BODIES.held == 2 * len(LARGE))  # what was refused holds nothing
        small = post(door.port, PATH.replace("slow", "echo"), b'"small"')
        assert (small[0], small[1]) == (200, b'"small"')
        status, body, headers = post(door.http_port, "/http", LARGE)
        assert status == 503
        assert "bodies of the requests" in headers["x-lambdatui"]
        status, body, _ = post(door.port, "/_lambdatui/v1/send", LARGE, Authorization=f"Bearer {TOKEN}")
        assert (status, "bodies of the requests" in json.loads(body)["error"]) == (503, True)
        with pytest.raises(ClientError) as refused:
            sqs = boto3.client(
                "sqs", endpoint_url=door.url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
                config=Config(retries={"max_attempts": 0}),
            )  # fmt: skip
            sqs.send_message(QueueUrl="orders", MessageBody="x" * 240_000)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        gate()
        assert [each.result()[0] for each in taken] == [200, 200]
    until(lambda: BODIES.held == 0)
    assert post(door.port, PATH, LARGE)[0] == 200


def test_bodies_that_are_never_finished_are_let_go_with_their_connections(
    door: Running, gate: Callable[[], None]
) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode()
    callers = []
    for number in range(1, 4):
        callers.append(socket.create_connection(("127.0.0.1", door.port)))
        callers[-1].sendall(head + LARGE[:300_000])
        until(lambda wanted=300_000 * number: BODIES.held == wanted)  # type: ignore[misc]
    assert post(door.port, PATH, LARGE)[0] == 429
    for caller in callers:
        caller.close()
    until(lambda: BODIES.held == 0)
    gate()
    assert post(door.port, PATH, LARGE)[0] == 200


def ask_slowly(port: int, size: int) -> socket.socket:
    """A client that asks for its own `size` bytes and reads none of them."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    caller.connect(("127.0.0.1", port))
    path = PATH.replace("slow", "echo")
    caller.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    caller.sendall(b'"' + b"x" * (size - 2) + b'"')
    return caller


def read_all(caller: socket.socket, size: int) -> bool:
    """Whether the answer is whole."""
    answer = http.client.HTTPResponse(caller)
    with contextlib.suppress(OSError, http.client.HTTPException):
        answer.begin()
        return len(answer.read()) == size
    return False


def test_who_does_not_read_for_longest_is_cut_off_when_too_many_large_answers_wait(
    door: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, port = 6_000_000, door.port
    monkeypatch.setattr(UNREAD, "most", 10_000_000)
    with contextlib.ExitStack() as clients:
        asked = []
        for number in range(1, 7):
            asked.append(clients.enter_context(ask_slowly(port, size)))
            until(lambda wanted=number: len(door.engine.requests) >= wanted)  # type: ignore[misc]
            until(lambda: BODIES.held == 0)
            assert UNREAD.held <= UNREAD.most
        assert UNREAD.held > 0
        small = post(port, PATH.replace("slow", "echo"), b'"small"')
        assert (small[0], small[1]) == (200, b'"small"')
        whole = [read_all(each, size) for each in asked]
        assert whole[-1], "the newest is served"
        assert not whole[0], "who let it wait for longest was cut off"
    until(lambda: UNREAD.held == 0)


def test_a_large_body_in_many_pieces_is_counted_once_for_its_task() -> None:
    """A callback for each piece would cost more than the bytes."""
    held = bodies.Bodies(1_000_000)

    async def request() -> tuple[int, int]:
        task = asyncio.current_task()
        assert task is not None
        before = len(task._callbacks or ())  # type: ignore[attr-defined]
        for _ in range(100):
            held.hold(1000)
        return held.held, len(task._callbacks) - before  # type: ignore[attr-defined]

    assert asyncio.run(request()) == (100_000, 1)
    assert held.held == 0


def test_the_cap_is_no_more_than_the_machine_can_bear() -> None:
    assert 0 < bodies.cap() <= bodies.MOST

"""Who is let in: Host, Origin, token; and clients that mean no good."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import Callable

import pytest

from lambdatui.api import guards, limits, server
from tests.api.api_support import TOKEN, Running


def ask(
    port: int, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text, answer.headers


HOSTS = [
    ("127.0.0.1:3001", True),
    ("localhost", True),
    ("LOCALHOST.:9", True),
    ("[::1]:3001", True),
    ("127.5.5.5", True),
    ("bucket.localhost:3001", True),
    ("engine.example:3001", True),
    ("evil.example", False),
    ("localhost.evil.example", False),
    ("127.0.0.1.evil.example", False),
    ("10.0.0.1", False),
    ("", False),
    ("[::1", True),
    ("evil:80:80", False),
]


@pytest.mark.parametrize(("host", "ours"), HOSTS)
def test_other_hosts_are_refused_on_both_ports(door: Running, host: str, ours: bool) -> None:
    for port in (door.port, door.http_port):
        status, _, _ = ask(port, "GET", "/healthz", Host=host)
        assert (status != 403) == ours


def test_pages_of_other_sites_may_not_call(door: Running) -> None:
    path = "/2015-03-31/functions/echo/invocations"
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        assert ask(door.port, "POST", path, b"{}", Origin=origin)[0] == 403
    assert ask(door.port, "POST", path, b"{}", Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(door.port, "POST", path, b"{}", Origin="http://localhost:5173")[0] == 200
    assert ask(door.http_port, "GET", "/http/1", Origin="https://evil.example")[0] == 200


def test_control_needs_the_token(door: Running) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}):
        status, body, answered = ask(door.port, "GET", "/_lambdatui/v1/functions", **headers)
        assert status == 401
        assert "token" in json.loads(body)["error"]
        assert answered["www-authenticate"] == "Bearer"
    assert ask(door.port, "GET", "/_lambdatui/v1/functions", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_the_comparison_in_constant_time_alone_decides_on_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """None before it tells by its time how much of a wrong one was right."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, token: bytes) -> bool:
        compared.append((given, token))
        return True

    monkeypatch.setattr(guards.hmac, "compare_digest", compare)
    door = guards.Guards((), TOKEN)
    tried = [b"", b"x", TOKEN.encode()[:-1] + b"x", TOKEN.encode() + b"x"]
    assert all(door.bearer({b"authorization": b"Bearer " + one}) for one in tried)
    assert compared == [(one, TOKEN.encode()) for one in tried]


def test_a_signed_request_is_awss_whatever_its_path(door: Running) -> None:
    """A bucket may be called `metrics`."""
    scope = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    status, body, _ = ask(door.port, "GET", "/metrics", Authorization=scope)
    assert status == 501
    assert b"s3" in body
    query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
    assert ask(door.port, "GET", f"/healthz?{query}")[0] == 501
    assert ask(door.port, "GET", "/_lambdatui/v1/stop", Authorization=scope)[0] == 501


def test_health_and_metrics_are_open(door: Running) -> None:
    assert ask(door.port, "GET", "/healthz")[:2] == (200, b"ok\n")
    ask(door.port, "POST", "/2015-03-31/functions/echo/invocations", b"{}")
    status, body, headers = ask(door.port, "GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    lines = body.decode().splitlines()
    assert lines[-1] == "# EOF"
    assert any(line.startswith('lambdatui_invocations_total{function="echo"} ') for line in lines)
    assert ask(door.port, "GET", "/nothing")[0] == 404
    assert ask(door.port, "POST", "/healthz")[0] == 404


def receive_all(sock: socket.socket) -> bytes:
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def connect(door: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", door.port), timeout=60)


def test_endless_headers_are_cut_off(door: Running) -> None:
    for filler in (b"x" * 4096, b"x: y\r\n" * 512):
        with connect(door) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
            sent = 0
            try:
                while sent < 8 * limits.MAX_HEAD:
                    sent += sock.send(filler)
            except OSError:
                pass
            answer = receive_all(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
        assert sent < 8 * limits.MAX_HEAD or answer.startswith(b"HTTP/1.1 431 ")


def test_a_large_whole_head_is_refused(door: Running) -> None:
    with connect(door) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * limits.MAX_HEAD + b"\r\n\r\n")
        assert receive_all(sock).startswith(b"HTTP/1.1 431 ")


def test_a_half_sent_head_is_not_waited_for(
    door: Running, fresh: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(limits, "BODY_IDLE_S", 0.2)
    own = fresh()
    with connect(own) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        assert receive_all(sock).startswith(b"HTTP/1.1 408 ")
    with connect(own) as sock:
        assert receive_all(sock).startswith(b"HTTP/1.1 408 ")
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 60)
    with connect(own) as sock:
        sock.sendall(b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\n")
        sock.sendall(b"Content-Length: 100\r\n\r\n{")
        assert receive_all(sock) == b""


def test_a_body_that_comes_behind_its_answer_leaves_the_connection_open(
    fresh: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients send head and body by themselves, and what is refused by its head is answered between them."""
    own = fresh()
    with connect(own) as sock:
        for rest in (b"{}", b"[]"):
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
            monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.1)
            sock.sendall(rest)
            own.run(asyncio.sleep(0.5))


INVOKE = b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nOrigin: http://localhost\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_the_guards_look_at_cannot_stand_twice(door: Running, head: bytes) -> None:
    for port in (door.port, door.http_port):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            sock.sendall(head)
            assert receive_all(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "piece",
    [b"X-More: 1\r\n" * 1000, b"x" * 10_000, b"\r\n" * 5000],
    ids=["many trailers", "a long one", "empty lines"],
)
def test_trailers_are_capped_as_heads_are(door: Running, piece: bytes) -> None:
    begun = b"" if piece.startswith(b"\r\n") else INVOKE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\nX: "
    with connect(door) as sock:
        sent = 0
        try:
            sock.sendall(begun)
            while sent < 200 * limits.MAX_HEAD:
                sent += sock.send(piece)
        except OSError:
            pass
    assert sent < 200 * limits.MAX_HEAD  # what the kernel's own buffers take of it


def test_trailers_do_not_get_into_the_request(door: Running) -> None:
    head = b"POST /http/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", door.http_port), timeout=60) as sock:
        sock.sendall(head + b"1\r\n1\r\n0\r\nX-Late: 1\r\n\r\n")
        assert receive_all(sock).startswith(b"HTTP/1.1 200 ")
    assert b"x-late" not in door.engine.requests[-1].payload.lower()


def test_a_body_that_trickles_in_is_not_waited_for(
    fresh: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte before each end of the patience would hold a connection and what it sent for ever."""
    monkeypatch.setattr(limits, "BODY_IDLE_S", 0.3)
    own = fresh()
    with connect(own) as sock:
        sock.sendall(INVOKE + b"Content-Length: 100000\r\n\r\n")
        sent = 0
        with pytest.raises(OSError):
            while sent < 1000:
                sent += sock.send(b" ")
                sock.settimeout(0.02)
                try:
                    assert sock.recv(1) == b""
                    raise ConnectionResetError
                except TimeoutError:
                    continue
    assert not own.engine.requests


def test_those_who_only_sit_there_keep_nobody_out(
    fresh: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 16)
    own = fresh()
    begun = (
        b"",
        b"GET /hea",
        INVOKE + b"Content-Length: 9\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    with contextlib.ExitStack() as sitting:
        for number in range(60):
            sock = sitting.enter_context(connect(own))
            with contextlib.suppress(OSError):
                sock.sendall(begun[number % len(begun)])
        assert ask(own.port, "POST", "/2015-03-31/functions/echo/invocations", b"{}")[0] == 200
        assert len(own.servers[0]._server.server_state.connections) <= 16  # type: ignore[union-attr]


def test_a_client_that_leaves_its_answers_lying_is_cut_off_when_it_is_idle(
    fresh: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less than what counts as a stall is left, for which a polite close would wait for ever."""
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 1.0)
    monkeypatch.setattr(limits, "WRITE_STALL_S", 0.2)
    own = fresh()

    async def unsent() -> list[int]:
        connections = own.servers[0]._server.server_state.connections  # type: ignore[union-attr]
        return [one.transport.get_write_buffer_size() for one in connections]  # type: ignore[union-attr]

    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", own.port))
        for number in range(1, 500):
            sock.sendall(INVOKE + b"Content-Length: 50000\r\n\r\n" + b'"' + b"x" * 49_998 + b'"')
            while len(own.engine.requests) < number:
                own.run(asyncio.sleep(0))
            own.run(asyncio.sleep(0.001))
            if own.run(unsent()) != [0]:
                break
        assert 0 < own.run(unsent())[0] < 64 * 1024
        for _ in range(3000):
            if not own.run(unsent()):
                break
            own.run(asyncio.sleep(0.02))
        assert own.run(unsent()) == []


def test_a_client_cannot_ask_ahead_without_end(door: Running) -> None:
    """Each request that waits for its turn takes a hundred times the memory of its bytes."""
    slow = INVOKE.replace(b"echo", b"slow") + b"Content-Length: 0\r\n\r\n"
    with connect(door) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(slow + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000)
        assert receive_all(sock).count(b"HTTP/1.1 200 ") <= limits.MAX_PIPELINED
    assert ask(door.port, "GET", "/healthz")[0] == 200


def test_garbage_is_a_400_and_the_engine_lives_on(door: Running) -> None:
    for garbage in (
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ):
        with connect(door) as sock:
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
            answer = receive_all(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert ask(door.port, "GET", "/healthz")[0] == 200


def test_a_body_that_lies_about_its_length_is_still_capped(door: Running) -> None:
    with connect(door) as sock:
        sock.sendall(b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\n")
        sock.sendall(b"X-Amz-Invocation-Type: Event\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(40):
                sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_pipelined_requests_are_answered_in_order(door: Running) -> None:
    call = b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n%d"
    with connect(door) as sock:
        sock.sendall(b"".join(call % n for n in range(3)) + b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = receive_all(sock)
    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert bodies[:3] == [b"0", b"1", b"2"]


def test_answers_do_not_wait_for_acknowledgements(door: Running) -> None:
    """Head and body are two writes: with Nagle's algorithm each answer would take 40 ms."""

    async def options() -> set[int]:
        found = set()
        for connection in door.servers[0]._server.server_state.connections:  # type: ignore[union-attr]
            sock = connection.transport.get_extra_info("socket")
            found.add(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return found

    with connect(door) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sock.recv(65536)
        assert 0 not in door.run(options())


def test_a_stopping_engine_takes_no_new_calls(fresh: Callable[..., Running]) -> None:
    own = fresh()
    own.engine.stopping = True
    status, body, headers = ask(own.port, "POST", "/2015-03-31/functions/echo/invocations", b"{}")
    assert (status, headers["x-amzn-errortype"]) == (503, "ServiceUnavailableException")
    assert "stopping" in json.loads(body)["Message"]
    target = {"X_Amz_Target": "AmazonSQS.ListQueues", "Content_Type": "application/x-amz-json-1.0"}
    assert ask(own.port, "POST", "/", b"{}", **target)[0] == 503
    assert ask(own.http_port, "GET", "/http/1")[0] == 503
    assert ask(own.port, "GET", "/healthz")[0] == 503


def test_a_call_in_flight_ends_before_the_server_does(fresh: Callable[..., Running]) -> None:
    own = fresh()
    with connect(own) as sock:
        sock.sendall(
            b"POST /2015-03-31/functions/slow/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        )
        while not own.engine.requests:
            ask(own.port, "GET", "/healthz")
        own.run(own.servers[0].close(5))
        assert receive_all(sock).endswith(b'"done"')
    with pytest.raises(ConnectionRefusedError):
        connect(own)


def test_a_small_answer_comes_in_one_piece(door: Running) -> None:
    path = "/2015-03-31/functions/echo/invocations"
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as client:
        for _ in range(20):
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            head, _, body = client.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert body


def test_heads_that_no_body_follows_at_once_do_not_wait_for_one(door: Running) -> None:
    """100 Continue, without which the client sends no body; and the answer to HEAD, which has none."""
    path = "/2015-03-31/functions/echo/invocations"
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        client.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(65536).endswith(b"\r\n\r\n")

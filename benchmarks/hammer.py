"""Keep connections busy with one request: `python -m benchmarks.hammer`, a process of its own that shares no GIL.

Its standard input is the request; it prints how many answers came, in how long, and how long they took.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from benchmarks.common import percentile, users_variables

PATIENCE_S = 30.0


def hammered(
    url: str, request: bytes, *, status: int, connections: int, seconds: float = 1e9, count: int = 2**62
) -> int:
    """Answers of `status` within so many seconds, or until so many came; any other answer ends the benchmark."""
    found = start(url, request, status=status, connections=connections, seconds=seconds, count=count)
    return answered(found).answers


class Answers(NamedTuple):
    """What came of it: in how many seconds, and how long an answer took."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def answered(client: subprocess.Popen[bytes]) -> Answers:
    """What a client says that was started; one that failed ends the benchmark."""
    said, wrong = client.communicate()
    if client.returncode:
        sys.exit(f"the client failed: {wrong.decode(errors='replace').strip()}")
    return Answers(*json.loads(said))


def start(
    url: str, request: bytes, *, status: int, connections: int, seconds: float = 1e9, count: int = 2**62
) -> subprocess.Popen[bytes]:
    """The same in the background."""
    command = [sys.executable, "-m", "benchmarks.hammer", url, str(status), str(connections), str(seconds), str(count)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=users_variables())
    assert process.stdin is not None
    process.stdin.write(request)
    process.stdin.close()
    process.stdin = None
    return process


def invoke_request(function: str, body: bytes, *, event: bool = False) -> bytes:
    """Lambda's Invoke as the bytes of a request. `event`: asynchronous, to be answered with 202."""
    lines = [f"POST /2015-03-31/functions/{function}/invocations HTTP/1.1", "Host: 127.0.0.1"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += ["X-Amz-Invocation-Type: Event"] if event else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def _ended(data: bytearray) -> bool:
    """Whether a whole answer stands there."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = data.lower().find(b"content-length:", 0, head)
    return len(data) >= head + 4 + (int(data[at + 15 : data.find(b"\r", at)]) if at >= 0 else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("status")
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("count", type=int)
    asked = parser.parse_args()
    request, begins = sys.stdin.buffer.read(), f"HTTP/1.1 {asked.status}".encode()
    host, _, port = asked.url.removeprefix("http://").partition(":")
    ready, answers, sent = selectors.DefaultSelector(), 0, 0
    took: list[float] = []
    for _ in range(min(asked.connections, asked.count)):
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready.register(connection, selectors.EVENT_READ, [bytearray(), time.perf_counter()])
        connection.sendall(request)
        sent += 1
    began = time.perf_counter()
    end = began + asked.seconds
    while answers < asked.count and time.perf_counter() < end:
        found = ready.select(PATIENCE_S)
        if not found:
            sys.exit(f"no answer within {PATIENCE_S:.0f} s")
        for key, _ in found:
            client = key.fileobj
            assert isinstance(client, socket.socket)
            data, at = key.data
            piece = client.recv(65536)
            data += piece
            if not piece or not data.startswith(begins[: len(data)]):
                sys.exit(f"the server answered {bytes(data)!r}")
            if not _ended(data):
                continue
            data.clear()
            answers += 1
            now = key.data[1] = time.perf_counter()
            took.append(now - at)
            if sent < asked.count:
                client.sendall(request)
                sent += 1
    if not took:
        sys.exit("no answer in time")
    p50_ms, p99_ms = percentile(took, 50) * 1e3, percentile(took, 99) * 1e3
    print(json.dumps([answers, time.perf_counter() - began, p50_ms, p99_ms]))


if __name__ == "__main__":
    main()

"""AWS's runtime client behind the least that can feed it: Invoke in front, the Runtime API behind, one process.

    python -m benchmarks.runtime_api PORT CLIENTS PYTHON FOLDER

Starts CLIENTS of `PYTHON -m awslambdaric app.handler` in FOLDER and serves until it is told to end. What it leaves out
(limits, logs, timeouts, retries) makes it a floor, not a server. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import deque
from pathlib import Path

NEXT = b"/2018-06-01/runtime/invocation/next"
FAR_MS = 900_000


class Api:
    """Calls that wait for a client, clients that wait for a call, and who waits for which answer."""

    def __init__(self) -> None:
        self.calls: deque[tuple[Connection, bytes]] = deque()
        self.clients: deque[Connection] = deque()
        self.callers: dict[bytes, Connection] = {}

    def match(self) -> None:
        while self.calls and self.clients:
            caller, event = self.calls.popleft()
            id = str(uuid.uuid4()).encode()
            self.callers[id] = caller
            self.clients.popleft().answer(
                b"200 OK", event,
                b"Lambda-Runtime-Aws-Request-Id: %s\r\nLambda-Runtime-Deadline-Ms: %d\r\n"
                b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:hello\r\n"
                % (id, time.time() * 1e3 + FAR_MS),
            )  # fmt: skip


class Connection(asyncio.Protocol):
    """One keep-alive connection of a caller or of a client."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._data[:end])
            at = head.lower().find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + size:
                return
            body = bytes(self._data[end + 4 : end + 4 + size])
            del self._data[: end + 4 + size]
            self._serve(head.split(b" ", 2)[1], body)

    def _serve(self, path: bytes, body: bytes) -> None:
        if path == NEXT:
            self._api.clients.append(self)
        elif path.endswith(b"/invocations"):
            self._api.calls.append((self, body))
        else:  # .../invocation/ID/response or /error
            self._api.callers.pop(path.split(b"/")[-2]).answer(b"200 OK", body)
            self.answer(b"202 Accepted", b"{}")
        self._api.match()

    def answer(self, status: bytes, body: bytes, headers: bytes = b"") -> None:
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"
            % (status, headers, len(body), body)
        )


async def serve(port: int, clients: int, python: str, folder: Path) -> None:
    loop, ended, api = asyncio.get_running_loop(), asyncio.Event(), Api()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", port)
    variables = {
        **os.environ,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
        "AWS_LAMBDA_LOG_STREAM_NAME": "1",
        "LAMBDA_TASK_ROOT": str(folder),
        "PYTHONPATH": str(folder),
    }
    command = [python, "-m", "awslambdaric", "app.handler"]
    processes = [subprocess.Popen(command, cwd=folder, env=variables) for _ in range(clients)]
    async with server:
        await ended.wait()
    for process in processes:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))

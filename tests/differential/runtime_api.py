"""AWS's runtime client in a process of its own, against a small Runtime API.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from lambdatui import wire
from tests.differential.seen import Seen, records
from tests.runtime import runtime_harness as harness

START = Path(__file__).parent / "start_client.py"
LIMIT_S = 60.0
_PREFIX = "/2018-06-01/runtime/"
# What Lambda answers to a response that is too large.
_TOO_LARGE = b'{"errorMessage":"Exceeded maximum allowed payload size (%d bytes)","errorType":"RequestEntityTooLarge"}'


@dataclass(frozen=True)
class Call:
    """One invocation: the same on both sides. `meta` as in an INVOKE frame."""

    request_id: str
    payload: bytes
    meta: dict[str, Any]
    deadline_ms: int

    def headers(self) -> dict[str, str]:
        """Those of the Runtime API's `next`."""
        optional = {
            "Lambda-Runtime-Trace-Id": self.meta.get("trace_id"),
            "Lambda-Runtime-Client-Context": self.meta.get("client_context"),
            "Lambda-Runtime-Cognito-Identity": self.meta.get("identity"),
            "Lambda-Runtime-Aws-Tenant-Id": self.meta.get("tenant_id"),
        }
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.meta["arn"],
            **{name: value for name, value in optional.items() if value is not None},
        }


class _Api(ThreadingHTTPServer):
    """Tells `heard` (what, body) and serves the calls of `calls`; a call that is None ends the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        self.calls: queue.Queue[Call | None] = queue.Queue()
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.wake, self.woken = os.pipe()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def tell(self, what: str, body: bytes = b"") -> None:
        self.heard.put((what, body))
        os.write(self.woken, b"!")


class _Lines:
    """A request as it comes in. The client sends its X-Ray cause in a header of up to 1 MB; http.server takes 64 KB."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream

    def readline(self, limit: int = -1) -> bytes:
        line = self._stream.readline()
        return line if len(line) < 65536 else line[:1024] + b"\r\n"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer's second segment waits 40 ms
    server: _Api

    def setup(self) -> None:
        super().setup()
        self.rfile = _Lines(self.rfile)  # type: ignore[assignment]

    def do_GET(self) -> None:
        assert self.path == _PREFIX + "invocation/next", self.path
        self.server.tell("next")
        call = self.server.calls.get()
        if call is None:
            self.close_connection = True
            return
        self._answer(200, call.payload, call.headers())

    def do_POST(self) -> None:
        body = self._body()
        what = self.path.removeprefix(_PREFIX).rpartition("/")[2]
        kind = "init error" if self.path == _PREFIX + "init/error" else {"response": "result"}.get(what, what)
        if kind == "result" and len(body) > wire.MAX_SYNC_PAYLOAD:
            self._answer(413, _TOO_LARGE % wire.MAX_SYNC_PAYLOAD, {"Content-Type": "application/json"})
            return
        self.server.tell(kind, body)
        self._answer(202, b'{"status":"OK"}', {"Content-Type": "application/json"})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests' output is for their own."""


class Clients:
    """The process that AWS's clients are forked from, in the task's folder `root`."""

    def __init__(self, root: Path) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [harness.PYTHON, str(START), str(theirs.fileno())],
                env={
                    **harness.SHARED,
                    "PYTHONDONTWRITEBYTECODE": "1",
                    # Only here so that stdout is as under Lambda's LANG, a locale that few machines have.
                    "PYTHONIOENCODING": "utf-8:strict",
                    "PYTHONCOERCECLOCALE": "0",
                },
                cwd=root, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self.control.settimeout(LIMIT_S)

    def answer(self) -> int:
        """The next number that it says: a client's pid, or how that has ended."""
        said = self.control.recv(4)
        assert len(said) == 4, "the process that AWS's clients are forked from has gone"
        return int.from_bytes(said, "little", signed=True)

    def close(self) -> None:
        self.control.close()
        self._process.wait(LIMIT_S)


class Client:
    """One process of AWS's client. Its log pipe carries fds 1 and 2 and the telemetry descriptor, in their order."""

    def __init__(self, clients: Clients, handler: str, variables: dict[str, str]) -> None:
        self._api = _Api()
        self._clients = clients
        self._log, writer = os.pipe()
        address = f"127.0.0.1:{self._api.server_address[1]}"
        request = {"handler": handler, "variables": {**variables, "AWS_LAMBDA_RUNTIME_API": address}}
        socket.send_fds(clients.control, [json.dumps(request).encode()], [writer, writer])
        os.close(writer)
        self._pid = clients.answer()
        self._status: int | None = None
        self._data = bytearray()

    def ready(self) -> Seen:
        """How the init went."""
        return self._until_next("ready")

    def invoke(self, call: Call) -> Seen:
        """What one invocation came to, after all that the client did before it asked for the next one."""
        self._api.calls.put(call)
        return self._until_next("result")

    def _until_next(self, kind: str) -> Seen:
        payload = b""
        status = None
        while True:
            what, body = self._hear()
            if what == "next":
                break
            if what == "exit":
                status = self._end()
                if kind in ("ready", "result"):
                    kind = "exit"
                break
            kind, payload = what, body
        self._read()
        log, self._data = bytes(self._data), bytearray()
        return Seen(kind, payload, records(log), status)

    def _hear(self) -> tuple[str, bytes]:
        """What the client says next; "exit" once it has gone. Its log is read meanwhile."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            ready, _, _ = select.select([self._log, self._api.wake, self._clients.control], [], [], LIMIT_S)
            if self._log in ready:
                self._read()
            if self._api.wake in ready:
                os.read(self._api.wake, 1)
                return self._api.heard.get_nowait()
            if self._clients.control in ready:
                return "exit", b""
        raise AssertionError("AWS's client said nothing")

    def _read(self) -> None:
        while select.select([self._log], [], [], 0)[0]:
            piece = os.read(self._log, 1 << 20)
            if not piece:
                return
            self._data += piece

    def _end(self) -> int:
        """How it ended, which is told once."""
        if self._status is None:
            self._status = self._clients.answer()
        return self._status

    def close(self) -> None:
        if self._status is None:
            if not select.select([self._clients.control], [], [], 0)[0]:  # nor has it gone by itself
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            self._end()
        self._api.calls.put(None)
        self._api.shutdown()
        self._api.server_close()
        for fd in (self._log, self._api.wake, self._api.woken):
            os.close(fd)

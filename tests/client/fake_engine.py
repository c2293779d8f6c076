"""An engine as its clients see it: a lock, engine.json, and real HTTP that speaks the contract over canned rows."""

from __future__ import annotations

import base64
import fcntl
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from lambdatui import profiles, schema
from lambdatui.telemetry.loghub import batches_of

TOKEN = "t0ken"
T0 = "2026-11-21T14:31:09.434000Z"


def function(name: str = "orders", **more: Any) -> schema.FunctionRow:
    values: dict[str, Any] = {
        "handler": "app.handler",
        "runtime": "python3.13",
        "memory": 128,
        "timeout": 3,
        "reserved_concurrency": None,
        "state": "idle",
        "logical_id": name.title(),
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
    }
    return schema.FunctionRow(name=name, **(values | more))


def row(request_id: str = "r-1", **more: Any) -> schema.InvocationRow:
    values: dict[str, Any] = {
        "function": "orders",
        "version": "$LATEST",
        "type": "RequestResponse",
        "source": "api",
        "status": "ok",
        "error_type": None,
        "started_at": T0,
        "duration_ms": 12.25,
        "init_ms": 40.0,
        "billed_ms": 53,
        "max_memory_mb": 31,
        "attempt": 1,
        "cold": True,
        "environment": "e-1",
    }
    return schema.InvocationRow(request_id=request_id, **(values | more))


def batch(*ids: int) -> schema.LogBatch:
    """Lines with these ids, which rise by one, as the feed sends them."""
    return batches_of(line(id) for id in ids)[0]


def line(id: int, message: str = "hello", **more: Any) -> schema.LogLine:
    values: dict[str, Any] = {"time": T0, "function": "orders", "request_id": "r-1", "level": "INFO"}
    return schema.LogLine(id=id, message=message, **(values | more))


def dead(id: str = "d-1", **more: Any) -> schema.DlqEntry:
    values: dict[str, Any] = {
        "queue": "orders-dlq",
        "function": "orders",
        "request_id": "r-1",
        "error_code": "KeyError",
        "error_message": "'price'",
        "attempts": 3,
        "first_at": T0,
        "last_at": T0,
        "event": '{"id": 7}',
    }
    return schema.DlqEntry(id=id, **(values | more))


class RefusalError(Exception):
    """A control error to answer."""

    def __init__(self, status: int, error: str, exit_code: int) -> None:
        super().__init__(error)
        self.status, self.error, self.exit_code = status, error, exit_code


class FakeEngine:
    """Rows to change, calls to look at. Use as a context manager; `data` gets lock and engine.json."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.header = schema.Header(project="shop", root="/shop")
        self.functions = [function()]
        self.invocations = [row()]
        self.detail = schema.InvocationDetail(
            row=row(), event=b'{"a": 1}', result=b'{"ok":true}', log=[line(1)], error=None, attempts=[row()]
        )
        self.logs = [line(1), line(2, "world")]
        self.dlq = [dead()]
        self.replays: dict[str, list[schema.ReplayResult]] = {}
        self.sources = schema.Sources(queues=[schema.QueueRow(name="orders-q", logical_id="Q", visible=2)])
        self.peeked = [schema.PeekedMessage(id="m-1", body="hi", sent_at=T0)]
        self.reply: tuple[int, dict[str, str], bytes] = (200, {"x-amzn-RequestId": "r-9"}, b'{"ok":true}')
        self.last: dict[str, Any] | None = None
        self.cold_start: profiles.ColdStart | None = None
        self.profiled: profiles.ProfileReply | None = None
        self.calls: list[tuple[str, str, dict[str, list[str]], bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.stopped: list[float | None] = []
        self.ending = False

    def __enter__(self) -> FakeEngine:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                engine.calls.append((self.command, unquote(parts.path), query, body))
                engine.headers.append({k.lower(): v for k, v in self.headers.items()})
                status, headers, data = engine.answer(self.command, parts.path, query, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (http.server's names)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._lock = hold(self.data, self.info)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
            (self.data / "engine.json").unlink(missing_ok=True)

    @property
    def info(self) -> schema.EngineInfo:
        return schema.EngineInfo(
            pid=os.getpid(),
            url=self.url,
            http_url="http://127.0.0.1:3000",
            aws_url=None,
            token=TOKEN,
            project="/shop",
            version="0.1.0",
            started_at=T0,
        )

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/20"):
            return self.reply
        if path == "/healthz":
            return (503, {}, b"stopping\n") if self.ending else (200, {}, b"ok\n")
        if self.headers[-1].get("authorization") != f"Bearer {TOKEN}":
            return 401, {}, b'{"error":"the token is missing or wrong"}'
        name = path.removeprefix("/_lambdatui/v1/")
        try:
            value = self._control(method, name, query, body)
        except RefusalError as refusal:
            problem = {"error": refusal.error, "exit_code": refusal.exit_code}
            return refusal.status, {}, msgspec.json.encode(problem)
        return 200, {}, msgspec.json.encode(value)

    def _control(self, method: str, name: str, query: dict[str, list[str]], body: bytes) -> Any:
        simple: dict[str, Callable[[], Any]] = {
            "functions": lambda: self.functions,
            "sources": lambda: self.sources,
            "header": lambda: self.header,
            "environments": list,
            "invocations": lambda: self.invocations[: int(query.get("limit", ["1000000"])[0])],
            "logs": lambda: [entry for entry in self.logs if entry.id > int(query.get("after_id", ["0"])[0])],
            "stats": lambda: {"orders": schema.Stats(Invocations=3), "_account": schema.Stats(Invocations=3)},
            "dlq": lambda: self.dlq[: int(query.get("limit", ["1000000"])[0])],
            "peek": lambda: self.peeked,
            "code_change": lambda: None,
            "last_event": lambda: self.last,
            "info": lambda: {k: v for k, v in msgspec.to_builtins(self.info).items() if k != "token"},
            "overrides": dict,
        }
        if name in simple:
            return simple[name]()
        if name == "stop":
            self.stopped.append(msgspec.json.decode(body)["grace"])
            threading.Timer(0.05, self.release).start()
            return {}
        if name == "send":
            return {"ids": [f"m-{i}" for i, _ in enumerate(msgspec.json.decode(body)["messages"])]}
        if name == "dlq/purge":
            return {"purged": len(msgspec.json.decode(body)["ids"])}
        room, _, rest = name.partition("/")
        wanted, _, verb = rest.partition("/")
        if verb == "replay":
            waiting = self.replays.get(wanted)
            if not waiting:
                raise RefusalError(404, f"nothing called {wanted} is stored", 2)
            return waiting.pop(0)
        if room == "functions" and verb == "cold_start" and self.cold_start is not None:
            return self.cold_start
        if room == "functions" and verb == "profile" and self.profiled is not None:
            return self.profiled
        if room == "invocations" and wanted == self.detail.row.request_id:
            return self.detail
        if room == "dlq":
            for entry in self.dlq:
                if entry.id == wanted:
                    return entry
        if room == "sources":
            return {}
        raise RefusalError(404, f"nothing called {wanted} is stored", 2)


def hold(data: Path, info: schema.EngineInfo) -> int:
    """Take DATA/lock and write engine.json, as an engine does; the lock's file descriptor."""
    data.mkdir(parents=True, exist_ok=True)
    handle = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (data / "engine.json").write_bytes(msgspec.json.encode(info))
    return handle


def tail(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

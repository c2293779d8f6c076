"""Drives real environments through a real spawner, as the engine does, for the tests of both rooms."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lambdatui import wire
from lambdatui.spawner import launch, protocol

START = Path(wire.__file__).parent / "runtime" / "start.py"
LIMIT_S = 60.0


_RECORD = re.compile(rb"\xa5\x5a\x00[\x02-\x1b].{12}", re.DOTALL)


class Answer(NamedTuple):
    """What one invocation gave: kind of the last frame, its meta and payload, DIAGNOSTICS where sent, log pipe."""

    kind: int
    meta: dict[str, Any]
    payload: bytes
    diagnostics: dict[str, Any] | None
    output: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    @property
    def log(self) -> bytes:
        """What was written, without the heads of log records."""
        return _RECORD.sub(b"", self.output)


class GoneError(EOFError):
    """The environment has ended instead of answering; `output` is what it left in its log pipe."""

    def __init__(self, output: bytes) -> None:
        super().__init__("the environment has gone: " + _RECORD.sub(b"", output).decode(errors="replace"))
        self.output = output


# Any other Python from 3.9 on: the whole room then runs on it.
PYTHON = os.environ.get("LAMBDATUI_TEST_PYTHON", sys.executable)


SHARED = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": ":UTC"}
VARIABLES = {
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123",
}


def command(python: str) -> list[str]:
    """The argv of an environment and of a zygote."""
    return [python, "-I", "-S", str(START)]


class SpawnerProcess:
    """A spawner and what it has said."""

    def __init__(self) -> None:
        self.process, self.socket = launch.start()
        self.socket.settimeout(LIMIT_S)
        self._receiver = protocol.Receiver(self.socket)
        self._heard: list[dict[str, Any]] = []

    def expect(self, say: str, id: str) -> dict[str, Any]:
        """The next thing said of this kind about this environment."""
        body = self.hear(say, "failed", id=id)
        assert body["say"] == say, body["error"]
        return body

    def spawn(
        self, argv: list[str], env: dict[str, str], cwd: str = "/", **more: Any
    ) -> tuple[str, int, socket.socket, int]:
        """Ask for an environment: (id, pid, our end of the channel, read end of the log)."""
        id, ours, reader = self.ask(argv, env, cwd, **more)
        return id, self.expect("started", id)["pid"], ours, reader

    def ask(self, argv: list[str], env: dict[str, str], cwd: str = "/", **more: Any) -> tuple[str, socket.socket, int]:
        """The same without waiting for it."""
        id = more.pop("id", None) or uuid.uuid4().hex
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        protocol.send(self.socket, protocol.spawn(id, argv, env, cwd, **more), [theirs.fileno(), writer])
        theirs.close()
        os.close(writer)
        ours.settimeout(LIMIT_S)
        return id, ours, reader

    def hear(self, *says: str, id: str) -> dict[str, Any]:
        """The next of these that is said about it."""
        while True:
            for body in self._heard:
                if body["say"] in says and body["id"] == id:
                    self._heard.remove(body)
                    return body
            messages = self._receiver.receive()
            assert messages is not None, "the spawner has gone"
            self._heard += [message.body for message in messages]

    def close(self) -> None:
        self.socket.close()
        self.process.wait(LIMIT_S)


class ZygoteProcess:
    """One zygote that has imported `modules`; `said` is what came of it, with the pid where it is prepared."""

    def __init__(
        self, spawner: SpawnerProcess, modules: list[str], *, python: str = PYTHON, env: dict[str, str] | None = None,
        **prepare: Any,
    ) -> None:  # fmt: skip
        self.spawner = spawner
        self.id = uuid.uuid4().hex
        settings = {"packages": [], "sys_path": [], "fallback": None, "modules": modules, **prepare}
        request = protocol.zygote(self.id, command(python), SHARED | (env or {}), "/", settings)
        protocol.send(spawner.socket, request)
        self.said = spawner.hear("prepared", "unprepared", id=self.id)

    @property
    def pid(self) -> int:
        """Of the process; the test fails where there is none."""
        assert self.said["say"] == "prepared", self.said["error"]
        pid: int = self.said["pid"]
        return pid

    def kill(self) -> None:
        protocol.send(self.spawner.socket, protocol.kill(self.id))


class EnvironmentProcess:
    """One environment; `code` is the folder or {relative path: source}, which become a manifest with blobs."""

    def __init__(
        self, spawner: SpawnerProcess, root: Path, handler: str = "app.handler", *, python: str = PYTHON,
        snapshot: bool = True, env: dict[str, str] | None = None, spawn: dict[str, Any] | None = None, **start: Any,
    ) -> None:  # fmt: skip
        self.spawner = spawner
        self.root = root
        variables = {**SHARED, **VARIABLES, **(env or {})}
        self.id, self.pid, self.channel, self._log = spawner.spawn(
            command(python), variables, start.pop("cwd", str(root)), **(spawn or {})
        )
        self.began = time.perf_counter()
        self._written = b""
        self.measured: list[tuple[int, dict[str, Any], dict[str, Any]]] = []  # IMPORTS and PROFILE frames
        body = {
            "handler": handler,
            "code_root": str(root),
            "manifest": str(store(root)) if snapshot else None,
            "bytecode": None,
            "sys_path": [],
            "fallback": None,
            "python_notice": None,
            **start,
        }
        self._send(wire.START, {}, json.dumps(body).encode())

    def ready(self) -> Answer:
        """READY or INIT_ERROR."""
        return self._answer()

    def invoke(self, event: Any = None, **meta: Any) -> Answer:
        """One invocation with this event (bytes are sent as they are)."""
        self.send_invoke(event, **meta)
        return self._answer()

    def send_invoke(self, event: Any = None, **meta: Any) -> None:
        self.request_id = uuid.uuid4()
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        meta.setdefault("arn", "arn:aws:lambda:us-east-1:000000000000:function:orders")
        deadline = int((time.time() + 3) * 1_000_000)
        self._send(wire.INVOKE, meta, payload, self.request_id.bytes, deadline)

    def _send(
        self, kind: int, meta: dict[str, Any], payload: bytes, request_id: bytes = wire.NO_REQUEST, deadline: int = 0
    ) -> None:
        with contextlib.suppress(ConnectionError):  # it has gone: whoever waits for an answer finds out
            self.channel.sendall(wire.pack(kind, json.dumps(meta).encode(), payload, request_id, deadline) + payload)

    def _answer(self) -> Answer:
        diagnostics = None
        while True:
            header = wire.unpack_header(self._read(wire.HEADER.size))
            meta = json.loads(self._read(header.meta_length))
            payload = self._read(header.payload_length)
            if header.kind == wire.DIAGNOSTICS:
                diagnostics = json.loads(payload)
            elif header.kind in (wire.IMPORTS, wire.PROFILE):
                self.measured.append((header.kind, meta, json.loads(payload)))
            else:
                return Answer(header.kind, meta, payload, diagnostics, self.output())

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            while self.channel not in (ready := select.select([self.channel, self._log], [], [], LIMIT_S)[0]):
                assert ready, f"no answer in {LIMIT_S} s"
                self._written += self._pipe()  # one that waits for room in its pipe does not answer
            try:
                piece = self.channel.recv(count - len(data))
            except ConnectionResetError:  # it went without reading all that it was sent
                piece = b""
            if not piece:
                raise GoneError(self.output())
            data += piece
        return bytes(data)

    def output(self) -> bytes:
        """What has come through the log pipe by now."""
        data, self._written = self._written + self._pipe(), b""
        return data

    def _pipe(self) -> bytes:
        data = b""
        while select.select([self._log], [], [], 0)[0]:
            piece = os.read(self._log, 65536)
            if not piece:
                break
            data += piece
        return data

    def exited(self) -> dict[str, Any]:
        return self.spawner.expect("exited", self.id)

    def kill(self) -> dict[str, Any]:
        protocol.send(self.spawner.socket, protocol.kill(self.id))
        return self.exited()

    def close(self) -> None:
        self.channel.close()
        os.close(self._log)


Start = Callable[..., EnvironmentProcess]  # the fixture `start`: ({path: source} or a source, handler, ...)


def write(root: Path, files: dict[str, str]) -> Path:
    """Put sources into a folder; returns it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, text.encode())
    return root


def _put(path: Path, data: bytes) -> None:
    """Nothing is written where it stands already: an environment that was started before may be reading it."""
    if not path.is_file() or path.read_bytes() != data:
        path.write_bytes(data)


def store(root: Path) -> Path:
    """The folder's sources as the code store keeps them, beside the folder; returns the manifest's path."""
    code = root.parent / (root.name + ".code")
    (code / "blobs").mkdir(parents=True, exist_ok=True)
    (code / "manifests").mkdir(exist_ok=True)
    manifest = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            data = path.read_bytes()
            sha = hashlib.sha256(data).hexdigest()
            _put(code / "blobs" / sha, data)
            manifest[path.relative_to(root).as_posix()] = sha
    text = json.dumps(manifest)
    file = code / "manifests" / (hashlib.sha256(text.encode()).hexdigest() + ".json")
    _put(file, text.encode())
    return file


@functools.cache  # several modules ask while they are collected, in each worker
def pythons() -> list[str]:
    """One interpreter for each Python from 3.9 on that PATH or pyenv offers and that starts."""
    found: dict[str, str] = {}
    for minor in range(9, 16):
        name = f"python3.{minor}"
        places = [*map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}")), shutil.which(name)]
        for place in filter(None, places):
            if name in found:
                break
            ask = [place, "-I", "-S", "-c", "import sys; print(sys.executable, *sys.version_info[:2])"]
            answer = subprocess.run(ask, capture_output=True, text=True, check=False)
            words = answer.stdout.split()
            if answer.returncode == 0 and words[1:] == ["3", str(minor)]:
                found[name] = words[0]
    return list(found.values())


def until(condition: Any, limit_s: float = LIMIT_S) -> None:
    """Wait for a real condition; an assertion fails where it does not come."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"did not happen in {limit_s} s"
        time.sleep(0.002)

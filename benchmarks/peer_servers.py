"""Other ways of running a function locally, and our own: how each is installed, started, called and given new code.

Each has a folder of its own below benchmarks/.peers; nothing is shared with lambdatui's environment. Servers listen on
loopback only, and what they start is ended by its id.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path
from typing import ClassVar

import psutil

from benchmarks import hammer
from benchmarks.common import Connection, Engine, users_variables

PEERS = Path(__file__).parent / ".peers"
INSTALL_S = 400.0
PATIENCE_S = 60.0
END_S = 10.0  # from SIGTERM on
SEEN_S = 3.0  # for new code; a call may leave a process behind, so not for long
CALLS_S, RATE_S = 1.5, 2.0  # of a turn
CONNECTIONS = 8
EVENT = b'{"a": 1}'


class PeerError(Exception):
    """Why a peer cannot be measured."""


def app(answer: str) -> str:
    return f'def handler(event, context):\n    return {{"statusCode": 200, "body": "{answer}"}}\n'


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Peer:
    """A server that answers Lambda's Invoke. `start` may raise PeerError."""

    name = ""
    package = ""  # of PyPI
    reloads = True  # whether it has a way to new code without a new start
    reload_how = ""
    function = "hello"

    def __init__(self) -> None:
        self.folder = PEERS / (self.package or self.name)
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.work = Path()

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self) -> None:
        """Into its own folder, once."""
        if not self.python.exists():
            venv.create(self.folder, with_pip=True)
        ran([str(self.python), "-m", "pip", "install", "--quiet", self.package])

    def version(self) -> str:
        text = f"import importlib.metadata; print(importlib.metadata.version({self.package!r}))"
        return f"{self.package} {ran([str(self.python), '-c', text])}"

    def start(self, work: Path, *, reloads: bool = False) -> None:
        """Serve the function of `work`; `reloads`: with what makes it look at new code, where that is an option."""
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        (work / "app.py").write_text(app("first"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._launch(port, reloads)
        self._await()

    def _launch(self, port: int, reloads: bool) -> None:
        raise NotImplementedError

    def _run(self, command: list[str], **variables: str) -> None:
        with (self.work / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.work, stdout=log, stderr=log, env=users_variables(**variables)
            )

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, SystemExit):
                self.prepare()
                if b"first" in self.answer():
                    return
            time.sleep(0.1)
        self.end()
        log = (self.work / "log").read_text(errors="replace").strip().splitlines()
        raise PeerError(f"it did not start: {log[-1][:200] if log else 'it said nothing'}")

    def prepare(self) -> None:
        """What has to be there before the first call."""

    @property
    def request(self) -> bytes:
        return hammer.invoke_request(self.function, EVENT)

    def answer(self) -> bytes:
        connection = Connection(self.url)
        try:
            return connection.call(self.request)
        finally:
            connection.socket.close()

    def p50_ms(self) -> float:
        connection = Connection(self.url)
        found: list[float] = []
        end = time.perf_counter() + CALLS_S
        while time.perf_counter() < end or len(found) < 5:
            found += connection.times_ms(self.request, 1)
        connection.socket.close()
        return statistics.median(found)

    def rate(self) -> float:
        client = hammer.start(self.url, self.request, status=200, connections=CONNECTIONS, seconds=RATE_S)
        return hammer.answered(client).rate

    def save(self, answer: str) -> None:
        (self.work / "app.py").write_text(app(answer))

    def saved_ms(self, answer: str) -> float | None:
        """From a save until the first answer of the new code; None where there is none in SEEN_S."""
        self.save(answer)
        began = time.perf_counter()
        while answer.encode() not in self.answer():
            if time.perf_counter() > began + SEEN_S:
                return None
            time.sleep(0.005)
        return (time.perf_counter() - began) * 1e3

    def processes(self) -> list[psutil.Process]:
        """Its own and all below it."""
        if self.process is None or self.process.poll() is not None:
            return []
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def cpu_s(self) -> float:
        """CPU time of all of them so far: what other people's load does not change."""
        found = 0.0
        for one in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                found += times.user + times.system
        return found

    def end(self) -> int:
        """End it as a user does; how many of its processes are still there then (they are ended, too)."""
        known = self.processes()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_S)
        time.sleep(2.0 if known else 0.0)
        left = [one for one in known if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        if self.process is not None:
            self.process.wait()
        return len(left)


class Lambdatui(Peer):
    name = "lambdatui"
    function = "app"
    reload_how = "watches; a call waits for a save that is being read"

    def install(self) -> None:
        """It is this checkout."""

    def version(self) -> str:
        from lambdatui import __version__

        return f"lambdatui {__version__}"

    def _launch(self, port: int, reloads: bool) -> None:
        engine = Engine(self.work)
        self.process, self.url = engine.process, engine.url


class ServerlessOffline(Peer):
    """https://github.com/dherault/serverless-offline; its Python runs in a process that it talks to by pipes."""

    name = "serverless-offline"
    function = "peer-dev-hello"
    reload_how = "with --reloadHandler: a new process for every call"
    PACKAGES: ClassVar = ("serverless@3", "serverless-offline@13")  # later ones of serverless ask for an account

    def install(self) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise PeerError("npm is not installed")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "package.json").write_text('{"name": "peer", "private": true}\n')
        ran(
            [
                npm,
                "install",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                "--prefix",
                str(self.folder),
                *self.PACKAGES,
            ]
        )

    def version(self) -> str:
        told = (self._version(name.partition("@")[0]) for name in reversed(self.PACKAGES))
        return ", ".join([*told, f"Node {ran(['node', '--version'])}"])

    def _version(self, package: str) -> str:
        return (
            f"{package} {json.loads((self.folder / 'node_modules' / package / 'package.json').read_text())['version']}"
        )

    def _launch(self, port: int, reloads: bool) -> None:
        (self.work / "serverless.yml").write_text(
            f"service: peer\nframeworkVersion: '3'\nplugins: [serverless-offline]\n"
            f"provider: {{name: aws, runtime: python{sys.version_info[0]}.{sys.version_info[1]}}}\n"
            f"functions: {{hello: {{handler: app.handler}}}}\n"
            f"custom: {{serverless-offline: {{host: 127.0.0.1, lambdaPort: {port}, httpPort: {free_port()},"
            f" websocketPort: {free_port()}}}}}\n"
        )
        modules = self.work / "node_modules"
        if not modules.exists():
            modules.symlink_to(self.folder / "node_modules")
        command = ["node", str(self.folder / "node_modules/serverless/bin/serverless.js"), "offline", "start"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it takes the first python3 there
        self._run(
            [*command, *(["--reloadHandler"] if reloads else [])],
            SLS_TELEMETRY_DISABLED="1", SLS_NOTIFICATIONS_MODE="off", CI="1", PATH=path,
        )  # fmt: skip


class MiniStack(Peer):
    """https://pypi.org/project/ministack/"""

    name = "MiniStack"
    package = "ministack"
    reload_how = "UpdateFunctionCode"

    def _launch(self, port: int, reloads: bool) -> None:
        self._run(
            [str(self.folder / "bin" / "ministack")],
            GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1", MINISTACK_HOST="127.0.0.1", TMPDIR=str(self.work),
            LAMBDA_EXECUTOR="local", DOCKER_HOST="unix:///nonexistent", LOG_LEVEL="WARNING",
        )  # fmt: skip

    def prepare(self) -> None:
        runtime = "python{}.{}".format(*sys.version_info[:2])
        role = "arn:aws:iam::000000000000:role/peer"
        body = {"FunctionName": self.function, "Runtime": runtime, "Handler": "app.handler", "Role": role}
        self._send("POST", "", body | {"Code": {"ZipFile": zipped(app("first"))}})

    def save(self, answer: str) -> None:
        self._send("PUT", f"/{self.function}/code", {"ZipFile": zipped(app(answer))})

    def _send(self, method: str, path: str, body: object) -> None:
        data = json.dumps(body).encode()
        head = f"{method} /2015-03-31/functions{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=END_S) as one:
            one.sendall(f"{head}Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            while one.recv(65536):
                pass


class RuntimeClient(Peer):
    """AWS's own runtime client: as many processes as connections, behind the least server (runtime_api.py)."""

    name = "awslambdaric, bare"
    package = "awslambdaric"
    reloads = False
    reload_how = "none: it is started again"

    def _launch(self, port: int, reloads: bool) -> None:
        command = [sys.executable, "-m", "benchmarks.runtime_api", str(port), str(CONNECTIONS), str(self.python)]
        self._run([*command, str(self.work)])


class PythonLambdaLocal(Peer):
    """https://pypi.org/project/python-lambda-local/: a command, so that every call is a process."""

    name = "python-lambda-local"
    package = "python-lambda-local"
    reload_how = "every call is a new process"

    def _launch(self, port: int, reloads: bool) -> None:
        (self.work / "event.json").write_bytes(EVENT)
        (self.work / "log").touch()

    def answer(self) -> bytes:
        done = subprocess.run(
            [str(self.folder / "bin" / "python-lambda-local"), "-f", "handler", "app.py", "event.json"],
            cwd=self.work, capture_output=True, env=users_variables(), timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise PeerError((done.stderr.decode(errors="replace").strip().splitlines() or ["it failed"])[-1][:200])
        return done.stdout + done.stderr

    def p50_ms(self) -> float:
        found: list[float] = []
        end = time.perf_counter() + CALLS_S
        while time.perf_counter() < end or len(found) < 3:
            began = time.perf_counter()
            self.answer()
            found.append((time.perf_counter() - began) * 1e3)
        return statistics.median(found)

    def rate(self) -> float:
        began, count = time.perf_counter(), 0
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            while time.perf_counter() < began + RATE_S:
                count += len(list(pool.map(lambda _: self.answer(), range(CONNECTIONS))))
        return count / (time.perf_counter() - began)


ALL: tuple[type[Peer], ...] = (Lambdatui, RuntimeClient, ServerlessOffline, MiniStack, PythonLambdaLocal)


def zipped(source: str) -> str:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", source)
    return base64.b64encode(data.getvalue()).decode()


def ran(command: list[str]) -> str:
    """What it printed; raises PeerError with its last line where it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{Path(command[0]).name} failed: {type(error).__name__}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise PeerError(f"{Path(command[0]).name} failed: {said[-1][:200]}")
    return done.stdout.strip()

"""What the benchmarks share: an engine of their own, rounds that take turns, and rows with ratios.

A script measures what it is about and its floor in the same run, in turns, and hands `Row`s to `report`, which prints
them as a table with the load average. `python -m benchmarks` runs every script and writes RESULTS.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 60.0
ROUNDS = 3
# What the machine that measures may have set and users have not.
_NOT_USERS = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "LAMBDATUI_PROJECT", "LAMBDATUI_DATA", "LAMBDATUI_TOKEN")


class Row(NamedTuple):
    """One line of RESULTS.md. `value` and `floor` are of one unit; `met` is None where there is no goal."""

    what: str
    value: str  # "0.21 ms"
    against: str  # "bare HTTP echo and round trip, 0.14 ms"; "" where there is no floor
    ratio: str  # "1.5×", "18× faster"; "" where there is none
    goal: str  # "≤ 2×"
    met: bool | None
    note: str = ""  # the physical reason where it is not met


def at_most(what: str, value: float, unit: str, against: str, floor: float, limit: float, note: str = "") -> Row:
    """A row whose value may be `limit` times its floor at most."""
    ratio = value / floor
    met = ratio <= limit
    return Row(
        what, _figure(value, unit), f"{against}, {_figure(floor, unit)}", f"{ratio:.2f}×", f"≤ {limit:g}×", met, note
    )


def at_least(what: str, value: float, unit: str, against: str, floor: float, limit: float, note: str = "") -> Row:
    """A row whose value has to be at least `limit` times what it is compared with: rates."""
    ratio = value / floor
    met = ratio >= limit
    return Row(
        what, _figure(value, unit), f"{against}, {_figure(floor, unit)}", f"{ratio:.2f}×", f"≥ {limit:g}×", met, note
    )


def compared(what: str, value: float, unit: str, against: str, floor: float) -> Row:
    """A row that has no goal, beside what tells why it is so."""
    return Row(what, _figure(value, unit), f"{against}, {_figure(floor, unit)}", f"{value / floor:.2f}×", "", None, "")


def within(what: str, value: float, unit: str, limit: float, note: str = "") -> Row:
    """A row with an absolute goal."""
    return Row(what, _figure(value, unit), "", "", f"≤ {_figure(limit, unit)}", value <= limit, note)


def figure(what: str, value: float, unit: str, note: str = "") -> Row:
    """A row that has no goal."""
    return Row(what, _figure(value, unit), "", "", "", None, note)


def _figure(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Arguments that every script takes: `--rounds` and `--json`."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=ROUNDS, help="how often everything takes its turn (median)")
    made.add_argument("--json", type=Path, help="also append the rows to this file, one JSON array each")
    return made


def report(asked: argparse.Namespace, rows: Sequence[Row], load_before: float) -> None:
    """Print the rows, and keep them where `--json` says."""
    for row in rows:
        mark = {True: "met", False: "NOT MET", None: ""}[row.met]
        compared = f"  {row.ratio:>8} of {row.against}" if row.ratio else ""
        print(f"{row.what:<58} {row.value:>12}{compared}  {row.goal:<10} {mark}")
        if row.note:
            print(f"    {row.note}")
    print(f"load average {load_before:.2f} before, {load():.2f} after, {os.cpu_count()} CPUs, {versions()}")
    if asked.json:
        with asked.json.open("a") as file:
            for row in rows:
                file.write(json.dumps([Path(sys.argv[0]).stem, *row]) + "\n")


def load() -> float:
    return os.getloadavg()[0]


def versions() -> str:
    return f"Python {sys.version.split()[0]}, {os.uname().sysname} {os.uname().release}"


def in_turns(rounds: int, work: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Every one of `work` once a round, in an order that alternates; the median of what each gave."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for number in range(max(rounds, 1)):
        names = list(work)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(work[name]())
    return {name: statistics.median(values) for name, values in found.items()}


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def users_variables(**more: str) -> dict[str, str]:
    """This process's variables without those that no user has."""
    here = str(Path(__file__).resolve().parents[1])
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_USERS}
    return {**kept, "PYTHONPATH": here, **more}


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for a project, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="lambdatui-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Engine:
    """A `run --headless` over `project` on free ports; `ready_ms` from its exec until it answers."""

    def __init__(
        self, project: Path, *options: str, data: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        self.data = data or project / ".lambdatui"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the engine)
        command = [sys.executable, "-P", "-m", "lambdatui", "run", str(project), "--headless", "--aws", "none"]
        command += ["--port", "0", "--http-port", "0", "--data", str(self.data), *options]
        began = time.perf_counter()
        env = users_variables(**(variables or {}))
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=env)
        self.info = self._ready(began + PATIENCE_S)
        self.ready_ms = (time.perf_counter() - began) * 1e3
        self.url: str = self.info["url"]
        self.pid = self.process.pid

    def _ready(self, until: float) -> dict[str, str]:
        file = self.data / "engine.json"
        while self.process.poll() is None and time.perf_counter() < until:
            with contextlib.suppress(OSError, ValueError):
                found: dict[str, str] = json.loads(file.read_text())
                return found
            time.sleep(0.001)
        self._log.seek(0)
        sys.exit("the engine did not start:\n" + self._log.read().decode(errors="replace"))

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self._log.close()

    def rss_mb(self) -> float:
        return rss_mb(self.pid)

    def cpu_ms(self) -> float:
        """CPU time of all its threads so far."""
        tasks = Path(f"/proc/{self.pid}/task")
        return sum(int((one / "schedstat").read_text().split()[0]) for one in tasks.iterdir()) / 1e6

    def wakes(self) -> int:
        """Voluntary switches of all its threads so far."""
        total = 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            status = (thread / "status").read_text().split()
            total += int(status[status.index("voluntary_ctxt_switches:") + 1])
        return total


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().split()
    return int(status[status.index("VmRSS:") + 1]) / 1024


def plain_project(root: Path, **modules: str) -> Path:
    """A plain folder whose functions are modules: name -> source."""
    root.mkdir(parents=True, exist_ok=True)
    for name, source in modules.items():
        (root / f"{name}.py").write_text(source)
    return root


def template_project(root: Path, functions: int) -> Path:
    """A SAM template whose functions `f0`, `f1`, ... have a folder, a route and a queue each."""
    runtime = "python{}.{}".format(*sys.version_info[:2])
    lines = ["Transform: AWS::Serverless-2016-10-31", "Resources:"]
    for n in range(functions):
        plain_project(root / f"f{n}", app=NOTHING)
        lines += [
            f"  F{n}:",
            "    Type: AWS::Serverless::Function",
            "    Properties:",
            f"      {{FunctionName: f{n}, CodeUri: f{n}/, Handler: app.handler, Runtime: {runtime}, Events: {{",
            f"        A: {{Type: Api, Properties: {{Path: /f{n}, Method: get}}}},",
            f"        Q: {{Type: SQS, Properties: {{Queue: !GetAtt Q{n}.Arn}}}}}}}}",
            f"  Q{n}: {{Type: AWS::SQS::Queue}}",
        ]
    (root / "template.yaml").write_text("\n".join(lines) + "\n")
    return root


NOTHING = "def handler(event, context):\n    return None\n"
ECHO = "def handler(event, context):\n    return event\n"


class Connection:
    """A raw keep-alive connection to `url`: what a request costs is the server's, not a client library's."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, request: bytes) -> bytearray:
        """Send a whole request, as `request` makes it; the answer's body."""
        self.socket.sendall(request)
        data = bytearray()
        while (head := data.find(b"\r\n\r\n")) < 0:
            data += self.socket.recv(1 << 16) or sys.exit("the server closed the connection")
        if not data.startswith(b"HTTP/1.1 200"):
            sys.exit(f"the server answered {bytes(data)!r}")
        at = data.lower().find(b"content-length:", 0, head)
        length = int(data[at + 15 : data.find(b"\r", at)])
        del data[: head + 4]
        have = len(data)
        if have < length:
            data += bytes(length - have)
            with memoryview(data) as into:
                while have < length:
                    have += self.socket.recv_into(into[have:]) or sys.exit("the server closed the connection")
        return data

    def p50_ms(self, request: bytes, count: int) -> float:
        return statistics.median(self.times_ms(request, count))

    def times_ms(self, request: bytes, count: int) -> list[float]:
        found = []
        for _ in range(count):
            began = time.perf_counter()
            self.call(request)
            found.append((time.perf_counter() - began) * 1e3)
        return found


def request(function: str, body: bytes) -> bytes:
    """A synchronous Invoke."""
    path = f"/2015-03-31/functions/{function}/invocations"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


# The least that answers over the same HTTP stack: uvicorn, httptools and an application that gives back the body; where
# it is told of processes, one of them has read it as JSON and written it again.
_BARE = """
import asyncio, socket, subprocess, sys, uvicorn
port, processes, child = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
idle, waiting = [], {}
def started(loop):
    ours, theirs = socket.socketpair()
    subprocess.Popen([sys.executable, "-c", child], stdin=theirs)
    ours.setblocking(False)
    loop.add_reader(ours.fileno(), lambda: waiting[ours].set_result(ours.recv(65536)))
    idle.append(ours)
    waiting[ours] = None
async def handed_on(body):
    loop = asyncio.get_running_loop()
    if not waiting:
        for _ in range(processes):
            started(loop)
    one = idle.pop()
    answer = waiting[one] = loop.create_future()
    one.send(body)
    body = await answer
    idle.append(one)
    return body
async def echo(scope, receive, send):
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message["body"])
        more = message["more_body"]
    body = b"".join(parts)
    if processes:
        body = await handed_on(body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
uvicorn.run(echo, port=port, http="httptools", loop="asyncio", lifespan="off", log_level="critical",
            access_log=False, interface="asgi3", timeout_keep_alive=600)
"""
# Its standard input is a socket: JSON in, the same JSON out, which Python has read and written.
JSON_ECHO = """
import json, socket
sock = socket.socket(fileno=0)
while data := sock.recv(65536):
    sock.send(json.dumps(json.loads(data)).encode())
"""


@contextlib.contextmanager
def bare_echo(processes: int = 0) -> Iterator[str]:
    """The URL of a bare HTTP echo in a process of its own, with `processes` behind it that each call passes one of."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", _BARE, str(port), str(processes), JSON_ECHO], env=users_variables()
    )
    until = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()

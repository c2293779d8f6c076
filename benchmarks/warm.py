"""What a warm invocation costs: inside the engine, through HTTP, with eight connections, and with a screen attached.

    python -m benchmarks.warm [--rounds N] [--json FILE]

The floors are measured in the same turns: a round trip with a child process over a socketpair with json on both sides
(what any Python that runs a handler elsewhere must pay), and a bare echo on the same HTTP stack in its own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import pty
import signal
import socket
import statistics
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.bare_environment import bare_environment, call, result
from benchmarks.common import (
    ECHO,
    JSON_ECHO,
    PATIENCE_S,
    Connection,
    Engine,
    Row,
    at_least,
    at_most,
    bare_echo,
    compared,
    folder,
    in_turns,
    load,
    parser,
    percentile,
    plain_project,
    report,
    request,
    users_variables,
    within,
)
from lambdatui.clock import SystemClock
from lambdatui.config.loader import load_project
from lambdatui.config.model import LoadOptions
from lambdatui.engine.engine import Engine as InProcess
from lambdatui.engine.engine import EngineOptions
from lambdatui.engine.model import InvokeRequest
from lambdatui.store.store import Store
from lambdatui.telemetry.telemetry import Telemetry

EVENT = json.dumps({"order": 17, "items": [{"sku": "a-1", "count": 2}], "note": "as usual"}).encode()
CALLS = 1500  # a turn
SECONDS = 2.0  # of a turn that counts
CONNECTIONS = 8

# Keeps `connections` busy for `seconds` and prints how many answers came. A process of its own: it shares no GIL.
_CLIENT = """
import selectors, socket, sys, time
host, port, connections, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
request = sys.stdin.buffer.read()
ready, answers = selectors.DefaultSelector(), 0
for _ in range(connections):
    one = socket.create_connection((host, port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ready.register(one, selectors.EVENT_READ, bytearray())
    one.sendall(request)
end = time.perf_counter() + seconds
while time.perf_counter() < end:
    for key, _ in ready.select(1.0):
        data = key.data
        data += key.fileobj.recv(65536)
        head = data.find(b"\\r\\n\\r\\n")
        if head < 0:
            continue
        at = data.lower().find(b"content-length:")
        if len(data) < head + 4 + int(data[at + 15 : data.find(b"\\r", at)]):
            continue
        if not data.startswith(b"HTTP/1.1 200"):
            sys.exit(bytes(data))
        data.clear()
        answers += 1
        key.fileobj.sendall(request)
print(answers)
"""


@contextlib.contextmanager
def child() -> Iterator[socket.socket]:
    """Our end of a socketpair with a Python that answers JSON with JSON."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([sys.executable, "-c", JSON_ECHO], stdin=theirs, env=users_variables())
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.wait(5)


def round_trip_ms(sock: socket.socket) -> float:
    """Median of sending an event and reading its answer, json on both sides."""
    event = json.loads(EVENT)
    found = []
    for _ in range(CALLS):
        began = time.perf_counter()
        sock.send(json.dumps(event).encode())
        json.loads(sock.recv(65536))
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


@contextlib.asynccontextmanager
async def in_process(project: Path, **options: Any) -> AsyncIterator[InProcess]:
    """An engine in this process, without HTTP."""
    clock, data, reading = SystemClock(), project / ".lambdatui", LoadOptions()
    store = Store.open(data, clock)
    await store.start()
    telemetry = Telemetry(store.history, clock)
    await telemetry.start()
    engine = InProcess(
        load_project(project, reading, data), store, telemetry, clock,
        EngineOptions(url="http://127.0.0.1:1", http_url="http://127.0.0.1:2", region="us-east-1",
                      account="000000000000", engine_mark=f"bench-{os.getpid()}", **options),
        reading,
    )  # fmt: skip
    try:
        await engine.start()
        gc.freeze()  # as the host does
        yield engine
    finally:
        await engine.stop()
        await telemetry.close()
        await store.close()


async def inside_ms(engine: InProcess) -> float:
    """Median of an invocation inside the engine, asked for as the HTTP door does; each records the one before it."""
    found = []
    for _ in range(CALLS):
        began = time.perf_counter()
        result = await engine.invoke(InvokeRequest(function="echo", payload=EVENT, prompt=True))
        found.append((time.perf_counter() - began) * 1e3)
        assert result.status == "ok", result.error_message
    return statistics.median(found)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


async def bare_asyncio_ms(
    sock: socket.socket, write: Callable[[Any], bytes] = _json, read: Callable[[bytes], object] = json.loads
) -> float:
    """The same round trip as asyncio makes it, with nothing around it: the least that an engine on a loop can do."""
    loop, event, found = asyncio.get_running_loop(), json.loads(EVENT), []
    sock.setblocking(False)
    waiting: asyncio.Future[bytes] = loop.create_future()
    loop.add_reader(sock.fileno(), lambda: waiting.set_result(sock.recv(65536)))
    try:
        for _ in range(CALLS):
            waiting = loop.create_future()
            began = time.perf_counter()
            sock.send(write(event))
            read(await waiting)
            found.append((time.perf_counter() - began) * 1e3)
    finally:
        loop.remove_reader(sock.fileno())
        sock.setblocking(True)
    return statistics.median(found)


async def shares(engine: InProcess) -> str:
    """What an invocation's time is made of, as CPU time of the two processes."""
    pid = next(iter(engine.pool)).pid

    def environment_us() -> float:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e3

    loop_us, theirs = time.thread_time() * 1e6, environment_us()
    await inside_ms(engine)
    loop_us, theirs = (time.thread_time() * 1e6 - loop_us) / CALLS, (environment_us() - theirs) / CALLS
    return (
        f"{loop_us:.0f} µs of CPU are the engine's Python and {theirs:.0f} µs the environment's (at nice 10: on a busy "
        "machine it waits for others, the floor does not); the rest is each waking the other"
    )


def rate(url: str, asked: bytes) -> float:
    """Answers a second to eight connections."""
    host, _, port = url.removeprefix("http://").partition(":")
    command = [sys.executable, "-c", _CLIENT, host, port, str(CONNECTIONS), str(SECONDS)]
    variables = users_variables()
    done = subprocess.run(command, input=asked, capture_output=True, env=variables, timeout=PATIENCE_S, check=False)
    if done.returncode:
        sys.exit(f"the client failed: {done.stderr.decode()}")
    return int(done.stdout) / SECONDS


@contextlib.contextmanager
def screen(engine: Engine) -> Iterator[None]:
    """A real `attach` in a terminal of 120 × 40, read as a terminal emulator reads."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    variables = users_variables(TERM="xterm-256color", LAMBDATUI_TOKEN=engine.info["token"])
    command = [sys.executable, "-P", "-m", "lambdatui", "attach", engine.url]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=variables, start_new_session=True)
    os.close(slave)
    painted = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(master, 65536):
                if b"echo" in data:  # the function's row stands there
                    painted.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        if not painted.wait(PATIENCE_S):
            sys.exit("the screen did not come")
        time.sleep(1.0)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(master)
        reader.join(5)


def p99_ms(url: str, asked: bytes) -> float:
    times = Connection(url).times_ms(asked, 2 * CALLS)
    return percentile(times, 99)


def inside(root: Path, rounds: int) -> list[Row]:
    """The rows of the invocation inside the engine."""
    project = plain_project(root, echo=ECHO)
    with child() as sock, bare_environment(project, "echo.handler") as bare, asyncio.Runner() as runner:
        running = in_process(project)
        engine = runner.run(running.__aenter__())
        try:
            runner.run(inside_ms(engine))
            found = in_turns(
                rounds,
                {
                    "engine": lambda: runner.run(inside_ms(engine)),
                    "floor": lambda: round_trip_ms(sock),
                    "asyncio": lambda: runner.run(bare_asyncio_ms(sock)),
                    "environment": lambda: runner.run(bare_asyncio_ms(bare, lambda _: call(EVENT), result)),
                },
            )
            note = runner.run(shares(engine))
        finally:
            runner.run(running.__aexit__(None, None, None))
    name, against = "warm invoke inside the engine, p50", "Python socketpair + json round trip"
    alone = "asyncio and an environment of this runtime, no engine"
    return [
        at_most(name, found["engine"], "ms", against, found["floor"], 3, note),
        compared(name, found["engine"], "ms", alone, found["environment"]),
        compared(alone, found["environment"], "ms", against, found["floor"]),
        compared("asyncio and a Python that echoes JSON", found["asyncio"], "ms", against, found["floor"]),
    ]


def through_http(root: Path, rounds: int) -> list[Row]:
    asked = request("echo", EVENT)
    with contextlib.ExitStack() as stack:
        sock, bare = stack.enter_context(child()), stack.enter_context(bare_echo())
        behind = stack.enter_context(bare_echo(CONNECTIONS))
        engine = stack.enter_context(Engine(plain_project(root, echo=ECHO)))
        ours, theirs, handing_on = Connection(engine.url), Connection(bare), Connection(behind)
        for each in (ours, theirs, handing_on):
            each.p50_ms(asked, CALLS)
        one = in_turns(
            rounds,
            {
                "engine": lambda: ours.p50_ms(asked, CALLS),
                "bare": lambda: theirs.p50_ms(asked, CALLS),
                "behind": lambda: handing_on.p50_ms(asked, CALLS),
                "trip": lambda: round_trip_ms(sock),
            },
        )
        eight = in_turns(
            rounds,
            {
                "engine": lambda: rate(engine.url, asked),
                "bare": lambda: rate(bare, asked),
                "behind": lambda: rate(behind, asked),
            },
        )
        screened = in_turns(
            rounds, {"headless": lambda: p99_ms(engine.url, asked), "attached": _attached(engine, asked)}
        )
    name, floor = "warm invoke through HTTP, 1 connection, p50", one["bare"] + one["trip"]
    least = "bare HTTP echo that hands each call to a Python process, nothing else"
    return [
        at_most(name, one["engine"], "ms", "bare HTTP echo + that round trip", floor, 2),
        compared(name, one["engine"], "ms", least, one["behind"]),
        within(name + ", here", one["engine"], "ms", 0.3),
        at_least("throughput, 8 connections", eight["engine"], "/s", "bare HTTP echo", eight["bare"], 0.3),
        compared("throughput, 8 connections", eight["engine"], "/s", least, eight["behind"]),
        at_most("invoke p99 with a screen attached", screened["attached"], "ms", "headless", screened["headless"], 1.5),
    ]


def _attached(engine: Engine, asked: bytes) -> Callable[[], float]:
    def measured() -> float:
        with screen(engine):
            return p99_ms(engine.url, asked)

    return measured


def main() -> None:
    asked = parser(__doc__).parse_args()
    before = load()
    with folder() as root:
        rows = [*inside(root / "inside", asked.rounds), *through_http(root / "http", asked.rounds)]
    report(asked, rows, before)


if __name__ == "__main__":
    main()

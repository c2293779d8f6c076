"""What a 6 MB event costs beside the handler's own json, against a C program that echoes 6 MB over the same loopback.

    python -m benchmarks.payload [--rounds N] [--json FILE]

An echoing function is called with the largest event that Lambda takes. What is subtracted from each call is what the
same process needs, right after, for `json.loads` and `json.dumps` of the same text: no handler that looks at its event
can do with less, and in another process or at another time the same takes up to a third more or less. The floor reads 6
MB from a socket and then writes them back; it is C where there is a compiler, else Python.

The engine passes them on twice each way, and a Python server is no C program: a second floor is a bare echo of 6 MB on
the same HTTP stack and one by a Python process behind a socket, together.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import (
    Connection,
    Engine,
    at_most,
    bare_echo,
    figure,
    folder,
    in_turns,
    load,
    parser,
    plain_project,
    report,
    request,
    users_variables,
)
from lambdatui.wire import MAX_SYNC_REQUEST

CALLS = 10  # a turn

_C_ECHO = """
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
static int all(ssize_t (*io)(int, void *, size_t), char *at, size_t size) {
    while (size) { ssize_t n = io(0, at, size); if (n <= 0) return 0; at += n; size -= n; }
    return 1;
}
static ssize_t put(int fd, void *at, size_t size) { return write(fd, at, size); }
int main(void) {
    uint64_t size = 0, room = 0; char *data = 0;
    while (all(read, (char *)&size, 8)) {
        if (size > room) data = realloc(data, room = size);
        if (!data || !all(read, data, size) || !all(put, data, size)) return 1;
    }
    return 0;
}
"""
_PYTHON_ECHO = """
import os
def read(size):
    data = bytearray(size)
    view = memoryview(data)
    while view:
        got = os.readv(0, [view])
        if not got:
            raise SystemExit  # who asks has gone
        view = view[got:]
    return data
while True:
    rest = memoryview(read(int.from_bytes(read(8), "little")))
    while rest:
        rest = rest[os.write(0, rest):]
"""
# Echoes its event, or says how many milliseconds the last one's JSON takes.
_HANDLER = """
import json, time
last = None
def handler(event, context):
    global last
    if event != "json":
        last = event
        return event
    text = json.dumps(last)
    began = time.perf_counter()
    json.dumps(json.loads(text))
    return (time.perf_counter() - began) * 1e3
"""


def event() -> bytes:
    """Records as an API gives them, of the size that Lambda just takes."""
    record = {"id": 0, "sku": "a-1", "price": 12.5, "tags": ["new", "blue"], "text": "as usual " * 12}
    size = len(json.dumps(record)) + 8
    records = [record | {"id": 1_000_000 + number} for number in range(MAX_SYNC_REQUEST // size)]
    return json.dumps(records).encode()


IN_PYTHON = (sys.executable, "-c", _PYTHON_ECHO)


def floor(root: Path) -> tuple[str, tuple[str, ...]]:
    """What the floor is written in, and its command."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return "Python", IN_PYTHON
    (root / "echo.c").write_text(_C_ECHO)
    subprocess.run([compiler, "-O2", "-o", str(root / "echo"), str(root / "echo.c")], check=True)
    return "C", (str(root / "echo"),)


@contextlib.contextmanager
def echo(command: tuple[str, ...]) -> Iterator[socket.socket]:
    """A TCP connection to a process that echoes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    process = subprocess.Popen(command, stdin=theirs, env=users_variables())
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.wait(5)


def echo_ms(sock: socket.socket, data: bytes) -> float:
    into, found = memoryview(bytearray(len(data))), []
    for _ in range(CALLS):
        began = time.perf_counter()
        sock.sendall(struct.pack("<Q", len(data)) + data)
        left = into
        while left:
            left = left[sock.recv_into(left) :]
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def pairs_ms(ours: Connection, whole: bytes, found: list[tuple[float, float]]) -> float:
    """Calls, each followed by its JSON alone: adds both to `found`; the median of the differences."""
    own, before = request("echo", b'"json"'), len(found)
    for _ in range(CALLS):
        began = time.perf_counter()
        ours.call(whole)
        took = (time.perf_counter() - began) * 1e3
        found.append((took, float(ours.call(own))))
    return statistics.median(took - json_ms for took, json_ms in found[before:])


def main() -> None:
    asked = parser(__doc__).parse_args()
    before, data = load(), event()
    whole = request("echo", data)
    found: list[tuple[float, float]] = []
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(folder())
        written_in, command = floor(root)
        sock, behind = stack.enter_context(echo(command)), stack.enter_context(echo(IN_PYTHON))
        bare = Connection(stack.enter_context(bare_echo()))
        ours = Connection(stack.enter_context(Engine(plain_project(root / "project", echo=_HANDLER))).url)
        assert json.loads(ours.call(whole)) == json.loads(data)
        turns = {
            "left": lambda: pairs_ms(ours, whole, found),
            "echo": lambda: echo_ms(sock, data),
            "bare": lambda: bare.p50_ms(whole, CALLS),
            "behind": lambda: echo_ms(behind, data),
        }
        in_turns(1, turns)
        found.clear()
        took = in_turns(asked.rounds, turns)
    in_all, json_ms = (statistics.median(each) for each in zip(*found, strict=True))
    left, name = took["left"], "6 MB event, outside the handler's own json"
    note = f"of {in_all:.1f} ms in all, {json_ms:.1f} ms are loads + dumps of the same text"
    both = took["bare"] + took["behind"]
    rows = [
        at_most(name, left, "ms", f"{written_in} stream echo of 6 MB", took["echo"], 3, note),
        at_most(name, left, "ms", "bare HTTP echo of 6 MB and a Python process's behind it", both, 3),
        figure("6 MB event and result, the whole call", in_all, "ms"),
    ]
    report(asked, rows, before)


if __name__ == "__main__":
    main()

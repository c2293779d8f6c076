"""How soon a save is answered by the new code: a function that imports boto3 and makes a client at its start.

    python -m benchmarks.reload [--rounds N] [--json FILE]

From the end of the write to the end of the first answer by the new code, through HTTP, one call after the other. The
floor is what a process must do after any reload, made by the same Python in the same turns: a fork of one that has
imported boto3, which makes the client and answers. A thousand edits, none answered by old code, are in `make soak`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import (
    PATIENCE_S,
    Connection,
    Engine,
    Row,
    figure,
    folder,
    load,
    parser,
    percentile,
    plain_project,
    report,
    request,
    users_variables,
    within,
)

EDITS = 100
LIMIT_MS = 60.0
_PAUSE_S = 0.05  # between edits, as the quickest hands make them
_SOURCE = """import boto3

client = boto3.client("dynamodb")


def handler(event, context):
    return [{number}, client.meta.service_model.service_name]
"""
# Answers each line with a number by a fork that makes the client first.
_FLOOR = """
import os, sys, boto3, botocore.session, botocore.loaders
boto3.client("dynamodb", region_name="us-east-1")  # what is imported late is there, too
boto3.DEFAULT_SESSION = None
while sys.stdin.buffer.readline():
    pid = os.fork()
    if not pid:
        boto3.client("dynamodb", region_name="us-east-1")
        os.write(1, b"done\\n")
        os._exit(0)
    os.waitpid(pid, 0)
"""


def source(number: int) -> str:
    """All of one size: a look at sizes and whole seconds would miss the edit."""
    return _SOURCE.format(number=1_000_000 + number)


class Function:
    """A function that is edited again and again."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._connection = Connection(engine.url)
        self._request = request("app", b"{}")
        self._file = file
        self._number = 0
        self.stale = 0  # answers by old code to calls that began 100 ms after a save or later

    def answer(self) -> int:
        return int(json.loads(self._connection.call(self._request))[0]) - 1_000_000

    def edit_ms(self) -> float:
        """From the end of a save to the first answer by its code."""
        self._number += 1
        self._file.write_text(source(self._number))
        saved = time.perf_counter()
        while True:
            began = time.perf_counter()
            if began - saved > PATIENCE_S:
                sys.exit("the save is not answered by its code")
            if self.answer() == self._number:
                return (time.perf_counter() - saved) * 1e3
            self.stale += began - saved > 0.1


@contextmanager
def floor() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _FLOOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=users_variables()
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def fork_ms(process: subprocess.Popen[bytes]) -> float:
    assert process.stdin is not None and process.stdout is not None
    began = time.perf_counter()
    process.stdin.write(b"\n")
    process.stdin.flush()
    process.stdout.readline()
    return (time.perf_counter() - began) * 1e3


def rows() -> list[Row]:
    with folder() as root, floor() as process:
        project = plain_project(root / "project", app=source(0))
        with Engine(project) as engine:
            function = Function(engine, project / "app.py")
            function.answer()
            forked(function)
            edits, forks = [], []
            for _ in range(EDITS):
                time.sleep(_PAUSE_S)
                edits.append(function.edit_ms())
                forks.append(fork_ms(process))
    p50, least = statistics.median(edits), statistics.median(forks)
    note = f"p50 {p50:.1f} ms; of them 20 ms of stillness and {least:.1f} ms of fork and client, the floor"
    return [
        within(
            f"save → new code answers, boto3 function, p95 over {EDITS} edits",
            percentile(edits, 95),
            "ms",
            LIMIT_MS,
            note,
        ),
        figure("… answered by old code 100 ms after a save or later", function.stale, f"of {EDITS}"),
    ]


def forked(function: Function) -> None:
    """Until its zygote is there: the first edits of a session come later than a second after the first answer."""
    until = time.monotonic() + 10.0
    while function.edit_ms() > LIMIT_MS and time.monotonic() < until:
        time.sleep(0.5)


if __name__ == "__main__":
    asked = parser(__doc__).parse_args()
    before = load()
    report(asked, rows(), before)

"""How soon a save is answered by the new code: a function that imports boto3 and makes a client at its start.

    python -m benchmarks.reload [--rounds N] [--json FILE]

From the end of the write to the end of the first answer by the new code, through HTTP, one call after the other. The
floor is what a process must do after any reload, made by the same Python in the same turns: a fork of one that has
imported boto3, which makes the client and answers. A thousand edits, none answered by old code, are in `make soak`.
"""

from __future__ import annotations

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
    at_most,
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
_ANSWER = "\n\ndef handler(event, context):\n    return {number}\n"
_PLAIN = "import boto3\n" + _ANSWER
_CLIENT = 'import boto3\n\nclient = boto3.client("dynamodb")\n' + _ANSWER
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


class Function:
    """A function that is edited again and again."""

    def __init__(self, engine: Engine, file: Path, source: str) -> None:
        self._connection = Connection(engine.url)
        self._request = request(file.stem, b"{}")
        self._file = file
        self._source = source
        self._number = 1_000_000  # of one size: a look at sizes and whole seconds would miss the edit
        self.stale = 0  # answers by old code to calls that began 100 ms after a save or later

    def answer(self) -> int:
        return int(self._connection.call(self._request))

    def edit_ms(self) -> float:
        """From the end of a save to the first answer by its code."""
        self._number += 1
        self._file.write_text(self._source.format(number=self._number))
        saved = time.perf_counter()
        while True:
            began = time.perf_counter()
            if began - saved > PATIENCE_S:
                sys.exit("the save is not answered by its code")
            if self.answer() == self._number:
                return (time.perf_counter() - saved) * 1e3
            self.stale += began - saved > 0.1

    def edit_until_forked(self) -> None:
        """The first edits of a session come later than a second after the first answer."""
        until = time.monotonic() + 10.0
        before = self.edit_ms()
        while time.monotonic() < until:
            time.sleep(0.5)
            if self.edit_ms() < before / 2:
                return


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
    first = dict.fromkeys(("plain", "client"), "def handler(event, context):\n    return 0\n")
    with folder() as root, floor() as process:
        project = plain_project(root / "project", **first)
        with Engine(project) as engine:
            plain = Function(engine, project / "plain.py", _PLAIN)
            client = Function(engine, project / "client.py", _CLIENT)
            for each in (plain, client):
                each.edit_until_forked()
            times: dict[str, list[float]] = {"plain": [], "client": [], "floor": []}
            for number in range(EDITS):
                time.sleep(_PAUSE_S)
                times["plain"].append(plain.edit_ms())
                if number % 5 == 0:
                    times["client"].append(client.edit_ms())
                    times["floor"].append(fork_ms(process))
    middle = {name: statistics.median(each) for name, each in times.items()}
    what = "save → new code answers, boto3 function"
    note = f"p50 {middle['plain']:.1f} ms, of them 20 ms until the file is taken to be still"
    making = "a fork of a Python with boto3 that makes the client"
    note_client = f"{middle['client'] - middle['floor']:.1f} ms beside what botocore does to make a client"
    row = at_most(f"{what} with a client, p50", middle["client"], "ms", making, middle["floor"], 1.0, note_client)
    return [
        within(f"{what}, p95 over {EDITS} edits", percentile(times["plain"], 95), "ms", LIMIT_MS, note),
        figure("… answered by old code 100 ms after a save or later", plain.stale + client.stale, ""),
        row._replace(goal="", met=None),
    ]


if __name__ == "__main__":
    asked = parser(__doc__).parse_args()
    before = load()
    report(asked, rows(), before)

"""`make bench`: a script that fails or hangs is a row that says so, and leaves nothing behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as bench

KEEPS = """
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("--json")
with open(parser.parse_args().json, "a") as file:
    file.write(json.dumps(["x", "p50", "1 ms", "", "", "", None, ""]) + "\\n")
"""


def run(source: str, seconds: float = 20.0) -> tuple[list[list[object]], str]:
    return bench.run([sys.executable, "-c", source], time.monotonic() + seconds)


def test_rows_of_a_script_come_back():
    assert run(KEEPS) == ([["x", "p50", "1 ms", "", "", "", None, ""]], "")


def test_a_script_that_fails_says_why_and_keeps_its_rows():
    rows, fault = run(KEEPS + "raise SystemExit('no such thing')")
    assert len(rows) == 1
    assert fault == "ended with 1: no such thing"


def test_a_script_that_hangs_is_ended_with_what_it_started(tmp_path: Path):
    file = tmp_path / "pid"
    source = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(2, 1); time.sleep(60)"])
open({str(file)!r}, "w").write(str(child.pid))
child.wait()
"""
    rows, fault = run(source, 3.0)
    assert rows == []
    assert fault.startswith("took longer than")
    with pytest.raises(ProcessLookupError):
        for _ in range(1200):  # until init, or who stands for it, has reaped it
            os.kill(int(file.read_text()), 0)
            if Path(f"/proc/{file.read_text()}/stat").read_text().split()[2] == "Z":
                raise ProcessLookupError
            time.sleep(0.05)


def test_of_a_scripts_two_runs_the_second_stands_unless_it_met_fewer_goals():
    def rows(*met: bool | None) -> list[list[object]]:
        return [["x", "what", "1 ms", "", "", "", each, ""] for each in met]

    first = rows(True, False, None)
    for second in (rows(True, True, None), rows(False, True, None)):
        assert bench.better(first, second) is second
    for second in (rows(False, False, None), []):
        assert bench.better(first, second) is first


def test_nothing_is_begun_when_the_time_is_over():
    assert run("raise SystemExit('begun')", 0.0) == ([], "was not begun: the time for all of them was over")


def test_the_scripts_take_the_common_arguments_and_report_rows():
    for name in bench.scripts():
        assert "report(" in (bench.HERE / f"{name}.py").read_text(), name

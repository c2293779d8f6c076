"""How long a `run --headless` takes until it answers, and what it costs while nothing happens.

    python benchmarks/start.py [--functions 50] [--rounds 5] [--idle 10]

Prints the median time to ready beside a floor of the same run (a Python that imports asyncio and sqlite3), the
engine's memory, and its CPU time and wake-ups per second with as many queues as functions and nobody calling. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PATIENCE_S = 60.0


def project(folder: Path, functions: int) -> Path:
    """A SAM template whose functions have a route and a queue each."""
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context):\n    return None\n")
    runtime = "python{}.{}".format(*sys.version_info[:2])
    lines = ["Transform: AWS::Serverless-2016-10-31", "Resources:"]
    for n in range(functions):
        lines += [
            f"  F{n}:",
            "    Type: AWS::Serverless::Function",
            "    Properties:",
            f"      {{CodeUri: ., Handler: app.handler, Runtime: {runtime}, Events: {{",
            f"        A: {{Type: Api, Properties: {{Path: /f{n}, Method: get}}}},",
            f"        Q: {{Type: SQS, Properties: {{Queue: !GetAtt Q{n}.Arn}}}}}}}}",
            f"  Q{n}: {{Type: AWS::SQS::Queue}}",
        ]
    (folder / "template.yaml").write_text("\n".join(lines) + "\n")
    return folder


class Engine:
    """One that answers; `ready_ms` from its exec on."""

    def __init__(self, folder: Path, data: Path) -> None:
        command = [sys.executable, "-m", "lambdatui", "run", str(folder), "--headless", "--aws", "none"]
        variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")}
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--http-port", "0", "--data", str(data)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=variables,
        )
        while not self._answers(data / "engine.json"):
            if self.process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                sys.exit("the engine did not start")
            time.sleep(0.003)
        self.ready_ms = (time.perf_counter() - began) * 1e3

    def _answers(self, file: Path) -> bool:
        try:
            return bool(urllib.request.urlopen(json.loads(file.read_text())["url"] + "/healthz").read())
        except (OSError, ValueError):
            return False

    def spent(self) -> tuple[float, int]:
        """CPU time in ms and voluntary switches (wake-ups) of all threads so far."""
        cpu_ns = wakes = 0
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            cpu_ns += int((thread / "schedstat").read_text().split()[0])
            status = (thread / "status").read_text().split()
            wakes += int(status[status.index("voluntary_ctxt_switches:") + 1])
        return cpu_ns / 1e6, wakes

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text().split()
        return int(status[status.index("VmRSS:") + 1]) / 1024

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def floor_ms() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, sqlite3"], check=True)
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", type=float, default=10.0, help="seconds")
    asked = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="start-") as name:
        folder = project(Path(name) / "project", asked.functions)
        Engine(folder, Path(name) / "warm-up").end()  # writes the bytecode
        ready, floors = [], []
        for number in range(max(asked.rounds, 1)):
            floors.append(floor_ms())
            engine = Engine(folder, Path(name) / f"data-{number}")
            ready.append(engine.ready_ms)
            if number < asked.rounds - 1:
                engine.end()
        time.sleep(3)  # what start-up left to do
        cpu_ms, wakes = engine.spent()
        time.sleep(asked.idle)
        cpu_after, wakes_after = engine.spent()
        rss_mb = engine.rss_mb()
        engine.end()
    floor, found = statistics.median(floors), statistics.median(ready)
    print(f"floor: a Python that imports asyncio and sqlite3   median {floor:7.1f} ms")
    print(f"ready with {asked.functions} functions   median {found:7.1f} ms   {found / floor:.1f} times the floor")
    print(
        f"idle: {rss_mb:.1f} MB, {(cpu_after - cpu_ms) / asked.idle:.2f} ms of CPU and "
        f"{(wakes_after - wakes) / asked.idle:.1f} wake-ups a second"
    )
    print(f"load average {before:.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()

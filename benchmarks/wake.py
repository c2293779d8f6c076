"""How soon a function's own send_message starts the function behind the queue, on a real `run --headless`.

    python benchmarks/wake.py [--rounds 60]

Prints median and 95th percentile, in milliseconds, from before the sender's boto3 call to the consumer's first line,
beside a floor measured in the same run: a bare HTTP round trip and a warm synchronous invocation.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

SENDER = """
import json, time, boto3
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="work")["QueueUrl"]

def handler(event, context):
    body = json.dumps({"file": event["file"], "at": time.time_ns()})
    sqs.send_message(QueueUrl=url, MessageBody=body)
"""
CONSUMER = """
import time
now = time.time_ns

def handler(event, context):
    began = now()
    import json
    for record in event["Records"]:
        sent = json.loads(record["body"])
        with open(sent["file"], "a") as file:
            file.write(f"{began - sent['at']}\\n")
"""
CONFIGURATION = """
[functions.sender]
handler = "sender.handler"
[functions.consumer]
handler = "consumer.handler"
[[functions.consumer.events]]
type = "queue"
queue = "work"
[functions.nothing]
handler = "nothing.handler"
[queues.work]
"""
PAUSE_S = 0.1  # between rounds: long enough for every environment to be frozen again
PATIENCE_S = 20.0


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[str]:
    """The URL of an engine over the three functions."""
    project = folder / "project"
    project.mkdir()
    (project / "sender.py").write_text(SENDER)
    (project / "consumer.py").write_text(CONSUMER)
    (project / "nothing.py").write_text("def handler(event, context):\n    return None\n")
    (project / "lambdatui.toml").write_text(CONFIGURATION)
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")}
    command = [sys.executable, "-m", "lambdatui", "run", str(project), "--headless", "--port", "0", "--http-port", "0"]
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen([*command, "--aws", "none"], stdout=log, stderr=log, env=variables)
    try:
        yield _ready(project / ".lambdatui" / "engine.json", process, folder / "engine.log")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _ready(file: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return str(json.loads(file.read_text())["url"])
        time.sleep(0.02)
    sys.exit(f"the engine did not start:\n{log.read_text()}")


def wakes(client: Any, file: Path, rounds: int) -> list[float]:
    """Milliseconds from send to start, one a round."""
    file.touch()
    for number in range(1, rounds + 1):
        answer = client.invoke(FunctionName="sender", Payload=json.dumps({"file": str(file)}))
        if "FunctionError" in answer:
            sys.exit(f"the sender failed: {answer['Payload'].read().decode()}")
        end = time.monotonic() + PATIENCE_S
        while file.read_text().count("\n") < number:
            if time.monotonic() > end:
                sys.exit("the consumer was not started")
            time.sleep(0.002)
        time.sleep(PAUSE_S)
    return [int(line) / 1e6 for line in file.read_text().split()]


def timed(rounds: int, work: Any) -> list[float]:
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1e3)
        time.sleep(PAUSE_S)
    return found


def told(name: str, values: list[float]) -> str:
    p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
    return f"{name:<34} median {statistics.median(values):7.2f} ms   p95 {p95:7.2f} ms   of {len(values)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = max(parser.parse_args().rounds, 2)
    folder = Path(tempfile.mkdtemp(prefix="wake-"))
    try:
        with engine(folder) as url:
            client = boto3.client(
                "lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
            )
            client.invoke(FunctionName="nothing")
            wakes(client, folder / "warm-up", 3)
            before = os.getloadavg()[0]
            http = timed(rounds, lambda: urllib.request.urlopen(f"{url}/healthz").read())
            invoke = timed(rounds, lambda: client.invoke(FunctionName="nothing"))
            found = wakes(client, folder / "wakes", rounds)
        print(told("floor: HTTP round trip", http))
        print(told("floor: warm invocation by boto3", invoke))
        print(told("send by boto3 -> consumer starts", found))
        print(f"load average {before:.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} CPUs")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

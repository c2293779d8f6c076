"""How soon a function's own send_message starts the function behind the queue.

    python -m benchmarks.wake [--rounds N] [--json FILE]

From before the sender's boto3 call to the consumer's first line, beside what both are made of in the same turns: a bare
HTTP round trip and a warm synchronous invocation by boto3. Every environment is frozen again before each.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from benchmarks.common import NOTHING, PATIENCE_S, Engine, figure, folder, in_turns, load, parser, percentile, report

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
SAMPLES = 20  # a turn
PAUSE_S = 0.1  # between two of them: long enough for every environment to be frozen again


class Wakes:
    """Has the sender send, and knows when the consumer began."""

    def __init__(self, client: Any, root: Path) -> None:
        self._client = client
        self._root = root
        self._turns = 0
        self.all_ms: list[float] = []

    def turn(self) -> float:
        """The median of a turn, in milliseconds."""
        self._turns += 1
        file = self._root / f"wakes-{self._turns}"
        file.touch()
        for number in range(1, SAMPLES + 1):
            answer = self._client.invoke(FunctionName="sender", Payload=json.dumps({"file": str(file)}))
            if "FunctionError" in answer:
                sys.exit(f"the sender failed: {answer['Payload'].read().decode()}")
            end = time.monotonic() + PATIENCE_S
            while file.read_text().count("\n") < number:
                if time.monotonic() > end:
                    sys.exit("the consumer was not started")
                time.sleep(0.002)
            time.sleep(PAUSE_S)
        found = [int(line) / 1e6 for line in file.read_text().split()]
        self.all_ms += found
        return median(found)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A turn of `work`: its median in milliseconds."""

    def turn() -> float:
        found = []
        for _ in range(SAMPLES):
            began = time.perf_counter()
            work()
            found.append((time.perf_counter() - began) * 1e3)
            time.sleep(PAUSE_S)
        return median(found)

    return turn


def main() -> None:
    asked = parser(__doc__).parse_args()
    before = load()
    with folder() as root:
        project = root / "project"
        project.mkdir()
        for name, text in {
            "sender.py": SENDER, "consumer.py": CONSUMER, "nothing.py": NOTHING, "lambdatui.toml": CONFIGURATION,
        }.items():  # fmt: skip
            (project / name).write_text(text)
        with Engine(project) as engine:
            client = boto3.client(
                "lambda", endpoint_url=engine.url, region_name="us-east-1", aws_access_key_id="x",
                aws_secret_access_key="x",
            )  # fmt: skip
            wakes = Wakes(client, root)
            wakes.turn()  # everything is warm
            wakes.all_ms.clear()
            found = in_turns(
                asked.rounds,
                {
                    "http": timed(lambda: urllib.request.urlopen(f"{engine.url}/healthz").read()),
                    "invoke": timed(lambda: client.invoke(FunctionName="nothing")),
                    "wake": wakes.turn,
                },
            )
    beside = (
        f"an HTTP round trip takes {found['http']:.1f} ms and an invocation by boto3 {found['invoke']:.1f} ms in the "
        f"same turns; p95 {percentile(wakes.all_ms, 95):.1f} ms of {len(wakes.all_ms)}"
    )
    report(
        asked,
        [figure("a function's send_message starts the queue's function, p50", found["wake"], "ms", beside)],
        before,
    )


if __name__ == "__main__":
    main()

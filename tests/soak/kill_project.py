"""The project that is under load while processes are killed: a function for each way in, and a ledger of what ran.

A handler writes one line to the ledger, in one write, when it has done its work: what stands there has been processed.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

VISIBILITY_S = 3  # of the queues: how long what a killed poller held stays hidden
BATCH = 4

_LEDGER = """
import os, time

def note(kind, *what):
    line = " ".join([str(time.monotonic_ns()), *map(str, what)]) + "\\n"
    fd = os.open(os.path.join(os.environ["LEDGER"], kind), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode())
    os.close(fd)
"""
# What it imports makes a library zygote worth its while: the environments after the first are forked from that.
_ANSWER = """
import decimal, email.message, logging, subprocess, uuid
import ledger

VERSION = {version}

def handler(event, context):
    if event.get("breed"):  # a daemon in a session of its own, without the marker: nobody but its namespace knows it
        subprocess.Popen(["sleep", "300"], start_new_session=True, env={{}})
    ledger.note("answer", event["id"])
    print("answered", event["id"])
    return {{"id": event["id"], "version": VERSION}}
"""
_JOB = """
import time
import ledger

def handler(event, context):
    time.sleep(event["ms"] / 1000)
    if event["poison"]:
        raise ValueError("poison")
    ledger.note("job", event["id"])
    return event["id"]
"""
_WORK = """
import json, time
import ledger

def handler(event, context):
    failed = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        time.sleep(body["ms"] / 1000)
        if body["poison"]:
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            ledger.note("work", body["id"])
    return {"batchItemFailures": failed}
"""
_ORDERED = """
import json, time
import ledger

def handler(event, context):
    for record in event["Records"]:
        body = json.loads(record["body"])
        time.sleep(body["ms"] / 1000)
        ledger.note("ordered", body["group"], body["n"])
"""
_CLICKS = """
import base64, json, time
import ledger

def handler(event, context):
    records = [json.loads(base64.b64decode(each["kinesis"]["data"])) for each in event["Records"]]
    if any(each["poison"] for each in records):
        raise ValueError("poison")
    time.sleep(records[0]["ms"] / 1000)
    for each in records:
        ledger.note("clicks", each["key"], each["n"])
"""
_TICK = """
import ledger

def handler(event, context):
    ledger.note("tick", event["time"], context.aws_request_id)
"""
_TOML = """
[defaults]
timeout = 20
[functions.answer]
handler = "answer.handler"
code = "hot"
environment = {{ LEDGER = "{ledger}" }}
[functions.job]
handler = "job.handler"
code = "code"
maximum_retry_attempts = 1
dead_letter_queue = "job-dead"
on_success = {{ queue = "job-done" }}
environment = {{ LEDGER = "{ledger}" }}
[functions.work]
handler = "work.handler"
code = "code"
timeout = {visibility}
environment = {{ LEDGER = "{ledger}" }}
[functions.ordered]
handler = "ordered.handler"
code = "code"
timeout = {visibility}
environment = {{ LEDGER = "{ledger}" }}
[functions.clicks]
handler = "clicks.handler"
code = "code"
environment = {{ LEDGER = "{ledger}" }}
[functions.tick]
handler = "tick.handler"
code = "code"
environment = {{ LEDGER = "{ledger}" }}

[queues.job-dead]
[queues.job-done]
[queues.work]
visibility_timeout = {visibility}
redrive = {{ queue = "work-dead", max_receive_count = 3 }}
[queues.work-dead]
[queues."ordered.fifo"]
visibility_timeout = {visibility}
[queues.clicks-dead]
[streams.clicks]
shards = 2

[[functions.work.events]]
type = "queue"
queue = "work"
batch_size = {batch}
report_batch_item_failures = true
[[functions.ordered.events]]
type = "queue"
queue = "ordered.fifo"
batch_size = {batch}
[[functions.clicks.events]]
type = "stream"
stream = "clicks"
batch_size = 20
starting_position = "TRIM_HORIZON"
parallelization_factor = 2
maximum_retry_attempts = 1
bisect_on_error = true
on_failure = "clicks-dead"
[[functions.tick.events]]
type = "schedule"
every = "1s"
"""


class KillProject(NamedTuple):
    """Where it is."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / ".lambdatui"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    def save(self, version: int, *, whole: bool) -> None:
        """Save the code of `answer`: as editors do it, by a rename, or (not `whole`) over what stands there."""
        file = self.root / "hot" / "answer.py"
        text = _ANSWER.format(version=version)
        if not whole:
            file.write_text(text)
            return
        new = file.with_suffix(".new")
        new.write_text(text)
        new.replace(file)

    def touch(self, version: int) -> None:
        """Save the code that all others share."""
        (self.root / "code" / "version.py").write_text(f"VERSION = {version}\n")

    def lines(self, kind: str) -> list[list[str]]:
        """What the ledger holds of one kind: the time (monotonic ns) first. A line that a kill cut off is none."""
        file = self.ledger / kind
        text = file.read_text() if file.exists() else ""
        return [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]


def make(root: Path) -> KillProject:
    """Write the project to `root`, which is made."""
    project = KillProject(root)
    for folder in ("hot", "code", "ledger"):
        (root / folder).mkdir(parents=True)
    for folder in ("hot", "code"):
        (root / folder / "ledger.py").write_text(_LEDGER)
    sources = {"job": _JOB, "work": _WORK, "ordered": _ORDERED, "clicks": _CLICKS, "tick": _TICK}
    for name, source in sources.items():
        (root / "code" / f"{name}.py").write_text(source)
    project.save(0, whole=True)
    (root / "lambdatui.toml").write_text(_TOML.format(ledger=project.ledger, visibility=VISIBILITY_S, batch=BATCH))
    return project

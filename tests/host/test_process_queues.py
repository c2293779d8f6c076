"""Queues and an engine that is killed: what was acknowledged is there, and what was begun goes on."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lambdatui.store.reader import Reader
from tests.host.conftest import EngineProcess, StartProcess, wait_for

ARN = "arn:aws:sqs:us-east-1:000000000000:"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "echo.py").write_text("def handler(event, context):\n    return event\n")
    (folder / "lambdatui.toml").write_text(
        "[functions.echo]\nhandler='echo.handler'\n[queues.work]\nvisibility_timeout=4\n"
    )
    return folder


def drained(sqs: Any, queue: str) -> Counter[str]:
    """Bodies of everything that a queue gives."""
    found: Counter[str] = Counter()
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found.update(message["Body"] for message in messages)
        entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
    return found


def test_no_acknowledged_message_is_lost_and_no_deleted_one_comes_back(
    project: Path, start_process: StartProcess
) -> None:
    """Clients send and delete while the engine is killed in the middle of it."""
    engine = start_process(project)
    sent: set[str] = set()
    deleted: set[str] = set()
    unsure: set[str] = set()  # asked for, and never answered
    enough = threading.Event()
    engine.client("sqs").create_queue(QueueName="made", Attributes={"VisibilityTimeout": "0"})

    def work(number: int) -> None:
        sqs = engine.client("sqs")
        queue = ("work", "made")[number % 2]
        for turn in range(100_000):
            body = f"{queue}-{number}-{turn}"
            unsure.add(body)
            try:
                sqs.send_message(QueueUrl=queue, MessageBody=body)
                sent.add(body)
                unsure.discard(body)
                if turn % 3 == 0 and number >= 2:
                    for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
                        unsure.add(message["Body"])
                        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                        deleted.add(message["Body"])
            except (BotoCoreError, ClientError):
                return
            if len(sent) >= 150:
                enough.set()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(work, number) for number in range(4)]
        assert enough.wait(60)
        engine.kill()
        for one in running:
            one.result(60)
    assert len(sent) >= 150 and deleted
    sqs = start_process(project).client("sqs")
    for queue in ("work", "made"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "60"})
        made = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        assert made["QueueArn"] == ARN + queue
    wait_for(lambda: _counts(sqs, "work")[1] == 0)  # what the killed engine's clients held is visible again
    found = drained(sqs, "work") + drained(sqs, "made")
    assert sent - deleted - unsure <= found.keys(), "an acknowledged message was lost"
    assert not deleted & found.keys(), "a deleted message came back"
    assert set(found.values()) == {1}


def _counts(sqs: Any, queue: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def test_a_move_goes_on_after_a_kill_and_moves_everything_once(project: Path, start_process: StartProcess) -> None:
    engine = start_process(project)
    sqs = engine.client("sqs")
    sqs.create_queue(QueueName="dead", Attributes={"VisibilityTimeout": "0"})
    policy = {"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1}
    sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": json.dumps(policy)})
    bodies = [str(number) for number in range(60)]
    for ten in range(0, 60, 10):
        entries = [{"Id": body, "MessageBody": body} for body in bodies[ten : ten + 10]]
        assert len(sqs.send_message_batch(QueueUrl="dead", Entries=entries)["Successful"]) == 10
    sqs.start_message_move_task(SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}source", MaxNumberOfMessagesPerSecond=20)
    wait_for(lambda: _moved(sqs) >= 3)
    engine.kill()
    stored = Reader(project / ".lambdatui")
    assert 3 <= len(stored.peek("source")) < 60, "the kill came while messages were moved"
    stored.close()
    again: EngineProcess = start_process(project)
    sqs = again.client("sqs")
    wait_for(lambda: _moved(sqs) == 60)
    wait_for(lambda: _task(sqs)["Status"] == "COMPLETED")
    assert drained(sqs, "source") == Counter(bodies)
    assert _counts(sqs, "dead") == (0, 0)


def _task(sqs: Any) -> dict[str, Any]:
    return dict(sqs.list_message_move_tasks(SourceArn=f"{ARN}dead")["Results"][0])


def _moved(sqs: Any) -> int:
    time.sleep(0.1)  # asked more often, it would cost more than the move
    return int(_task(sqs)["ApproximateNumberOfMessagesMoved"])

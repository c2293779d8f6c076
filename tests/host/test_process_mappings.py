"""Event source mappings that the API makes, changes and deletes, over the end of an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.host.conftest import StartProcess, wait_for

ARN = "arn:aws:sqs:us-east-1:000000000000:"
HANDLER = """
import json, os, pathlib
def handler(event, context):
    for record in event["Records"]:
        pathlib.Path(os.environ["SEEN"], "seen-" + json.loads(record["body"])["n"]).touch()
"""
TOML = """
[functions.work]
handler = "work.handler"
code = "code"
environment = {{ SEEN = "{seen}" }}
[queues.tasks]
[[functions.work.events]]
type = "queue"
queue = "tasks"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "work.py").write_text(HANDLER)
    (folder / "lambdatui.toml").write_text(TOML.format(seen=tmp_path))
    return folder


def send(sqs: Any, queue: str, n: str, **more: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"n": n, **more}))


def test_mappings_stay_as_the_api_left_them(project: Path, start_process: StartProcess) -> None:
    engine = start_process(project)
    client, sqs = engine.client("lambda"), engine.client("sqs")
    sqs.create_queue(QueueName="orders")
    made = client.create_event_source_mapping(
        FunctionName="work", EventSourceArn=ARN + "orders",
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]},
    )["UUID"]  # fmt: skip
    send(sqs, "orders", "one", kind="order")
    wait_for((project.parent / "seen-one").exists)
    client.update_event_source_mapping(UUID=made, Enabled=False, BatchSize=3)
    (declared,) = client.list_event_source_mappings(EventSourceArn=ARN + "tasks")["EventSourceMappings"]
    client.delete_event_source_mapping(UUID=declared["UUID"])
    send(sqs, "orders", "two", kind="order")
    send(sqs, "tasks", "three")
    engine.kill()

    engine = start_process(project)
    client, sqs = engine.client("lambda"), engine.client("sqs")
    with pytest.raises(ClientError, match="does not exist"):
        client.get_event_source_mapping(UUID=declared["UUID"])
    now = client.get_event_source_mapping(UUID=made)
    assert (now["State"], now["BatchSize"]) == ("Disabled", 3)
    send(sqs, "orders", "four", kind="other")
    client.update_event_source_mapping(UUID=made, Enabled=True)
    wait_for((project.parent / "seen-two").exists)
    wait_for(lambda: waiting(sqs, "orders") == 0)
    assert not (project.parent / "seen-four").exists(), "its filter outlived the engine too"
    assert not (project.parent / "seen-three").exists()
    assert waiting(sqs, "tasks") == 1


def waiting(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)

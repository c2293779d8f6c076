"""Functions call each other and themselves with boto3, through the same door as everybody."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from lambdatui.schema import InvocationRow
from lambdatui.store.reader import Reader
from tests.host.conftest import StartProcess

CALLER = """
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    if event.get("again"):
        answer = client.invoke(FunctionName=context.function_name, Payload=json.dumps({"again": event["again"] - 1}))
        return {"self": json.loads(answer["Payload"].read())}
    if event.get("throttled"):
        try:
            client.invoke(FunctionName="stopped")
        except client.exceptions.TooManyRequestsException as error:
            return error.response["Error"]["Code"]
    if "again" in event:
        return "bottom"
    client.invoke(FunctionName="child", InvocationType="Event", Payload=b'{"how": "async"}')
    return json.loads(client.invoke(FunctionName="child", Payload=b'{"how": "sync"}')["Payload"].read())
"""
TOML = """
[functions.caller]
handler = "caller.handler"
timeout = 20
[functions.child]
handler = "child.handler"
[functions.stopped]
handler = "child.handler"
reserved_concurrency = 0
"""


def project_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "caller.py").write_text(CALLER)
    (folder / "child.py").write_text("def handler(event, context):\n    return event\n")
    (folder / "lambdatui.toml").write_text(TOML)
    return folder


def invoke(client: Any, event: object) -> tuple[str, Any]:
    answer = client.invoke(FunctionName="caller", Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer
    return answer["ResponseMetadata"]["RequestId"], json.loads(answer["Payload"].read())


def rows_of(project: Path, function: str, count: int) -> list[InvocationRow]:
    """The function's invocations, once history has them."""
    end = time.monotonic() + 60
    while True:
        rows = Reader(project / ".lambdatui").invocations(function=function)
        if len(rows) >= count or time.monotonic() > end:
            return rows
        time.sleep(0.05)


def test_calls_are_children_of_their_caller(tmp_path: Path, start_process: StartProcess) -> None:
    project = project_in(tmp_path / "p")
    client = start_process(project).client("lambda")
    request_id, answer = invoke(client, {})
    assert answer == {"how": "sync"}
    children = rows_of(project, "child", 2)
    assert {row.type for row in children} == {"RequestResponse", "Event"}
    assert {row.parent_id for row in children} == {request_id}

    request_id, answer = invoke(client, {"again": 2})
    assert answer == {"self": {"self": "bottom"}}
    calls = {row.request_id: row.parent_id for row in rows_of(project, "caller", 4)}
    (middle,) = [child for child, parent in calls.items() if parent == request_id]
    assert len([child for child, parent in calls.items() if parent == middle]) == 1

    assert invoke(client, {"throttled": True})[1] == "TooManyRequestsException"
    refused = rows_of(project, "stopped", 2)  # boto3 tries again by itself
    assert {row.status for row in refused} == {"throttled"}
    assert all(row.parent_id for row in refused)

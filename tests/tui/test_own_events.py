"""Events that a function's own triggers would send, and those that lie beside its code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdatui.errors import OperationFailed
from lambdatui.schema import PushRow, QueueRow, RouteRow, ScheduleRow, Sources, StreamRow
from lambdatui.tui.own_events import of_files, of_triggers


def event_of(sources: Sources) -> tuple[str, Any]:
    [own] = of_triggers("f", sources)
    return own.title, json.loads(own.text())


def route(**values: Any) -> Sources:
    return Sources(
        routes=[RouteRow(**{"id": "r", "function": "f", "api": "rest", "method": "GET", "path": "/"} | values)]
    )


@pytest.mark.parametrize("fifo", [False, True])
def test_a_queue_sends_its_messages(fifo: bool) -> None:
    name = "jobs.fifo" if fifo else "jobs"
    title, event = event_of(Sources(queues=[QueueRow(name=name, logical_id="J", fifo=fifo, consumer="f")]))
    assert title == f"a message of {name}"
    assert {one["eventSourceARN"] for one in event["Records"]} == {f"arn:aws:sqs:us-east-1:000000000000:{name}"}
    assert all(("MessageGroupId" in one["attributes"]) is fifo for one in event["Records"])


def test_a_stream_sends_records_and_a_table_changes() -> None:
    title, event = event_of(Sources(streams=[StreamRow(name="events", logical_id="E", consumer="f")]))
    assert (title, event["Records"][0]["eventSourceARN"].rpartition(":")[2]) == ("a record of events", "stream/events")
    title, event = event_of(Sources(streams=[StreamRow(name="items/stream", logical_id="E", consumer="f")]))
    assert title == "a change of items" and ":table/items/stream/" in event["Records"][0]["eventSourceARN"]


def test_a_rest_api_sends_its_route_with_every_parameter_filled_in() -> None:
    title, event = event_of(route(method="GET", path="/jobs/{id}/{rest+}", stage="Prod"))
    assert title == "GET /jobs/{id}/{rest+}"
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/jobs/{id}/{rest+}", "/jobs/7/7", "GET")
    assert event["pathParameters"] == {"id": "7", "rest": "7"} and event["body"] is None
    assert event["requestContext"]["path"] == "/Prod/jobs/7/7"


def test_an_http_api_sends_payload_two() -> None:
    _, event = event_of(route(api="http", method="POST", path="/jobs"))
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "POST /jobs", "/jobs")
    assert "pathParameters" not in event and event["body"]
    _, event = event_of(route(api="http", method="ANY", path="$default"))
    assert (event["routeKey"], event["rawPath"], "body" in event) == ("$default", "/", False)
    assert event["requestContext"]["http"]["method"] == "GET"


def test_a_function_url_and_a_load_balancer_send_theirs() -> None:
    title, event = event_of(route(api="url", method="ANY", path="/{proxy+}"))
    assert title == "a request of its URL" and event["requestContext"]["domainName"].startswith("abcdefghij.lambda-url")
    _, event = event_of(route(api="alb", method="GET", path="/jobs"))
    assert (event["path"], event["body"]) == ("/jobs", "") and "elb" in event["requestContext"]


def test_buckets_topics_buses_and_schedules_send_theirs() -> None:
    def push(kind: str) -> Sources:
        return Sources(pushes=[PushRow(id="p", kind=kind, source="uploads", target="f")])

    assert event_of(push("bucket"))[1]["Records"][0]["s3"]["bucket"]["arn"] == "arn:aws:s3:::uploads"
    assert event_of(push("topic"))[1]["Records"][0]["Sns"]["TopicArn"].endswith(":uploads")
    assert event_of(push("rule"))[0] == "an event of the bus uploads"
    nightly = ScheduleRow(id="n", function="f", expression="rate(1 day)", next_at=None)
    assert event_of(Sources(schedules=[nightly]))[1]["source"] == "aws.events"


def test_another_functions_triggers_are_not_offered() -> None:
    assert of_triggers("g", route()) == []


def saved(root: Path, name: str, text: str = "{}") -> Path:
    (root / "events").mkdir(exist_ok=True)
    (root / "events" / name).write_text(text)
    return root / "events" / name


def test_saved_events_are_those_of_the_project_and_of_the_code_by_name(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    for name in ("b.json", "a.json", "notes.txt"):
        saved(tmp_path, name, f'"{name}"')
    saved(code, "own.json")
    (tmp_path / "events" / "link.json").symlink_to("/etc/hostname")
    found = of_files(str(tmp_path), str(code), str(code), "")
    assert [one.title for one in found] == ["events/a.json", "events/b.json", "events/own.json"]
    assert found[1].text() == '"b.json"'
    assert of_files(str(tmp_path / "nowhere")) == []


def test_a_saved_event_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    file = saved(tmp_path, "a.json")
    [own] = of_files(str(tmp_path))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(OperationFailed, match=r"a\.json cannot be read"):
        own.text()
    file.write_bytes(b" " * 1_048_577)
    with pytest.raises(OperationFailed, match="more than 1,048,576 bytes"):
        own.text()

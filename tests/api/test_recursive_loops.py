"""Functions that call themselves are stopped after sixteen runs, and what they send carries the count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdatui.engine import recursion
from tests.api.api_support import Running
from tests.api.whole import Whole

ARN = "arn:aws:lambda:us-east-1:000000000000:function:loop"
# A function passes the header on as AWS's SDKs do (botocore's `add_recursion_detection_header`).
CODE = """
import os
def handler(event, context):
    return os.environ["_X_AMZN_TRACE_ID"]
"""
TOML = """
[functions.loop]
handler = "loop.handler"
code = "."
dead_letter_queue = "letters"
[queues.letters]
"""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Whole]:
    (tmp_path / "lambdatui.toml").write_text(TOML)
    (tmp_path / "loop.py").write_text(CODE)
    running = Whole(tmp_path)
    yield running
    running.close()


def client(door: Running, service: str, header: Callable[[], str]) -> Any:
    """A client that sends the header along, as one inside a function."""
    made = boto3.client(
        service, endpoint_url=door.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header()

    made.meta.events.register("before-sign", add)
    return made


def at(count: int) -> str:
    return f"Root=1-69963f09-0d53825959fc8b6738f20936;{recursion.text({recursion.hashed(ARN): count})}"


def dropped(door: Whole) -> float:
    lives = [life for life in door.telemetry.metrics.lives() if life.dimensions.function == "loop"]
    return sum(life.counts.get("RecursiveInvocationsDropped", 0) for life in lives)


def until(found: Callable[[], Any]) -> Any:
    for _ in range(6000):
        if result := found():
            return result
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_each_run_hands_on_a_chain_that_is_one_longer_until_the_seventeenth_is_refused(door: Whole) -> None:
    header = ""
    lambda_ = client(door, "lambda", lambda: header)
    for run in range(recursion.LIMIT):
        header = lambda_.invoke(FunctionName="loop")["Payload"].read().decode().strip('"')
        assert recursion.lineage(header) == {recursion.hashed(ARN): run}
    with pytest.raises(ClientError) as raised:
        lambda_.invoke(FunctionName="loop")
    answer = raised.value.response
    assert answer["Error"]["Code"] == "RecursiveInvocationException"
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Message"]) == (400, recursion.MESSAGE)
    door.engine.settle_accounts()
    figures = door.telemetry.metrics.figures("loop")
    assert (figures.invocations, figures.errors) == (recursion.LIMIT, 0), "what was stopped was no invocation"
    assert dropped(door) == 1


def test_a_function_may_be_allowed_to_loop(door: Whole) -> None:
    lambda_ = client(door, "lambda", lambda: at(500))
    lambda_.put_function_recursion_config(FunctionName="loop", RecursiveLoop="Allow")
    header = lambda_.invoke(FunctionName="loop")["Payload"].read().decode()
    assert recursion.lineage(header.strip('"')) == {recursion.hashed(ARN): 501}


def test_an_asynchronous_event_of_a_loop_goes_to_the_dead_letter_queue_at_once(door: Whole) -> None:
    client(door, "lambda", lambda: at(recursion.LIMIT - 1)).invoke(
        FunctionName="loop", InvocationType="Event", Payload=b'{"n": 1}'
    )
    (entry,) = until(lambda: door.engine.reader.dlq_entries(["letters"]))
    assert (entry.error_code, entry.event) == ("RecursiveInvocationException", '{"n": 1}')


def test_a_message_carries_the_chain_that_it_was_sent_in(door: Whole) -> None:
    header = at(3)
    sqs = client(door, "sqs", lambda: header)
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="again")
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Attributes"]["AWSTraceHeader"] == header


def test_a_call_outside_of_any_chain_leaves_a_message_as_it_is(door: Whole) -> None:
    sqs = client(door, "sqs", lambda: "Root=1-69963f09-0d53825959fc8b6738f20936")
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="first")
    (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert "AWSTraceHeader" not in message["Attributes"]

"""SQS on the real store, asked by the real boto3 (which checks the MD5 sums itself)."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.api_support import ACCOUNT, Running
from tests.api.test_lambda_api import error_of

Clients = Callable[..., Any]


@pytest.fixture
def sqs(client: Clients, door: Running) -> Any:
    found = client("sqs")
    for name in ("orders", "letters", "lane.fifo", "content.fifo"):
        door.run(door.store.queues.purge(name))
    return found


def url_of(door: Running, name: str) -> str:
    return f"{door.url}/{ACCOUNT}/{name}"


def test_a_queue_is_found_by_name_and_told_by_our_own_address(sqs: Any, door: Running) -> None:
    assert sqs.get_queue_url(QueueName="orders")["QueueUrl"] == url_of(door, "orders")
    urls = sqs.list_queues()["QueueUrls"]
    assert urls == sorted(urls)
    assert len(urls) == 4
    assert sqs.list_queues(QueueNamePrefix="le")["QueueUrls"] == [url_of(door, "letters")]


def test_an_unknown_queue_is_aws_error(sqs: Any) -> None:
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.get_queue_url(QueueName="nothing")
    error = caught.value.response["Error"]
    assert error["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert error["Message"] == "The specified queue does not exist."
    assert error["Type"] == "Sender"


def test_a_message_is_sent_received_and_deleted(sqs: Any, door: Running) -> None:
    attributes = {
        "kind": {"DataType": "String", "StringValue": "höher"},
        "count": {"DataType": "Number.int", "StringValue": "3"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    url = url_of(door, "orders")
    sent = sqs.send_message(QueueUrl=url, MessageBody="grüezi", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5("grüezi".encode(), usedforsecurity=False).hexdigest()
    assert "SequenceNumber" not in sent
    (got,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"])["Messages"]
    assert got["MessageId"] == sent["MessageId"]
    assert got["MessageAttributes"] == attributes
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert counted["QueueArn"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert door.store.queues.depth("orders").in_flight == 0


def test_the_md5_of_attributes_is_the_documented_one(sqs: Any, door: Running) -> None:
    """The sum that SQS itself gave for this message."""
    sent = sqs.send_message(
        QueueUrl=url_of(door, "orders"),
        MessageBody="x",
        MessageAttributes={"timestamp": {"StringValue": "1493147359900", "DataType": "Number"}},
    )
    assert sent["MD5OfMessageAttributes"] == "235c5c510d26fb653d073faed50ae77c"


def test_a_batch_is_accepted_entry_by_entry(sqs: Any, door: Running) -> None:
    answer = sqs.send_message_batch(
        QueueUrl=url_of(door, "orders"),
        Entries=[
            {"Id": "a", "MessageBody": "one", "DelaySeconds": 0},
            {"Id": "b", "MessageBody": "\x01"},
            {"Id": "c", "MessageBody": "x", "DelaySeconds": 901},
            {"Id": "d", "MessageBody": "four", "MessageAttributes": {"n": {"DataType": "Odd", "StringValue": "x"}}},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    failed = {entry["Id"]: (entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]}
    assert failed == {
        "b": ("InvalidMessageContents", True),
        "c": ("InvalidParameterValue", True),
        "d": ("InvalidParameterValue", True),
    }
    assert door.store.queues.depth("orders").visible == 1


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_a_batch_that_is_wrong_as_a_whole(sqs: Any, door: Running, entries: list[Any], code: str) -> None:
    got, _, status = error_of(sqs.send_message_batch, QueueUrl=url_of(door, "orders"), Entries=entries)
    assert (got, status) == (f"AWS.SimpleQueueService.{code}", 400)
    assert door.store.queues.depth("orders").visible == 0


def test_limits_of_a_message(sqs: Any, door: Running) -> None:
    url = url_of(door, "orders")
    assert sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_576)["MessageId"]
    assert sqs.send_message(QueueUrl=url, MessageBody="ä" * 524_288)["MessageId"]  # three times as long in JSON
    assert error_of(sqs.send_message, QueueUrl=url, MessageBody="ä" * 524_289)[0] == "InvalidParameterValue"
    assert error_of(sqs.send_message, QueueUrl=url, MessageBody="x" * 1_048_577)[0] == "InvalidParameterValue"
    assert error_of(sqs.send_message, QueueUrl=url, MessageBody="")[0] == "MissingParameter"
    many = {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}
    code, message, _ = error_of(sqs.send_message, QueueUrl=url, MessageBody="x", MessageAttributes=many)
    assert (code, message) == (
        "InvalidParameterValue",
        "Number of message attributes [11] exceeds the allowed maximum [10].",
    )


def test_a_fifo_queue_needs_group_and_deduplication(sqs: Any, door: Running) -> None:
    url = url_of(door, "lane.fifo")
    assert error_of(sqs.send_message, QueueUrl=url, MessageBody="x")[0] == "MissingParameter"
    code, message, _ = error_of(sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g")
    assert code == "InvalidParameterValue"
    assert "ContentBasedDeduplication" in message
    first = sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1")
    again = sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="1")
    second = sqs.send_message(QueueUrl=url, MessageBody="y", MessageGroupId="g", MessageDeduplicationId="2")
    assert first["MessageId"] == again["MessageId"]
    assert len(first["SequenceNumber"]) == 20
    assert second["SequenceNumber"] > first["SequenceNumber"]
    content = url_of(door, "content.fifo")
    one = sqs.send_message(QueueUrl=content, MessageBody="same", MessageGroupId="g")
    two = sqs.send_message(QueueUrl=content, MessageBody="same", MessageGroupId="g")
    assert one["MessageId"] == two["MessageId"]


def test_long_polling_ends_when_a_message_comes(sqs: Any, door: Running) -> None:
    url = url_of(door, "orders")
    sender = threading.Timer(0.15, sqs.send_message, kwargs={"QueueUrl": url, "MessageBody": "late"})
    began = time.monotonic()
    sender.start()
    (got,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=15)["Messages"]
    assert got["Body"] == "late"
    assert time.monotonic() - began < 10
    sender.join()


def test_an_operation_that_sqs_does_not_have_is_aws_error(door: Running) -> None:
    request = urllib.request.Request(
        door.url, b"{}", {"X-Amz-Target": "AmazonSQS.Fly", "Content-Type": "application/x-amz-json-1.0"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400
    assert json.load(caught.value)["__type"] == "UnknownOperationException"


def test_purge_empties_a_queue(sqs: Any, door: Running) -> None:
    url = url_of(door, "orders")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)

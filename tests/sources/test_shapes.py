"""Events and records as AWS documents them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from lambdatui.engine.model import InvokeResult
from lambdatui.sources import shapes
from lambdatui.store.records import Message, Record

T = 1_573_691_886_021_000  # 2019-11-14T00:38:06.021Z


def message(**more: Any) -> Message:
    values = {"id": "i", "queue": "orders", "seq": 7, "body": "höla", "sent_us": T, "visible_us": T, "receipt": "r"}
    return Message(**(values | {"receive_count": 2, "first_received_us": T + 5000} | more))


def test_an_sqs_record_has_exactly_awss_fields() -> None:
    attributes = {"kind": {"DataType": "String", "StringValue": "x"}}
    record = json.loads(
        shapes.queue_record(message(attributes=attributes), arn="arn:q", region="eu-west-1", fifo=False)
    )
    assert record == {
        "messageId": "i",
        "receiptHandle": "r",
        "body": "höla",
        "attributes": {
            "ApproximateReceiveCount": "2",
            "SentTimestamp": "1573691886021",
            "SenderId": shapes.SENDER,
            "ApproximateFirstReceiveTimestamp": "1573691886026",
        },
        "messageAttributes": {
            "kind": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        },
        "md5OfBody": hashlib.md5("höla".encode()).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:q",
        "awsRegion": "eu-west-1",
    }


def test_the_md5_is_of_the_bodys_bytes() -> None:
    record = json.loads(shapes.queue_record(message(body=""), arn="a", region="r", fifo=False))
    assert record["md5OfBody"] == "d41d8cd98f00b204e9800998ecf8427e"


def test_a_fifo_record_names_group_sequence_and_deduplication() -> None:
    one = message(group_id="g", dedup_id="d")
    attributes = json.loads(shapes.queue_record(one, arn="a", region="r", fifo=True))["attributes"]
    assert attributes["MessageGroupId"] == "g"
    assert attributes["MessageDeduplicationId"] == "d"
    assert attributes["SequenceNumber"] == "00000000000000000007"


def test_half_a_surrogate_pair_does_not_stop_a_queue() -> None:
    assert json.loads(shapes.queue_record(message(body="a\ud800"), arn="a", region="r", fifo=False))["body"] == "a?"


def test_a_kinesis_record_has_exactly_awss_fields() -> None:
    one = Record(
        stream="clicks", shard="shardId-000000000001", seq="49", partition_key="k", data=b"\xff\x00", arrived_us=T
    )
    assert json.loads(shapes.stream_record(one, arn="arn:s", region="r", account="000000000000")) == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "k",
            "sequenceNumber": "49",
            "data": base64.b64encode(b"\xff\x00").decode(),
            "approximateArrivalTimestamp": 1573691886.021,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000001:49",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/lambda-role",
        "awsRegion": "r",
        "eventSourceARN": "arn:s",
    }


def test_a_scheduled_event_says_when_it_was_due() -> None:
    event = json.loads(shapes.scheduled_event("Tick", T, region="r", account="1"))
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "1",
        "time": "2019-11-14T00:38:06Z",
        "region": "r",
        "resources": ["arn:aws:events:r:1:rule/Tick"],
        "detail": {},
    }


def failure(**more: Any) -> dict[str, Any]:
    records = [
        Record(stream="clicks", shard="s", seq=seq, partition_key="k", data=b"", arrived_us=T) for seq in ("1", "2")
    ]
    values = {"condition": "RetryAttemptsExhausted", "attempts": 3, "result": None}
    text = shapes.stream_failure(records, function_arn="arn:f", arn="arn:s", at_us=T, **(values | more))
    return json.loads(text)


def test_an_on_failure_record_names_the_range_and_the_last_answer() -> None:
    result = InvokeResult(request_id="rid", status="error", payload=b"", function_error="Unhandled")
    assert failure(result=result) == {
        "requestContext": {
            "requestId": "rid",
            "functionArn": "arn:f",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "s",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:06.021Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:06.021Z",
            "batchSize": 2,
            "streamArn": "arn:s",
        },
    }


def test_a_record_about_age_has_no_response() -> None:
    assert "responseContext" not in failure(condition="RecordAgeExceeded")


def test_records_about_events_are_told_from_events() -> None:
    text = json.dumps(failure()).encode()
    assert shapes.failure_record(text) is not None
    destination = b'{"version":"1.0","requestContext":{"functionArn":"arn:f"},"requestPayload": {"a":  1}}'
    found = shapes.failure_record(destination)
    assert found is not None
    assert bytes(found.payload) == b'{"a":  1}', "the payload's bytes are kept"
    for other in (b"", b"{", b"[]", b"{}", b'{"version":"1.0","requestContext":{}}'):
        assert shapes.failure_record(other) is None

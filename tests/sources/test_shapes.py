"""Events and records as AWS documents them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

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


def test_a_tumbling_window_stands_beside_the_records() -> None:
    event = shapes.windowed(
        shapes.batch([b'{"n":1}']),
        start_us=T - T % 120_000_000,
        end_us=T - T % 120_000_000 + 120_000_000,
        state=b'{"sum": 1.50}',
        shard="shardId-000000000006",
        arn="arn:s",
        final=False,
        early=False,
    )
    assert b'"state":{"sum": 1.50}' in event, "the state's bytes are kept"
    assert json.loads(event) == {
        "Records": [{"n": 1}],
        "window": {"start": "2019-11-14T00:38:00Z", "end": "2019-11-14T00:40:00Z"},
        "state": {"sum": 1.5},
        "shardId": "shardId-000000000006",
        "eventSourceARN": "arn:s",
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def test_records_about_events_are_told_from_events() -> None:
    batch = {"shardId": "s", "startSequenceNumber": "1", "endSequenceNumber": "2", "batchSize": 2, "streamArn": "arn:s"}
    text = json.dumps({"version": "1.0", "requestContext": {}, "KinesisBatchInfo": batch}).encode()
    assert shapes.failure_record(text) is not None
    destination = b'{"version":"1.0","requestContext":{"functionArn":"arn:f"},"requestPayload": {"a":  1}}'
    found = shapes.failure_record(destination)
    assert found is not None
    assert bytes(found.payload) == b'{"a":  1}', "the payload's bytes are kept"
    for other in (b"", b"{", b"[]", b"{}", b'{"version":"1.0","requestContext":{}}'):
        assert shapes.failure_record(other) is None

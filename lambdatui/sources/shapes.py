"""The events that functions receive and the records about discarded ones, byte for byte in AWS's shape: pure.

SQS: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html · Kinesis: .../with-kinesis.html · tables:
.../with-ddb.html · schedules:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from lambdatui.clock import MICROS
from lambdatui.config.model import STREAM_LABEL, StreamConfig
from lambdatui.store.records import Message, Record

SENDER = "AIDALOCALLAMBDATUI000"  # who sent: there are no principals here
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def queue_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:sqs:{region}:{account}:{name}"


def stream_arn(region: str, account: str, stream: StreamConfig) -> str:
    """Of a Kinesis stream, or of the change stream of a DynamoDB table."""
    if stream.table is not None:
        return f"arn:aws:dynamodb:{region}:{account}:table/{stream.table}/stream/{STREAM_LABEL}"
    return f"arn:aws:kinesis:{region}:{account}:stream/{stream.name}"


def seconds(us: int) -> str:
    """`2019-11-14T00:38:06Z`, as AWS writes times of which it knows no more."""
    return f"{datetime.fromtimestamp(us // MICROS, UTC):%Y-%m-%dT%H:%M:%SZ}"


def batch(records: Iterable[bytes]) -> bytes:
    """The event around already encoded records."""
    return b'{"Records":[' + b",".join(records) + b"]}"


def queue_record(message: Message, *, arn: str, region: str, fifo: bool) -> bytes:
    """One SQS message as it stands in an event. Half surrogate pairs, which JSON cannot carry, become `?`."""
    body = message.body.encode("utf-8", "replace")
    attributes = {
        "ApproximateReceiveCount": str(message.receive_count),
        "SentTimestamp": str(message.sent_us // 1000),
    }
    if fifo:
        attributes["SequenceNumber"] = f"{message.seq:020d}"
        attributes["MessageGroupId"] = message.group_id or ""
    attributes["SenderId"] = SENDER
    if fifo:
        attributes["MessageDeduplicationId"] = message.dedup_id or hashlib.sha256(body).hexdigest()
    elif message.group_id is not None:
        attributes["MessageGroupId"] = message.group_id
    attributes["ApproximateFirstReceiveTimestamp"] = str((message.first_received_us or message.sent_us) // 1000)
    return _encode(
        {
            "messageId": message.id,
            "receiptHandle": message.receipt or "",
            "body": body.decode(),
            "attributes": attributes,
            "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()},
            "md5OfBody": hashlib.md5(body, usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": region,
        }
    )


def _attribute(value: dict[str, str]) -> dict[str, object]:
    """A message attribute in an event: lower camel case, with the two lists that SQS never fills."""
    shaped: dict[str, object] = {}
    if "StringValue" in value:
        shaped["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shaped["binaryValue"] = value["BinaryValue"]
    return shaped | {"stringListValues": [], "binaryListValues": [], "dataType": value.get("DataType", "String")}


def stream_event(records: Iterable[Record], stream: StreamConfig, *, region: str, account: str) -> bytes:
    """The event with these records of a stream."""
    arn = stream_arn(region, account, stream)
    if stream.table is not None:
        return batch(change_record(record, arn=arn) for record in records)
    return batch(stream_record(record, arn=arn, region=region, account=account) for record in records)


def encoded_record(record: Record, stream: StreamConfig, *, region: str, account: str) -> bytes:
    """One record of a stream, or of a table's changes, as it stands in an event."""
    arn = stream_arn(region, account, stream)
    if stream.table is not None:
        return change_record(record, arn=arn)
    return stream_record(record, arn=arn, region=region, account=account)


def windowed(
    event: bytes, *, start_us: int, end_us: int, state: bytes, shard: str, arn: str, final: bool, early: bool
) -> bytes:
    """An event of records with what a tumbling window adds; `state` is JSON.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
    """
    more = {
        "window": {"start": seconds(start_us), "end": seconds(end_us)},
        "state": msgspec.Raw(state),
        "shardId": shard,
        "eventSourceARN": arn,
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": early,
    }
    return event[:-1] + b"," + _encode(more)[1:]


def change_record(record: Record, *, arn: str) -> bytes:
    """One change of a table. The stream's record holds it whole but for the ARN; its sequence number is the engine's,
    as checkpoints and `itemIdentifier` have it."""
    change = _decode(record.data)
    change["dynamodb"] = change["dynamodb"] | {"SequenceNumber": record.seq}
    return _encode(change | {"eventSourceARN": arn})


def stream_record(record: Record, *, arn: str, region: str, account: str) -> bytes:
    """One Kinesis record as it stands in an event."""
    return _encode(
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.seq,
                "data": base64.b64encode(record.data).decode(),
                "approximateArrivalTimestamp": record.arrived_us // 1000 / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{record.shard}:{record.seq}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": f"arn:aws:iam::{account}:role/lambda-role",
            "awsRegion": region,
            "eventSourceARN": arn,
        }
    )


def scheduled_event(schedule_id: str, due_us: int, *, region: str, account: str, scheduler: bool = False) -> bytes:
    """The scheduled event of an EventBridge rule, or that of EventBridge Scheduler, whose detail is a text; `time` is
    the time that it was due at, to the second."""
    place = f"{region}:{account}"
    resource = (
        f"scheduler:{place}:schedule/default/{schedule_id}" if scheduler else f"events:{place}:rule/{schedule_id}"
    )
    return _encode(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler" if scheduler else "aws.events",
            "account": account,
            "time": seconds(due_us),
            "region": region,
            "resources": [f"arn:aws:{resource}"],
            "detail": "{}" if scheduler else {},
        }
    )


class BatchInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The range that an on-failure record of a stream names."""

    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    batch_size: int
    stream_arn: str


class FailureContext(msgspec.Struct, frozen=True, rename="camel"):
    request_id: str = ""
    function_arn: str = ""


class FailureRecord(msgspec.Struct, frozen=True):
    """A dead letter that is a record about an event: a stream's range, or the event as `requestPayload`."""

    version: str
    context: FailureContext = msgspec.field(name="requestContext")
    kinesis: BatchInfo | None = msgspec.field(name="KinesisBatchInfo", default=None)
    table: BatchInfo | None = msgspec.field(name="DDBStreamBatchInfo", default=None)
    payload: msgspec.Raw = msgspec.field(name="requestPayload", default=msgspec.Raw())  # b"": there is none

    @property
    def range(self) -> BatchInfo | None:
        return self.kinesis or self.table


def failure_record(body: bytes) -> FailureRecord | None:
    """The record in a dead letter's body; None where the body is something else."""
    try:
        record = msgspec.json.decode(body, type=FailureRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return record if record.range is not None or bytes(record.payload) else None

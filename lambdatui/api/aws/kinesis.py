"""Kinesis' operations on the engine's own streams (AWS JSON 1.1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.config.model import StreamConfig
from lambdatui.errors import NotFound

TARGET = "Kinesis_20131202"
MAX_RECORD = 10 * 1024 * 1024  # data and partition key, of one record and of a PutRecords call
MAX_RECORDS = 500
MAX_KEY = 256
MAX_REQUEST = 15 * 1024 * 1024  # base64 included
HASH_RANGE = 2**128

Operation = Callable[[Fields], Awaitable[dict[str, Any]]]
Put = tuple[str, bytes, int | None]


class Kinesis:
    """Every operation takes the request's members."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.operations: dict[str, Operation] = {
            "PutRecord": self._put_record,
            "PutRecords": self._put_records,
            "DescribeStreamSummary": self._describe_stream_summary,
            "ListShards": self._list_shards,
            "ListStreams": self._list_streams,
        }

    async def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """Raises AwsError."""
        handler = self.operations.get(operation)
        if handler is None:
            served = ", ".join(self.operations)
            raise AwsError("NotServed", f"lambdatui does not serve Kinesis {operation} yet. It serves {served}.")
        return await handler(Fields.decode(body, "InvalidArgumentException", "InvalidArgumentException"))

    async def _put_record(self, fields: Fields) -> dict[str, Any]:
        stream = self._stream(fields)
        (record,) = await self._door.engine.store.streams.put(stream, [_record(fields)])
        return {"ShardId": record.shard, "SequenceNumber": record.seq, "EncryptionType": "NONE"}

    async def _put_records(self, fields: Fields) -> dict[str, Any]:
        stream = self._stream(fields)
        entries = fields.objects("Records")
        if not 1 <= len(entries) <= MAX_RECORDS:
            raise fields.invalid(f"Records must hold 1 to {MAX_RECORDS} entries, not {len(entries)}.")
        records = [_record(entry) for entry in entries]
        if sum(len(data) + len(key) for key, data, _ in records) > MAX_RECORD:
            raise fields.invalid(f"Records size exceeds {MAX_RECORD} bytes.")
        put = await self._door.engine.store.streams.put(stream, records)
        return {
            "FailedRecordCount": 0,
            "Records": [{"SequenceNumber": record.seq, "ShardId": record.shard} for record in put],
            "EncryptionType": "NONE",
        }

    async def _describe_stream_summary(self, fields: Fields) -> dict[str, Any]:
        stream = self._stream(fields)
        summary = {
            "StreamName": stream.name,
            "StreamARN": self._arn(stream),
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "RetentionPeriodHours": stream.retention_hours,
            "StreamCreationTimestamp": 0,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
            "OpenShardCount": stream.shards,
            "ConsumerCount": 0,
        }
        return {"StreamDescriptionSummary": summary}

    async def _list_shards(self, fields: Fields) -> dict[str, Any]:
        if fields.has("NextToken"):
            raise AwsError("InvalidArgumentException", "All shards are in one page; there is no NextToken.")
        stream = self._stream(fields)
        width = HASH_RANGE // stream.shards
        shards = []
        for index in range(stream.shards):
            end = HASH_RANGE - 1 if index == stream.shards - 1 else (index + 1) * width - 1
            shards.append({
                "ShardId": f"shardId-{index:012d}",
                "HashKeyRange": {"StartingHashKey": str(index * width), "EndingHashKey": str(end)},
                "SequenceNumberRange": {"StartingSequenceNumber": "0" * 56},
            })  # fmt: skip
        after = fields.optional_text("ExclusiveStartShardId")
        return {"Shards": [shard for shard in shards if after is None or str(shard["ShardId"]) > after]}

    async def _list_streams(self, fields: Fields) -> dict[str, Any]:
        after = fields.optional_text("ExclusiveStartStreamName") or ""
        limit = fields.number("Limit", 1, 10_000) or 100
        streams = sorted((s for s in self._door.engine.project.streams if s.name > after), key=lambda s: s.name)
        return {
            "StreamNames": [stream.name for stream in streams[:limit]],
            "StreamSummaries": [
                {"StreamName": stream.name, "StreamARN": self._arn(stream), "StreamStatus": "ACTIVE"}
                for stream in streams[:limit]
            ],
            "HasMoreStreams": len(streams) > limit,
        }

    def _stream(self, fields: Fields) -> StreamConfig:
        arn = fields.optional_text("StreamARN")
        name = arn.rpartition("/")[2] if arn else fields.optional_text("StreamName")
        if not name:
            raise AwsError("InvalidArgumentException", "Either StreamName or StreamARN must be given.")
        try:
            return self._door.sources.stream(name)
        except NotFound:
            raise AwsError(
                "ResourceNotFoundException", f"Stream {name} under account {self._door.account} not found."
            ) from None

    def _arn(self, stream: StreamConfig) -> str:
        return f"arn:aws:kinesis:{self._door.region}:{self._door.account}:stream/{stream.name}"


def _record(fields: Fields) -> Put:
    key = fields.text("PartitionKey")
    if not 1 <= len(key) <= MAX_KEY:
        raise fields.invalid(f"PartitionKey must have 1 to {MAX_KEY} characters.")
    try:
        data = base64.b64decode(fields.text("Data"), validate=True)
    except (binascii.Error, ValueError):
        raise AwsError("SerializationException", "Data is not base64.") from None
    if len(data) + len(key.encode()) > MAX_RECORD:
        raise fields.invalid(f"Data and PartitionKey together must not exceed {MAX_RECORD} bytes.")
    explicit = fields.optional_text("ExplicitHashKey")
    if explicit is None:
        return key, data, None
    if not explicit.isdecimal() or not explicit.isascii() or len(explicit) > 39 or int(explicit) >= HASH_RANGE:
        raise fields.invalid(f"ExplicitHashKey must be a number from 0 to {HASH_RANGE - 1}.")
    return key, data, int(explicit)

"""Kinesis' records: put one, put many, iterators, get."""

from __future__ import annotations

import base64
import binascii

from lambdatui.api.aws import kinesis_tokens as tokens
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.kinesis_door import Answer, KinesisDoor, Operation, seconds
from lambdatui.api.aws.kinesis_shards import hash_key_of, hash_range_of
from lambdatui.config.model import StreamConfig
from lambdatui.store.records import Record
from lambdatui.store.shards import seq_number, seq_text

MAX_RECORDS = 500  # of a PutRecords
MAX_BYTES = 10 * 1024 * 1024  # data and partition keys of a PutRecords or GetRecords
MAX_KEY = 256
MAX_GET = 10_000

Put = tuple[str, bytes, int | None]


class Records:
    def __init__(self, door: KinesisDoor) -> None:
        self._door = door
        self._streams = door.streams
        self.operations: dict[str, Operation] = {
            "PutRecord": self._put_record,
            "PutRecords": self._put_records,
            "GetShardIterator": self._get_shard_iterator,
            "GetRecords": self._get_records,
        }

    async def _put_record(self, fields: Fields) -> Answer:
        stream = self._door.stream(fields)
        if fields.has("SequenceNumberForOrdering"):
            self._sequence(fields, "SequenceNumberForOrdering", stream)  # numbers always rise here: nothing to order
        put = _record(fields, stream)
        _stop_if_dry(fields)
        (record,) = await self._streams.put(stream, [put])
        return {"ShardId": record.shard, "SequenceNumber": record.seq, "EncryptionType": self._encryption(stream)}

    async def _put_records(self, fields: Fields) -> Answer:
        stream = self._door.stream(fields)
        entries = fields.objects("Records")
        if not 1 <= len(entries) <= MAX_RECORDS:
            raise fields.invalid(f"Records must hold 1 to {MAX_RECORDS} entries, not {len(entries)}.")
        records = [_record(entry, stream) for entry in entries]
        if sum(len(data) + len(key) for key, data, _ in records) > MAX_BYTES:
            raise fields.invalid(f"Records size exceeds {MAX_BYTES} bytes.")
        _stop_if_dry(fields)
        put = await self._streams.put(stream, records)
        return {
            "FailedRecordCount": 0,
            "Records": [{"SequenceNumber": record.seq, "ShardId": record.shard} for record in put],
            "EncryptionType": self._encryption(stream),
        }

    async def _get_shard_iterator(self, fields: Fields) -> Answer:
        stream = self._door.stream(fields)
        shard = fields.text("ShardId")
        if shard not in (await self._door.state(stream)).by_id:
            raise AwsError(
                "ResourceNotFoundException",
                f"Shard {shard} in stream {stream.name} under account {self._door.account} does not exist",
            )
        after = await self._place(fields, stream, shard)
        _stop_if_dry(fields)
        token = tokens.ShardIterator(stream=stream.name, shard=shard, after=after, made_us=self._door.now_us())
        return {"ShardIterator": tokens.write(token)}

    async def _place(self, fields: Fields, stream: StreamConfig, shard: str) -> str:
        """The sequence number after which the iterator reads."""
        kind = fields.text("ShardIteratorType")
        if kind == "TRIM_HORIZON":
            return ""
        if kind == "LATEST":
            return self._streams.last_seq(stream.name)
        if kind == "AFTER_SEQUENCE_NUMBER":
            return self._sequence(fields, "StartingSequenceNumber", stream)
        if kind == "AT_SEQUENCE_NUMBER":
            return seq_text(max(seq_number(self._sequence(fields, "StartingSequenceNumber", stream)) - 1, 0))
        if kind != "AT_TIMESTAMP":
            raise fields.invalid(
                f"ShardIteratorType {kind} is none of AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, "
                "AT_TIMESTAMP."
            )
        time_us = fields.moment("Timestamp")
        if time_us is None:
            raise fields.missing("Timestamp")
        if time_us > self._door.now_us():
            raise fields.invalid("Timestamp must not lie in the future.")
        return await self._streams.seq_before(stream.name, shard, time_us)

    def _sequence(self, fields: Fields, name: str, stream: StreamConfig) -> str:
        """A sequence number that this stream gave."""
        text = fields.text(name)
        last = self._streams.last_seq(stream.name) or seq_text(0)
        if seq_text(seq_number(text)) != text or text > last:
            raise fields.invalid(f"{name} {text} is no sequence number of stream {stream.name}.")
        return text

    async def _get_records(self, fields: Fields) -> Answer:
        iterator = tokens.read(fields.text("ShardIterator"), tokens.ShardIterator, name="ShardIterator")
        limit = fields.number("Limit", 1, MAX_GET) or MAX_GET
        now_us = self._door.now_us()
        if tokens.expired(iterator.made_us, now_us):
            raise AwsError(
                "ExpiredIteratorException",
                f"Iterator expired. It was made {(now_us - iterator.made_us) // 1_000_000} seconds ago, which is more "
                f"than the tolerated {tokens.LIFE_US // 1_000_000}.",
            )
        stream = self._door.named(iterator.stream)
        _stop_if_dry(fields)
        state = await self._door.state(stream)  # before the read: what was put before a shard was closed is then read
        shard = state.by_id.get(iterator.shard)
        records = await self._streams.read(stream.name, iterator.shard, iterator.after, limit, MAX_BYTES)
        after = records[-1].seq if records else iterator.after
        behind = self._streams.backlog(stream.name, iterator.shard, after)
        encryption = self._encryption(stream)
        answer: Answer = {
            "Records": [_shown(record, encryption) for record in records],
            "MillisBehindLatest": max(now_us - records[-1].arrived_us, 0) // 1000 if behind and records else 0,
        }
        if behind or (shard is not None and shard.open):
            token = tokens.ShardIterator(stream=stream.name, shard=iterator.shard, after=after, made_us=now_us)
            return answer | {"NextShardIterator": tokens.write(token)}
        return answer | {
            "ChildShards": [
                {"ShardId": child.id, "ParentShards": list(child.parents), "HashKeyRange": hash_range_of(child)}
                for child in state.children(iterator.shard)
            ]
        }

    def _encryption(self, stream: StreamConfig) -> str:
        return "NONE" if self._door.extras(stream).kms_key is None else "KMS"


def _stop_if_dry(fields: Fields) -> None:
    """A request that was only to be checked ends here."""
    if fields.flag("DryRun"):
        raise AwsError("DryRunOperationException", "The request would have succeeded, but DryRun is set.")


def _shown(record: Record, encryption: str) -> Answer:
    return {
        "SequenceNumber": record.seq,
        "ApproximateArrivalTimestamp": seconds(record.arrived_us),
        "Data": base64.b64encode(record.data).decode(),
        "PartitionKey": record.partition_key,
        "EncryptionType": encryption,
    }


def _record(fields: Fields, stream: StreamConfig) -> Put:
    key = fields.text("PartitionKey")
    if not 1 <= len(key) <= MAX_KEY:
        raise fields.invalid(f"PartitionKey must have 1 to {MAX_KEY} characters.")
    try:
        data = base64.b64decode(fields.text("Data"), validate=True)
    except (binascii.Error, ValueError):
        raise AwsError("SerializationException", "Data is not base64.") from None
    if len(data) + len(key.encode()) > stream.maximum_record:
        raise fields.invalid(
            f"Data and PartitionKey together must not exceed {stream.maximum_record} bytes "
            "(the stream's MaxRecordSizeInKiB; up to 10240 can be allowed)."
        )
    return key, data, hash_key_of(fields, "ExplicitHashKey") if fields.has("ExplicitHashKey") else None

"""Kinesis' streams: make, delete, describe, list, and their settings."""

from __future__ import annotations

import re

import msgspec

from lambdatui.api.aws import kinesis_tokens as tokens
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.kinesis_door import Answer, Extras, KinesisDoor, Operation, checked_tags, seconds
from lambdatui.api.aws.kinesis_shards import SHARD_LIMIT, check_limit, chosen_shards, described, open_shards
from lambdatui.config.made import Made
from lambdatui.config.model import StreamConfig
from lambdatui.store.stream_state import StreamState

NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
ON_DEMAND_SHARDS = 4  # what a new stream in on-demand mode begins with
ON_DEMAND_LIMIT = 50
PAGE = 100
RETENTION = (24, 8_760)  # hours
METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)


class Streams:
    def __init__(self, door: KinesisDoor) -> None:
        self._door = door
        self.operations: dict[str, Operation] = {
            "CreateStream": self._create,
            "DeleteStream": self._delete,
            "DescribeStream": self._describe,
            "DescribeStreamSummary": self._describe_summary,
            "DescribeLimits": self._describe_limits,
            "ListStreams": self._list,
            "IncreaseStreamRetentionPeriod": self._increase_retention,
            "DecreaseStreamRetentionPeriod": self._decrease_retention,
            "StartStreamEncryption": self._start_encryption,
            "StopStreamEncryption": self._stop_encryption,
            "EnableEnhancedMonitoring": self._enable_monitoring,
            "DisableEnhancedMonitoring": self._disable_monitoring,
            "UpdateStreamMode": self._update_mode,
            "UpdateMaxRecordSize": self._update_record_size,
        }

    async def _create(self, fields: Fields) -> Answer:
        name = fields.text("StreamName")
        if not NAME.fullmatch(name):
            raise fields.invalid("StreamName must have 1 to 128 characters of a-z, A-Z, 0-9, _, . and -.")
        on_demand = _on_demand(fields.object("StreamModeDetails"))
        shards = fields.number("ShardCount", 1, 10_000)
        if shards is None and not on_demand:
            raise fields.invalid("ShardCount must be given for a stream in PROVISIONED mode.")
        if shards is not None and on_demand:
            raise fields.invalid("ShardCount cannot be given for a stream in ON_DEMAND mode.")
        config = StreamConfig(
            name=name,
            logical_id=name,
            shards=shards or ON_DEMAND_SHARDS,
            on_demand=on_demand,
            maximum_record=1024 * (fields.number("MaxRecordSizeInKiB", 1024, 10_240) or 1024),
            tags=checked_tags(fields, fields.text_map("Tags")),
        )
        async with self._door.changing:
            if any(stream.name == name for stream in self._door.engine.project.streams):
                raise AwsError(
                    "ResourceInUseException", f"Stream {name} under account {self._door.account} already exists."
                )
            await check_limit(self._door, config.shards)
            await self._door.streams.drop(name)  # what a stream of this name left that is no longer declared
            now_us = self._door.now_us()
            said = {
                field: value
                for field, value in msgspec.to_builtins(config).items()
                if field in ("shards", "on_demand", "maximum_record", "tags")
            }
            await self._door.engine.make(
                Made(kind="stream", name=name, own=True, config=said, created_us=now_us, modified_us=now_us)
            )
        await self._door.state(config)
        return {}

    async def _delete(self, fields: Fields) -> Answer:
        async with self._door.changing:
            stream = self._door.stream(fields)
            if self._door.declared(stream) is not None:
                raise AwsError(
                    "ResourceInUseException",
                    f"Stream {stream.name} is declared in {_place(stream)}: remove it there.",
                )
            if self._door.extras(stream).consumers and not fields.flag("EnforceConsumerDeletion"):
                raise AwsError(
                    "ResourceInUseException",
                    f"Stream {stream.name} under account {self._door.account} has registered consumers: deregister "
                    "them, or set EnforceConsumerDeletion.",
                )
            await self._door.engine.unmake("stream", stream.name)
            await self._door.streams.drop(stream.name)
        return {}

    async def _describe(self, fields: Fields) -> Answer:
        stream = self._door.stream(fields)
        state = await self._door.state(stream)
        limit = fields.number("Limit", 1, 10_000) or PAGE
        after = fields.optional_text("ExclusiveStartShardId") or ""
        shards = [shard for shard in chosen_shards(state, stream, {}, self._door.now_us()) if shard.id > after]
        description = self._common(stream, state) | {
            "Shards": [described(shard) for shard in shards[:limit]],
            "HasMoreShards": len(shards) > limit,
        }
        return {"StreamDescription": description}

    async def _describe_summary(self, fields: Fields) -> Answer:
        stream = self._door.stream(fields)
        state = await self._door.state(stream)
        summary = self._common(stream, state) | {
            "OpenShardCount": len(state.open),
            "ConsumerCount": len(self._door.extras(stream).consumers),
            "MaxRecordSizeInKiB": stream.maximum_record // 1024,
        }
        return {"StreamDescriptionSummary": summary}

    def _common(self, stream: StreamConfig, state: StreamState) -> Answer:
        extras = self._door.extras(stream)
        return self._summary(stream, state) | {
            "RetentionPeriodHours": stream.retention_hours,
            "EnhancedMonitoring": [{"ShardLevelMetrics": list(extras.metrics)}],
            **({"EncryptionType": "KMS", "KeyId": extras.kms_key} if extras.kms_key else {"EncryptionType": "NONE"}),
        }

    def _summary(self, stream: StreamConfig, state: StreamState) -> Answer:
        return {
            "StreamName": stream.name,
            "StreamARN": self._door.arn(stream),
            "StreamStatus": "ACTIVE",  # what a call changes is there when it is answered
            "StreamModeDetails": {"StreamMode": "ON_DEMAND" if stream.on_demand else "PROVISIONED"},
            "StreamCreationTimestamp": seconds(state.created_us),
        }

    async def _describe_limits(self, fields: Fields) -> Answer:
        return {
            "ShardLimit": SHARD_LIMIT,
            "OpenShardCount": await open_shards(self._door),
            "OnDemandStreamCount": sum(stream.on_demand for stream in self._door.all()),
            "OnDemandStreamCountLimit": ON_DEMAND_LIMIT,
        }

    async def _list(self, fields: Fields) -> Answer:
        now_us = self._door.now_us()
        after = fields.optional_text("ExclusiveStartStreamName") or ""
        if fields.has("NextToken"):
            token = tokens.read(fields.text("NextToken"), tokens.ListToken, name="NextToken")
            if tokens.expired(token.made_us, now_us):
                raise AwsError("ExpiredNextTokenException", "The NextToken has expired: tokens hold for 300 seconds.")
            after = token.after
        limit = fields.number("Limit", 1, 10_000) or PAGE
        streams = [stream for stream in self._door.all() if stream.name > after]
        page = streams[:limit]
        answer: Answer = {
            "StreamNames": [stream.name for stream in page],
            "StreamSummaries": [self._summary(stream, await self._door.state(stream)) for stream in page],
            "HasMoreStreams": len(streams) > limit,
        }
        if len(streams) > limit:
            answer["NextToken"] = tokens.write(tokens.ListToken("ListStreams", "", page[-1].name, now_us))
        return answer

    # settings

    async def _increase_retention(self, fields: Fields) -> Answer:
        return await self._retain(fields, 1, "shorter")

    async def _decrease_retention(self, fields: Fields) -> Answer:
        return await self._retain(fields, -1, "longer")

    async def _retain(self, fields: Fields, direction: int, wrong: str) -> Answer:
        async with self._door.changing:
            stream = self._door.stream(fields)
            hours = fields.whole("RetentionPeriodHours", *RETENTION)
            if (hours - stream.retention_hours) * direction < 0:
                raise fields.invalid(
                    f"Requested retention period ({hours} hours) for stream {stream.name} can not be {wrong} than "
                    f"existing retention period ({stream.retention_hours} hours)."
                )
            await self._door.keep(stream, retention_hours=hours)
        return {}

    async def _start_encryption(self, fields: Fields) -> Answer:
        return await self._encrypt(fields, fields.text("KeyId"))

    async def _stop_encryption(self, fields: Fields) -> Answer:
        fields.text("KeyId")
        return await self._encrypt(fields, None)

    async def _encrypt(self, fields: Fields, key: str | None) -> Answer:
        """Nothing is encrypted here: what was said is kept and told."""
        if fields.text("EncryptionType") != "KMS":
            raise fields.invalid("EncryptionType must be KMS.")
        async with self._door.changing:
            stream = self._door.stream(fields)
            extras = self._door.extras(stream)
            await self._door.keep(stream, extras=msgspec.structs.replace(extras, kms_key=key))
        return {}

    async def _enable_monitoring(self, fields: Fields) -> Answer:
        return await self._monitor(fields, add=True)

    async def _disable_monitoring(self, fields: Fields) -> Answer:
        return await self._monitor(fields, add=False)

    async def _monitor(self, fields: Fields, *, add: bool) -> Answer:
        named = fields.texts("ShardLevelMetrics")
        if not named or not set(named) <= {*METRICS, "ALL"}:
            raise fields.invalid(f"ShardLevelMetrics must name some of {', '.join(METRICS)} or ALL.")
        chosen = set(METRICS) if "ALL" in named else set(named)
        async with self._door.changing:
            stream = self._door.stream(fields)
            extras: Extras = self._door.extras(stream)
            before = set(extras.metrics)
            desired = before | chosen if add else before - chosen
            metrics = tuple(metric for metric in METRICS if metric in desired)
            await self._door.keep(stream, extras=msgspec.structs.replace(extras, metrics=metrics))
        return {
            "StreamName": stream.name,
            "StreamARN": self._door.arn(stream),
            "CurrentShardLevelMetrics": [metric for metric in METRICS if metric in before],
            "DesiredShardLevelMetrics": list(metrics),
        }

    async def _update_mode(self, fields: Fields) -> Answer:
        mode = fields.object("StreamModeDetails")
        if mode is None:
            raise fields.missing("StreamModeDetails")
        async with self._door.changing:
            await self._door.keep(self._door.stream(fields), on_demand=_on_demand(mode))
        return {}

    async def _update_record_size(self, fields: Fields) -> Answer:
        size = fields.whole("MaxRecordSizeInKiB", 1024, 10_240)
        async with self._door.changing:
            await self._door.keep(self._door.stream(fields), maximum_record=size * 1024)
        return {}


def _on_demand(mode: Fields | None) -> bool:
    said = mode.text("StreamMode") if mode is not None else "PROVISIONED"
    if mode is not None and said not in ("PROVISIONED", "ON_DEMAND"):
        raise mode.invalid(f"StreamMode {said} is neither PROVISIONED nor ON_DEMAND.")
    return said == "ON_DEMAND"


def _place(stream: StreamConfig) -> str:
    if stream.file is None:
        return "the project"
    return stream.file if stream.line is None else f"{stream.file}:{stream.line}"

"""Kinesis' shards: list them, split, merge, scale."""

from __future__ import annotations

from collections.abc import Callable

from lambdatui.api.aws import kinesis_tokens as tokens
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.kinesis_door import Answer, KinesisDoor, Operation
from lambdatui.clock import MICROS
from lambdatui.config.model import StreamConfig
from lambdatui.store.shards import HASH_SPACE, Resharding, Shard, ShardError, seq_text
from lambdatui.store.stream_state import StreamState

SHARD_LIMIT = 500  # open shards of all streams together: the default quota of most regions
PAGE = 1_000

Step = Callable[[Resharding], None]


class Shards:
    def __init__(self, door: KinesisDoor) -> None:
        self._door = door
        self.operations: dict[str, Operation] = {
            "ListShards": self._list,
            "SplitShard": self._split,
            "MergeShards": self._merge,
            "UpdateShardCount": self._update_count,
        }

    async def _list(self, fields: Fields) -> Answer:
        now_us = self._door.now_us()
        if fields.has("NextToken"):
            if fields.has("StreamName") or fields.has("StreamARN") or fields.has("ExclusiveStartShardId"):
                raise fields.invalid("NextToken and StreamName, StreamARN or ExclusiveStartShardId cannot be together.")
            token = tokens.read(fields.text("NextToken"), tokens.ListToken, name="NextToken")
            if tokens.expired(token.made_us, now_us):
                raise AwsError("ExpiredNextTokenException", "The NextToken has expired: tokens hold for 300 seconds.")
            stream, after, chosen = self._door.named(token.stream), token.after, token.filter
        else:
            stream = self._door.stream(fields)
            after, chosen = fields.optional_text("ExclusiveStartShardId") or "", _filter(fields)
        state = await self._door.state(stream)
        shards = [each for each in chosen_shards(state, stream, chosen, now_us) if each.id > after]
        limit = fields.number("MaxResults", 1, 10_000) or PAGE
        answer: Answer = {"Shards": [described(shard) for shard in shards[:limit]]}
        if len(shards) > limit:
            token = tokens.ListToken("ListShards", stream.name, shards[limit - 1].id, now_us, chosen)
            answer["NextToken"] = tokens.write(token)
        return answer

    async def _split(self, fields: Fields) -> Answer:
        stream = self._provisioned(fields, "SplitShard")
        id, key = fields.text("ShardToSplit"), hash_key_of(fields, "NewStartingHashKey")
        await check_limit(self._door, 1)
        await self._reshard(stream, lambda shards: shards.split(id, key))
        return {}

    async def _merge(self, fields: Fields) -> Answer:
        stream = self._provisioned(fields, "MergeShards")
        id, other = fields.text("ShardToMerge"), fields.text("AdjacentShardToMerge")
        await self._reshard(stream, lambda shards: shards.merge(id, other))
        return {}

    async def _update_count(self, fields: Fields) -> Answer:
        stream = self._provisioned(fields, "UpdateShardCount")
        target = fields.whole("TargetShardCount", 1, 10_000)
        if fields.text("ScalingType") != "UNIFORM_SCALING":
            raise fields.invalid("ScalingType must be UNIFORM_SCALING.")
        current = len((await self._door.state(stream)).open)
        for allowed, sentence in (
            (target <= 2 * current, "scale up over double your current open shard count"),
            (2 * target >= current, "scale down below half of your current open shard count"),
        ):
            if not allowed:
                raise fields.invalid(
                    f"UpdateShardCount cannot {sentence}. Current open shard count: {current} "
                    f"Target shard count: {target}"
                )
        await check_limit(self._door, target - current)
        await self._reshard(stream, lambda shards: shards.uniform(target))
        return {
            "StreamName": stream.name,
            "CurrentShardCount": current,
            "TargetShardCount": target,
            "StreamARN": self._door.arn(stream),
        }

    def _provisioned(self, fields: Fields, operation: str) -> StreamConfig:
        stream = self._door.stream(fields)
        if stream.on_demand:
            raise AwsError("ValidationException", f"{operation} is for streams in PROVISIONED mode only.")
        return stream

    async def _reshard(self, stream: StreamConfig, step: Step) -> None:
        await self._door.state(stream)
        try:
            await self._door.streams.reshard(stream.name, step)
        except KeyError as missing:
            raise AwsError(
                "ResourceNotFoundException",
                f"Could not find shard {missing.args[0]} in stream {stream.name} under account {self._door.account}.",
            ) from None
        except ShardError as error:
            raise AwsError("InvalidArgumentException", str(error)) from None


async def open_shards(door: KinesisDoor) -> int:
    return sum([len((await door.state(stream)).open) for stream in door.all()])


async def check_limit(door: KinesisDoor, more: int) -> None:
    """Raises LimitExceededException where so many more shards are too many."""
    if more > 0 and (count := await open_shards(door)) + more > SHARD_LIMIT:
        raise AwsError(
            "LimitExceededException",
            f"This request would exceed the shard limit for the account {door.account}. "
            f"Current shard count: {count}. Limit: {SHARD_LIMIT}.",
        )


def described(shard: Shard) -> Answer:
    """As ListShards and DescribeStream show it."""
    numbers = {"StartingSequenceNumber": seq_text(shard.start)}
    if shard.end is not None:
        numbers["EndingSequenceNumber"] = seq_text(shard.end)
    answer: Answer = {"ShardId": shard.id, "HashKeyRange": hash_range_of(shard), "SequenceNumberRange": numbers}
    answer |= dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
    return answer


def hash_range_of(shard: Shard) -> dict[str, str]:
    return {"StartingHashKey": str(shard.first), "EndingHashKey": str(shard.last)}


def hash_key_of(fields: Fields, name: str) -> int:
    text = fields.text(name)
    if not text.isdecimal() or not text.isascii() or len(text) > 39 or int(text) >= HASH_SPACE:
        raise fields.invalid(f"{name} must be a number from 0 to {HASH_SPACE - 1}.")
    return int(text)


def chosen_shards(state: StreamState, stream: StreamConfig, chosen: dict[str, str | int], now_us: int) -> list[Shard]:
    """The shards that a ShardFilter means. A shard is there from when it was opened until it was closed; those that
    were closed before the retention's beginning are not shown."""
    horizon = max(state.created_us, now_us - stream.retention_hours * 3600 * MICROS)
    kept = [shard for shard in state.shards if shard.closed_us is None or shard.closed_us >= horizon]
    kind = chosen.get("Type", "FROM_TRIM_HORIZON")
    if kind == "AT_LATEST":
        return [shard for shard in kept if shard.open]
    if kind == "AFTER_SHARD_ID":
        return [shard for shard in kept if shard.id > str(chosen["ShardId"])]
    if kind == "FROM_TRIM_HORIZON":
        return kept
    time_us = horizon if kind == "AT_TRIM_HORIZON" else max(int(chosen["Timestamp"]), horizon)
    later = [shard for shard in kept if shard.closed_us is None or shard.closed_us >= time_us]
    return later if kind == "FROM_TIMESTAMP" else [shard for shard in later if shard.opened_us <= time_us]


def _filter(fields: Fields) -> dict[str, str | int]:
    """The request's ShardFilter, its timestamp in microseconds."""
    said = fields.object("ShardFilter")
    if said is None:
        return {}
    kind = said.text("Type")
    if kind == "AFTER_SHARD_ID":
        return {"Type": kind, "ShardId": said.text("ShardId")}
    if kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP"):
        time_us = said.moment("Timestamp")
        if time_us is None:
            raise said.missing("Timestamp")
        return {"Type": kind, "Timestamp": time_us}
    if kind not in ("AT_TRIM_HORIZON", "FROM_TRIM_HORIZON", "AT_LATEST"):
        raise said.invalid(f"ShardFilter has no Type {kind}.")
    return {"Type": kind}

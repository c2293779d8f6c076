"""Kinesis' tags and registered consumers: kept and told, nothing depends on them."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from lambdatui.api.aws import kinesis_tokens as tokens
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.api.aws.kinesis_door import Answer, KinesisDoor, Operation, StreamConsumer, checked_tags, seconds
from lambdatui.clock import MICROS
from lambdatui.config.model import StreamConfig

NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
CONSUMER_ARN = re.compile(r"(arn:[^/]*:stream/[^/]+)/consumer/([a-zA-Z0-9_.-]+):([0-9]+)")
MAX_TAGS = 50
MAX_CONSUMERS = 20
PAGE = 100

Tags = dict[str, str]


class TagsAndConsumers:
    def __init__(self, door: KinesisDoor) -> None:
        self._door = door
        self.operations: dict[str, Operation] = {
            "AddTagsToStream": self._add_to_stream,
            "RemoveTagsFromStream": self._remove_from_stream,
            "ListTagsForStream": self._list_of_stream,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list,
            "RegisterStreamConsumer": self._register,
            "DeregisterStreamConsumer": self._deregister,
            "DescribeStreamConsumer": self._describe_consumer,
            "ListStreamConsumers": self._list_consumers,
        }

    # tags

    async def _add_to_stream(self, fields: Fields) -> Answer:
        added = self._added(fields)
        return await self._retag(fields, lambda: (self._door.stream(fields), None), lambda tags: tags | added)

    async def _remove_from_stream(self, fields: Fields) -> Answer:
        keys = self._keys(fields)
        return await self._retag(fields, lambda: (self._door.stream(fields), None), lambda tags: _without(tags, keys))

    async def _tag(self, fields: Fields) -> Answer:
        added = self._added(fields)
        return await self._retag(fields, lambda: self._resource(fields), lambda tags: tags | added)

    async def _untag(self, fields: Fields) -> Answer:
        keys = self._keys(fields)
        return await self._retag(fields, lambda: self._resource(fields), lambda tags: _without(tags, keys))

    async def _list_of_stream(self, fields: Fields) -> Answer:
        after = fields.optional_text("ExclusiveStartTagKey") or ""
        limit = fields.number("Limit", 1, 50) or 50
        tags = [(key, value) for key, value in sorted(self._door.stream(fields).tags.items()) if key > after]
        return {"Tags": _listed(dict(tags[:limit])), "HasMoreTags": len(tags) > limit}

    async def _list(self, fields: Fields) -> Answer:
        stream, consumer = self._resource(fields)
        return {"Tags": _listed(stream.tags if consumer is None else consumer.tags)}

    async def _retag(
        self,
        fields: Fields,
        find: Callable[[], tuple[StreamConfig, StreamConsumer | None]],
        change: Callable[[Tags], Tags],
    ) -> Answer:
        async with self._door.changing:
            stream, consumer = find()
            tags = change(stream.tags if consumer is None else consumer.tags)
            if len(tags) > MAX_TAGS:
                raise fields.invalid(f"A resource has at most {MAX_TAGS} tags, not {len(tags)}.")
            if consumer is None:
                await self._door.keep(stream, tags=tags)
            else:
                await self._keep(stream, consumer, msgspec.structs.replace(consumer, tags=tags))
        return {}

    def _added(self, fields: Fields) -> Tags:
        tags = checked_tags(fields, fields.text_map("Tags"))
        if not tags:
            raise fields.missing("Tags")
        return tags

    def _keys(self, fields: Fields) -> list[str]:
        keys = fields.texts("TagKeys")
        if not keys:
            raise fields.missing("TagKeys")
        return keys

    def _resource(self, fields: Fields) -> tuple[StreamConfig, StreamConsumer | None]:
        """The stream of a ResourceARN, and the consumer where it is one's."""
        arn = fields.text("ResourceARN")
        match = CONSUMER_ARN.fullmatch(arn)
        if match is None:
            if ":stream/" not in arn:
                raise fields.invalid(f"ResourceARN {arn} is neither a stream's nor a consumer's.")
            return self._door.named(arn), None
        stream = self._door.named(match[1])
        return stream, self._by_arn(stream, arn)

    # consumers

    async def _register(self, fields: Fields) -> Answer:
        name = fields.text("ConsumerName")
        if not NAME.fullmatch(name):
            raise fields.invalid("ConsumerName must have 1 to 128 characters of a-z, A-Z, 0-9, _, . and -.")
        tags = checked_tags(fields, fields.text_map("Tags"))
        async with self._door.changing:
            stream = self._door.stream(fields)
            consumers = self._door.extras(stream).consumers
            if any(consumer.name == name for consumer in consumers):
                raise AwsError(
                    "ResourceInUseException",
                    f"Consumer {name} of stream {stream.name} under account {self._door.account} already exists.",
                )
            if len(consumers) >= MAX_CONSUMERS:
                raise AwsError(
                    "LimitExceededException", f"Stream {stream.name} has {MAX_CONSUMERS} consumers, the most there are."
                )
            consumer = StreamConsumer(name=name, created_us=self._door.now_us(), tags=tags)
            await self._keep(stream, None, consumer)
        return {"Consumer": self._shown(stream, consumer)}

    async def _deregister(self, fields: Fields) -> Answer:
        async with self._door.changing:
            stream, consumer = self._consumer(fields)
            await self._keep(stream, consumer, None)
        return {}

    async def _describe_consumer(self, fields: Fields) -> Answer:
        stream, consumer = self._consumer(fields)
        return {"ConsumerDescription": self._shown(stream, consumer) | {"StreamARN": self._door.arn(stream)}}

    async def _list_consumers(self, fields: Fields) -> Answer:
        now_us, after = self._door.now_us(), ""
        stream = self._door.stream(fields)
        if fields.has("NextToken"):
            token = tokens.read(fields.text("NextToken"), tokens.ListToken, name="NextToken")
            if tokens.expired(token.made_us, now_us):
                raise AwsError("ExpiredNextTokenException", "The NextToken has expired: tokens hold for 300 seconds.")
            after = token.after
        limit = fields.number("MaxResults", 1, 10_000) or PAGE
        found = sorted(self._door.extras(stream).consumers, key=lambda consumer: consumer.name)
        found = [consumer for consumer in found if consumer.name > after]
        answer: Answer = {"Consumers": [self._shown(stream, consumer) for consumer in found[:limit]]}
        if len(found) > limit:
            token = tokens.ListToken("ListStreamConsumers", stream.name, found[limit - 1].name, now_us)
            answer["NextToken"] = tokens.write(token)
        return answer

    def _consumer(self, fields: Fields) -> tuple[StreamConfig, StreamConsumer]:
        """By ConsumerARN, or by StreamARN and ConsumerName."""
        arn = fields.optional_text("ConsumerARN")
        if arn is not None:
            match = CONSUMER_ARN.fullmatch(arn)
            if match is None:
                raise fields.invalid(f"{arn} is not a consumer's ARN.")
            stream = self._door.named(match[1])
            return stream, self._by_arn(stream, arn)
        stream = self._door.stream(fields)
        return stream, self._by_name(stream, fields.text("ConsumerName"))

    def _by_name(self, stream: StreamConfig, name: str) -> StreamConsumer:
        for consumer in self._door.extras(stream).consumers:
            if consumer.name == name:
                return consumer
        raise self._missing(stream, name)

    def _by_arn(self, stream: StreamConfig, arn: str) -> StreamConsumer:
        for consumer in self._door.extras(stream).consumers:
            if self._arn(stream, consumer) == arn:
                return consumer
        raise self._missing(stream, arn)

    def _missing(self, stream: StreamConfig, name: str) -> AwsError:
        return AwsError(
            "ResourceNotFoundException",
            f"Consumer {name} of stream {stream.name} under account {self._door.account} not found.",
        )

    async def _keep(self, stream: StreamConfig, old: StreamConsumer | None, new: StreamConsumer | None) -> None:
        extras = self._door.extras(stream)
        consumers = [consumer for consumer in extras.consumers if consumer != old]
        consumers += [new] if new is not None else []
        await self._door.keep(stream, extras=msgspec.structs.replace(extras, consumers=tuple(consumers)))

    def _arn(self, stream: StreamConfig, consumer: StreamConsumer) -> str:
        return f"{self._door.arn(stream)}/consumer/{consumer.name}:{consumer.created_us // MICROS}"

    def _shown(self, stream: StreamConfig, consumer: StreamConsumer) -> Answer:
        return {
            "ConsumerName": consumer.name,
            "ConsumerARN": self._arn(stream, consumer),
            "ConsumerStatus": "ACTIVE",
            "ConsumerCreationTimestamp": seconds(consumer.created_us),
        }


def _without(tags: Tags, keys: list[str]) -> Tags:
    return {key: value for key, value in tags.items() if key not in keys}


def _listed(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]

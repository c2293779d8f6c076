"""What Kinesis' operations share: which stream a request means, what is said about it, and how changes are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from lambdatui.api.aws.call import Door
from lambdatui.api.aws.errors import AwsError
from lambdatui.api.aws.fields import Fields
from lambdatui.config.made import Made
from lambdatui.config.model import StreamConfig
from lambdatui.errors import NotFound
from lambdatui.store.stream_state import StreamState

Answer = dict[str, Any]
Operation = Callable[[Fields], Awaitable[Answer]]


class StreamConsumer(msgspec.Struct, frozen=True, kw_only=True):
    """A registered consumer (enhanced fan-out)."""

    name: str
    created_us: int
    tags: dict[str, str] = {}


class Extras(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What calls said about a stream and nothing here depends on. Kept beside its configuration."""

    kms_key: str | None = None
    metrics: tuple[str, ...] = ()
    consumers: tuple[StreamConsumer, ...] = ()


class KinesisDoor:
    """The streams as the operations see them."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.engine = door.engine
        self.streams = door.engine.store.streams
        self.changing = asyncio.Lock()  # held from reading what is kept to keeping it changed

    @property
    def account(self) -> str:
        return self._door.account

    @property
    def region(self) -> str:
        return self._door.region

    def now_us(self) -> int:
        return self.engine.clock.now_us()

    def stream(self, fields: Fields) -> StreamConfig:
        """The stream that StreamARN or StreamName names. Raises ResourceNotFoundException."""
        arn = fields.optional_text("StreamARN")
        name = arn or fields.optional_text("StreamName")
        if not name:
            raise AwsError("InvalidArgumentException", "Either StreamName or StreamARN must be given.")
        if arn and ":stream/" not in arn:
            raise AwsError("InvalidArgumentException", f"{arn} is not a stream's ARN.")
        return self.named(name)

    def named(self, name: str) -> StreamConfig:
        """By name or ARN; the streams of tables are none of Kinesis'."""
        try:
            stream = self._door.sources.stream(name)
        except NotFound:
            stream = None
        if stream is None or stream.table is not None:
            shown = name.partition(":stream/")[2] or name
            raise AwsError("ResourceNotFoundException", f"Stream {shown} under account {self.account} not found.")
        return stream

    def all(self) -> list[StreamConfig]:
        """Every stream of Kinesis, by name."""
        found = (stream for stream in self.engine.project.streams if stream.table is None)
        return sorted(found, key=lambda stream: stream.name)

    async def state(self, stream: StreamConfig) -> StreamState:
        """Its shards as they stand."""
        return self.streams.state(stream.name) or await self.streams.open(stream)

    def arn(self, stream: StreamConfig) -> str:
        return f"arn:aws:kinesis:{self.region}:{self.account}:stream/{stream.name}"

    def declared(self, stream: StreamConfig) -> StreamConfig | None:
        """As the project's files say it; None where only the API made it."""
        return next((each for each in self.engine.declared.streams if each.name == stream.name), None)

    def extras(self, stream: StreamConfig) -> Extras:
        row = self.engine.store.made.get("stream", stream.name)
        return msgspec.convert(row.config, Extras) if row else Extras()

    async def keep(self, stream: StreamConfig, *, extras: Extras | None = None, **fields: Any) -> None:
        """Keeps changed fields of a stream's configuration. Over a declared stream they hold until its declaration
        says something else than now. The caller holds `changing`."""
        now_us = self.now_us()
        declared = self.declared(stream)
        row = self.engine.store.made.get("stream", stream.name)
        if row is None or (row.own and declared is not None):  # it was made by API, and declared since
            row = Made(kind="stream", name=stream.name, own=False, created_us=now_us, modified_us=now_us)
            extras = extras or self.extras(stream)
        config, base = {**row.config, **fields}, dict(row.base)
        if extras is not None:
            config = {name: value for name, value in config.items() if name not in Extras.__struct_fields__}
            config |= msgspec.to_builtins(extras)
        if declared is not None:
            said = msgspec.to_builtins(declared)
            base |= {field: said[field] for field in fields}
        await self.engine.make(msgspec.structs.replace(row, config=config, base=base, modified_us=now_us))


def seconds(us: int) -> float:
    """A time as AWS JSON has it, to the millisecond."""
    return us // 1000 / 1000


def checked_tags(fields: Fields, tags: dict[str, str]) -> dict[str, str]:
    """Raises InvalidArgumentException for keys and values of a wrong length."""
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise fields.invalid("A tag's key has 1 to 128 characters, its value at most 256.")
    return tags

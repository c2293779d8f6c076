"""Kinesis' opaque tokens: shard iterators and the places where lists go on. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from lambdatui.api.aws.errors import AwsError

LIFE_US = 5 * 60 * 1_000_000
_Token = TypeVar("_Token", bound=msgspec.Struct)


class ShardIterator(msgspec.Struct, frozen=True, array_like=True):
    """The next read of a shard: what comes after `after`. It expires; a reader gets a new one with each read."""

    stream: str
    shard: str
    after: str  # sequence number; "": from the oldest
    made_us: int


class ListToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of shards, streams or consumers goes on, and what it was asked for."""

    of: str  # the operation
    stream: str
    after: str
    made_us: int
    filter: dict[str, str | int] = {}


def write(token: msgspec.Struct) -> str:
    return base64.b64encode(msgspec.json.encode(token)).decode()


def read(text: str, type: type[_Token], *, name: str) -> _Token:
    """Raises InvalidArgumentException for what `write` did not make."""
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True), type=type)
    except (binascii.Error, ValueError):
        raise AwsError("InvalidArgumentException", f"Invalid {name}.") from None


def expired(made_us: int, now_us: int) -> bool:
    return now_us - made_us > LIFE_US

"""Pure arithmetic of streams: the tree of shards, which of them takes a key, and sequence numbers as text.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

HASH_SPACE = 1 << 128
_BASE = 49 * 10**54  # real ones begin so, and have 56 digits
_MAX = (1 << 63) - 1


class ShardError(ValueError):
    """A split or merge that cannot be; the message says why."""


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """A shard and where it comes from. `first` and `last` are the hash keys that it takes, both included.

    `start` and `end` are sequence numbers as they are counted: its records' lie between them. `end` None: it is open.
    """

    id: str  # "shardId-000000000000"; never given twice
    first: int
    last: int
    parents: tuple[str, ...] = ()
    start: int = 0
    end: int | None = None
    opened_us: int = 0
    closed_us: int | None = None

    @property
    def open(self) -> bool:
        return self.end is None


class HashRanges:
    """Which open shard takes a hash key."""

    def __init__(self, shards: Iterable[Shard]) -> None:
        taking = sorted((shard.first, shard.id) for shard in shards if shard.open)
        self._firsts = [first for first, _ in taking]
        self._ids = [id for _, id in taking]

    def shard_of(self, key: int) -> str:
        return self._ids[bisect_right(self._firsts, key) - 1]


class Resharding:
    """Splits and merges on a stream's shards. `seq` is the last sequence number given: each step takes two, the
    parents' end and the children's start, so that numbers rise from a parent to its children."""

    def __init__(self, shards: Iterable[Shard], seq: int, now_us: int) -> None:
        self._shards = {shard.id: shard for shard in shards}
        self._next = 1 + max((int(id.rpartition("-")[2]) for id in self._shards), default=-1)
        self._now_us = now_us
        self.seq = seq

    @property
    def shards(self) -> tuple[Shard, ...]:
        """All of them, in the order of their ids."""
        return tuple(sorted(self._shards.values(), key=lambda shard: shard.id))

    @property
    def open(self) -> list[Shard]:
        """The open ones, in the order of their hash keys."""
        return sorted((shard for shard in self._shards.values() if shard.open), key=lambda shard: shard.first)

    def split(self, id: str, key: int) -> None:
        """In two: up to `key`, and from it on. Raises ShardError."""
        shard = self._an_open_one(id)
        if not shard.first < key <= shard.last:
            raise ShardError(
                f"The new starting hash key {key} must lie within shard {id}, behind its first key: "
                f"{shard.first + 1} to {shard.last}."
            )
        self._replace((shard,), ((shard.first, key - 1), (key, shard.last)))

    def merge(self, id: str, other: str) -> None:
        """Into one. Raises ShardError where they are not neighbours."""
        one, two = self._an_open_one(id), self._an_open_one(other)
        low, high = sorted((one, two), key=lambda shard: shard.first)
        if low.last + 1 != high.first:
            raise ShardError(f"Shards {id} and {other} are not adjacent: their hash keys do not form one range.")
        self._replace((one, two), ((low.first, high.last),))

    def uniform(self, count: int) -> None:
        """To `count` even shards: split at every border that is missing, then merge at every one too many."""
        wanted = {hash_range(index, count)[0] for index in range(count)}
        for border in sorted(wanted - {shard.first for shard in self.open}):
            self.split(next(shard.id for shard in self.open if shard.first <= border <= shard.last), border)
        for border in sorted({shard.first for shard in self.open} - wanted):
            now = self.open
            at = next(index for index, shard in enumerate(now) if shard.first == border)
            self.merge(now[at - 1].id, now[at].id)

    def _an_open_one(self, id: str) -> Shard:
        shard = self._shards.get(id)
        if shard is None:
            raise KeyError(id)
        if not shard.open:
            raise ShardError(f"Shard {id} is closed: it was split or merged already.")
        return shard

    def _replace(self, parents: Sequence[Shard], ranges: Sequence[tuple[int, int]]) -> None:
        self.seq += 2
        for parent in parents:
            closed = msgspec.structs.replace(parent, end=self.seq - 1, closed_us=self._now_us)
            self._shards[parent.id] = closed
        ids = tuple(parent.id for parent in parents)
        for first, last in ranges:
            child = Shard(
                id=shard_name(self._next),
                first=first,
                last=last,
                parents=ids,
                start=self.seq,
                opened_us=self._now_us,
            )
            self._shards[child.id] = child
            self._next += 1


def even_shards(count: int, seq: int, now_us: int) -> list[Shard]:
    """The shards of a new stream."""
    ranges = (hash_range(index, count) for index in range(count))
    return [
        Shard(id=shard_name(index), first=first, last=last, start=seq, opened_us=now_us)
        for index, (first, last) in enumerate(ranges)
    ]


def shard_name(index: int) -> str:
    return f"shardId-{index:012d}"


def hash_range(index: int, count: int) -> tuple[int, int]:
    """First and last hash key of shard `index` of `count`; the ranges are even and leave no gap."""
    return -(-index * HASH_SPACE // count), -(-(index + 1) * HASH_SPACE // count) - 1


def hash_key(partition_key: str, explicit: int | str | None = None) -> int:
    """What a record is placed by: MD5 of the partition key, or the hash key that the caller gives."""
    if explicit is not None:
        return min(max(int(explicit), 0), HASH_SPACE - 1)
    return int.from_bytes(hashlib.md5(partition_key.encode("utf-8", "surrogatepass")).digest(), "big")


def lane_of(partition_key: str, lanes: int) -> int:
    """Which of a shard's lanes a key's records are processed in. Shards are ranges of MD5, so lanes are by its rest."""
    return hash_key(partition_key) % lanes if lanes > 1 else 0


def seq_text(number: int) -> str:
    """Sequence number as fixed-width text: sorts as it counts."""
    return str(_BASE + number)


def seq_number(text: str) -> int:
    """What `seq_text` made; 0 (before the first) for empty text, the nearest one for numbers of another making."""
    if not text:
        return 0
    return min(max(int(text) - _BASE, 0), _MAX) if text.isdecimal() and len(text) <= 64 else 0

"""A stream as it stands: its tree of shards."""

from __future__ import annotations

from functools import cached_property

import msgspec

from lambdatui.store.shards import HashRanges, Shard


class StreamState(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """`epoch` rises with every change of the shards, also over a deletion. `declared`: the number of shards that the
    project gave it last."""

    name: str
    epoch: int
    declared: int
    created_us: int
    shards: tuple[Shard, ...]  # by id: parents before children

    @cached_property
    def ranges(self) -> HashRanges:
        return HashRanges(self.shards)

    @cached_property
    def by_id(self) -> dict[str, Shard]:
        return {shard.id: shard for shard in self.shards}

    @cached_property
    def open(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.open]

    def children(self, id: str) -> list[Shard]:
        return [shard for shard in self.shards if id in shard.parents]

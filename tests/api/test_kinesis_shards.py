"""Which shards a ShardFilter means: pure."""

from __future__ import annotations

from lambdatui.api.aws.kinesis_shards import chosen_shards
from lambdatui.clock import MICROS
from lambdatui.config.model import StreamConfig
from lambdatui.store.shards import Resharding, even_shards
from lambdatui.store.stream_state import StreamState


def test_a_filter_goes_by_the_time_at_which_shards_were_there() -> None:
    hour = 3600 * MICROS
    made_us = 100 * hour
    one = Resharding(even_shards(1, 0, made_us), 0, made_us + hour)
    one.split("shardId-000000000000", 5)
    two = Resharding(one.shards, one.seq, made_us + 2 * hour)
    two.merge("shardId-000000000001", "shardId-000000000002")
    state = StreamState(name="s", epoch=0, declared=1, created_us=made_us, shards=two.shards)
    config = StreamConfig(name="s", logical_id="s")

    def ids(now_us: int, **chosen: str | int) -> str:
        return "".join(shard.id[-1] for shard in chosen_shards(state, config, dict(chosen), now_us))

    now = made_us + 3 * hour
    assert ids(now) == ids(now, Type="FROM_TRIM_HORIZON") == "0123"
    assert ids(now, Type="AT_TRIM_HORIZON") == "0"
    assert ids(now, Type="AT_LATEST") == "3"
    assert ids(now, Type="AT_TIMESTAMP", Timestamp=made_us + hour + 1) == "12"
    assert ids(now, Type="FROM_TIMESTAMP", Timestamp=made_us + hour + 1) == "123"
    assert ids(now, Type="FROM_TIMESTAMP", Timestamp=1) == "0123"
    later = made_us + 25 * hour + 1
    assert ids(later) == ids(later, Type="FROM_TRIM_HORIZON") == "123"
    assert ids(later, Type="AT_TRIM_HORIZON") == "12"

"""A shard's lanes (`ParallelizationFactor`): pure.

Each partition key belongs to one lane, and each lane goes through its records in order, on its own, with a checkpoint
of its own: "in-order processing at the partition-key level". Another number of lanes gives keys other lanes. So lanes
first meet: each goes on to the furthest place that one of them has begun with, and no further. Once all stand there,
nothing is done beyond it and nothing is undone before it, and the new lanes begin there.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lambdatui.sources.stream_rules import LaneState


def reach(state: LaneState, in_hand: str = "") -> str:
    """How far a lane has begun: done with, failed before and to be tried again, or in hand up to `in_hand`."""
    return max(state.seq, in_hand, *state.ends)


def meeting_point(reaches: Iterable[str]) -> str:
    """Where lanes meet before their number changes."""
    return max(reaches)


def met(states: Iterable[LaneState], at: str) -> bool:
    """Whether all lanes are done with everything up to `at`, and hold nothing open there."""
    return all(state.seq >= at and not state.ends and not state.blocked and state.window is None for state in states)


def passed_over(state: LaneState, looked: str, limit: str | None) -> LaneState:
    """A lane that found nothing of its own up to `looked`. `limit`: it looked as far as it may go."""
    return msgspec.structs.replace(state, seq=max(state.seq, looked, limit or ""))


def fresh(at: str, lanes: int) -> list[LaneState]:
    """New lanes behind `at`."""
    return [LaneState(seq=at) for _ in range(lanes)]

"""What an environment measures of itself and sends beside its answers: what an init went to, and profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from lambdatui import wire
from lambdatui.store.records import InitRecord

if TYPE_CHECKING:
    from lambdatui.engine.environment import Environment, Outcome

# Microseconds that an environment tells: what user code writes must not become a figure that no store holds.
Duration = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Frames = dict[int, tuple[bytes, bytes]]  # kind of frame -> meta and payload


class InitParts(msgspec.Struct, frozen=True):
    """Where the time of a start went, microseconds; their sum is the time from the order to start to READY."""

    runtime_us: int
    libraries_us: int
    own_us: int

    @property
    def start_us(self) -> int:
        return self.runtime_us + self.libraries_us + self.own_us


class _Meta(msgspec.Struct):
    libraries_us: Duration = 0
    own_us: Duration = 0


_meta = msgspec.json.Decoder(_Meta)


def init_parts(outcome: Outcome) -> InitParts | None:
    """None where the init has not told."""
    if wire.IMPORTS not in outcome.measured:
        return None
    try:
        told = _meta.decode(outcome.measured[wire.IMPORTS][0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # written by user code that found the channel
        return None
    return InitParts(max(0, outcome.start_us - told.libraries_us - told.own_us), told.libraries_us, told.own_us)


def init_record(function: str, environment: Environment, outcome: Outcome) -> InitRecord | None:
    """What is kept of a fresh init that went well; None of any other."""
    parts = init_parts(outcome)
    if parts is None or outcome.kind != "result" or environment.forked:
        return None
    return InitRecord(
        function=function,
        version=environment.launch.version,
        code_sha=environment.launch.code_sha,
        at_us=environment.started_us,
        init_us=outcome.duration_us,
        runtime_us=parts.runtime_us,
        libraries_us=parts.libraries_us,
        own_us=parts.own_us,
        tree=outcome.measured[wire.IMPORTS][1],
    )


def profile(outcome: Outcome) -> list[bytes]:
    """The PROFILE payload, where one was asked for and came."""
    return [outcome.measured[wire.PROFILE][1]] if wire.PROFILE in outcome.measured else []

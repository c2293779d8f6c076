"""Control calls about where a function's time goes: its last cold start, and one invocation under the profiler."""

from __future__ import annotations

import asyncio

import msgspec

from lambdatui.api.aws.call import Door
from lambdatui.api.jsoncheck import json_problem
from lambdatui.engine.model import InvokeRequest, Profiling
from lambdatui.errors import NotFound, OperationFailed, UsageError
from lambdatui.profiles import ColdStart, Profile, ProfileReply
from lambdatui.telemetry.profile import cold_start

RATE_HZ, MOST_HZ = 1000, 10_000


async def last_cold_start(door: Door, name: str) -> ColdStart:
    """Raises NotFound where the function has had no fresh init."""
    config = door.engine.function(name).config
    found = await door.read(
        cold_start,
        door.engine.reader,
        config.name,
        config.memory,
        config.architecture,
        config.ephemeral_storage,
        door.engine.telemetry.billing,
    )
    if found is None:
        raise NotFound(f"no fresh init of {config.name} is stored: invoke it once")
    return found


async def profiled(
    door: Door, name: str, qualifier: str | None, event: bytes, *, rate_hz: int | None, cold: bool
) -> ProfileReply:
    """One synchronous invocation, sampled. Raises NotFound, UsageError, and OperationFailed where it is throttled."""
    function = door.engine.function(name, qualifier)
    rate = RATE_HZ if rate_hz is None else rate_hz
    if not 1 <= rate <= MOST_HZ:
        raise UsageError(f"the rate must be from 1 to {MOST_HZ} samples a second, not {rate}")
    problem = await json_problem(event) if event else None
    if problem is not None:
        raise UsageError(f"the event is not JSON: {problem}")
    result = await door.engine.invoke(
        InvokeRequest(
            function=function.config.name,
            payload=event or b"{}",
            qualifier=qualifier,
            source="profile",
            profiling=Profiling(rate, cold),
        )
    )
    if result.status == "throttled":
        raise OperationFailed(f"throttled: {result.error_message} ({result.throttle_reason})")
    return ProfileReply(
        request_id=result.request_id,
        status=result.status,
        payload=result.payload,
        error_type=result.error_type,
        error_message=result.error_message,
        log_tail=result.log_tail,
        profiles=await asyncio.to_thread(_read, result.profiles),
    )


def _read(profiles: list[bytes]) -> list[Profile]:
    """Those that can be read: user code that finds the channel may write what it likes."""
    found = []
    for each in profiles:
        try:
            profile = msgspec.json.decode(each, type=Profile)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if _is_whole(profile):
            found.append(profile)
    return found


def _is_whole(profile: Profile) -> bool:
    """Whether what its numbers point to is there."""
    parents, frames = profile.nodes[::2], profile.nodes[1::2]
    tree = len(parents) == len(frames) > 0 and all(-1 < parent < at for at, parent in enumerate(parents) if at)
    return (
        tree
        and all(-1 < frame < len(profile.frames) for frame in frames[1:])
        and all(
            len(thread.nodes) == len(thread.weights) and all(-1 < node < len(parents) for node in thread.nodes)
            for thread in profile.threads
        )
    )

"""All sources of one engine: pollers and schedules, what they are called, and what a person does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdatui import schema

if TYPE_CHECKING:
    from lambdatui.config.model import Project, QueueConfig, StreamConfig
    from lambdatui.engine.engine import Engine
    from lambdatui.store.records import NewMessage


class SourceManager:
    """Starts, stops, reconfigures and describes the sources; sends to them; replays and purges dead letters."""

    def __init__(self, engine: Engine, *, paused_all: bool = False) -> None:
        """`paused_all`: nothing polls or fires until it is resumed (one-shot engines)."""

    async def start(self) -> None:
        """Pollers and schedules begin, from `engine.project`."""

    async def stop(self, grace: float | None = None) -> None:
        """Takes nothing new at once; waits up to `grace` seconds (None: as long as it takes) for batches in flight."""

    async def configure(self, project: Project) -> None:
        """Takes over a reloaded configuration; sources that did not change go on undisturbed."""

    def snapshot(self) -> schema.Sources:
        """Every queue, stream, schedule and route as the screen shows it."""
        raise NotImplementedError

    async def pause(self, id: str) -> None:
        """By mapping uuid, schedule id, or queue/stream (logical id, name, ARN, URL). Raises NotFound."""

    async def resume(self, id: str) -> None:
        """Undoes `pause`; also starts a mapping or schedule that the template disabled. Raises NotFound."""

    def queue(self, name: str) -> QueueConfig:
        """By logical id, name, ARN or queue URL. Raises NotFound, naming the nearest."""
        raise NotImplementedError

    def stream(self, name: str) -> StreamConfig:
        """By logical id, name or ARN. Raises NotFound, naming the nearest."""
        raise NotImplementedError

    async def send(self, source: str, messages: list[NewMessage], partition_key: str | None = None) -> list[str]:
        """Puts messages on a queue or records on a stream; message ids or sequence numbers, in order."""
        raise NotImplementedError

    def dlq_names(self) -> list[str]:
        """Queues that are a function's dead-letter queue, a redrive target or an OnFailure destination."""
        raise NotImplementedError

    async def replay_entry(self, id: str, event: bytes | None = None) -> schema.ReplayResult:
        """One attempt, straight at the consumer; `event` (edited text of the entry) instead of the stored one."""
        raise NotImplementedError

    async def replay_invocation(self, request_id: str, event: bytes | None = None) -> schema.ReplayResult:
        """Invokes again with the stored event (or `event`). Raises NotFound for an unknown request id."""
        raise NotImplementedError

    async def purge(self, ids: list[str]) -> int:
        """Deletes dead-letter entries; how many there were."""
        raise NotImplementedError

    def route_served(self, id: str, *, failed: bool) -> None:
        """Counts one answered HTTP request for the route's row (the HTTP front calls it)."""

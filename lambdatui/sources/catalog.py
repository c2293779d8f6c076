"""What a project's queues and streams are called, who consumes them, and which of them hold dead letters: pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from lambdatui.config.dead_letters import dlq_names
from lambdatui.config.declared import resource_name
from lambdatui.config.model import (
    BucketTrigger,
    Project,
    QueueConfig,
    QueueMapping,
    StreamConfig,
    StreamMapping,
    TopicSubscription,
    queue_destination,
)
from lambdatui.errors import NotFound

_Named = TypeVar("_Named", QueueConfig, StreamConfig)
MENTIONED = 8  # names in a refusal


class Catalog:
    """Look-ups in one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._functions = {function.name: function for function in project.functions}
        self._queues = {queue.name: queue for queue in project.queues}
        self._queues_by_any = _by_any_name(project.queues)
        self._streams_by_any = _by_any_name(project.streams)

    def queue(self, name: str) -> QueueConfig:
        """By logical id, name, ARN or queue URL. Raises NotFound."""
        found = _find(self._queues_by_any, name, ("sqs",))
        if found is None:
            raise _missing("queue", name, self.project.queues)
        return found

    def stream(self, name: str) -> StreamConfig:
        """By logical id, name or ARN. Raises NotFound."""
        found = _find(self._streams_by_any, name, ("kinesis", "dynamodb"))
        if found is None:
            raise _missing("stream", name, self.project.streams)
        return found

    def source(self, name: str) -> QueueConfig | StreamConfig:
        """A queue or else a stream of that name. Raises NotFound."""
        found = self._named(name)
        if found is None:
            raise _missing("queue or stream", name, self.project.queues, self.project.streams)
        return found

    def topic(self, name: str) -> str | None:
        """The name of the topic that a name, logical id or ARN means; None where a queue or stream is called so, or
        nothing."""
        short = name.rpartition(":")[2] if name.startswith("arn:") and name.split(":")[2] == "sns" else name
        if self._named(name):
            return None
        held = [one for one in self.project.resources if one.type == "AWS::SNS::Topic"]
        subscribed = [push.topic for push in self.project.pushes if isinstance(push, TopicSubscription)]
        names = {one.logical_id: one.name for one in held} | {each: each for each in subscribed}
        return names.get(short) or next((one.name for one in held if one.name == short), None)

    def _named(self, name: str) -> QueueConfig | StreamConfig | None:
        queue = _find(self._queues_by_any, name, ("sqs",))
        return queue or _find(self._streams_by_any, name, ("kinesis", "dynamodb"))

    def has_queue(self, name: str) -> bool:
        """Whether a queue has exactly that name."""
        return name in self._queues

    def dlq_names(self) -> list[str]:
        """Function DLQs, redrive targets and OnFailure destinations that the project has, each once."""
        return dlq_names(self.project)

    def runnable(self, function: str) -> bool:
        """Whether the project has the function and it can be served."""
        return function in self._functions and self._functions[function].unserved is None

    def queue_mappings(self) -> list[tuple[QueueMapping, QueueConfig]]:
        """Mappings whose queue exists, with it."""
        mappings = [mapping for mapping in self.project.mappings if isinstance(mapping, QueueMapping)]
        return [(mapping, self._queues[mapping.queue]) for mapping in mappings if mapping.queue in self._queues]

    def stream_mappings(self) -> list[tuple[StreamMapping, StreamConfig]]:
        """Mappings whose stream exists, with it."""
        streams = {stream.name: stream for stream in self.project.streams}
        mappings = [mapping for mapping in self.project.mappings if isinstance(mapping, StreamMapping)]
        return [(mapping, streams[mapping.stream]) for mapping in mappings if mapping.stream in streams]

    def consumer_behind(self, dlq: str, function: str | None) -> tuple[QueueMapping, QueueConfig] | None:
        """The mapping whose queue's messages end in `dlq`, by preference the one to `function`."""
        found = [(mapping, queue) for mapping, queue in self.queue_mappings() if queue.redrive_queue == dlq]
        same = [pair for pair in found if pair[0].function == function]
        return next(iter(same or found), None)

    def is_destination(self, queue: str) -> bool:
        """Whether on-failure records are sent there."""
        mappings = (one for one in self.project.mappings if isinstance(one, StreamMapping))
        targets = [one.on_failure for one in mappings] + [one.on_failure for one in self.project.functions]
        return queue in map(queue_destination, targets)

    def owner_of_dlq(self, queue: str, function: str | None) -> str | None:
        """The function whose DeadLetterQueue it is, or that of a push trigger to it; `function` itself where it is one
        of several."""
        owners = [config.name for config in self.project.functions if config.dead_letter_queue == queue]
        pushes = [push for push in self.project.pushes if not isinstance(push, BucketTrigger)]
        owners += [push.function for push in pushes if push.dead_letter_queue == queue and push.function]
        owners = list(dict.fromkeys(owners))
        return function if function in owners else owners[0] if len(owners) == 1 else None


def _by_any_name(items: Sequence[_Named]) -> dict[str | None, _Named]:
    """By name before logical id; of several with one of these, the first."""
    last_first = items[::-1]
    found: dict[str | None, _Named] = {item.logical_id: item for item in last_first}
    found.update((item.name, item) for item in last_first)
    return found


def _find(items: Mapping[str | None, _Named], name: str, services: Sequence[str]) -> _Named | None:
    """By a key of `items`; an ARN or URL means its last part."""
    if name.startswith("arn:"):
        parts = name.split(":", 5)
        if len(parts) < 6 or parts[2] not in services:
            return None
        name = resource_name(name)
    elif name.startswith(("http://", "https://")):
        name = name.rstrip("/").rpartition("/")[2]
    return items.get(name)


def _missing(kind: str, name: str, *groups: Sequence[QueueConfig | StreamConfig]) -> NotFound:
    """Near misses by name or logical id; where there are none, a few of each group."""
    names = {label: item.name for items in groups for item in items for label in (item.logical_id, item.name) if label}
    if not names:
        return NotFound(f"There is no {kind} called {name}: this project declares none.")
    import difflib

    near = difflib.get_close_matches(name.rpartition(":")[2].rpartition("/")[2], names, n=3)
    if near:
        return NotFound(f"There is no {kind} called {name}. Nearest: {_listed(names[label] for label in near)}.")
    turns = itertools.chain.from_iterable(itertools.zip_longest(*groups))
    few = list(dict.fromkeys(item.name for item in turns if item is not None))
    more = ", …" if len(few) > MENTIONED else ""
    return NotFound(f"There is no {kind} called {name}. There are: {_listed(few[:MENTIONED])}{more}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))

"""Which queues of a project hold dead letters."""

from __future__ import annotations

from collections.abc import Iterable

from lambdatui.config.model import BucketTrigger, Project, QueueMapping, StreamMapping, queue_destination


def dlq_names(project: Project) -> list[str]:
    """Functions' and triggers' DLQs, redrive targets and OnFailure destinations that exist, each once."""
    names = [queue.redrive_queue for queue in project.queues]
    for function in project.functions:
        names += [function.dead_letter_queue, queue_destination(function.on_failure)]
    names += [queue_destination(one.on_failure) for one in project.mappings if isinstance(one, StreamMapping)]
    names += [push.dead_letter_queue for push in project.pushes if not isinstance(push, BucketTrigger)]
    return _there(project, names)


def dlqs_by_function(project: Project) -> dict[str, list[str]]:
    """For each function the queues in which what it failed on ends: its own DLQ and OnFailure destination, those of
    its stream mappings and triggers, and the redrive targets of the queues that it reads. One may be several's.
    """
    redrives = {queue.name: queue.redrive_queue for queue in project.queues}
    found: dict[str, list[str | None]] = {
        one.name: [one.dead_letter_queue, queue_destination(one.on_failure)] for one in project.functions
    }
    for mapping in project.mappings:
        of_mapping = found.setdefault(mapping.function, [])
        if isinstance(mapping, QueueMapping):
            of_mapping.append(redrives.get(mapping.queue))
        else:
            of_mapping.append(queue_destination(mapping.on_failure))
    for push in project.pushes:
        if push.function and not isinstance(push, BucketTrigger):
            found.setdefault(push.function, []).append(push.dead_letter_queue)
    return {function: _there(project, names) for function, names in found.items()}


def _there(project: Project, names: Iterable[str | None]) -> list[str]:
    there = {queue.name for queue in project.queues}
    return [name for name in dict.fromkeys(names) if name in there]

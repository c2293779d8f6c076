"""Which queues of a project hold dead letters."""

from __future__ import annotations

from lambdatui.config.model import BucketTrigger, Project, StreamMapping, queue_destination


def dlq_names(project: Project) -> list[str]:
    """Functions' and triggers' DLQs, redrive targets and OnFailure destinations that exist, each once."""
    names = [queue.redrive_queue for queue in project.queues]
    for function in project.functions:
        names += [function.dead_letter_queue, queue_destination(function.on_failure)]
    names += [queue_destination(one.on_failure) for one in project.mappings if isinstance(one, StreamMapping)]
    names += [push.dead_letter_queue for push in project.pushes if not isinstance(push, BucketTrigger)]
    there = {queue.name for queue in project.queues}
    return [name for name in dict.fromkeys(names) if name in there]

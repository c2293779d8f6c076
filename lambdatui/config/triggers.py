"""What makes each function run, in the words of the function table. Pure."""

from __future__ import annotations

from lambdatui.config.model import BucketTrigger, Project, PushTrigger, QueueMapping, TopicSubscription


def triggers(project: Project) -> dict[str, list[str]]:
    """A sentence for each trigger, by function: "queue orders (batch 10)", "GET /orders/{id}"."""
    found: dict[str, list[str]] = {}

    def add(function: str | None, sentence: str) -> None:
        if function is not None:
            found.setdefault(function, []).append(sentence)

    for mapping in project.mappings:
        source = f"queue {mapping.queue}" if isinstance(mapping, QueueMapping) else f"stream {mapping.stream}"
        add(mapping.function, f"{source} (batch {mapping.batch_size})")
    for schedule in project.schedules:
        add(schedule.function, f"schedule {schedule.expression}")
    for push in project.pushes:
        add(push.function, f"{push_source(push)} {push_detail(push)}".rstrip())
    for route in project.routes:
        if route.function:
            add(route.function, "function URL" if route.kind == "url" else f"{route.method} {route.path}")
    for api in project.apis:
        for authorizer in api.authorizers:
            add(authorizer.function, f"authorizer {authorizer.name} of {api.name or api.id}")
    return found


def push_source(push: PushTrigger) -> str:
    """ "bucket uploads", "topic orders", "bus default"."""
    if isinstance(push, BucketTrigger):
        return f"bucket {push.bucket}"
    return f"topic {push.topic}" if isinstance(push, TopicSubscription) else f"bus {push.bus}"


def push_detail(push: PushTrigger) -> str:
    """Which of the source's events: names with prefix and suffix, a filter policy, a pattern."""
    if isinstance(push, BucketTrigger):
        keys = f" {push.prefix}*{push.suffix}" if push.prefix or push.suffix else ""
        return ", ".join(push.events) + keys
    return (push.filter_policy or "") if isinstance(push, TopicSubscription) else push.pattern

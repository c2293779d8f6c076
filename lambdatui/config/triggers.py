"""What makes each function run, in the words of the function table. Pure."""

from __future__ import annotations

from lambdatui.config.model import (
    BucketTrigger,
    Project,
    PushTrigger,
    QueueMapping,
    ScheduleConfig,
    StreamMapping,
    TopicSubscription,
)


def triggers(project: Project) -> dict[str, list[str]]:
    """A sentence for each trigger, by function: "queue orders (batch 10)", "GET /orders/{id} to live"."""
    found: dict[str, list[str]] = {}

    def add(function: str | None, sentence: str, qualifier: str | None = None) -> None:
        if function is not None:
            found.setdefault(function, []).append(sentence + (f" to {qualifier}" if qualifier else ""))

    for mapping in project.mappings:
        source = f"queue {mapping.queue}" if isinstance(mapping, QueueMapping) else f"stream {mapping.stream}"
        add(mapping.function, f"{source} ({', '.join(_settings(mapping))})", mapping.qualifier)
    for schedule in project.schedules:
        add(schedule.function, f"schedule {schedule_times(schedule)}", schedule.qualifier)
    for push in project.pushes:
        add(push.function, f"{push_source(push)} {push_detail(push)}".rstrip(), push.qualifier)
    for route in project.routes:
        if route.function:
            way = "function URL" if route.kind == "url" else f"{route.method} {route.path}"
            add(route.function, way, route.qualifier)
    for api in project.apis:
        for authorizer in api.authorizers:
            add(authorizer.function, f"authorizer {authorizer.name} of {api.name or api.id}")
    return found


def _settings(mapping: QueueMapping | StreamMapping) -> list[str]:
    """What shapes its batches, without what is Lambda's default."""
    parts = [f"batch {mapping.batch_size}"]
    if mapping.batching_window:
        parts.append(f"window {mapping.batching_window:g} s")
    if isinstance(mapping, StreamMapping):
        if mapping.parallelization_factor > 1:
            parts.append(f"{mapping.parallelization_factor} batches a shard")
        if mapping.tumbling_window:
            parts.append(f"tumbling window {mapping.tumbling_window} s")
    elif mapping.maximum_concurrency is not None:
        parts.append(f"at most {mapping.maximum_concurrency} at once")
    if mapping.filters:
        parts.append("filtered" if len(mapping.filters) == 1 else f"{len(mapping.filters)} filters")
    return parts if mapping.enabled else [*parts, "disabled"]


def schedule_times(schedule: ScheduleConfig) -> str:
    """The expression, with the time zone that it counts in."""
    return f"{schedule.expression} {schedule.timezone or ''}".rstrip()


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

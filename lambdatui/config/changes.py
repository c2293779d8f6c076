"""What a reload of the configuration changed, as one sentence. Pure."""

from __future__ import annotations

import msgspec

from lambdatui.config.model import FunctionConfig, Project, QueueConfig, ResourceConfig, StreamConfig

Declared = FunctionConfig | QueueConfig | StreamConfig | ResourceConfig
_TOLD = 4


def describe_change(old: Project, new: Project) -> str:
    """Names what is new, gone or different; a declaration that has only moved within its file is not."""
    before, after = _declared(old), _declared(new)
    parts = [f"new {name}" for name in after if name not in before]
    parts += [f"removed {name}" for name in before if name not in after]
    parts += [f"changed {name}" for name in after if name in before and after[name] != before[name]]
    if not parts:
        parts = ["events, routes or problems changed"]
    return "configuration reloaded: " + ", ".join(parts[:_TOLD]) + (" …" if len(parts) > _TOLD else "")


def _declared(project: Project) -> dict[str, Declared]:
    """By what a sentence calls them: `orders`, `queue jobs`, `table items`."""
    named: list[tuple[str, Declared]] = [(one.name, one) for one in project.functions]
    named += [(f"queue {one.name}", one) for one in project.queues]
    named += [(f"stream {one.name}", one) for one in project.streams]
    named += [(f"{one.type.rpartition('::')[2].lower()} {one.name}", one) for one in project.resources]
    return {name: msgspec.structs.replace(one, file=None, line=None) for name, one in named}

"""What a reload of the configuration changed, as one sentence. Pure."""

from __future__ import annotations

import msgspec

from lambdatui.config.model import FunctionConfig, Project, QueueConfig, ResourceConfig, StreamConfig

Declared = FunctionConfig | QueueConfig | StreamConfig | ResourceConfig
_TOLD = 4
_NAMES = frozenset({"handler", "runtime", "redrive_queue", "dead_letter_queue", "dead_letter_topic", "architecture"})


def describe_change(old: Project, new: Project) -> str:
    """Names what is new, gone or different; a declaration that has only moved within its file is not."""
    before, after = _declared(old), _declared(new)
    parts = [f"new {name}" for name in after if name not in before]
    parts += [f"removed {name}" for name in before if name not in after]
    kept = [name for name in after if name in before and after[name] != before[name]]
    parts += [f"changed {name} ({_differences(before[name], after[name])})" for name in kept]
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


def _differences(old: Declared, new: Declared) -> str:
    """ "memory 128 → 512, timeout 3 → 7". Of variables and other texts only the names: their values may be secrets."""
    fields = [name for name in new.__struct_fields__ if getattr(old, name, None) != getattr(new, name)]
    parts = [_difference(name, getattr(old, name, None), getattr(new, name)) for name in fields]
    return ", ".join(parts[:_TOLD]) + (" …" if len(parts) > _TOLD else "")


def _difference(name: str, old: object, new: object) -> str:
    words = name.replace("_", " ")
    if isinstance(old, dict) and isinstance(new, dict):
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        return f"{words} {' '.join(map(str, changed[:_TOLD]))}" + (" …" if len(changed) > _TOLD else "")
    if name in _NAMES or all(one is None or isinstance(one, int | float) for one in (old, new)):
        return f"{words} {_value(old)} → {_value(new)}"
    return words


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

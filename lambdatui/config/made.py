"""What the API made, and settings that it laid over declared things: pure merging into a project.

Queues, streams and mappings become part of the project here. The rows of the other kinds (`NAME:QUALIFIER` of
versions, aliases, ...) are read by those who serve them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec

from lambdatui.config.model import Project, QueueConfig, StreamConfig

Kind = Literal["queue", "stream", "mapping", "event-invoke", "version", "alias", "provisioned"]
_Config = TypeVar("_Config", QueueConfig, StreamConfig)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What the API decided about one thing of a kind, kept over restarts.

    `config` holds fields of QueueConfig or StreamConfig (names it does not know are the owner's own business).
    `own`: the API made it; else the project declares it, `config` is laid over that, and `base` is what the project
    said when each field was set: a field whose declaration has changed since gives way.
    """

    kind: Kind
    name: str
    own: bool
    config: dict[str, Any] = {}
    base: dict[str, Any] = {}
    created_us: int
    modified_us: int


def with_made(project: Project, made: Iterable[Made]) -> Project:
    """The project as it is in force. A declaration wins over a queue or stream of the same name that the API made."""
    rows = list(made)
    if not rows:
        return project
    return msgspec.structs.replace(
        project,
        queues=_merged(project.queues, [row for row in rows if row.kind == "queue"], QueueConfig),
        streams=_merged(project.streams, [row for row in rows if row.kind == "stream"], StreamConfig),
    )


def laid_over(declared: _Config, row: Made) -> dict[str, Any]:
    """The fields of `row` that are still in force over `declared`."""
    said = msgspec.to_builtins(declared)
    return {field: value for field, value in row.config.items() if field in row.base and row.base[field] == said[field]}


def _merged(declared: tuple[_Config, ...], rows: list[Made], kind: type[_Config]) -> tuple[_Config, ...]:
    over = {row.name: row for row in rows if not row.own}
    merged = [_changed(config, over.get(config.name), kind) for config in declared]
    names = {config.name for config in declared}
    merged += [
        msgspec.convert({"logical_id": row.name, **row.config, "name": row.name}, kind)
        for row in rows
        if row.own and row.name not in names
    ]
    return tuple(merged)


def _changed(config: _Config, row: Made | None, kind: type[_Config]) -> _Config:
    if row is None:
        return config
    return msgspec.convert({**msgspec.to_builtins(config), **laid_over(config, row)}, kind)

"""What the API made, and settings that it laid over declared things: pure merging into a project.

Queues, streams and mappings become part of the project here. The rows of the other kinds (`NAME:QUALIFIER` of
versions, aliases, ...) are read by those who serve them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec

from lambdatui.config.model import Project, QueueConfig, QueueMapping, StreamConfig, StreamMapping
from lambdatui.config.qualifiers import reachable

Kind = Literal["queue", "stream", "mapping", "event-invoke", "version", "alias", "provisioned"]
Mapping = QueueMapping | StreamMapping
_Config = TypeVar("_Config", QueueConfig, StreamConfig)
DELETED = "deleted"  # in a declared mapping's row: it is gone until its declaration, kept in `base`, changes


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What the API decided about one thing of a kind, kept over restarts.

    `config` holds fields of QueueConfig, StreamConfig, QueueMapping or StreamMapping (names it does not know are the
    owner's own business).
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
    """The project as it is in force. A declaration wins over a queue or stream of the same name, and over a mapping of
    the same source and function, that the API made.
    """
    rows = list(made)
    reached = reachable(project, {row.name for row in rows if row.kind == "alias"})
    if not rows:
        return reached
    return msgspec.structs.replace(
        reached,
        queues=_merged(project.queues, [row for row in rows if row.kind == "queue"], QueueConfig),
        streams=_merged(project.streams, [row for row in rows if row.kind == "stream"], StreamConfig),
        mappings=_mappings(project.mappings, reached.mappings, [row for row in rows if row.kind == "mapping"]),
    )


def endpoints(mapping: Mapping) -> tuple[str, str, str | None]:
    """Source, function and qualifier: what only one mapping may have."""
    source = f"queue {mapping.queue}" if isinstance(mapping, QueueMapping) else f"stream {mapping.stream}"
    return source, mapping.function, mapping.qualifier


def plain(config: QueueConfig | StreamConfig | Mapping) -> dict[str, Any]:
    """Its fields as a row keeps them: what was read back from the disk has to be equal."""
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
    return fields


def laid_over(declared: QueueConfig | StreamConfig | Mapping, row: Made) -> dict[str, Any]:
    """The fields of `row` that are still in force over `declared`."""
    said = plain(declared)
    known = said.keys() & row.base.keys()
    return {field: value for field, value in row.config.items() if field in known and row.base[field] == said[field]}


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


def _mappings(declared: tuple[Mapping, ...], reached: tuple[Mapping, ...], rows: list[Made]) -> tuple[Mapping, ...]:
    """`reached`: the declared ones with what their qualifiers come to."""
    over = {row.name: row for row in rows if not row.own}
    merged = [_mapping(*both, over.get(both[0].uuid)) for both in zip(declared, reached, strict=True)]
    kept: list[Mapping] = [mapping for mapping in merged if mapping is not None]
    taken = set(map(endpoints, kept))
    own = [msgspec.convert({**row.config, "uuid": row.name}, Mapping) for row in rows if row.own]
    return (*kept, *(mapping for mapping in own if endpoints(mapping) not in taken))


def _mapping(declared: Mapping, reached: Mapping, row: Made | None) -> Mapping | None:
    """The mapping as it is in force; None where the API deleted it."""
    if row is None:
        return reached
    said = plain(declared)
    if row.config.get(DELETED) and row.base.get(DELETED) == said:
        return None
    merged: Mapping = msgspec.convert({**plain(reached), **laid_over(declared, row)}, type(declared))
    return merged

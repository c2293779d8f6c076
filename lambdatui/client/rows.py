"""Configuration as the rows that travel, for a project that no engine runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from lambdatui.client.reading import NOT_RUNNING
from lambdatui.clock import MICROS, SystemClock, iso
from lambdatui.config import stand_ins
from lambdatui.config.addresses import route_rows
from lambdatui.config.dead_letters import dlq_names
from lambdatui.config.function_facts import declared_async, function_facts
from lambdatui.config.mapping_rows import mapping_row
from lambdatui.config.model import LoadOptions, QueueMapping, kept_texts
from lambdatui.config.triggers import triggers
from lambdatui.schema import AliasRow, FunctionRow, ProblemRow, QueueRow, ScheduleRow, Sources, StreamRow, VersionRow

if TYPE_CHECKING:
    from lambdatui.config.made import Made
    from lambdatui.config.model import FunctionConfig, Problem, Project, StreamMapping


class Depth(Protocol):
    """The figures of a queue that a row shows (store's QueueDepth)."""

    @property
    def visible(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def delayed(self) -> int: ...
    @property
    def oldest_us(self) -> int | None: ...


def function_row(
    project: Project,
    function: FunctionConfig,
    problems: Iterable[Problem],
    depths: Mapping[str, Depth],
    dlqs: Iterable[str],
    made: Iterable[Made] = (),
) -> FunctionRow:
    """One function as configured. `dlqs`: where its dead letters lie; `made`: among it what was published of it."""
    of_function = [row for row in made if row.name.startswith(f"{function.name}:")]
    return FunctionRow(
        name=function.name,
        handler=function.handler,
        runtime=function.runtime,
        memory=function.memory,
        timeout=function.timeout,
        reserved_concurrency=function.reserved_concurrency,
        state="unserved" if function.unserved else NOT_RUNNING,
        problems=[problem_row(problem) for problem in problems if problem.function == function.name],
        logical_id=function.logical_id,
        arn=f"arn:aws:lambda:{project.region}:{project.account}:function:{function.name}",
        description=function.description,
        code_root=function.code_root,
        file=function.file,
        line=function.line,
        environment=dict(function.environment),
        triggers=triggers(project).get(function.name, []),
        dead_letter_queue=function.dead_letter_queue,
        dlq_depth=sum(depths[name].visible for name in dlqs if name in depths),
        aliases=list(function.aliases),
        versions=[_version_row(row) for row in of_function if row.kind == "version"],
        version_aliases=[_alias_row(row) for row in of_function if row.kind == "alias"],
        layers=[stand_ins.shown(layer) for layer in function.layers],
        kept=kept_texts(function),
        asynchronous=declared_async(function),
        **function_facts(function),
    )


def _version_row(row: Made) -> VersionRow:
    return VersionRow(
        version=row.name.rpartition(":")[2],
        code_sha=str((row.config.get("snapshot") or {}).get("sha", "")),
        created_at=iso(row.created_us),
        description=str((row.config.get("config") or {}).get("description", "")),
    )


def _alias_row(row: Made) -> AliasRow:
    return AliasRow(
        name=row.name.rpartition(":")[2],
        version=str(row.config.get("version")),
        weights=dict(row.config.get("weights") or {}),
        description=str(row.config.get("description") or ""),
        declared=not row.own,
    )


def problem_row(problem: Problem) -> ProblemRow:
    """A problem as it travels."""
    return ProblemRow(
        severity=problem.severity,
        file=problem.file,
        line=problem.line,
        message=problem.message,
        remedy=problem.remedy,
    )


def sources(project: Project, depths: Mapping[str, Depth]) -> Sources:
    """Everything that would make functions run."""
    dead = set(dlq_names(project))
    mappings = {_source(mapping): mapping for mapping in project.mappings}
    queues = []
    for queue in project.queues:
        mapping, depth = mappings.get(queue.name), depths.get(queue.name)
        queues.append(
            QueueRow(
                name=queue.name,
                logical_id=queue.logical_id,
                fifo=queue.fifo,
                visible=depth.visible if depth else 0,
                in_flight=depth.in_flight if depth else 0,
                delayed=depth.delayed if depth else 0,
                oldest_s=age_s(depth.oldest_us) if depth else None,
                redrive=queue.redrive_queue,
                max_receive_count=queue.max_receive_count,
                dlq=queue.name in dead,
                consumer=mapping.function if mapping else None,
                mapping=mapping.uuid if mapping else None,
                mappings=[
                    mapping_row(one)
                    for one in project.mappings
                    if isinstance(one, QueueMapping) and one.queue == queue.name
                ],
            )
        )
    streams = []
    for stream in project.streams:
        mapping = mappings.get(stream.name)
        streams.append(
            StreamRow(
                name=stream.name,
                logical_id=stream.logical_id,
                consumer=mapping.function if mapping else None,
                mapping=mapping.uuid if mapping else None,
                settings=mapping_row(mapping) if mapping else None,
            )
        )
    return Sources(
        queues=queues,
        streams=streams,
        schedules=[
            ScheduleRow(
                id=item.id,
                function=item.function,
                expression=item.expression,
                next_at=None,
                timezone=item.timezone,
                qualifier=item.qualifier,
                scheduler=item.scheduler,
            )
            for item in project.schedules
        ],
        routes=route_rows(project, LoadOptions().http_url),
    )


def age_s(us: int | None) -> float | None:
    """Seconds since an instant."""
    return None if us is None else max(0.0, (SystemClock().now_us() - us) / MICROS)


def _kind(mapping: QueueMapping | StreamMapping) -> str:
    return "queue" if hasattr(mapping, "queue") else "stream"


def _source(mapping: QueueMapping | StreamMapping) -> str:
    return str(getattr(mapping, _kind(mapping)))

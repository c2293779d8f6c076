"""The reading interface with no engine: configuration from the project's files, history from its stored state."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lambdatui.client import rows
from lambdatui.errors import NotFound, UsageError
from lambdatui.profiles import ColdStart
from lambdatui.schema import (
    CodeChange,
    DlqEntry,
    FunctionRow,
    InvocationDetail,
    InvocationRow,
    LogLine,
    PeekedMessage,
    Sources,
    Stats,
)

if TYPE_CHECKING:
    from lambdatui.config.model import Problem, Project
    from lambdatui.store.reader import Reader


class Offline:
    """Reads a project and its stored state; writes nothing but unpacked archives of code.

    Raises UsageError where the folder is no project.
    """

    def __init__(
        self, project: Path, data: Path, *, template: str | None = None, parameters: Mapping[str, str] | None = None
    ) -> None:
        self.root = project
        self.data = data
        self._template = template
        self._parameters = dict(parameters or {})

    @cached_property
    def project(self) -> Project:
        """The configuration as an engine would load it now, with the queues and streams that the API made."""
        from lambdatui.config.loader import load_project
        from lambdatui.config.made import with_made
        from lambdatui.config.model import LoadOptions

        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        options = LoadOptions(region=region, own_region=True, template=self._template, parameters=self._parameters)
        return with_made(load_project(self.root, options, self.data), self._reader.made())

    @cached_property
    def problems(self) -> list[Problem]:
        """Everything that is wrong with the project as far as it shows without running its code."""
        from lambdatui.config.loader import check_project
        from lambdatui.config.served import served_problems

        return list(dict.fromkeys([*check_project(self.project), *served_problems(self.project, os.environ)]))

    @cached_property
    def _reader(self) -> Reader:
        from lambdatui.store.reader import Reader

        return Reader(self.data)

    def functions(self) -> list[FunctionRow]:
        """Every function as configured, with its problems and the state "not running"."""
        from lambdatui.config.dead_letters import dlqs_by_function

        depths = self._reader.queue_depths(self._dlq_names())
        made = self._reader.made()
        project, dlqs = self.project, dlqs_by_function(self.project)
        return [
            rows.function_row(project, one, self.problems, depths, dlqs[one.name], made) for one in project.functions
        ]

    def invocations(
        self,
        *,
        function: str | None = None,
        status: str | None = None,
        since_us: int | None = None,
        limit: int | None = None,
    ) -> list[InvocationRow]:
        """One row an attempt, newest first."""
        return self._reader.invocations(function=function, status=status, since_us=since_us, limit=limit)

    def invocation(self, request_id: str) -> InvocationDetail | None:
        """The newest attempt of a request, whole; None where the id is unknown."""
        return self._reader.invocation(request_id)

    def logs(
        self,
        *,
        functions: Sequence[str] = (),
        pattern: str | None = None,
        min_level: str | None = None,
        request_id: str | None = None,
        since_us: int | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[LogLine]:
        """The last `limit` matching lines, oldest first."""
        return self._reader.logs(
            functions=functions,
            pattern=compiled(pattern),
            min_level=min_level,
            request_id=request_id,
            since_us=since_us,
            after_id=after_id,
            limit=limit,
        )

    def cold_start(self, function: str) -> ColdStart | None:
        """The function's last fresh init with its imports; None where none is stored."""
        from lambdatui.telemetry.profile import cold_start

        config = next((one for one in self.project.functions if one.name == function), None)
        if config is None:
            return None
        return cold_start(self._reader, config.name, config.memory, config.architecture, config.ephemeral_storage)

    def stats(self, *, function: str | None = None, since_us: int | None = None) -> dict[str, Stats]:
        """Stored metrics by function name, totals under `_account`."""
        return self._reader.stats(function=function, since_us=since_us)

    def monthly_usd(self) -> float | None:
        """Nothing runs, so there is no rate."""
        return None

    def dlq(self, queue: str | None = None, limit: int | None = None) -> list[DlqEntry]:
        """Entries of every dead-letter queue that the project names, or of one; the newest `limit`."""
        names = self._dlq_names()
        if queue is not None:
            names = [self._named(queue, names)]
        return self._reader.dlq_entries(names, limit=limit)

    def dlq_entry(self, entry_id: str) -> DlqEntry | None:
        """One entry; None where it is gone."""
        return self._reader.dlq_entry(entry_id)

    def sources(self) -> Sources:
        """Queues with their stored depth, streams, schedules and routes as configured."""
        return rows.sources(self.project, self._reader.queue_depths([q.name for q in self.project.queues]))

    def peek(self, source: str, limit: int = 100) -> list[PeekedMessage]:
        """What a queue or stream holds."""
        streams = [stream.name for stream in self.project.streams]
        name = self._named(source, [*(queue.name for queue in self.project.queues), *streams])
        if name in streams:
            return self._reader.peek_stream(name, limit)
        return self._reader.peek(name, limit)

    def code_change(self, function: str, old_sha: str, new_sha: str | None = None) -> CodeChange | None:
        """What changed between two stored code hashes; without an engine the current code has none."""
        return None if new_sha is None else self._reader.code_change(function, old_sha, new_sha)

    def close(self) -> None:
        """Close the store's files."""
        if "_reader" in self.__dict__:
            self._reader.close()

    def _dlq_names(self) -> list[str]:
        from lambdatui.config.dead_letters import dlq_names

        return dlq_names(self.project)

    def _named(self, wanted: str, names: Iterable[str]) -> str:
        """A queue's or stream's name from its name, logical id, ARN or URL."""
        known = list(names)
        short = re.split(r"[:/]", wanted)[-1]
        logical = {queue.logical_id: queue.name for queue in self.project.queues}
        logical |= {stream.logical_id: stream.name for stream in self.project.streams}
        for candidate in (wanted, logical.get(wanted), short):
            if candidate in known:
                return candidate
        choice = ", ".join(known) or "none is declared"
        raise NotFound(f"there is no queue or stream {wanted} here to read; there are: {choice}")


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The regular expression; UsageError says what is wrong with it."""
    if pattern is None:
        return None
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"--filter {pattern!r} is not a regular expression: {error}") from error

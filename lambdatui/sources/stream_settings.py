"""What the shards of one stream mapping share, as one value that a reload replaces."""

from __future__ import annotations

import msgspec

from lambdatui.clock import MICROS
from lambdatui.config.model import Project, StreamConfig, StreamMapping, queue_destination
from lambdatui.sources import shapes
from lambdatui.sources.filters import Filters
from lambdatui.sources.stream_rules import Send
from lambdatui.store.records import Record


def settings_of(project: Project, mapping: StreamMapping, stream: StreamConfig) -> Settings:
    """The settings; its filters' patterns are decoded here, once."""
    return Settings(project=project, mapping=mapping, stream=stream, filters=Filters(mapping.filters))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The mapping, its stream, and the project that both are in."""

    project: Project
    mapping: StreamMapping
    stream: StreamConfig
    filters: Filters

    @property
    def arn(self) -> str:
        return shapes.stream_arn(self.project.region, self.project.account, self.stream)

    @property
    def position(self) -> int | str:
        """Where a new mapping begins: TRIM_HORIZON, LATEST, or a time in microseconds."""
        mapping = self.mapping
        timed = mapping.starting_position == "AT_TIMESTAMP"
        return round(mapping.starting_timestamp * MICROS) if timed else mapping.starting_position

    @property
    def lanes(self) -> int:
        """Into how many a shard is split; AWS takes tumbling windows with a factor of 1 alone."""
        return 1 if self.mapping.tumbling_window else self.mapping.parallelization_factor

    @property
    def on_failure_queue(self) -> str | None:
        """The destination's queue, where it is one and the project has it."""
        name = queue_destination(self.mapping.on_failure)
        return name if any(queue.name == name for queue in self.project.queues) else None

    def passes(self, record: Record) -> bool:
        """Whether the mapping's filters let the function have it."""
        if not self.filters:
            return True
        encoded = shapes.encoded_record(record, self.stream, region=self.project.region, account=self.project.account)
        if self.stream.table is not None:
            return self.filters.change(encoded)
        return self.filters.data(record.data, encoded)

    def event(self, send: Send, shard: str) -> bytes:
        """What the function receives."""
        records = shapes.stream_event(send.batch, self.stream, region=self.project.region, account=self.project.account)
        if send.window is None:
            return records
        window = send.window
        return shapes.windowed(
            records,
            start_us=window.start_us,
            end_us=window.end_us,
            state=window.state,
            shard=shard,
            arn=self.arn,
            final=send.final,
            early=window.early,
        )

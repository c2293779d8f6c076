"""Event source mappings as rows, running or not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lambdatui.config.destinations import shown
from lambdatui.config.model import QueueMapping, StreamMapping
from lambdatui.schema import MappingRow

# MappingRow's figures by CloudWatch's names.
_COUNTS = {
    "polled": "PolledEventCount",
    "filtered": "FilteredOutEventCount",
    "invoked": "InvokedEventCount",
    "failed": "FailedInvokeEventCount",
}
# A record that is given up counts as one of them.
_DROPPED = ("DroppedEventCount", "OnFailureDestinationDeliveredEventCount")


def mapping_row(
    mapping: QueueMapping | StreamMapping, state: str | None = None, counts: Mapping[str, float] | None = None
) -> MappingRow:
    """`state` None: what is declared. `counts`: its metrics."""
    counts = counts or {}
    stream = mapping if isinstance(mapping, StreamMapping) else StreamMapping(uuid="", function="", stream="")
    return MappingRow(
        uuid=mapping.uuid,
        function=mapping.function,
        qualifier=mapping.qualifier,
        state=state or ("Enabled" if mapping.enabled else "Disabled"),
        batch_size=mapping.batch_size,
        batching_window=mapping.batching_window,
        report_batch_item_failures=mapping.report_batch_item_failures,
        filters=list(mapping.filters),
        maximum_concurrency=mapping.maximum_concurrency if isinstance(mapping, QueueMapping) else None,
        starting_position=stream.starting_position if isinstance(mapping, StreamMapping) else None,
        parallelization_factor=stream.parallelization_factor,
        tumbling_window=stream.tumbling_window,
        maximum_retry_attempts=stream.maximum_retry_attempts,
        maximum_record_age=stream.maximum_record_age,
        bisect_on_error=stream.bisect_on_error,
        on_failure=shown(stream.on_failure),
        dropped=round(sum(counts.get(name, 0) for name in _DROPPED)),
        **{member: round(counts.get(name, 0)) for member, name in _COUNTS.items()},
    )

"""Rows of mappings and functions as they are configured and counted."""

from __future__ import annotations

import msgspec

from lambdatui.config.function_facts import declared_async, function_facts
from lambdatui.config.mapping_rows import mapping_row
from lambdatui.config.model import Destination, FunctionConfig, LoggingConfig, QueueMapping, StreamMapping


def test_a_queues_mapping_has_no_settings_of_a_streams() -> None:
    row = mapping_row(QueueMapping(uuid="u", function="f", queue="q", maximum_concurrency=3, enabled=False))
    assert (row.state, row.maximum_concurrency, row.starting_position) == ("Disabled", 3, None)


def test_a_streams_mapping_tells_its_settings_and_what_came_of_its_records() -> None:
    mapping = StreamMapping(
        uuid="u", function="f", stream="s", parallelization_factor=4, filters=("{}",), qualifier="live",
        on_failure=Destination(kind="bucket", name="failed"),
    )  # fmt: skip
    counts = {"PolledEventCount": 9.0, "FilteredOutEventCount": 2.0, "DroppedEventCount": 1.0}
    row = mapping_row(mapping, "Enabled", counts | {"OnFailureDestinationDeliveredEventCount": 3.0})
    assert (row.parallelization_factor, row.qualifier, row.on_failure) == (4, "live", "bucket failed")
    assert (row.polled, row.filtered, row.invoked, row.dropped) == (9, 2, 0, 4)


def test_a_function_tells_where_its_log_and_its_events_go() -> None:
    config = FunctionConfig(
        name="f", logical_id="F", handler="a.b", code_root="/f", logging=LoggingConfig(format="JSON"),
        on_failure=Destination(kind="function", name="audit", qualifier="live"), maximum_retry_attempts=0,
    )  # fmt: skip
    facts = function_facts(config)
    assert (facts["log_format"], facts["log_group"]) == ("JSON", "/aws/lambda/f")
    (row,) = declared_async(config)
    assert (row.qualifier, row.maximum_retry_attempts, row.on_success, row.on_failure) == (
        "$LATEST", 0, None, "function audit:live",
    )  # fmt: skip
    live = declared_async(msgspec.structs.replace(config, event_invoke_qualifier="live"))
    assert [(each.qualifier, each.maximum_retry_attempts) for each in live] == [("$LATEST", 2), ("live", 0)]

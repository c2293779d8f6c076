"""An event source mapping as Lambda's service model shapes it (EventSourceMappingConfiguration): pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lambdatui.api.aws.mapping_rules import EVENT_METRICS
from lambdatui.clock import MICROS
from lambdatui.config.declared import partition
from lambdatui.config.destinations import to_arn
from lambdatui.config.model import QueueMapping, StreamMapping

_UNPROCESSED = "No records processed"


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says of a mapping beside its settings. `kept`: what was only given to be kept (KEPT)."""

    region: str
    account: str
    source_arn: str
    function_arn: str  # with the qualifier
    state: str
    modified_us: int
    last_result: str | None = None  # a stream's; None: nothing was processed yet
    kept: Mapping[str, Any] = {}


def configuration(mapping: QueueMapping | StreamMapping, around: Surroundings) -> dict[str, Any]:
    """Queues and streams differ in more than their settings: the reason is spelled otherwise, and only a stream's
    answer tells of the last result."""
    place = f"{around.region}:{around.account}:event-source-mapping"
    body: dict[str, Any] = {
        "UUID": mapping.uuid,
        "EventSourceMappingArn": f"arn:{partition(around.region)}:lambda:{place}:{mapping.uuid}",
        "EventSourceArn": around.source_arn,
        "FunctionArn": around.function_arn,
        "BatchSize": mapping.batch_size,
        "MaximumBatchingWindowInSeconds": int(mapping.batching_window),
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.report_batch_item_failures else [],
        "LastModified": around.modified_us // 1_000 * 1_000 / MICROS,
        "State": around.state,
    }
    if mapping.filters:
        body["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in mapping.filters]}
    if around.kept.get("kms_key_arn"):
        body["KMSKeyArn"] = around.kept["kms_key_arn"]
    if mapping.metrics:
        body["MetricsConfig"] = {"Metrics": [EVENT_METRICS]}
    return body | (_queue(mapping, around) if isinstance(mapping, QueueMapping) else _stream(mapping, around))


def _queue(mapping: QueueMapping, around: Surroundings) -> dict[str, Any]:
    body: dict[str, Any] = {"StateTransitionReason": "USER_INITIATED"}
    if mapping.maximum_concurrency is not None:
        body["ScalingConfig"] = {"MaximumConcurrency": mapping.maximum_concurrency}
    if around.kept.get("pollers"):
        body["ProvisionedPollerConfig"] = dict(around.kept["pollers"])
    return body


def _stream(mapping: StreamMapping, around: Surroundings) -> dict[str, Any]:
    failure = mapping.on_failure
    body: dict[str, Any] = {
        "StateTransitionReason": "User action",
        "LastProcessingResult": around.last_result or _UNPROCESSED,
        "StartingPosition": mapping.starting_position,
        "ParallelizationFactor": mapping.parallelization_factor,
        "MaximumRecordAgeInSeconds": mapping.maximum_record_age,
        "MaximumRetryAttempts": mapping.maximum_retry_attempts,
        "BisectBatchOnFunctionError": mapping.bisect_on_error,
        "TumblingWindowInSeconds": mapping.tumbling_window,
        "DestinationConfig": {
            "OnFailure": {"Destination": to_arn(failure, around.region, around.account)} if failure else {}
        },
    }
    if mapping.starting_position == "AT_TIMESTAMP":
        body["StartingPositionTimestamp"] = mapping.starting_timestamp
    return body

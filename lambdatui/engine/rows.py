"""A stored attempt as the row that travels."""

from __future__ import annotations

from lambdatui.clock import iso
from lambdatui.schema import InvocationRow
from lambdatui.store.records import InvocationRecord


def invocation_row(record: InvocationRecord) -> InvocationRow:
    return InvocationRow(
        id=record.id,
        request_id=record.request_id,
        function=record.function,
        version=record.version,
        type=record.type,
        source=record.source,
        status=record.status,
        error_type=record.error_type,
        error_message=record.error_message,
        started_at=iso(record.started_us),
        queued_ms=record.queued_us / 1000,
        init_ms=None if record.init_us is None else record.init_us / 1000,
        duration_ms=None if record.duration_us is None else record.duration_us / 1000,
        billed_ms=record.billed_ms,
        max_memory_mb=record.max_memory_mb,
        attempt=record.attempt,
        qualifier=record.qualifier,
        cold=record.cold,
        environment=record.environment,
        code_sha=record.code_sha,
        parent_id=record.parent_id,
        replay_of=record.replay_of,
        provisioned=record.provisioned,
        cost_usd=record.cost_usd,
    )

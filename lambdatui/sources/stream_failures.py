"""On-failure records about a stream's batches: their shape, and their way to the mapping's destination.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import uuid

import msgspec

from lambdatui.clock import iso_millis, new_request_id
from lambdatui.config.model import Destination
from lambdatui.engine.destinations import Delivery, dated_key
from lambdatui.engine.model import InvokeResult
from lambdatui.sources import shapes
from lambdatui.sources.ports import Engine
from lambdatui.sources.stream_rules import Discard, LaneState
from lambdatui.sources.stream_settings import Settings
from lambdatui.sources.stream_windows import Span
from lambdatui.store.records import Checkpoint, NewMessage


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """Records that a lane gives up. `before`: the state until then; `result`: of the last try, None without one."""

    shard: str
    before: LaneState
    step: Discard
    result: InvokeResult | None

    @property
    def count(self) -> int:
        span = self.step.send.span
        return span.count if span else 0


async def save_with_record(engine: Engine, settings: Settings, given_up: GivenUp, checkpoint: Checkpoint) -> None:
    """Takes the record to the destination and saves the checkpoint behind it; to a queue of the project both or
    neither, else the record first. Raises NotFound or OperationFailed where the destination cannot have it,
    StoreError and OSError where another try may help; then the checkpoint is not saved.
    """
    streams, target = engine.store.streams, settings.mapping.on_failure
    function = settings.mapping.function
    if target is not None:
        arn = ":".join(filter(None, (engine.function(function).arn, settings.mapping.qualifier)))
        now_us = engine.clock.now_us()
        payload = settings.event(given_up.step.send, given_up.shard) if target.kind == "bucket" else None
        body = failure_record(given_up, function_arn=arn, arn=settings.arn, at_us=now_us, payload=payload)
        queue = settings.on_failure_queue
        if queue is not None:
            message = _message(body, function, given_up, now_us)
            await streams.save_and_send(checkpoint, queue, message)
            return
        await engine.deliver(_delivery(target, body, function, arn, settings.mapping.uuid, given_up, now_us))
    await streams.save(checkpoint)


def failure_record(
    given_up: GivenUp, *, function_arn: str, arn: str, at_us: int, payload: bytes | None = None
) -> bytes:
    """The record about a range of a shard, as AWS writes it. `payload`: the whole event, which only buckets get."""
    step, result = given_up.step, given_up.result
    context: dict[str, object] = {
        "requestId": result.request_id if result else new_request_id(),
        "functionArn": function_arn,
        "condition": step.condition,
        "approximateInvokeCount": step.attempts,
    }
    record: dict[str, object] = {"requestContext": context}
    if result is not None:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": result.executed_version,
            "functionError": result.function_error,
        }
    record |= {"version": "1.0", "timestamp": iso_millis(at_us)}
    table = arn.split(":")[2] == "dynamodb"
    record["DDBStreamBatchInfo" if table else "KinesisBatchInfo"] = _batch_info(given_up, arn, whole_seconds=table)
    if payload is not None:
        record["payload"] = payload.decode()
    return msgspec.json.encode(record)


def _batch_info(given_up: GivenUp, arn: str, *, whole_seconds: bool) -> dict[str, object]:
    """`whole_seconds`: all that is known of the times of a table's changes."""
    seq = given_up.before.seq  # of a window that nothing went into
    span = given_up.step.send.span or Span(first_seq=seq, last_seq=seq, first_us=0, last_us=0, count=0)
    time = shapes.seconds if whole_seconds else iso_millis
    return {
        "shardId": given_up.shard,
        "startSequenceNumber": span.first_seq,
        "endSequenceNumber": span.last_seq,
        "approximateArrivalOfFirstRecord": time(span.first_us),
        "approximateArrivalOfLastRecord": time(span.last_us),
        "batchSize": span.count,
        "streamArn": arn,
    }


def object_key(mapping: str, shard: str, now_us: int) -> str:
    """`aws/lambda/<mapping>/<shard>/2026/11/21/2026-11-21T14.31.09-<random>`, where a bucket keeps the record."""
    return dated_key(f"aws/lambda/{mapping}/{shard}", str(uuid.uuid4()), now_us)


def _delivery(
    target: Destination, body: bytes, function: str, arn: str, mapping: str, given_up: GivenUp, now_us: int
) -> Delivery:
    return Delivery(
        destination=target,
        body=body,
        function=function,
        arn=arn,
        key=object_key(mapping, given_up.shard, now_us),
        parent_id=given_up.result.request_id if given_up.result else None,
    )


def _message(body: bytes, function: str, given_up: GivenUp, now_us: int) -> NewMessage:
    """The record as a queue's message, with what the DLQ page shows of it."""
    step, result, before = given_up.step, given_up.result, given_up.before
    code, _, text = step.error.partition(": ")
    return NewMessage(
        body=body.decode(),
        delay_s=0,
        function=function,
        request_id=result.request_id if result else None,
        error_code=code or step.condition,
        error_message=text or before.error,
        attempts=step.attempts,
        first_us=before.failed_since_us or now_us,
    )

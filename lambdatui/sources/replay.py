"""Replays: one attempt, without retries, straight at the consumer, with the stored event or an edited one.

While it runs the entry is locked; success deletes it, failure keeps it under its id with the new error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from lambdatui.config.model import StreamConfig, StreamMapping
from lambdatui.engine.model import InvokeRequest, InvokeResult
from lambdatui.errors import LambdaTuiError, NotFound, OperationFailed
from lambdatui.schema import ReplayResult
from lambdatui.sources import shapes
from lambdatui.sources.catalog import Catalog
from lambdatui.sources.ports import Engine
from lambdatui.sources.responses import MalformedResponseError, failed_items
from lambdatui.sources.stream_settings import settings_of
from lambdatui.store.records import Message, Record
from lambdatui.store.shards import lane_of

MOST_LANES = 10  # ParallelizationFactor
MOST_RECORDS = 10_000  # of a batch, those that filters dropped included


class Expired(OperationFailed):
    """The stream no longer holds what the on-failure record names."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt to make. `items`: what the function may report as failed; None where it does not report."""

    function: str
    payload: bytes
    items: tuple[str, ...] | None = None


class Replayer:
    """Carries replays out, one at a time for each entry, as many entries at once as are asked for."""

    def __init__(self, engine: Engine, catalog: Callable[[], Catalog]) -> None:
        self._engine = engine
        self._catalog = catalog

    async def entry(self, id: str, event: bytes | None = None) -> ReplayResult:
        """Replays a dead letter. `event`: its text as edited, in the form in which it is stored."""
        queues = self._engine.store.queues
        message = await queues.lock_replay(id)
        if message is None:
            text = "no such entry, or it is being replayed at this moment"
            return ReplayResult(id=id, status="missing", error_message=text)
        settled = False
        try:
            call = await self._call(message, message.body.encode("utf-8", "surrogatepass") if event is None else event)
            outcome = _outcome(id, await self._invoke(call, message.request_id), call)
            settled = await self._settle(message, outcome)
        except Expired as error:
            outcome = ReplayResult(id=id, status="expired", error_message=str(error))
        except LambdaTuiError as error:
            outcome = ReplayResult(id=id, status="error", error_message=str(error))
        finally:
            if not settled:
                await queues.release_replay(id)
        self._say(message.function, f"{id[:8]} of {message.queue}", outcome)
        return outcome

    async def invocation(self, request_id: str, event: bytes | None = None) -> ReplayResult:
        """Invokes again what a stored invocation was given. Raises NotFound."""
        detail = await asyncio.to_thread(self._engine.reader.invocation, request_id)
        if detail is None:
            raise NotFound(
                f"There is no invocation {request_id} in the stored history: lambdatui invocations lists them."
            )
        call = Call(function=detail.row.function, payload=detail.event if event is None else event)
        version = None if detail.row.version == "$LATEST" else detail.row.version
        outcome = _outcome(request_id, await self._invoke(call, detail.row.request_id, version), call)
        self._say(call.function, f"invocation {detail.row.request_id[:8]}", outcome)
        return outcome

    async def _invoke(self, call: Call, replay_of: str | None, qualifier: str | None = None) -> InvokeResult:
        return await self._engine.invoke(
            InvokeRequest(
                function=call.function,
                payload=call.payload,
                qualifier=qualifier,
                source="replay",
                replay_of=replay_of,
                patient=True,
            )
        )

    async def _settle(self, message: Message, outcome: ReplayResult) -> bool:
        """Whether the entry's lock has found its end."""
        queues = self._engine.store.queues
        if outcome.status == "ok":
            await queues.replayed(message.id)
        elif outcome.status == "throttled" or self._engine.stopping:
            return False
        else:
            await queues.unlock_replay(
                message.id,
                error_code=outcome.error_type,
                error_message=outcome.error_message,
                request_id=outcome.request_id,
                at_us=self._engine.clock.now_us(),
            )
        return True

    async def _call(self, message: Message, body: bytes) -> Call:
        """Who gets what. Raises Expired, or NotFound where nobody consumes the entry."""
        catalog = self._catalog()
        behind = catalog.consumer_behind(message.queue, message.function)
        if catalog.is_destination(message.queue) or behind is None:
            record = shapes.failure_record(body)
            if record is not None and record.range is not None:
                return await self._range(record.context.function_arn or message.function or "", record.range)
            if record is not None and bytes(record.payload):
                function = self._engine.function(record.context.function_arn or message.function or "")
                return Call(function=function.config.name, payload=bytes(record.payload))
        owner = catalog.owner_of_dlq(message.queue, message.function)
        if owner is not None and (behind is None or "RequestID" in message.attributes):
            return Call(function=owner, payload=body)
        if behind is not None:
            mapping, source = behind
            return self._queue_batch(message, body, mapping.function, source.name, mapping.report_batch_item_failures)
        if message.function is not None:
            return Call(function=message.function, payload=body)
        raise NotFound(
            f"Nobody consumes {message.queue}: no function has it as its dead-letter queue, no queue as its redrive."
        )

    def _queue_batch(self, message: Message, body: bytes, function: str, source: str, reports: bool) -> Call:
        """A batch of the one message, as it would come from the queue that it died in."""
        catalog = self._catalog()
        project, queue = catalog.project, catalog.queue(source)
        again = msgspec.structs.replace(
            message,
            body=body.decode("utf-8", "replace"),
            receive_count=message.attempts + 1,
            first_received_us=message.first_received_us or message.first_us,
            receipt=message.receipt or message.id,
        )
        arn = shapes.queue_arn(project.region, project.account, source)
        record = shapes.queue_record(again, arn=arn, region=project.region, fifo=queue.fifo)
        return Call(function=function, payload=shapes.batch([record]), items=(message.id,) if reports else None)

    async def _range(self, function_arn: str, info: shapes.BatchInfo) -> Call:
        """The range of a shard that an on-failure record names, read again."""
        catalog = self._catalog()
        project, stream = catalog.project, catalog.stream(info.stream_arn)
        name = self._engine.function(function_arn).config.name
        mappings = [
            mapping
            for mapping in project.mappings
            if isinstance(mapping, StreamMapping) and mapping.stream == stream.name and mapping.function == name
        ]
        records = await self._batch(stream, info, mappings)
        if not records:
            raise Expired(
                f"{stream.name} no longer holds the records from {info.start_sequence_number} on"
                f" (kept {stream.retention_hours} h)"
            )
        payload = shapes.stream_event(records, stream, region=project.region, account=project.account)
        reports = any(mapping.report_batch_item_failures for mapping in mappings)
        return Call(function=name, payload=payload, items=tuple(record.seq for record in records) if reports else None)

    async def _batch(self, stream: StreamConfig, info: shapes.BatchInfo, mappings: list[StreamMapping]) -> list[Record]:
        """The batch that stands behind a range; empty where it is not there any more. A range does not tell in how
        many lanes the shard was, or what filters dropped: the batch is what has its count, its start and its end."""
        start, end = info.start_sequence_number, info.end_sequence_number
        before = str(int(start) - 1).rjust(len(start), "0") if start.isdigit() and int(start) else ""
        read = self._engine.store.streams.read_lane
        first, _ = await read(stream.name, info.shard_id, before, end, 1, (0, 1))
        if not first or first[0].seq != start:
            return []
        project = self._catalog().project
        rules = [settings_of(project, mapping, stream) for mapping in mappings]
        for lanes in dict.fromkeys([*(one.lanes for one in rules), *range(1, MOST_LANES + 1)]):
            lane = (lane_of(first[0].partition_key, lanes), lanes)
            records, _ = await read(stream.name, info.shard_id, before, end, MOST_RECORDS, lane)
            for kept in [records, *([each for each in records if one.passes(each)] for one in rules)]:
                if len(kept) == info.batch_size and kept[-1].seq == end:
                    return kept
        return []

    def _say(self, function: str | None, what: str, outcome: ReplayResult) -> None:
        ends = {"ok": "went through", "throttled": "was throttled: it waits as before"}
        text = ends.get(outcome.status, f"failed: {outcome.error_type or outcome.status}: {outcome.error_message}")
        self._engine.telemetry.say("replay", function, f"replay of {what} {text}")


def _outcome(id: str, result: InvokeResult, call: Call) -> ReplayResult:
    """The invocation's result; a reported item makes a failure of a success."""
    outcome = ReplayResult(
        id=id,
        status=result.status,
        request_id=result.request_id,
        error_type=result.error_type,
        error_message=result.error_message,
        payload=result.payload,
    )
    if result.status != "ok" or call.items is None:
        return outcome
    try:
        reported = failed_items(result.payload, call.items)
    except MalformedResponseError as error:
        kind, text = "MalformedBatchResponse", str(error)
    else:
        if not reported:
            return outcome
        kind, text = "BatchItemFailure", "the function reported it in batchItemFailures"
    return msgspec.structs.replace(outcome, status="error", error_type=kind, error_message=text)

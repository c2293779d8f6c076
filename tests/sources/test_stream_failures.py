"""On-failure records about batches of streams: as AWS documents them, and what becomes of those that cannot be
delivered."""

from __future__ import annotations

import json
import re
from typing import Any

from lambdatui.config.model import Destination
from lambdatui.engine.destinations import Delivery
from lambdatui.engine.model import InvokeResult
from lambdatui.errors import OperationFailed, StoreError
from lambdatui.sources.stream_failures import GivenUp, failure_record, object_key
from lambdatui.sources.stream_rules import Discard, LaneState, Send
from lambdatui.store.records import Record
from tests.sources.support import World
from tests.sources.test_stream_source import UUID, clicks, data, put, shard

T = 1_573_691_886_021_000  # 2019-11-14T00:38:06.021Z
ARN = "arn:aws:kinesis:us-east-1:1:stream/clicks"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:1:table/orders/stream/2026-01-01T00:00:00.000"
TOPIC = Destination(kind="topic", name="alarms")
BUCKET = Destination(kind="bucket", name="lost-batches")


def record(*, arn: str = ARN, condition: Any = "RetryAttemptsExhausted", **more: Any) -> Any:
    records = [
        Record(stream="clicks", shard="s", seq=seq, partition_key="k", data=b"", arrived_us=T) for seq in ("1", "2")
    ]
    step = Discard(send=Send(batch=records), condition=condition, attempts=3, state=LaneState())
    given_up = GivenUp(shard="s", before=LaneState(), step=step, result=more.pop("result", None))
    return json.loads(failure_record(given_up, function_arn="arn:f", arn=arn, at_us=T, **more))


def test_a_record_names_the_range_and_the_last_answer() -> None:
    result = InvokeResult(request_id="rid", status="error", payload=b"", function_error="Unhandled")
    assert record(result=result) == {
        "requestContext": {
            "requestId": "rid",
            "functionArn": "arn:f",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "s",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:06.021Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:06.021Z",
            "batchSize": 2,
            "streamArn": ARN,
        },
    }


def test_a_record_about_age_has_no_response() -> None:
    assert "responseContext" not in record(condition="RecordAgeExceeded")


def test_a_tables_record_has_its_own_name_and_knows_whole_seconds() -> None:
    found = record(arn=TABLE_ARN)
    assert "KinesisBatchInfo" not in found
    assert found["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == "2019-11-14T00:38:06Z"
    assert found["timestamp"] == "2019-11-14T00:38:06.021Z"


def test_a_buckets_record_holds_the_whole_event_as_text() -> None:
    assert "payload" not in record()
    assert record(payload=b'{"Records":[]}')["payload"] == '{"Records":[]}'


def test_a_buckets_key_has_awss_form() -> None:
    key = object_key("uuid", "shardId-1", T)
    assert re.fullmatch(r"aws/lambda/uuid/shardId-1/2019/11/14/2019-11-14T00\.38\.06-[0-9a-f-]{36}", key)


# at work


class Target:
    """Takes deliveries, after as many failures as it was given."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(delivery)


def poison(event: Any) -> None:
    if "bad" in data(event):
        raise ValueError("poison")


async def failing(make: Any, destination: Destination, target: Target, **mapping: Any) -> World:
    here: World = await make(
        clicks(maximum_retry_attempts=0, batch_size=1, on_failure=destination, **mapping), work=poison
    )
    here.engine.deliver = target
    return here


def counted(world: World, name: str, mapping: str | None = UUID) -> int:
    return world.engine.telemetry.metrics.counted[mapping, name]


async def test_a_topic_gets_the_record_and_then_the_shard_goes_on(world: Any) -> None:
    target = Target()
    here = await failing(world, TOPIC, target, qualifier="live")
    await put(here, "bad", "good")
    await here.settle(lambda: shard(here).backlog == 0)
    [delivery] = target.taken
    assert (delivery.destination, delivery.function) == (TOPIC, "work")
    body = json.loads(delivery.body)
    assert body["requestContext"]["functionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:work:live"
    assert body["KinesisBatchInfo"]["batchSize"] == 1
    assert data(here.engine.events("work")[-1]) == ["good"]
    assert counted(here, "OnFailureDestinationDeliveredEventCount") == 1
    assert counted(here, "DroppedEventCount") == 0


async def test_a_bucket_gets_the_event_too(world: Any) -> None:
    target = Target()
    here = await failing(world, BUCKET, target)
    await put(here, "bad")
    await here.settle(lambda: bool(target.taken))
    [delivery] = target.taken
    assert json.loads(json.loads(delivery.body)["payload"]) == here.engine.events("work")[0]
    assert delivery.key.startswith(f"aws/lambda/{UUID}/shardId-000000000000/")


async def test_a_record_that_could_not_be_written_is_tried_again_before_the_checkpoint_moves(world: Any) -> None:
    target = Target(*[StoreError("full")] * 5)
    here = await failing(world, TOPIC, target)
    await put(here, "bad", "good")
    await here.advance(30, step=1)
    assert len(target.taken) == 1
    assert len(here.engine.requests) == 2, "the function is not asked again for the sake of the record"
    assert counted(here, "DestinationDeliveryFailures", None) == 5
    assert counted(here, "DroppedEventCount") == 0


async def test_a_destination_that_cannot_have_the_record_is_given_up_in_the_end_as_on_aws(world: Any) -> None:
    target = Target(*[OperationFailed("no such bucket")] * 9)
    here = await failing(world, BUCKET, target)
    await put(here, "bad", "good")
    await here.advance(10, step=1)
    assert data(here.engine.events("work")[-1]) == ["good"]
    assert counted(here, "DestinationDeliveryFailures", None) == 3
    assert counted(here, "DroppedEventCount") == 1
    assert counted(here, "OnFailureDestinationDeliveredEventCount") == 0
    assert any("did not take the record: no such bucket" in text for _, _, text in here.engine.telemetry.said)


async def test_a_factor_that_changes_while_a_record_waits_for_its_destination_asks_the_function_no_more(
    world: Any,
) -> None:
    target = Target(*[StoreError("full")] * 3)
    here = await failing(world, TOPIC, target)
    await put(here, "bad", "good")
    await here.settle(lambda: counted(here, "DestinationDeliveryFailures", None) == 1)
    rules: dict[str, Any] = {"maximum_retry_attempts": 0, "batch_size": 1, "on_failure": TOPIC}
    await here.engine.reload(clicks(parallelization_factor=3, **rules))
    await here.advance(12, step=1)
    assert [data(event) for event in here.engine.events("work")] == [["bad"], ["good"]]
    assert len(target.taken) == 1
    assert len(here.store.streams.checkpoints(UUID, "shardId-000000000000")) == 3

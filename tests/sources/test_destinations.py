"""Records reach topics, functions, event buses and buckets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdatui.config.model import Destination, EventRule, QueueConfig, TopicSubscription
from lambdatui.engine.destinations import Delivery
from lambdatui.errors import NotFound, OperationFailed
from lambdatui.sources.destinations import bus_event
from tests.sources.support import World, function, project

ARN = "arn:aws:lambda:us-east-1:000000000000:function:work:$LATEST"
RECORD = b'{"version":"1.0"}'


def record(kind: Any, name: str, **more: Any) -> Delivery:
    return Delivery(destination=Destination(kind=kind, name=name), body=RECORD, function="work", arn=ARN, **more)


@pytest.fixture
async def here(world: Any) -> World:
    made: World = await world(
        project(
            functions=(function(), function("told")),
            queues=(QueueConfig(name="heard", logical_id="Heard"),),
            pushes=(
                TopicSubscription(id="s", topic="news", queue="heard", raw=True),
                EventRule(id="r", bus="shop", pattern='{"source": ["lambda"]}', function="told"),
            ),
        )
    )
    return made


async def test_a_topics_subscribers_get_the_record_and_its_attributes(here: World) -> None:
    attributes = {"RequestID": {"DataType": "String", "StringValue": "x"}}
    await here.engine.deliver(record("topic", "news", attributes=attributes))
    (message,) = await here.store.queues.receive(here.manager.queue("heard"), 10, 30)
    assert (message.body, message.attributes) == (RECORD.decode(), attributes)


async def test_a_function_gets_the_record_as_an_asynchronous_event(here: World) -> None:
    await here.engine.deliver(record("function", "told"))
    assert here.engine.accepted == [("told", RECORD, "destination:work")]


async def test_a_buss_rules_see_an_event_of_lambda_with_the_record_in_it(here: World) -> None:
    await here.engine.deliver(record("bus", "shop"))
    ((name, payload, _),) = here.engine.accepted
    event = json.loads(payload)
    assert (name, event["source"], event["detail"]) == ("told", "lambda", {"version": "1.0"})
    assert event["detail-type"] == "Lambda Function Invocation Result - Failure"
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:event-bus/shop", ARN]


def test_a_success_is_called_one_on_the_bus() -> None:
    event = bus_event(record("bus", "shop", succeeded=True), "us-east-1", "000000000000")
    assert event.detail_type == "Lambda Function Invocation Result - Success"


async def test_a_bucket_gets_an_object_under_its_key(here: World) -> None:
    put: list[tuple[str, str, bytes]] = []

    async def put_object(bucket: str, key: str, content: bytes) -> None:
        put.append((bucket, key, content))

    here.manager.destinations.put_object = put_object
    await here.engine.deliver(record("bucket", "kept", key="aws/lambda/x"))
    assert put == [("kept", "aws/lambda/x", RECORD)]


async def test_a_bucket_without_a_local_aws_is_named_with_the_way_to_one(here: World) -> None:
    with pytest.raises(OperationFailed, match="run with --aws auto"):
        await here.engine.deliver(record("bucket", "kept"))


async def test_a_function_that_is_gone_is_named(here: World) -> None:
    with pytest.raises(NotFound):
        await here.engine.deliver(record("function", "gone"))

"""Replays: who gets what, and what becomes of the entry."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from lambdatui.config.model import Destination, Project, QueueConfig, QueueMapping, StreamConfig, StreamMapping
from lambdatui.errors import NotFound
from lambdatui.store.records import InvocationRecord, NewMessage
from tests.sources.support import Throttle, World, function, project

LOST = Destination(kind="queue", name="lost")

QUEUE, STREAM = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
REQUEST = "55555555-5555-4555-8555-555555555555"


def shop(reports: bool = False) -> Project:
    return project(
        functions=(
            function(dead_letter_queue="work-dlq", on_failure=LOST),
            function("eat"),
        ),
        queues=(
            QueueConfig(name="orders", logical_id="Orders", redrive_queue="orders-dlq", max_receive_count=1),
            QueueConfig(name="orders-dlq", logical_id="OrdersDlq"),
            QueueConfig(name="work-dlq", logical_id="WorkDlq"),
            QueueConfig(name="lost", logical_id="Lost"),
            QueueConfig(name="nobodys", logical_id="Nobodys"),
        ),
        streams=(StreamConfig(name="clicks", logical_id="Clicks"),),
        mappings=(
            QueueMapping(uuid=QUEUE, function="eat", queue="orders", report_batch_item_failures=reports),
            StreamMapping(
                uuid=STREAM,
                function="eat",
                stream="clicks",
                on_failure=LOST,
                maximum_retry_attempts=0,
                starting_position="TRIM_HORIZON",
            ),
        ),
    )


async def letter(here: World, queue: str = "work-dlq", body: str = '{"a":  1}', **more: Any) -> str:
    values: dict[str, Any] = {
        "attributes": {"RequestID": {"DataType": "String", "StringValue": REQUEST}},
        "function": "work",
        "request_id": REQUEST,
        "error_code": "KeyError",
        "error_message": "old",
        "attempts": 1,
    }
    [sent] = await here.store.queues.send(here.manager.queue(queue), [NewMessage(body=body, **(values | more))])
    return sent.id


def entry(here: World, id: str) -> Any:
    return here.engine.reader.dlq_entry(id)


async def test_success_sends_the_exact_bytes_and_deletes_the_entry(world: Any) -> None:
    here = await world(shop(), start=False, work=lambda event: "done")
    id = await letter(here)
    result = await here.manager.replay_entry(id)
    assert (result.status, result.payload) == ("ok", b'"done"')
    [request] = here.engine.requests
    assert (request.function, request.payload, request.source, request.replay_of, request.type, request.patient) == (
        "work",
        b'{"a":  1}',
        "replay",
        REQUEST,
        "RequestResponse",
        True,
    )
    assert entry(here, id) is None
    assert here.engine.telemetry.kinds() == ["replay"]


async def test_failure_keeps_the_entry_with_the_new_error_and_one_more_attempt(world: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("new")

    here = await world(shop(), start=False, work=fail)
    id = await letter(here)
    result = await here.manager.replay_entry(id)
    assert (result.status, result.error_type) == ("error", "ValueError")
    kept = entry(here, id)
    assert (kept.error_code, kept.error_message, kept.attempts, kept.replaying) == ("ValueError", "new", 2, False)
    assert kept.request_id == result.request_id
    assert kept.event == '{"a":  1}'


async def test_a_throttled_replay_leaves_the_entry_as_it_was(world: Any) -> None:
    def busy(event: Any) -> None:
        raise Throttle

    here = await world(shop(), start=False, work=busy)
    id = await letter(here)
    before = entry(here, id)
    assert (await here.manager.replay_entry(id)).status == "throttled"
    assert entry(here, id) == before


async def test_the_edited_event_is_sent_and_the_original_stays_until_it_succeeds(world: Any) -> None:
    def strict(event: Any) -> None:
        if event != {"a": 3}:
            raise ValueError("no")

    here = await world(shop(), start=False, work=strict)
    id = await letter(here)
    assert (await here.manager.replay_entry(id, b'{"a": 2}')).status == "error"
    assert entry(here, id).event == '{"a":  1}'
    assert (await here.manager.replay_entry(id, b'{"a": 3}')).status == "ok"
    assert entry(here, id) is None


async def test_an_entry_is_replayed_by_one_at_a_time(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    here = await world(shop(), start=False, work=wait)
    id = await letter(here)
    first = asyncio.create_task(here.manager.replay_entry(id))
    async with asyncio.timeout(60):
        while not here.engine.requests:
            await asyncio.sleep(0)
    assert entry(here, id).replaying
    assert (await here.manager.replay_entry(id)).status == "missing"
    gate.set()
    assert (await first).status == "ok"
    assert (await here.manager.replay_entry(id)).status == "missing"


async def test_a_replay_that_is_cancelled_unlocks(world: Any) -> None:
    async def wait(event: Any) -> None:
        await asyncio.Event().wait()

    here = await world(shop(), start=False, work=wait)
    id = await letter(here)
    task = asyncio.create_task(here.manager.replay_entry(id))
    async with asyncio.timeout(60):
        while not here.engine.requests:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = entry(here, id)
    assert (kept.replaying, kept.attempts) == (False, 1)


@pytest.mark.parametrize("body", ["order 7", '{"requestPayload": 1}', '{"version": "1.0", "requestContext": {}}'])
async def test_a_queues_dead_letter_goes_to_its_consumer_as_a_batch_of_one(world: Any, body: str) -> None:
    here = await world(shop(), start=False, eat=lambda event: None)
    id = await letter(here, "orders-dlq", body, attributes={}, function="eat")
    assert (await here.manager.replay_entry(id)).status == "ok"
    [event] = here.engine.events("eat")
    [record] = event["Records"]
    assert (record["messageId"], record["body"]) == (id, body)
    assert record["eventSourceARN"].endswith(":orders"), "the queue that it came from, not the one that it lies in"
    assert record["attributes"]["ApproximateReceiveCount"] == "2"


async def test_a_partial_failure_fails_the_replay(world: Any) -> None:
    def report(event: Any) -> Any:
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}

    for reports, status in ((True, "error"), (False, "ok")):
        here = await world(shop(reports), start=False, eat=report)
        id = await letter(here, "orders-dlq", "x", attributes={}, function="eat")
        assert (await here.manager.replay_entry(id)).status == status


async def test_a_destination_record_sends_its_request_payload(world: Any) -> None:
    body = json.dumps({"version": "1.0", "requestContext": {"functionArn": "arn:aws:lambda:r:a:function:work"}})
    body = body[:-1] + ', "requestPayload": {"a":   1}, "responsePayload": null}'
    here = await world(shop(), start=False, work=lambda event: None)
    assert (await here.manager.replay_entry(await letter(here, "lost", body, attributes={}))).status == "ok"
    assert here.engine.requests[0].payload == b'{"a":   1}'


async def stream_letter(here: World) -> str:
    await here.manager.send("clicks", [NewMessage(body="a"), NewMessage(body="b")], partition_key="k")
    await here.settle(lambda: bool(here.engine.reader.dlq_entries(["lost"])))
    id: str = here.engine.reader.dlq_entries(["lost"])[0].id
    return id


async def test_a_streams_record_sends_its_range_again(world: Any) -> None:
    broken = True

    def fail(event: Any) -> None:
        if broken:
            raise ValueError("x")

    here = await world(shop(), eat=fail)
    id = await stream_letter(here)
    broken = False
    assert (await here.manager.replay_entry(id)).status == "ok"
    records = here.engine.events("eat")[-1]["Records"]
    assert [base64.b64decode(record["kinesis"]["data"]) for record in records] == [b"a", b"b"]
    assert entry(here, id) is None


async def test_a_range_that_the_stream_no_longer_holds_is_expired(world: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("x")

    here = await world(shop(), eat=fail)
    id = await stream_letter(here)
    before = entry(here, id)
    await here.store.streams.trim("clicks", here.clock.now_us() + 1)
    calls = len(here.engine.requests)
    result = await here.manager.replay_entry(id)
    assert result.status == "expired"
    assert "no longer holds" in (result.error_message or "")
    assert (entry(here, id), len(here.engine.requests)) == (before, calls)


async def test_an_entry_that_nobody_consumes_says_so_and_stays(world: Any) -> None:
    here = await world(shop(), start=False)
    id = await letter(here, "nobodys", "x", attributes={}, function=None)
    result = await here.manager.replay_entry(id)
    assert result.status == "error"
    assert "Nobody consumes nobodys" in (result.error_message or "")
    assert not entry(here, id).replaying


async def test_a_function_that_is_gone_says_so_and_the_entry_stays(world: Any) -> None:
    here = await world(shop(), start=False)
    id = await letter(here, "nobodys", "x", attributes={}, function="gone")
    assert (await here.manager.replay_entry(id)).status == "error"
    assert entry(here, id).attempts == 1


async def test_an_invocation_is_repeated_with_its_stored_event(world: Any) -> None:
    here = await world(shop(), start=False, work=lambda event: event)
    stored = InvocationRecord(
        id=here.store.history.next_invocation_id(),
        request_id=REQUEST,
        function="work",
        version="$LATEST",
        type="RequestResponse",
        source="api",
        status="ok",
        started_us=here.clock.now_us(),
        event=b'{"n":  1}',
    )
    here.store.history.add(invocations=[stored])
    await here.store.history.flush()
    result = await here.manager.replay_invocation(REQUEST)
    assert (result.id, result.status) == (REQUEST, "ok")
    assert (here.engine.requests[0].payload, here.engine.requests[0].replay_of) == (b'{"n":  1}', REQUEST)
    await here.manager.replay_invocation(REQUEST, b"2")
    assert here.engine.requests[1].payload == b"2"
    with pytest.raises(NotFound):
        await here.manager.replay_invocation("66666666-6666-4666-8666-666666666666")

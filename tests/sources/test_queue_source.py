"""A queue's mapping at work, on the real store and a clock that the test moves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambdatui.config.model import Project, QueueConfig, QueueMapping
from lambdatui.store.records import NewMessage
from tests.sources.support import Refusal, Throttle, World, function, project

UUID = "11111111-1111-4111-8111-111111111111"


def shop(mapping: dict[str, Any] | None = None, **queue: Any) -> Project:
    settings = {"visibility_timeout": 10, "redrive_queue": "orders-dlq", "max_receive_count": 2} | queue
    return project(
        functions=(function(), function("slow")),
        queues=(
            QueueConfig(name="orders", logical_id="Orders", **settings),
            QueueConfig(name="orders-dlq", logical_id="OrdersDlq", fifo=settings.get("fifo", False)),
        ),
        mappings=(QueueMapping(uuid=UUID, function="work", queue="orders", **(mapping or {})),),
    )


def bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def messages(*texts: str, **more: Any) -> list[NewMessage]:
    return [NewMessage(body=text, **more) for text in texts]


def total(world: World, queue: str = "orders") -> int:
    depth = world.store.queues.depth(queue)
    return depth.visible + depth.in_flight + depth.delayed


async def test_a_message_is_delivered_at_once_and_deleted_after_success(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    [id] = await here.manager.send("Orders", messages("a"))
    await here.settle(lambda: len(here.engine.requests) == 1)
    [event] = here.engine.events("work")
    assert event["Records"][0]["messageId"] == id
    assert event["Records"][0]["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:orders"
    assert here.engine.requests[0].source == "queue:orders"
    assert here.engine.requests[0].patient
    assert total(here) == 0


async def test_one_receive_brings_what_all_batches_that_may_begin_can_take(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world(shop({"batch_size": 1}), work=lambda event: None)
    receive, received = here.store.queues.receive, []

    async def counted(*args: Any, **more: Any) -> Any:
        found = await receive(*args, **more)
        received.append(len(found))
        return found

    monkeypatch.setattr(here.store.queues, "receive", counted)
    await here.manager.send("Orders", messages(*"abcdefgh"))
    await here.settle(lambda: len(here.engine.requests) == 8)
    assert received[0] == 5  # as many batches as may run at first
    assert sorted(text for event in here.engine.events("work") for text in bodies(event)) == list("abcdefgh")
    assert total(here) == 0


async def test_a_failed_batch_returns_after_the_visibility_timeout_and_ends_in_the_dlq(world: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("poison")

    here = await world(shop(), work=fail)
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: len(here.engine.requests) == 1)
    await here.advance(9)
    assert len(here.engine.requests) == 1, "hidden until the visibility timeout"
    await here.advance(2)
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in here.engine.events("work")] == [
        "1",
        "2",
    ]
    await here.advance(11)
    assert len(here.engine.requests) == 2
    [entry] = here.engine.reader.dlq_entries(["orders-dlq"])
    assert (entry.function, entry.error_code, entry.error_message, entry.attempts) == (
        "work",
        "ValueError",
        "poison",
        2,
    )
    assert entry.event == "a"
    assert any(kind == "dlq" and "orders-dlq" in text for kind, _, text in here.engine.telemetry.said)


async def test_only_reported_messages_come_back(world: Any) -> None:
    def partly(event: Any) -> Any:
        bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in bad]}

    here = await world(shop({"report_batch_item_failures": True}), work=partly)
    await here.manager.send("orders", messages("good", "bad", "fine"))
    await here.settle(lambda: len(here.engine.requests) == 1)
    assert total(here) == 1
    await here.advance(11)
    assert bodies(here.engine.events("work")[-1]) == ["bad"]


@pytest.mark.parametrize("kind", [Throttle, Refusal])
async def test_a_throttled_batch_is_offered_again_without_burning_receives(world: Any, kind: type[Exception]) -> None:
    calls = 0

    def busy(event: Any) -> None:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise kind

    here = await world(shop(), work=busy)
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: calls == 1)
    await here.advance(8)
    counts = [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in here.engine.events("work")]
    assert counts == ["1", "1", "1", "1"]
    assert total(here) == 0


async def test_a_throttle_that_lasts_counts_one_failed_receive_per_visibility_timeout(world: Any) -> None:
    def busy(event: Any) -> None:
        raise Throttle

    here = await world(shop(), work=busy)
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: bool(here.engine.requests))
    await here.advance(9.5)
    assert total(here, "orders-dlq") == 0
    await here.advance(14)
    [entry] = here.engine.reader.dlq_entries(["orders-dlq"])
    assert entry.error_code == "TooManyRequestsException"
    counts = {event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in here.engine.events("work")}
    assert counts == {"1", "2"}


async def test_five_batches_run_at_once_and_no_more_than_maximum_concurrency(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    for mapping, expected in (({"batch_size": 1}, 5), ({"batch_size": 1, "maximum_concurrency": 2}, 2)):
        gate.clear()
        here = await world(shop(mapping), work=wait)
        await here.store.queues.purge("orders")
        await here.manager.send("orders", messages(*"abcdefgh"))
        await here.timer.parked(here.sources, lambda here=here, expected=expected: here.engine.running == expected)
        assert here.engine.peak == expected
        gate.set()
        await here.settle(lambda here=here: total(here) == 0)
        assert here.engine.peak == expected


async def test_while_messages_wait_more_batches_are_allowed(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    here = await world(shop({"batch_size": 1}, visibility_timeout=60), work=wait)
    await here.manager.send("orders", messages(*"abcdefghijklmnop"))
    await here.timer.parked(here.sources, lambda: here.engine.running == 5)
    here.timer.move(1)
    await here.timer.parked(here.sources, lambda: here.engine.running == 10)
    gate.set()
    await here.settle(lambda: total(here) == 0)


async def test_the_batching_window_gathers_a_batch(world: Any) -> None:
    here = await world(shop({"batching_window": 5}), work=lambda event: None)
    await here.manager.send("orders", messages("a"))
    await here.advance(2)
    await here.manager.send("orders", messages("b"))
    await here.advance(2)
    assert not here.engine.requests
    await here.advance(1.5)
    assert [bodies(event) for event in here.engine.events("work")] == [["a", "b"]]


async def test_a_fifo_group_keeps_its_order_when_its_first_message_fails(world: Any) -> None:
    failed = []

    def first_fails(event: Any) -> None:
        if not failed and "1a" in bodies(event):
            failed.append(True)
            raise ValueError("once")

    here = await world(shop({"batch_size": 1}, fifo=True, max_receive_count=5), work=first_fails)
    group_one = [NewMessage(body=text, group_id="1", dedup_id=text) for text in ("1a", "1b")]
    await here.manager.send("orders", [*group_one, NewMessage(body="2a", group_id="2", dedup_id="2a")])
    await here.advance(11)
    await here.settle(lambda: total(here) == 0)
    order = [body for event in here.engine.events("work") for body in bodies(event)]
    assert [body for body in order if body.startswith("1")] == ["1a", "1a", "1b"]
    assert order.index("2a") < order.index("1b")


async def test_pause_stops_receiving_and_resume_goes_on(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    await here.manager.pause("Orders")
    await here.manager.send("orders", messages("a"))
    await here.advance(3)
    assert not here.engine.requests
    assert here.manager.snapshot().queues[0].paused
    await here.manager.resume("orders")
    await here.settle(lambda: len(here.engine.requests) == 1)
    assert not here.manager.snapshot().queues[0].paused


async def test_messages_stay_unreceived_while_the_functions_packages_are_installed(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    here.engine.without_packages.add("work")
    await here.manager.send("orders", messages("a"))
    await here.advance(3)
    assert not here.engine.requests
    assert here.manager.snapshot().queues[0].visible == 1
    here.engine.without_packages.clear()
    here.manager.retry_now("work")
    await here.settle(lambda: len(here.engine.requests) == 1)


async def test_stopping_waits_for_the_batch_in_flight_and_starts_no_other(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    here = await world(shop({"batch_size": 1, "maximum_concurrency": 2}), work=wait)
    await here.manager.send("orders", messages("a", "b", "c"))
    await here.timer.parked(here.sources, lambda: here.engine.running == 2)
    stop = asyncio.create_task(here.manager.stop())
    await asyncio.sleep(0)
    assert not stop.done()
    gate.set()
    await stop
    assert len(here.engine.requests) == 2
    assert total(here) == 1


async def test_a_batch_cut_short_by_the_engines_end_is_nobodys_failure(world: Any) -> None:
    async def cut(event: Any) -> None:
        here.engine.stopping = True
        raise RuntimeError("killed")

    here = await world(shop(), work=cut)
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: bool(here.engine.requests))
    here.engine.stopping = False
    here.clock.advance(30)
    [message] = await here.store.queues.receive(here.manager.queue("orders"), 1, 1)
    assert message.error_code is None


async def test_a_store_that_fails_once_does_not_end_the_poller(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    real, broken = here.store.queues.receive, []

    async def once(*args: Any, **named: Any) -> Any:
        if not broken:
            broken.append(True)
            raise OSError("disk full")
        return await real(*args, **named)

    here.store.queues.receive = once
    await here.manager.send("orders", messages("a"))
    await here.timer.parked(here.sources, lambda: bool(broken))
    await here.advance(6)
    assert len(here.engine.requests) == 1
    assert any("disk full" in text for _, _, text in here.engine.telemetry.said)


def counted(world: World) -> dict[str, int]:
    return {name: value for (mapping, name), value in world.engine.telemetry.metrics.counted.items() if mapping == UUID}


async def test_messages_that_the_filters_drop_are_deleted_and_counted(world: Any) -> None:
    filters = ('{"body": {"kind": ["order"]}}', '{"body": {"urgent": [true]}}')
    here = await world(shop({"filters": filters}), work=lambda event: None)
    await here.manager.send("orders", messages('{"kind": "order"}', '{"kind": "other"}', '{"urgent": true}', "plain"))
    await here.settle(lambda: total(here) == 0)
    [event] = here.engine.events("work")
    assert bodies(event) == ['{"kind": "order"}', '{"urgent": true}']
    assert counted(here) == {
        "PolledEventCount": 4, "FilteredOutEventCount": 2, "InvokedEventCount": 2, "DeletedEventCount": 2,
    }  # fmt: skip
    row = here.manager.snapshot().queues[0]
    assert row.filtered == 2
    assert [(one.state, one.polled, one.filtered, len(one.filters)) for one in row.mappings] == [("Enabled", 4, 2, 2)]


async def test_a_batch_of_which_nothing_passes_runs_no_function(world: Any) -> None:
    here = await world(shop({"filters": ('{"body": {"kind": ["order"]}}',)}, max_receive_count=1), work=lambda _: None)
    await here.manager.send("orders", messages(*"abc"))
    await here.settle(lambda: total(here) == 0)
    assert not here.engine.requests
    await here.advance(11)
    assert total(here, "orders-dlq") == 0, "what was dropped never comes back"


async def test_changed_filters_hold_from_the_next_message_on(world: Any) -> None:
    here = await world(shop({"filters": ('{"body": ["a"]}',)}), work=lambda _: None)
    await here.engine.reload(shop({"filters": ('{"body": ["b"]}',)}))
    await here.manager.send("orders", messages("a", "b"))
    await here.settle(lambda: total(here) == 0)
    assert [bodies(event) for event in here.engine.events("work")] == [["b"]]


async def test_failures_are_counted_by_event(world: Any) -> None:
    def partly(event: Any) -> Any:
        if "all" in bodies(event):
            raise ValueError("poison")
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}

    here = await world(shop({"report_batch_item_failures": True}, max_receive_count=1), work=partly)
    await here.manager.send("orders", messages("a", "b"))
    await here.settle(lambda: len(here.engine.requests) == 1)
    assert (counted(here)["FailedInvokeEventCount"], counted(here)["DeletedEventCount"]) == (1, 1)
    await here.manager.send("orders", messages("all", "c"))
    await here.settle(lambda: len(here.engine.requests) == 2)
    assert (counted(here)["FailedInvokeEventCount"], counted(here)["DeletedEventCount"]) == (3, 1)
    assert counted(here)["InvokedEventCount"] == 4


async def test_each_throttled_try_counts_its_events_as_invoked_and_failed(world: Any) -> None:
    def throttle(event: Any) -> None:
        if len(here.engine.requests) <= 2:
            raise Throttle

    here = await world(shop(), work=throttle)
    await here.manager.send("orders", messages("a", "b"))
    await here.advance(4)
    assert len(here.engine.requests) == 3
    assert counted(here) == {
        "PolledEventCount": 2, "InvokedEventCount": 6, "FailedInvokeEventCount": 4, "DeletedEventCount": 2,
    }  # fmt: skip


@pytest.mark.parametrize("asked", [True, False])
async def test_cloudwatch_is_told_of_a_mappings_events_where_it_is_asked_to(asked: bool, world: Any) -> None:
    here = await world(shop({"metrics": asked}), work=lambda event: None)
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: total(here) == 0)
    assert counted(here)["DeletedEventCount"] == 1
    assert here.engine.telemetry.metrics.stored["DeletedEventCount"] == asked


async def test_a_mapping_of_an_alias_calls_by_it(world: Any) -> None:
    here = await world(shop({"qualifier": "live"}), work=lambda event: None)
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: bool(here.engine.requests))
    assert here.engine.requests[0].qualifier == "live"


async def test_a_batch_is_called_as_part_of_its_messages_chains(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    await here.manager.send("orders", messages("a", trace_header="Root=1-2;Lineage=1:aaaaaaaa:3"))
    await here.settle(lambda: len(here.engine.requests) == 1)
    assert here.engine.requests[0].trace_header == "Lineage=1:aaaaaaaa:3"


async def test_a_mapping_is_disabling_until_its_last_batch_has_ended(world: Any) -> None:
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        await gate.wait()

    here = await world(shop({"batch_size": 1}), work=wait)
    assert here.manager.mapping_state(UUID) == "Enabled"
    await here.manager.send("orders", messages("a"))
    await here.timer.parked(here.sources, lambda: here.engine.running == 1)
    await here.engine.reload(shop({"batch_size": 1, "enabled": False}))
    assert here.manager.mapping_state(UUID) == "Disabling"
    gate.set()
    await here.settle(lambda: total(here) == 0)
    assert here.manager.mapping_state(UUID) == "Disabled"
    assert here.manager.mapping_state("of nobody") is None


async def test_what_a_person_paused_polls_again_when_the_mapping_is_enabled(world: Any) -> None:
    here = await world(shop(), work=lambda event: None)
    await here.manager.pause("orders")
    await here.manager.send("orders", messages("a"))
    await here.advance(1)
    await here.manager.set_polling(UUID, on=True)
    await here.settle(lambda: len(here.engine.requests) == 1)
    await here.manager.set_polling(UUID, on=False)
    assert here.manager.mapping_state(UUID) == "Disabled"


async def test_a_batch_whose_alias_is_gone_comes_back_and_says_so_in_the_dlq(world: Any) -> None:
    here = await world(shop({"qualifier": "live"}, max_receive_count=1))
    here.engine.gone.add("live")
    await here.manager.send("orders", messages("a"))
    await here.settle(lambda: bool(here.engine.requests))
    assert counted(here)["FailedInvokeEventCount"] == 1
    assert ("notice", "work", "queue orders: work has no version or alias live") in here.engine.telemetry.said
    await here.advance(11)
    [entry] = here.engine.reader.dlq_entries(["orders-dlq"])
    assert (entry.error_code, entry.request_id) == ("ResourceNotFoundException", None)

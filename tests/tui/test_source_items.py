"""Sources as the rows of the page say what they are and how much went through them."""

from __future__ import annotations

import pytest

from lambdatui.schema import MappingRow, PushRow, QueueRow, RouteRow, ScheduleRow, ShardRow, Sources, StreamRow
from lambdatui.tui.screens.source_items import SourceItem, items_of, mapping_facts
from lambdatui.tui.screens.source_row import row_of


def test_a_route_tells_its_traffic_and_its_authorizer() -> None:
    row = RouteRow(
        id="r", function="f", api="rest", method="GET", path="/orders/{id}", requests=1, errors=2, api_id="Shop",
        stage="Prod", url="http://127.0.0.1:3000/orders/{id}", authorizer="Own", last_status=502,
    )  # fmt: skip
    (item,) = items_of(Sources(routes=[row]))
    assert item.note == "→ 502 · 1 request · 2 errors"
    assert item.note_tag == "err"
    facts = dict(item.facts)
    assert facts["kind"] == "route of Shop (rest)"
    assert (facts["address"], facts["authorizer"], facts["stage"]) == (row.url, "Own", "Prod")


def test_a_push_trigger_tells_what_it_let_through() -> None:
    row = PushRow(id="b", kind="bucket", source="uploads", target="resize", detail="s3:ObjectCreated:*", delivered=3)
    (item,) = items_of(Sources(pushes=[row]))
    assert (item.kind, item.name, item.function, item.note) == ("bucket", "uploads", "resize", "3 delivered")
    assert item.pause_id is None


def test_a_push_trigger_without_deliveries_tells_only_what_was_filtered_out() -> None:
    row = PushRow(id="t", kind="topic", source="news", target="mail", filtered=2)
    (item,) = items_of(Sources(pushes=[row]))
    assert item.note == "2 filtered out"


def test_a_push_to_a_queue_has_no_function_to_open() -> None:
    row = PushRow(id="t", kind="topic", source="news", target="copies")
    queue, item = items_of(Sources(pushes=[row], queues=[QueueRow(name="copies", logical_id="Copies")]))
    assert queue.name == "copies"
    assert item.function is None
    assert _texts(item)["function"] == "copies"


def test_a_queue_tells_what_its_mappings_filters_dropped_where_they_did() -> None:
    mapping = MappingRow(uuid="60ac444e-1", function="work", filters=['{"body": {}}'], polled=5, filtered=3, invoked=2)
    row = QueueRow(name="orders", logical_id="Orders", consumer="work", filtered=3, mappings=[mapping])
    plain = QueueRow(name="plain", logical_id="Plain")
    filtered, other = items_of(Sources(queues=[row, plain]))
    assert filtered.note == "3 filtered out"
    assert dict(filtered.facts)["events"] == "5 read, 3 filtered out, 2 sent"
    assert dict(filtered.facts)["filter"] == '{"body": {}}'
    assert dict(other.facts)["read by"] == "no function"


def test_every_mapping_of_a_queue_tells_whom_it_calls_and_whether_it_polls() -> None:
    mappings = [
        MappingRow(uuid="a" * 36, function="work", qualifier="live", maximum_concurrency=3, batching_window=2),
        MappingRow(uuid="b" * 36, function="audit", state="Disabled", report_batch_item_failures=True),
    ]
    (item,) = items_of(Sources(queues=[QueueRow(name="q", logical_id="Q", consumer="work", mappings=mappings)]))
    facts = [fact for fact in item.facts if fact[0] in ("read by", "mapping", "batch", "at once", "failures")]
    assert facts == [
        ("read by", "work:live"),
        ("mapping", "Enabled  aaaaaaaa"),
        ("batch", "10, or after 2 s"),
        ("at once", "3 batches at most"),
        ("read by", "audit"),
        ("mapping", "Disabled  bbbbbbbb"),
        ("batch", "10"),
        ("failures", "reported item by item"),
    ]


def test_a_streams_mapping_tells_how_its_shards_are_read() -> None:
    mapping = MappingRow(
        uuid="u", function="count", starting_position="LATEST", parallelization_factor=4, tumbling_window=30,
        maximum_retry_attempts=1, maximum_record_age=3600, bisect_on_error=True, on_failure="bucket failed",
    )  # fmt: skip
    facts = dict(mapping_facts(mapping))
    assert (facts["from"], facts["at once"], facts["window"]) == ("LATEST", "4 batches a shard", "tumbling, 30 s")
    assert facts["retries"] == "1 retry, each half alone"
    assert (facts["record age"], facts["on failure"]) == ("1 h at most", "bucket failed")


def test_a_schedule_tells_the_clock_that_it_follows() -> None:
    row = ScheduleRow(
        id="s", function="f", expression="cron(0 9 * * ? *)", next_at=None, timezone="Europe/Berlin", qualifier="live"
    )
    (item,) = items_of(Sources(schedules=[row]))
    assert item.note == "cron(0 9 * * ? *) Europe/Berlin"
    assert dict(item.facts)["time zone"] == "Europe/Berlin"
    assert dict(item.facts)["runs"] == "f:live"


def test_closed_shards_are_counted_apart_and_dim() -> None:
    shards = [ShardRow(id=f"shardId-00000000000{n}", closed=n == 0) for n in range(3)]
    stream, first, *_ = items_of(Sources(streams=[StreamRow(name="clicks", logical_id="Clicks", shards=shards)]))
    assert stream.note == "3 shards, 1 closed"
    assert dict(stream.facts)["shards"] == "3, 1 closed"
    assert _texts(first)["state"] == "◌ closed"
    assert first.name_tag == "faint"


def test_one_shard_is_one_shard() -> None:
    row = StreamRow(name="clicks", logical_id="Clicks", shards=[ShardRow(id="shardId-000000000000")])
    assert items_of(Sources(streams=[row]))[0].note == "1 shard"


def test_each_consumer_of_a_stream_has_rows_of_its_own() -> None:
    shards = [ShardRow(id="shardId-000000000000")]
    rows = [
        StreamRow(name="clicks", logical_id="Clicks", consumer=name, mapping=f"m-{name}", shards=shards)
        for name in ("count", "store")
    ]
    assert len({item.key for item in items_of(Sources(streams=rows))}) == 4


@pytest.mark.parametrize(
    ("method", "url", "command"),
    [
        ("GET", "http://h:1/a", "curl -i http://h:1/a"),
        ("ANY", "http://h:1/{proxy+}", "curl -i -g 'http://h:1/{proxy+}'"),
        ("DELETE", "http://h:1/a", "curl -i -X DELETE http://h:1/a"),
        ("POST", "http://h:1/a", "curl -i -X POST -H 'Content-Type: application/json' -d '{}' http://h:1/a"),
        ("GET", "", ""),
    ],
)
def test_a_route_is_tried_with_curl(method: str, url: str, command: str) -> None:
    row = RouteRow(id="r", function="f", api="http", method=method, path="/a", url=url)
    (item,) = items_of(Sources(routes=[row]))
    assert item.command == command
    assert row_of(item, 0).copy == command


def _texts(item: SourceItem) -> dict[str, str]:
    return {key: "".join(text for text, _ in cell) for key, cell in row_of(item, 0).cells.items()}


def test_a_function_url_is_called_one() -> None:
    row = RouteRow(id="u", function="f", api="url", method="ANY", path="$default", url="http://h:1/_url/f/")
    (item,) = items_of(Sources(routes=[row]))
    assert (item.name, item.shown) == ("function URL", "function URL")

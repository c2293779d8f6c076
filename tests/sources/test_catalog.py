"""Which queue or stream a name means."""

from __future__ import annotations

import pytest

from lambdatui.config.model import Project, QueueConfig, StreamConfig
from lambdatui.errors import NotFound
from lambdatui.sources.catalog import Catalog

QUEUES = (
    QueueConfig(name="orders", logical_id="OrderQueue"),
    QueueConfig(name="OrderQueue", logical_id="Other"),
    QueueConfig(name="bills", logical_id="Bills"),
    QueueConfig(name="bills-2", logical_id="Bills"),
)
CATALOG = Catalog(
    Project(
        name="p",
        root="/p",
        kind="sam",
        region="us-east-1",
        account="000000000000",
        queues=QUEUES,
        streams=(StreamConfig(name="clicks", logical_id="Clicks"),),
    )
)


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("orders", "orders"),
        ("OrderQueue", "OrderQueue"),  # a name comes before a logical id
        ("Bills", "bills"),  # of several with one logical id the first
        ("arn:aws:sqs:us-east-1:000000000000:bills-2", "bills-2"),
        ("http://127.0.0.1:9000/000000000000/orders", "orders"),
    ],
)
def test_a_queue_is_found_by_every_name_it_has(name: str, queue: str) -> None:
    assert CATALOG.queue(name).name == queue


@pytest.mark.parametrize("name", ["nothing", "arn:aws:kinesis:us-east-1:000000000000:stream/orders", "clicks"])
def test_what_is_no_queue_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        CATALOG.queue(name)


def test_only_a_queues_own_name_is_where_messages_can_be_moved() -> None:
    assert CATALOG.has_queue("bills")
    assert not CATALOG.has_queue("Bills")

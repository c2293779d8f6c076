"""The sample shop does what its README promises, and its one bug is the only one."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import LoadOptions

SHOP = Path(__file__).parents[2] / "sample_functions"
BUG = 'address["postcode"]'
FIX = 'address.get("postcode", "")'


def load(name: str, source: str | None = None) -> ModuleType:
    """The function's module under a name of its own, from `source` where that is given."""
    path = SHOP / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"shop_{name.replace('-', '_')}", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(compile(source or path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield


def orders_until(turn: int) -> list[tuple[int, dict]]:
    make_order = load("make-order")
    return [(n, order) for n in range(1, turn + 1) for order in make_order.make_orders(n, "143109")]


def test_the_first_order_without_a_postcode_comes_in_the_second_second() -> None:
    first = next(turn for turn, order in orders_until(20) if "postcode" not in order["address"])
    assert first == 2


def test_shipping_fails_for_it_until_the_marked_line_is_fixed() -> None:
    source = (SHOP / "ship-order" / "app.py").read_text(encoding="utf-8")
    assert source.count(BUG) == 1
    event = {"order": "143109-1", "customer": "Mei", "address": orders_until(2)[-1][1]["address"]}
    with pytest.raises(KeyError, match="postcode"):
        load("ship-order").handler(event, None)
    fixed = load("ship-order", source.replace(BUG, FIX)).handler(event, None)
    assert fixed["label"] == "Mei\n88 Queen's Road\nHong Kong\nHK"


def test_the_comment_shows_the_line_that_mends_it() -> None:
    lines = (SHOP / "ship-order" / "app.py").read_text(encoding="utf-8").splitlines()
    bad = next(n for n, line in enumerate(lines) if BUG in line)
    assert lines[bad - 1].strip() == f"# {lines[bad].strip().replace(BUG, FIX)}"


def test_one_poison_order_is_made_in_the_first_seconds_and_cannot_be_packed() -> None:
    fulfil_order = load("fulfil-order")
    poison = []
    for turn, order in orders_until(20):
        try:
            fulfil_order.pack(order)
        except ValueError:
            poison.append(turn)
    assert poison == [4]


def test_orders_come_three_at_once_so_that_receipts_overlap() -> None:
    turns = [turn for turn, _ in orders_until(8)]
    assert [turns.count(turn) for turn in range(1, 9)] == [1, 1, 3, 1, 1, 1, 3, 1]


def test_order_ids_are_unique_within_a_turn() -> None:
    ids = [order["id"] for turn, order in orders_until(3) if turn == 3]
    assert len(set(ids)) == 3


def test_clicks_reach_both_shards_and_a_robot_one_of_them() -> None:
    from hashlib import md5

    make_order = load("make-order")
    clicks = [click for turn in range(1, 7) for click in make_order.make_clicks(turn)]
    shard_of = {click["visitor"]: md5(click["visitor"].encode()).digest()[0] >> 7 for click in clicks}
    assert set(shard_of.values()) == {0, 1}
    assert sum(click["visitor"] == "robot" for click in clicks) == 12


def test_clicks_are_counted_from_kinesis_records(caplog: pytest.LogCaptureFixture) -> None:
    from base64 import b64encode

    data = b64encode(json.dumps({"visitor": "ann", "page": "/mugs"}).encode()).decode()
    record = {"eventID": "shardId-000000000000:1", "kinesis": {"data": data}}
    load("track-clicks").handler({"Records": [record, record]}, None)
    assert "shardId-000000000000: 2 clicks, {'/mugs': 2}" in caplog.text


def test_an_order_tells_its_age_and_an_unknown_one_is_404() -> None:
    order_status = load("order-status")
    assert [order_status.status(age) for age in (0, 5, 60, 7200)] == ["received", "packed", "on its way", "delivered"]
    assert order_status.handler({"pathParameters": {"id": "nonsense"}}, None)["statusCode"] == 404
    reply = order_status.handler({"pathParameters": {"id": "143109-1"}}, None)
    assert json.loads(reply["body"])["order"] == "143109-1"


def test_the_shop_loads_without_a_problem_and_with_every_kind_of_source(tmp_path: Path) -> None:
    project = load_project(SHOP, LoadOptions(), tmp_path)
    assert check_project(project) == ()
    assert len(project.functions) == 7
    assert {queue.name for queue in project.queues} == {"orders", "orders-dlq", "ship-order-dlq"}
    assert [(stream.name, stream.shards) for stream in project.streams] == [("clicks", 2)]
    assert {schedule.expression for schedule in project.schedules} == {"every 1s", "cron(0 2 * * ? *)"}
    assert [(route.method, route.path) for route in project.routes] == [("GET", "/orders/{id}")]


def test_dead_letters_come_within_seconds_by_configuration(tmp_path: Path) -> None:
    project = load_project(SHOP, LoadOptions(), tmp_path)
    functions = {function.name: function for function in project.functions}
    ship, receipt = functions["ship-order"], functions["send-receipt"]
    assert (ship.maximum_retry_attempts, ship.dead_letter_queue) == (0, "ship-order-dlq")
    assert receipt.reserved_concurrency == 1
    orders = next(queue for queue in project.queues if queue.name == "orders")
    assert orders.redrive_queue == "orders-dlq"
    assert orders.visibility_timeout * orders.max_receive_count <= 10

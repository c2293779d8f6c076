"""Sources as the rows of the page say what they are and how much went through them."""

from __future__ import annotations

from lambdatui.schema import PushRow, RouteRow, Sources
from lambdatui.tui.screens.source_items import items_of


def test_a_route_tells_its_traffic_and_its_authorizer() -> None:
    row = RouteRow(
        id="r", function="f", api="rest", method="GET", path="/orders/{id}", requests=1, errors=2, api_id="Shop",
        stage="Prod", url="http://127.0.0.1:3000/orders/{id}", authorizer="Own", last_status=502,
    )  # fmt: skip
    (item,) = items_of(Sources(routes=[row]))
    assert item.note == "1 request, 2 errors, last 502"
    assert item.note_tag == "err"
    facts = dict(item.facts)
    assert facts["kind"] == "route of Shop (rest)"
    assert (facts["address"], facts["authorizer"], facts["stage"]) == (row.url, "Own", "Prod")


def test_a_push_trigger_tells_what_it_let_through() -> None:
    row = PushRow(id="b", kind="bucket", source="uploads", target="resize", detail="s3:ObjectCreated:*", delivered=3)
    (item,) = items_of(Sources(pushes=[row]))
    assert (item.kind, item.name, item.function, item.note) == ("bucket", "uploads", "resize", "3 delivered")
    assert item.pause_id is None

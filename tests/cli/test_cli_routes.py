"""lambdatui routes."""

from __future__ import annotations

import json
from pathlib import Path

from lambdatui import schema
from tests.cli.conftest import Run
from tests.client.fake_engine import FakeEngine

TOML = """
[functions.orders]
handler = "orders.handler"
[[functions.orders.events]]
type = "http"
method = "GET"
path = "/orders/{id}"
"""


def test_routes_come_from_the_running_engine(run: Run, engine: FakeEngine) -> None:
    rows = [
        schema.RouteRow(
            id=f"r{at}", function="orders", api="rest", method=method, path="/orders", api_id="Shop", stage="Prod",
            url="http://127.0.0.1:3000/orders", authorizer=gate,
        )
        for at, (method, gate) in enumerate([("POST", "gate"), ("GET", None)])
    ]  # fmt: skip
    engine.sources = schema.Sources(routes=rows)
    first, *lines = run("routes").stdout.splitlines()
    assert first.split() == ["METHOD", "URL", "FUNCTION", "API", "AUTHORIZER"]
    assert [line.split() for line in lines] == [
        ["GET", "http://127.0.0.1:3000/orders", "orders", "Shop", "(REST,", "Prod)", "·"],
        ["POST", "http://127.0.0.1:3000/orders", "orders", "Shop", "(REST,", "Prod)", "gate"],
    ]
    assert [row["method"] for row in json.loads(run("routes", "--json").stdout)] == ["GET", "POST"]


def test_routes_come_from_the_project_where_no_engine_runs(run: Run, project: Path) -> None:
    (project / "lambdatui.toml").write_text(TOML)
    (row,) = json.loads(run("routes", "--json").stdout)
    assert (row["method"], row["url"]) == ("GET", "http://127.0.0.1:3000/orders/{id}")
    assert row["function"] == "orders"


def test_a_project_without_routes_says_how_to_declare_one(run: Run, project: Path) -> None:
    result = run("routes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "lambdatui.toml declares one" in result.stderr
    assert json.loads(run("routes", "--json").stdout) == []

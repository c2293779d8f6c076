"""What `cdk synth` leaves: a template with assets, a layer, a table and API Gateway's own resources."""

from __future__ import annotations

import json

from tests.projects.conftest import Running

PROJECT = "cdk-app"


def test_the_synthesised_stack_serves_its_routes(project: Running) -> None:
    assert project.http("GET", "/tea").json() == {"message": "you have hit /tea", "hits": 1}
    assert project.http("POST", "/prod/tea").json() == {"message": "you have hit /tea", "hits": 2}
    assert project.http("GET", "/").json()["message"] == "you have hit /"


def test_the_function_is_known_by_its_construct_too(project: Running) -> None:
    for name in ("HitCounterHandlerDAEA7B37", "HitCounterHandler"):
        assert project.invoke(name, {"path": "/by-name"})["statusCode"] == 200


def test_check_names_the_template(project: Running) -> None:
    (row,) = json.loads(project.cli("check", "--json"))["functions"]
    assert row["file"] == "cdk.out/HitsStack.template.json"
    assert row["line"] > 1

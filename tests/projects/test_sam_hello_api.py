"""`sam init`'s first project: implicit REST API, Globals, samconfig.toml."""

from __future__ import annotations

import json

from tests.projects.conftest import Running

PROJECT = "sam-hello-api"


def test_the_route_answers_with_samconfigs_parameters(project: Running) -> None:
    answer = project.http("GET", "/hello")
    assert answer.status == 200
    assert answer.json() == {"message": "servus world", "stage": "Prod", "debug": "false"}


def test_it_answers_below_its_stage_too(project: Running) -> None:
    assert project.http("GET", "/Prod/hello/Ada%20L").json()["message"] == "servus Ada L"


def test_bodies_and_several_cookies_pass(project: Running) -> None:
    answer = project.http("POST", "/echo", "grüße".encode(), content_type="text/plain; charset=utf-8")
    assert (answer.status, answer.body.decode()) == (201, "grüße")
    assert answer.header("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_a_browsers_preflight_is_answered_by_the_api(project: Running) -> None:
    answer = project.http("OPTIONS", "/hello", Origin="https://shop.example", Access_Control_Request_Method="GET")
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == ["*"]
    assert answer.header("access-control-allow-methods") == ["GET,POST,OPTIONS"]


def test_an_unknown_route_gets_api_gateways_answer(project: Running) -> None:
    answer = project.http("GET", "/nothing")
    assert (answer.status, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_it_is_reached_by_its_name_and_by_its_arn(project: Running) -> None:
    found = project.client("lambda").get_function(FunctionName="HelloWorldFunction")
    arn = found["Configuration"]["FunctionArn"]
    event = json.loads((project.root / "events" / "event.json").read_text())
    for name in ("HelloWorldFunction", arn):
        assert project.invoke(name, event)["statusCode"] == 200


def test_routes_are_listed(project: Running) -> None:
    rows = json.loads(project.cli("routes", "--json"))
    assert {(row["method"], row["path"]) for row in rows} == {
        ("GET", "/hello"),
        ("GET", "/hello/{name}"),
        ("POST", "/echo"),
    }


def test_check_finds_nothing_wrong(project: Running) -> None:
    checked = json.loads(project.cli("check", "--json"))
    assert [row["name"] for row in checked["functions"]] == ["HelloWorldFunction"]
    assert [problem for problem in checked["problems"] if problem["severity"] != "notice"] == []

"""FastAPI through Mangum behind an HTTP API's default route."""

from __future__ import annotations

import json

from tests.projects.conftest import Running, eventually

PROJECT = "fastapi-mangum"


def test_paths_bodies_and_statuses_pass(project: Running) -> None:
    put = project.http(
        "PUT", "/books/7", json.dumps({"title": "Ficciones", "pages": 174}), content_type="application/json"
    )
    assert put.status == 201, put.body
    assert project.http("GET", "/books/7").json() == {"title": "Ficciones", "pages": 174}
    assert project.http("GET", "/books/8").status == 404
    assert project.http("PUT", "/books/x", "{}", content_type="application/json").status == 422


def test_repeated_query_parameters_pass(project: Running) -> None:
    assert project.http("GET", "/search?tag=a&tag=b%20c&page=2").json() == {"tag": ["a", "b c"], "page": 2}


def test_cookies_pass_both_ways(project: Running) -> None:
    answer = project.http("GET", "/visit", Cookie="visits=41; theme=dark")
    assert answer.json() == {"visits": 42}
    assert sorted(cookie.partition(";")[0] for cookie in answer.header("set-cookie")) == ["seen=yes", "visits=42"]


def test_binary_bodies_pass_both_ways(project: Running) -> None:
    picture = bytes(range(256)) * 40
    answer = project.http("POST", "/picture", picture, content_type="image/png")
    assert answer.header("content-type") == ["image/png"]
    assert answer.body == picture


def test_the_app_sees_lambdas_event_and_context(project: Running) -> None:
    seen = project.http("GET", "/aws").json()
    assert seen["stage"] == "$default"
    eventually(lambda: seen["request_id"] in {row.request_id for row in project.invocations("FastApiFunction")})


def test_its_own_docs_are_there(project: Running) -> None:
    assert project.http("GET", "/openapi.json").json()["info"]["title"] == "Books"
    assert b"swagger" in project.http("GET", "/docs").body

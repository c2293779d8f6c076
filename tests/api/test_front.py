"""HTTP routes: which one a path belongs to, the event that it becomes, the answer that comes of a result."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

import msgspec
import pytest

from lambdatui.api.path_table import PathTable
from lambdatui.config.model import ApiConfig, RouteConfig
from tests.api.api_support import Running
from tests.api.test_guards import ask


def event_of(door: Running, method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    status, text, _ = ask(door.http_port, method, path, body, **headers)
    assert status == 200, text
    return json.loads(text)


def test_a_rest_route_gets_payload_1(door: Running, web: dict[str, Any]) -> None:
    path = "/rest/a%20b?x=1&x=2&empty=&name=%C3%BC"
    event = event_of(door, "PUT", path, '{"ü": 1}'.encode(), Content_Type="application/json", X_Many="1")
    assert "version" not in event
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/rest/{id}", "/rest/a b", "PUT")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"x": "2", "empty": "", "name": "ü"}
    assert event["multiValueQueryStringParameters"]["x"] == ["1", "2"]
    assert event["headers"]["Content-Type"] == "application/json"
    assert event["multiValueHeaders"]["X-Many"] == ["1"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"ü": 1}', False)
    context = event["requestContext"]
    assert (context["resourcePath"], context["stage"]) == ("/rest/{id}", "Prod")
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert event["stageVariables"] is None


def test_a_rest_route_without_body_or_query_has_nulls(door: Running, web: dict[str, Any]) -> None:
    event = event_of(door, "GET", "/rest/1")
    assert event["body"] is None
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


def test_an_http_route_gets_payload_2(door: Running, web: dict[str, Any]) -> None:
    event = event_of(door, "GET", "/http/a%20b?x=1&x=2", Cookie="a=1; b=2", Accept="text/html")
    assert (event["version"], event["routeKey"]) == ("2.0", "GET /http/{id}")
    assert event["rawQueryString"] == "x=1&x=2"
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert event["pathParameters"] == {"id": "a b"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["accept"] == "text/html"
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["isBase64Encoded"] is False
    assert "body" not in event


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        ("application/json", b'{"a":1}', False),
        ("text/plain; charset=utf-8", "grüezi".encode(), False),
        ("application/problem+json", b"{}", False),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("image/png", b"\x89PNG\xff", True),
        ("text/plain", b"\xff\xfe", True),
    ],
)
def test_payload_2_carries_what_is_no_text_in_base64(
    door: Running, web: dict[str, Any], content_type: str, body: bytes, encoded: bool
) -> None:
    event = event_of(door, "POST", "/http", body, Content_Type=content_type)
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_the_most_specific_route_wins(door: Running, web: dict[str, Any]) -> None:
    assert json.loads(ask(door.http_port, "GET", "/http/me")[1]) == {"path": "/http/me"}
    assert event_of(door, "POST", "/files/a/b%2Fc/d")["pathParameters"] == {"proxy": "a/b/c/d"}
    assert event_of(door, "GET", "/rest/1/")["pathParameters"] == {"id": "1"}


def test_a_function_url_takes_what_is_left_and_has_an_address_of_its_own(door: Running) -> None:
    for asked, seen in (("/", "/"), ("/any/thing", "/any/thing"), ("/_url/page/x/y", "/x/y"), ("/_url/page", "/")):
        status, body, headers = ask(door.http_port, "PATCH", asked)
        assert (status, json.loads(body)) == (200, {"path": seen})
        assert headers["content-type"] == "application/json"


def test_results_become_answers(door: Running, web: dict[str, Any]) -> None:
    web["answer"] = {
        "statusCode": 201,
        "headers": {"X-One": "a", "X-Number": 5, "Content-Type": "text/html"},
        "multiValueHeaders": {"X-Many": ["1", "2"], "X-One": ["b"]},
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }
    status, body, headers = ask(door.http_port, "GET", "/rest/1")
    assert (status, body) == (201, b"\x00\xff")
    assert headers.get_all("X-Many") == ["1", "2"]
    assert headers.get_all("X-One") == ["b"]
    assert (headers["X-Number"], headers["Content-Type"]) == ("5", "text/html")
    web["answer"] = {"statusCode": 302, "headers": {"Location": "/x"}, "cookies": ["a=1; Path=/", "b=2"]}
    status, body, headers = ask(door.http_port, "GET", "/http/1")
    assert (status, body, headers["location"]) == (302, b"", "/x")
    assert headers.get_all("set-cookie") == ["a=1; Path=/", "b=2"]
    web["answer"] = {"statusCode": 204, "body": "ignored"}
    assert ask(door.http_port, "GET", "/http/1")[:2] == (204, b"")


def test_payload_2_without_a_status_is_a_200_of_json(door: Running, web: dict[str, Any]) -> None:
    for answer in ({"a": 1}, "text", [1], None):
        web["answer"] = answer
        status, body, headers = ask(door.http_port, "GET", "/http/1")
        assert (status, json.loads(body), headers["content-type"]) == (200, answer, "application/json")


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "abc"},
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": True},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["x"]},
        {"statusCode": 200, "headers": {"X-Bad": "a\r\nSet-Cookie: evil=1"}},
        {"statusCode": 200, "headers": {"bad name": "x"}},
        {"statusCode": 200, "headers": {"X": {"deep": 1}}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "cookies": "a=1", "multiValueHeaders": {"X": "not a list"}},
    ],
    ids=range(11),
)
def test_malformed_results_are_gateway_errors(door: Running, web: dict[str, Any], answer: Any) -> None:
    web["answer"] = answer
    assert ask(door.http_port, "GET", "/rest/1")[:2] == (502, b'{"message": "Internal server error"}')
    assert ask(door.http_port, "GET", "/http/1")[:2] == (500, b'{"message":"Internal Server Error"}')


def test_rest_wants_a_proxy_result(door: Running, web: dict[str, Any]) -> None:
    for answer in ({"a": 1}, "text", None):
        web["answer"] = answer
        assert ask(door.http_port, "GET", "/rest/1")[0] == 502


def test_failures_have_awss_own_statuses(door: Running) -> None:
    assert ask(door.http_port, "GET", "/http-fail")[:2] == (500, b'{"message":"Internal Server Error"}')
    assert ask(door.http_port, "GET", "/rest-fail")[:2] == (502, b'{"message": "Internal server error"}')
    assert ask(door.http_port, "GET", "/http-busy")[:2] == (503, b'{"message":"Service Unavailable"}')
    assert ask(door.http_port, "POST", "/http", b"\xff" * 6_000_000)[0] == 413


def test_requests_and_errors_are_counted_by_route(door: Running, web: dict[str, Any]) -> None:
    def counts() -> dict[str, tuple[int, int]]:
        return {row.id: (row.requests, row.errors) for row in door.sources.snapshot().routes}

    before = counts()
    ask(door.http_port, "GET", "/http-fail")
    ask(door.http_port, "GET", "/http/1")
    after = counts()
    assert after["HttpFail"] == (before["HttpFail"][0] + 1, before["HttpFail"][1] + 1)
    assert after["Http"] == (before["Http"][0] + 1, before["Http"][1])


def test_head_and_keep_alive(door: Running, web: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.http_port, timeout=60)
    for method in ("HEAD", "GET"):
        connection.request(method, "/rest/1")
        answer = connection.getresponse()
        assert answer.status == 200
        assert bool(answer.read()) == (method == "GET")
    connection.close()


def test_unknown_routes_and_reloads(door: Running, web: dict[str, Any]) -> None:
    whole = door.engine.project
    rest = tuple(route for route in whole.routes if route.kind == "rest")
    try:
        door.engine.project = msgspec.structs.replace(whole, routes=rest)
        status, body, headers = ask(door.http_port, "GET", "/nowhere")
        assert (status, body) == (403, b'{"message":"Missing Authentication Token"}')
        assert headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
        door.engine.project = msgspec.structs.replace(whole, routes=())
        assert ask(door.http_port, "GET", "/rest/1")[:2] == (404, b'{"message":"Not Found"}')
    finally:
        door.engine.project = whole
    assert ask(door.http_port, "GET", "/rest/1")[0] == 200


def test_hostile_paths_match_nothing_that_they_should_not() -> None:
    """Templates' own regular-expression characters are text, and a parameter holds no slash."""
    route = RouteConfig(id="r", function="f", kind="http", method="GET", path="/a.c/{id}(x)/end")
    table = PathTable((route,), ApiConfig(id="a", kind="http"))
    assert table.find("GET", "/abc/1(x)/end") is None
    found = table.find("GET", "/a.c/1%2F2(x)/end")
    assert found is not None
    assert found.parameters == {"id": "1/2"}
    assert table.find("GET", "/a.c/1/2(x)/end") is None
    assert table.find("POST", "/a.c/1(x)/end") is None
    assert table.find("GET", "//" * 10_000) is None

"""A token authorizer before a REST API, from a JSON template."""

from __future__ import annotations

import json

from tests.projects.conftest import Running, eventually

PROJECT = "authorizer-rest"


def test_without_a_token_nobody_is_asked(project: Running) -> None:
    for headers in ({}, {"Authorization": "Basic x"}):
        answer = project.http("GET", "/account", **headers)
        assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})
    assert project.invocations("AuthorizerFunction") == []


def test_the_authorizers_context_reaches_the_function(project: Running) -> None:
    answer = project.http("GET", "/v1/account", Authorization="Bearer ada")
    assert answer.status == 200, answer.body
    who = answer.json()["who"]
    assert (who["principalId"], who["user"], who["level"], who["staff"]) == ("ada", "ada", "1", "false")
    assert answer.json()["backend"] == "blue"


def test_its_answer_is_kept_for_the_same_token(project: Running) -> None:
    for _ in range(3):
        assert project.http("GET", "/account", Authorization="Bearer root").status == 200
    assert project.http("POST", "/admin/users/1", "x", Authorization="Bearer root").status == 200
    eventually(lambda: "/admin/users/1" in [event["path"] for event in project.events("AccountFunction")])
    tokens = [event["authorizationToken"] for event in project.events("AuthorizerFunction")]
    assert tokens.count("Bearer root") == 1


def test_who_may_not_is_told_so(project: Running) -> None:
    answer = project.http("GET", "/admin/users", Authorization="Bearer ada")
    assert answer.status == 403
    assert "not authorized to access this resource" in answer.json()["Message"]
    unknown = project.http("GET", "/account", Authorization="Bearer eve")
    assert (unknown.status, unknown.json()) == (401, {"message": "Unauthorized"})


def test_a_route_without_authorizer_is_open(project: Running) -> None:
    assert project.http("GET", "/status").json() == {"who": None, "backend": "blue"}


def test_routes_name_their_authorizer(project: Running) -> None:
    rows = {row["path"]: row["authorizer"] for row in json.loads(project.cli("routes", "--json"))}
    assert rows == {"/account": "TokenAuthorizer", "/admin/{proxy+}": "TokenAuthorizer", "/status": None}

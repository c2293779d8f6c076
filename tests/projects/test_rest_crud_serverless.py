"""serverless.yml: REST CRUD on a table that its resources declare."""

from __future__ import annotations

import json

from tests.projects.conftest import Running

PROJECT = "rest-crud-serverless"


def test_create_read_update_delete(project: Running) -> None:
    created = project.http("POST", "/todos", json.dumps({"text": "write tests"}))
    assert created.status == 201
    todo = created.json()
    assert project.http("GET", f"/dev/todos/{todo['id']}").json() == todo
    changed = project.http("PUT", f"/todos/{todo['id']}", json.dumps({"text": "run tests", "checked": True}))
    assert changed.json() == {**todo, "text": "run tests", "checked": True}
    assert [item["text"] for item in project.http("GET", "/todos").json()] == ["run tests"]
    assert project.http("DELETE", f"/todos/{todo['id']}").status == 204
    assert project.http("GET", f"/todos/{todo['id']}").status == 404


def test_the_functions_errors_are_http_answers(project: Running) -> None:
    assert project.http("POST", "/todos", "{}").status == 400
    assert project.http("POST", "/todos", "no json").status == 502


def test_cors_true_answers_preflights(project: Running) -> None:
    answer = project.http("OPTIONS", "/todos", Origin="https://a.example", Access_Control_Request_Method="POST")
    assert answer.status in (200, 204)
    assert answer.header("access-control-allow-origin") == ["*"]


def test_a_function_is_called_by_its_key_and_by_its_deployed_name(project: Running) -> None:
    event = {"pathParameters": {"id": "none"}}
    for name in ("get", "todo-api-dev-get"):
        assert project.invoke(name, event)["statusCode"] == 404


def test_settings_come_through_variables_and_files(project: Running) -> None:
    (row,) = [row for row in json.loads(project.cli("list", "--json")) if row["name"] == "list"]
    assert (row["memory"], row["timeout"], row["runtime"]) == (256, 10, "python3.12")
    assert row["environment"] == {"TODOS_TABLE": "todo-api-dev", "PAGE_SIZE": "25"}
    assert row["file"] == "serverless.yml"

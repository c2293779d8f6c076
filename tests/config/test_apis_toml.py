"""http events of lambdatui.toml belong to an API too."""

from __future__ import annotations

from tests.config.helpers import Load, Write


def test_http_events_share_one_api_of_each_kind(write: Write, load: Load) -> None:
    write("app.py")
    event = "[[functions.web.events]]\ntype = 'http'\n"
    write(
        "lambdatui.toml",
        "[functions.web]\nhandler = 'app.handler'\n"
        + event
        + "path = '/a'\nmethod = 'get'\n"
        + event
        + "path = '$default'\n"
        + event
        + "path = 'b/{id}'\napi = 'rest'\n",
    )
    project = load()
    assert [(a.id, a.kind, a.stage) for a in project.apis] == [("http", "http", "$default"), ("rest", "rest", "Prod")]
    assert [(r.api, r.method, r.path, r.line) for r in project.routes] == [
        ("http", "GET", "/a", 5),
        ("http", "ANY", "$default", 9),
        ("rest", "ANY", "/b/{id}", 12),
    ]
    assert project.problems == ()

"""The handler of the layer that serverless-wsgi stands for; serverless_wsgi itself is not installed here."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lambdatui.config.manifests import manifests_of
from lambdatui.config.model import FunctionConfig
from lambdatui.config.serverless_plugins import WSGI_LAYER

Serve = Callable[[str], Any]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """What `custom.wsgi.app: PATH` answers to an event that names a greeting."""
    package = ModuleType("serverless_wsgi")
    package.TEXT_MIME_TYPES = ["text/html"]  # type: ignore[attr-defined]
    package.handle_request = lambda app, event, context: app(event)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "serverless_wsgi", package)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))

    def served(app: str) -> Any:
        monkeypatch.setenv("SERVERLESS_WSGI", json.dumps({"app": app, "text_mime_types": ["text/csv"]}))
        module = runpy.run_path(str(WSGI_LAYER / "python" / "wsgi_handler.py"))
        assert package.TEXT_MIME_TYPES == ["text/html", "text/csv"]
        return module["handler"]({"greeting": "hello"}, None)

    return served


@pytest.mark.parametrize(
    ("file", "app"),
    [
        ("wsgi_top.py", "wsgi_top.app"),
        ("wsgi_package/inner.py", "wsgi_package.inner.app"),
        ("wsgi_folder/wsgi_below.py", "wsgi_folder/wsgi_below.app"),
    ],
)
def test_the_application_is_found_as_the_plugin_finds_it(file: str, app: str, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("app = lambda event: event['greeting'].upper()\n")
    assert serve(app) == "HELLO"


def test_the_layer_names_the_package_that_it_needs(tmp_path: Path) -> None:
    function = FunctionConfig(
        name="f", logical_id="f", handler="wsgi_handler.handler", code_root=str(tmp_path), layers=(str(WSGI_LAYER),)
    )
    _, ((_, manifest),) = manifests_of(function)
    assert [line.text for line in manifest.lines] == ["serverless-wsgi>=3"]

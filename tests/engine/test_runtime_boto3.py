"""A Python that the engine's boto3 does not run on has one all the same, as every runtime of Lambda has."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lambdatui.engine import interpreters
from tests.engine.conftest import Start, call
from tests.engine.test_installer import wheel

CODE = "def handler(event, context):\n    import boto3\n    return boto3.__version__\n"


@pytest.fixture(autouse=True)
def engines_boto3_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(interpreters, "boto3_elsewhere", lambda version: True)
    monkeypatch.setattr(interpreters, "boto3", lambda version: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")  # uv has no variable for "no index"
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(name, str(tmp_path / "wheels"))
    (tmp_path / "wheels").mkdir()


async def test_it_is_installed_for_that_python(start: Start, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "boto3", "0.1", {"boto3/__init__.py": "__version__ = '0.1'\n"})
    engine = await start({"fn/app.py": CODE})
    assert json.loads((await call(engine, "fn")).payload) == "0.1"
    assert engine.function("fn").problems() == []


async def test_where_it_cannot_be_had_the_function_is_served_without_it(start: Start) -> None:
    code = "def handler(event, context):\n    return 'served'\n\ndef rarely():\n    import boto3\n"
    engine = await start({"fn/app.py": code})
    assert json.loads((await call(engine, "fn")).payload) == "served"
    (problem,) = engine.function("fn").problems()
    assert (problem.severity, problem.message[:29]) == ("warning", "boto3 could not be installed:")


async def test_a_function_that_never_names_it_does_not_wait_for_it(start: Start, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "boto3", "0.1", {"boto3/__init__.py": "__version__ = '0.1'\n"})
    engine = await start({"fn/app.py": "def handler(event, context):\n    return 'at once'\n"})
    assert json.loads((await call(engine, "fn")).payload) == "at once"
    assert engine.function("fn").needs == ()
    (tmp_path / "fn/app.py").write_text(CODE)  # a save that does gets it

    async def answer() -> object:
        return json.loads((await call(engine, "fn")).payload)

    while (said := await answer()) == "at once":  # until the save is seen
        await asyncio.sleep(0.02)
    assert said == "0.1"


async def test_inline_code_and_layers_may_name_it(start: Start, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "boto3", "0.1", {"boto3/__init__.py": "__version__ = '0.1'\n"})
    template = """
Resources:
  Inline:
    Type: AWS::Serverless::Function
    Properties: {Handler: index.handler, Runtime: python3.12, InlineCode: "import boto3\\ndef handler(e, c): return 1"}
  Layered:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, Runtime: python3.12, CodeUri: fn, Layers: [!Ref Shared]}
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: shared}
"""
    files = {"template.yaml": template, "fn/app.py": "import shared\nhandler = shared.handler\n"}
    engine = await start({**files, "shared/python/shared.py": CODE})
    assert json.loads((await call(engine, "Inline")).payload) == 1
    assert json.loads((await call(engine, "Layered")).payload) == "0.1"

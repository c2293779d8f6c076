"""Runs commands in this process on a folder with, or without, an engine that speaks the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lambdatui.cli import dlq, history, invoke, logs, output
from lambdatui.cli.app import cli
from tests.client.fake_engine import FakeEngine

Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plain project, the working directory."""
    for name in ("PROJECT", "DATA", "TOKEN", "URL"):
        monkeypatch.delenv(f"LAMBDATUI_{name}", raising=False)
    root = tmp_path / "shop"
    root.mkdir()
    (root / "orders.py").write_text("def handler(event, context):\n    return event\n")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def engine(project: Path) -> Iterator[FakeEngine]:
    with FakeEngine(project / ".lambdatui") as fake:
        yield fake


@pytest.fixture
def run(project: Path) -> Run:
    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, list(arguments), input=stdin, prog_name="lambdatui")

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands believe that people read stdout, at 80 columns without colours."""
    for room in (output, dlq, history, invoke, logs):
        monkeypatch.setattr(room, "on_terminal", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

"""What an engine set aside is told by the next command that reads, once, and not among its output."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from lambdatui.clock import ManualClock
from lambdatui.store.store import Store
from tests.cli.conftest import Run
from tests.client.fake_engine import FakeEngine


def set_aside(project: Path, *names: str, seconds: int = 0) -> None:
    """An engine starts on these databases, which are none, and ends."""
    clock = ManualClock()
    clock.advance(seconds)
    data = project / ".lambdatui"
    data.mkdir(exist_ok=True)
    for name in names:
        (data / name).write_bytes(b"this is no database" * 300)
    store = Store.open(data, clock)
    assert len(store.damage) >= len(names)
    asyncio.run(store.close())


@pytest.mark.parametrize("command", [("logs",), ("invocations",), ("dlq", "list"), ("stats",), ("list",)], ids=" ".join)
def test_the_next_command_tells_of_it_once(run: Run, project: Path, command: tuple[str, ...]) -> None:
    set_aside(project, "history.db", "state.db")
    told = run(*command, "--json")
    assert told.exit_code == 0
    first, second = told.stderr.splitlines()[:2]
    assert first.startswith("history.db was damaged and set aside: history began anew; `sqlite3 ")
    assert second.startswith("state.db was damaged and set aside: events, queues and streams began anew; ")
    again = run(*command, "--json")
    assert "damaged" not in again.stderr + run("logs").stderr
    assert told.stdout == again.stdout
    set_aside(project, "history.db", seconds=1)
    assert run(*command).stderr.count("was damaged") == 1


def test_it_is_told_beside_a_running_engine(run: Run, project: Path, engine: FakeEngine) -> None:
    set_aside(project, "history.db")
    told = run("invocations", "--json")
    assert "history began anew" in told.stderr
    assert json.loads(told.stdout)
    assert run("invocations", "--json").stderr == ""


def test_completion_neither_tells_nor_notes_it(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_aside(project, "history.db")
    monkeypatch.setenv("_LAMBDATUI_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "lambdatui logs or")
    monkeypatch.setenv("COMP_CWORD", "2")
    completed = run()
    assert "orders" in completed.stdout
    assert "damaged" not in completed.stderr
    monkeypatch.delenv("_LAMBDATUI_COMPLETE")
    assert "history began anew" in run("logs").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_where_it_cannot_be_noted_it_is_told_again(run: Run, project: Path) -> None:
    set_aside(project, "history.db")
    (project / ".lambdatui").chmod(0o500)
    assert "history began anew" in run("logs").stderr
    assert "history began anew" in run("logs").stderr
    (project / ".lambdatui").chmod(0o700)

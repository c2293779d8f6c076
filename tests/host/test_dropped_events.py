"""An engine is killed beside the end of an event that it gives up: CloudWatch counts it once, or not at all where the
kill comes before its count is written, and never twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lambdatui.client.client import Client
from tests.host.conftest import StartProcess, wait_for

# The engine writes down all that it has counted so far and kills itself, right before or right behind the moment in
# which the event is gone from the disk.
ENGINE = """
import os, signal, sys
from lambdatui.host.main import main
from lambdatui.store.events import EventStore
from lambdatui.store.history import HistoryStore
histories, start, finish = [], HistoryStore.start, EventStore.finish
async def started(self):
    histories.append(self)
    await start(self)
async def killed(self, *event):
    if {behind}:
        await finish(self, *event)
    await histories[0].flush()
    os.kill(os.getpid(), signal.SIGKILL)
HistoryStore.start, EventStore.finish = started, killed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("behind", "counted"), [(False, 1), (True, 0)], ids=["before its end", "behind its end"])
def test_an_event_that_is_given_up_is_never_counted_twice(
    tmp_path: Path, start_process: StartProcess, behind: bool, counted: int
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text("def handler(event, context):\n    raise ValueError('never')\n")
    (project / "lambdatui.toml").write_text(
        "[functions.app]\nhandler='app.handler'\nmaximum_retry_attempts=0\ndead_letter_queue='dead'\n[queues.dead]\n"
    )
    first = start_process(project, "--headless", module=("-c", ENGINE.format(behind=behind)))
    first.client("lambda").invoke(FunctionName="app", InvocationType="Event", Payload=b"{}")
    assert first.process.wait(60) == -9
    first.let_go()

    second = start_process(project, "--headless")
    client = Client.of(second.info)
    wait_for(lambda: len(client.dlq()) == 1)
    assert second.end() == 0
    assert metric(project, "AsyncEventsDropped") == counted
    assert metric(project, "Errors") == metric(project, "Invocations") == (1 if behind else 2), "what ran, ran"


def metric(project: Path, name: str) -> float:
    connection = sqlite3.connect(project / ".lambdatui" / "history.db")
    try:
        found: float | None = connection.execute("SELECT sum(sum) FROM metric WHERE name = ?", (name,)).fetchone()[0]
        return found or 0
    finally:
        connection.close()

"""The data folder is removed or moved under a running engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psutil
import pytest

from tests.host.conftest import StartProcess, marked

SOURCE = "def handler(event, context):\n    return event\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text(SOURCE)
    (folder / "lambdatui.toml").write_text("[queues.work]\n[functions.app]\nhandler='app.handler'\n")
    return folder


def test_an_engine_whose_project_is_renamed_says_so_and_ends_and_goes_on_where_it_went(
    project: Path, tmp_path: Path, start_process: StartProcess
) -> None:
    engine = start_process(project, "--headless")
    engine.client("sqs").send_message(QueueUrl="work", MessageBody="accepted")
    moved = project.rename(tmp_path / "elsewhere")
    assert engine.process.wait(60) == 1
    said = engine.output.read_text()
    assert f"{project}/.lambdatui was removed or moved while the engine ran" in said
    assert "start the engine again" in said
    assert "Traceback" not in said
    assert not marked(str(project))
    queue = start_process(moved).client("sqs")
    (message,) = queue.receive_message(QueueUrl="work")["Messages"]
    assert message["Body"] == "accepted"


def test_an_engine_that_ends_for_the_loss_of_its_folder_leaves_the_one_that_took_its_place_alone(
    project: Path, start_process: StartProcess
) -> None:
    first = start_process(project)
    psutil.Process(first.process.pid).suspend()
    shutil.rmtree(project / ".lambdatui")
    second = start_process(project)
    psutil.Process(first.process.pid).resume()
    assert first.process.wait(60) == 1
    assert json.loads((project / ".lambdatui/engine.json").read_text())["pid"] == second.info.pid
    assert second.client("lambda").list_functions()["Functions"]

"""The engine as a process: its lock, its ports, its end, and what survives a kill."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from lambdatui.host.console import Printer
from lambdatui.host.main import _all_of
from lambdatui.store.location import DATA_NAME
from lambdatui.store.reader import Reader
from tests.host.conftest import EngineProcess, StartProcess, wait_for

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "echo.py").write_text(ECHO)
    return folder


WITHOUT_SCREEN = """
import sys
for name in ("textual", "rich"):
    sys.modules[name] = None  # as if it were not installed: importing it fails
from lambdatui.host.main import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Life:
    """What was seen of one engine from its start to the end of its leash, where textual is not installed."""

    said: dict[str, Any]
    engine_json: Any
    mode: int
    gitignore: str
    earlier_stays: bool  # the folder of an environment of an engine before it
    answer: bytes
    second: dict[str, Any]  # what another one on the same data said
    status: int
    processes: list[psutil.Process]
    left: list[str]  # of engine.json and tmp, in the data folder


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    project = tmp_path_factory.mktemp("life") / "project"
    data = project / DATA_NAME
    earlier = data / "tmp" / "left"
    earlier.mkdir(parents=True)
    (project / "echo.py").write_text(ECHO)
    engine = EngineProcess(project, module=("-c", WITHOUT_SCREEN))
    try:
        file = data / "engine.json"
        at_work = (
            engine.said, json.loads(file.read_text()), stat.S_IMODE(file.stat().st_mode),
            (data / ".gitignore").read_text(), earlier.exists(),
            engine.client("lambda").invoke(FunctionName="echo", Payload=b'{"a":1}')["Payload"].read(),
        )  # fmt: skip
        second = EngineProcess(project)
        second.end()
    finally:
        status = engine.end()
    left = [name for name in ("engine.json", "tmp") if (data / name).exists()]
    return Life(*at_work, second.said, status, engine.environments(), left)


def test_engine_json_says_where_and_is_its_owners_only(life: Life) -> None:
    assert life.engine_json == life.said
    assert life.mode == 0o600
    assert life.gitignore.strip() == "*"
    assert "engine.json" not in life.left


def test_a_second_engine_on_the_same_data_is_refused_with_the_next_step(life: Life) -> None:
    assert life.second["exit_code"] == 1
    assert "already runs" in life.second["error"] and "lambdatui attach" in life.second["error"]


def test_the_end_of_the_leash_is_a_graceful_stop(life: Life) -> None:
    assert life.status == 0
    assert life.processes == []


def test_the_engine_runs_where_textual_is_not_installed(life: Life) -> None:
    assert life.answer == b'{"a": 1}'


def test_no_environments_folder_stays(life: Life) -> None:
    assert not life.earlier_stays
    assert "tmp" not in life.left


def test_what_is_kept_is_its_owners_only_and_functions_have_lambdas_umask(
    project: Path, start_process: StartProcess
) -> None:
    before = os.umask(0)  # even where the user's own lets everybody write
    try:
        engine = start_process(project)
    finally:
        os.umask(before)
    (project / "umask.py").write_text("import os\ndef handler(event, context): return oct(os.umask(0o22))\n")
    answered = wait_for(lambda: b"umask" in _functions(engine)) and engine.client("lambda").invoke(FunctionName="umask")
    assert answered["Payload"].read() == b'"0o22"'
    data = project / DATA_NAME
    found = [path for path in data.rglob("*") if path.is_file()]
    assert {"state.db", "state.db-wal", "history.db", "engine.json", "lock", ".gitignore"} <= {
        one.name for one in found
    }
    assert any(one.parent.name == "bytecode" for one in found)
    assert [path for path in (data, *found) if path.stat().st_mode & 0o077] == []


def test_a_data_folder_that_the_project_made_of_links_is_refused(project: Path, start_process: StartProcess) -> None:
    """Another's repository may bring one: what is not in use below archives/ is removed at each start."""
    home = project.parent / "home"
    (home / "photos").mkdir(parents=True)
    data = project / DATA_NAME
    data.mkdir()
    (data / "lock").touch()
    (data / "archives").symlink_to(home)
    engine = start_process(project)
    assert engine.said["exit_code"] == 1 and str(data / "archives") in engine.said["error"]
    assert list(home.iterdir()) == [home / "photos"]


def _functions(engine: EngineProcess) -> bytes:
    listed = engine.client("lambda").list_functions()["Functions"]
    return b" ".join(one["FunctionName"].encode() for one in listed)


def test_a_port_that_was_asked_for_and_is_taken_ends_the_start(project: Path, start_process: StartProcess) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        engine = start_process(project, "--port", str(port))
    assert engine.said["exit_code"] == 2
    assert f"port {port} is taken" in engine.said["error"]


def test_a_folder_that_is_not_there_is_said_and_nothing_is_made(tmp_path: Path, start_process: StartProcess) -> None:
    engine = start_process(tmp_path / "nowhere")
    assert engine.said["exit_code"] == 2
    assert not (tmp_path / "nowhere").exists()


def test_another_host_than_loopback_needs_consent(project: Path, start_process: StartProcess) -> None:
    engine = start_process(project, "--host", "0.0.0.0")
    assert engine.said["exit_code"] == 2
    assert "--allow-remote" in engine.said["error"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_engine_with_everything_below_it(
    project: Path, start_process: StartProcess, number: int, code: int
) -> None:
    engine = start_process(project)
    engine.client("lambda").invoke(FunctionName="echo")
    assert engine.environments()
    engine.process.send_signal(number)
    assert engine.process.wait(60) == code
    assert not engine.environments()


def test_in_its_grace_the_engine_lets_calls_end_and_refuses_new_ones(
    tmp_path: Path, start_process: StartProcess
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "slow.py").write_text(
        "import time\ndef handler(event, context):\n    time.sleep(1)\n    return 'done'\n"
    )
    engine = start_process(tmp_path / "p", "--grace", "60")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.client("lambda").invoke, FunctionName="slow")
        wait_for(engine.environments)
        engine.process.send_signal(signal.SIGTERM)
        assert call.result()["Payload"].read() == b'"done"'
    assert engine.process.wait(60) == 0


def test_a_killed_engine_loses_no_accepted_event_and_leaves_no_process(
    project: Path, start_process: StartProcess
) -> None:
    (project / "job.py").write_text(
        "import os, time\n"
        "def handler(event, context):\n"
        f"    while event['n'] >= 100 and os.path.exists({str(project / 'gate')!r}):\n"
        "        time.sleep(0.01)\n"
        "    if event['n'] % 10 == 0: raise ValueError('poison')\n"
    )
    (project / "lambdatui.toml").write_text(
        "[functions.job]\nhandler='job.handler'\nmaximum_retry_attempts=0\ndead_letter_queue='dead'\n[queues.dead]\n"
    )
    (project / "gate").touch()
    engine = start_process(project, "--max-environments", "4")

    client = engine.client("lambda")

    def send(number: int) -> str:
        answer = client.invoke(FunctionName="job", InvocationType="Event", Payload=json.dumps({"n": number}))
        assert answer["StatusCode"] == 202
        return str(answer["ResponseMetadata"]["RequestId"])

    with ThreadPoolExecutor(8) as pool:
        accepted = set(pool.map(send, range(150)))
    assert len(accepted) == 150
    assert engine.environments()
    engine.kill()
    wait_for(lambda: not engine.environments())

    reader = Reader(project / ".lambdatui")
    assert len(reader.invocations(function="job")) < 150, "the kill came while events were waiting"
    (project / "gate").unlink()
    again = start_process(project, "--max-environments", "4")

    def settled() -> bool:
        ended = {row.request_id for row in reader.invocations(function="job", status="ok")}
        ended |= {str(entry.request_id) for entry in reader.dlq_entries(["dead"])}
        return accepted <= ended

    wait_for(settled, 60)
    reader.close()
    assert again.process.poll() is None


def test_in_the_grace_a_function_in_flight_may_still_send(tmp_path: Path, start_process: StartProcess) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "sends.py").write_text(
        "import boto3, time\n"
        "def handler(event, context):\n"
        "    time.sleep(1)\n"
        "    sqs = boto3.client('sqs')\n"
        "    url = sqs.get_queue_url(QueueName='out')['QueueUrl']\n"
        "    return sqs.send_message(QueueUrl=url, MessageBody='late')['MessageId']\n"
    )
    (tmp_path / "p" / "lambdatui.toml").write_text(
        "[functions.sends]\nhandler='sends.handler'\ntimeout=20\n[queues.out]\n"
    )
    engine = start_process(tmp_path / "p", "--grace", "60")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.client("lambda").invoke, FunctionName="sends")
        wait_for(engine.environments)
        engine.process.send_signal(signal.SIGTERM)
        answer = call.result()
    assert "FunctionError" not in answer
    assert engine.process.wait(60) == 0
    assert [message.body for message in Reader(tmp_path / "p" / ".lambdatui").peek("out")] == ["late"]


@pytest.mark.parametrize("name", ["lock", "engine.json"])
def test_a_folder_in_place_of_a_file_is_a_sentence(project: Path, start_process: StartProcess, name: str) -> None:
    (project / ".lambdatui" / name).mkdir(parents=True)
    engine = start_process(project)
    assert engine.said["exit_code"] == 1
    assert name in engine.said["error"] and "--data" in engine.said["error"]


def test_a_file_in_place_of_the_code_folder_is_a_sentence(project: Path, start_process: StartProcess) -> None:
    (project / ".lambdatui").mkdir()
    (project / ".lambdatui" / "code").write_text("in the way")
    engine = start_process(project)
    assert engine.said["exit_code"] == 1
    assert "code cannot be used" in engine.said["error"]


def test_a_host_that_is_not_this_machine_is_named(project: Path, start_process: StartProcess) -> None:
    engine = start_process(project, "--host", "192.0.2.1", "--allow-remote")
    assert engine.said["exit_code"] == 2
    assert "--host 192.0.2.1" in engine.said["error"]


async def test_every_step_of_the_end_is_taken_and_the_first_error_kept() -> None:
    taken = []

    async def step(number: int) -> None:
        taken.append(number)
        if number < 3:
            raise OSError(number)

    error = await _all_of([functools.partial(step, number) for number in (1, 2, 3)])
    assert taken == [1, 2, 3]
    assert isinstance(error, OSError) and error.args == (1,)


def test_a_stdout_that_nobody_reads_holds_nothing_and_the_loss_is_counted() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w", encoding="ascii") as file:
        printer = Printer(max_waiting=200_000)
        for number in range(1000):
            printer.put(f"{number} caf\u00e9 " + "x" * 1000, file)
        assert not printer.settle(0.05)
        got = b""
        while not printer.settle(0.0) or b"999" not in got:
            got += os.read(read, 65536)
            if printer.settle(0.01) and b"at the end" not in got:
                printer.put("999 at the end", file)
    os.close(read)
    assert b"0 caf? x" in got
    assert b"lines were not printed" in got


def test_what_an_earlier_engine_said_is_not_printed_again(project: Path, start_process: StartProcess) -> None:
    first = start_process(project, "--headless")
    first.end()
    second = start_process(project, "--headless")
    second.end()
    assert second.output.read_text().count("engine started") == 1


def test_a_start_without_functions_says_what_one_is(tmp_path: Path, start_process: StartProcess) -> None:
    (tmp_path / "empty").mkdir()
    engine = start_process(tmp_path / "empty", "--headless")
    engine.end()
    assert "no functions were found. Write NAME.py or NAME/app.py" in engine.output.read_text()

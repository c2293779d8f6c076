"""An engine whose disk is full, or may not be written: what it says, and that it goes on by itself. The disk is a
small one of memory in a mount namespace of the engine's own."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdatui.client.client import Client
from tests.host.conftest import EngineProcess, StartProcess, wait_for

SMALL_DISK = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
uid, gid = os.getuid(), os.getgid()
must(libc.unshare(0x10000000 | 0x00020000))  # CLONE_NEWUSER | CLONE_NEWNS
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
folder, size, flags = os.environ["SMALL_DISK"].split(":")
must(libc.mount(b"none", folder.encode(), b"tmpfs", int(flags), f"size={size}".encode()))
"""
# In the namespaces of an engine: lays its folder over itself, read-only, or takes that away again. The kernel remounts
# nothing that is open for writing: the databases stay writable, and whatever is opened from now on is not.
FLIP = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
pid, folder, read_only = sys.argv[1], sys.argv[2].encode(), sys.argv[3] == "True"
for name in ("user", "mnt"):
    must(libc.setns(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0))
if read_only:
    must(libc.mount(folder, folder, None, 4096, None))  # MS_BIND
    must(libc.mount(None, folder, None, 4096 | 32 | 1, None))  # MS_REMOUNT, MS_RDONLY
else:
    must(libc.umount2(folder, 2))  # MNT_DETACH
"""
ENGINE = SMALL_DISK + "from lambdatui.host.main import main; sys.exit(main(sys.argv[1:]))"
READ_ONLY = 1  # MS_RDONLY


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".lambdatui").mkdir(parents=True)
    (folder / "app.py").write_text(
        "import os\ndef handler(event, context):\n    with open(os.environ['DONE'], 'a') as done:\n"
        "        done.write(event['id'] + '\\n')\n    return 'old'\n"
    )
    (folder / "lambdatui.toml").write_text(
        f"[queues.work]\n[functions.app]\nhandler='app.handler'\nenvironment={{DONE='{tmp_path / 'done'}'}}\n"
    )
    disk(monkeypatch, folder / ".lambdatui")
    probe = subprocess.run([sys.executable, "-c", SMALL_DISK], check=False, capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no mount namespace of its own: {probe.stderr.splitlines()[-1]}")
    return folder


def disk(monkeypatch: pytest.MonkeyPatch, folder: Path, flags: int = 0) -> None:
    monkeypatch.setenv("SMALL_DISK", f"{folder}:8m:{flags}")


def problems(client: Client) -> str:
    return " ".join(problem.message for problem in client.header().problems)


def done_of(folder: Path) -> set[str]:
    """Which events the handler has had."""
    done = folder / "done"
    return set(done.read_text().split()) if done.exists() else set()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        for _ in range(1_000):
            call()
    return str(caught.value)


def test_a_full_disk_refuses_with_its_name_and_loses_nothing_and_it_goes_on_by_itself(
    project: Path, tmp_path: Path, start_process: StartProcess
) -> None:
    engine: EngineProcess = start_process(project, "--headless", module=("-c", ENGINE))
    functions, queues = engine.client("lambda"), engine.client("sqs")
    client = Client.of(engine.info)
    accepted: list[str] = []

    def accept(name: str) -> bool:
        """Whether it was; a small event may still find room where a larger one does not."""
        payload = json.dumps({"id": name, "pad": "x" * 20_000})
        try:
            functions.invoke(FunctionName="app", InvocationType="Event", Payload=payload)
        except ClientError as error:
            assert "state.db is full: free some space" in str(error)
            return False
        accepted.append(name)
        return True

    def send() -> Any:
        return queues.send_message(QueueUrl="work", MessageBody="x" * 20_000)

    assert all(accept(f"before-{number}") for number in range(5))
    wait_for(lambda: set(accepted) <= done_of(tmp_path))  # from here on there is an environment, and its code is read
    # Through /proc: the mount is seen from the engine's namespace alone.
    with Path(f"/proc/{engine.process.pid}/root{project}/.lambdatui/filler").open("wb", buffering=0) as filler:
        with pytest.raises(OSError, match="No space"):
            while True:
                filler.write(b"x" * 4096)
        # Small rows may find room in the WAL between large ones that do not.
        names = (f"full-{number}" for number in itertools.count())
        wait_for(lambda: not accept(next(names)) and "nothing new is accepted: the disk that" in problems(client))
        wait_for(lambda: not accept(next(names)) and " nothing new is accepted: " in engine.output.read_text())
        assert "state.db is full: free some space" in refused(send)
        assert functions.invoke(FunctionName="app", Payload=b'{"id": "direct"}')["Payload"].read() == b'"old"'
        (project / "app.py").write_text((project / "app.py").read_text().replace("'old'", "'new'"))
        filler.truncate(0)
    assert wait_for(lambda: accept("after"))
    assert send()["MessageId"]
    wait_for(lambda: not problems(client))
    new = {"FunctionName": "app", "Payload": b'{"id": "direct"}'}
    wait_for(lambda: functions.invoke(**new)["Payload"].read() == b'"new"')
    wait_for(lambda: set(accepted) <= done_of(tmp_path))
    wait_for(lambda: "events and messages are accepted again" in engine.output.read_text())
    said = engine.output.read_text()
    assert said.count(" nothing new is accepted: ") <= 3, "not at every call"
    assert "Traceback" not in said
    assert engine.end() == 0


def flip(engine: EngineProcess, folder: Path, *, read_only: bool) -> None:
    arguments = [str(engine.process.pid), str(folder), str(read_only)]
    subprocess.run([sys.executable, "-c", FLIP, *arguments], check=True, capture_output=True)


def test_a_folder_that_becomes_read_only_under_the_engine_delays_and_says_so_and_it_goes_on_by_itself(
    project: Path, tmp_path: Path, start_process: StartProcess
) -> None:
    data = project / ".lambdatui"
    with (project / "lambdatui.toml").open("a") as toml:
        toml.write(f"[functions.cold]\nhandler='app.handler'\nenvironment={{DONE='{tmp_path / 'done'}'}}\n")
    engine = start_process(project, "--headless", module=("-c", ENGINE))
    functions = engine.client("lambda")

    def call(name: str) -> str:
        reply = functions.invoke(FunctionName=name, Payload=b'{"id": "direct"}')
        return str(reply["Payload"].read().decode())

    assert call("app") == '"old"'
    flip(engine, data, read_only=True)
    with pytest.raises(OSError, match="Read-only"):
        Path(f"/proc/{engine.process.pid}/root{data}/any").touch()
    (project / "app.py").write_text((project / "app.py").read_text().replace("'old'", "'new'"))
    wait_for(lambda: call("app") == '"old"' and "a save waits to be read: " in engine.output.read_text())
    assert "Read-only file system" in engine.output.read_text()
    assert call("cold") == '"old"'
    functions.invoke(FunctionName="app", InvocationType="Event", Payload=b'{"id": "accepted"}')
    wait_for(lambda: "accepted" in done_of(tmp_path))

    flip(engine, data, read_only=False)
    wait_for(lambda: (call("app"), call("cold")) == ('"new"', '"new"'))
    assert "Traceback" not in engine.output.read_text()
    assert engine.end() == 0


def test_a_folder_that_may_not_be_written_is_refused_with_the_next_step(
    project: Path, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(monkeypatch, project / ".lambdatui", READ_ONLY)
    engine = start_process(project, "--data", str(project / ".lambdatui"), module=("-c", ENGINE))
    assert "Read-only file system" in engine.said["error"]
    assert "--data" in engine.said["error"]
    assert engine.process.wait(60) == 1

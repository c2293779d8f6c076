"""When the engine itself dies, whatever handlers have started dies too, however hard they have tried to stay."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.host.conftest import StartProcess, start_process, wait_for

__all__ = ["start_process"]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a daemon may stay")

# Each tells its processes by files named after them, in the folder that its event names.
HANDLERS = {
    "ignores": """
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
tell()
time.sleep(600)
""",
    "stops": """
tell()
os.kill(os.getpid(), signal.SIGSTOP)
""",
    # Nothing but the process tree knows it: no marker, no session, no descriptor of its environment's.
    # The handler waits for its word: an environment that has answered is frozen, its daemon too.
    "daemon": """
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        tell()
        os.write(writer, b"!")
        os.closerange(0, 2000)
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], {})
    os._exit(0)
os.wait()
os.read(reader, 1)
tell()
""",
    "many": """
for _ in range(4):
    os.fork()
tell()
threading.Thread(target=time.sleep, args=(600,)).start()
time.sleep(600)
""",
}
TOLD = {"ignores": 1, "stops": 1, "daemon": 2, "many": 16}
HEAD = """
import os, pathlib, signal, sys, threading, time
def handler(event, context):
    def tell():
        pathlib.Path(event, str(os.getpid())).touch()
"""


@pytest.mark.parametrize("spawner_stopped", [False, True], ids=["at any time", "while the spawner is stopped"])
def test_nothing_is_left_when_the_engine_is_killed(
    tmp_path: Path, start_process: StartProcess, spawner_stopped: bool
) -> None:
    project, told = tmp_path / "project", tmp_path / "told"
    told.mkdir()
    toml = ""
    for name, body in HANDLERS.items():
        (project / name).mkdir(parents=True)
        indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
        (project / name / "app.py").write_text(HEAD + indented)
        toml += f"[functions.{name}]\nhandler='app.handler'\ncode='{name}'\ntimeout=600\nmemory=2048\n"
    (project / "lambdatui.toml").write_text(toml)
    engine = start_process(project)
    functions = engine.client("lambda")
    for name in HANDLERS:
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(str(told)).encode())
    wait_for(lambda: len(list(told.iterdir())) == sum(TOLD.values()))
    processes = [psutil.Process(int(each.name)) for each in told.iterdir()]
    (spawner,) = (one for one in psutil.Process(engine.process.pid).children() if "spawner" in " ".join(one.cmdline()))
    if spawner_stopped:
        spawner.send_signal(signal.SIGSTOP)
        wait_for(lambda: spawner.status() == psutil.STATUS_STOPPED)
    engine.kill()
    assert psutil.wait_procs([spawner, *processes], timeout=60)[1] == []

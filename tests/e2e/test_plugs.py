"""Each process's plug is pulled before a real screen in a real terminal, which says what is true and what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from terminal import Terminal

LAMBDATUI = (sys.executable, "-P", "-m", "lambdatui")
SOURCE = "import os\n\ndef handler(event, context):\n    return os.getpid()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "hello.py").write_text(SOURCE)
    return folder


def engine_of(project: Path) -> int:
    return int(json.loads((project / ".lambdatui/engine.json").read_text())["pid"])


def opened(project: Path, word: str, *options: str) -> Terminal:
    return Terminal([*LAMBDATUI, word, "-p", str(project), *options], columns=100, rows=30)


def invoke(project: Path) -> int:
    done = subprocess.run(
        [*LAMBDATUI, "invoke", "hello", "-p", str(project)], check=True, capture_output=True, text=True, timeout=60
    )
    return int(done.stdout)


def test_the_screen_tells_the_truth_of_each_plug_that_is_pulled(project: Path) -> None:
    with opened(project, "run", "--port", "0", "--http-port", "0") as terminal:
        terminal.wait("● up")
        engine = engine_of(project)
        environment = invoke(project)
        terminal.press("7")
        terminal.wait(str(environment))

        os.kill(engine, signal.SIGSTOP)
        terminal.wait(f"kill -CONT {engine} wakes it")
        terminal.wait("✖ not connected")
        assert "gone" not in terminal.text
        os.kill(engine, signal.SIGCONT)
        terminal.wait("● up")
        terminal.wait_gone("kill -CONT")

        os.kill(environment, signal.SIGKILL)
        terminal.wait_gone(str(environment))
        environment = invoke(project)
        terminal.wait(str(environment))
        (spawner,) = psutil.Process(engine).children()
        spawner.kill()
        terminal.wait_gone(str(environment))
        terminal.press("1")
        terminal.wait("the spawner was")
        environment = invoke(project)

        terminal.press("7")
        terminal.wait(str(environment))
        os.kill(engine, signal.SIGKILL)
        terminal.wait("✖ engine gone")
        terminal.wait_gone(str(environment))  # it ended with the engine
        terminal.wait("start it again: lambdatui run")
        again = subprocess.Popen([*LAMBDATUI, "run", "--headless", str(project)], stdout=subprocess.DEVNULL)
        try:
            terminal.wait("● up")
            terminal.wait_gone("start it again")
            terminal.press("ctrl+q")
            assert terminal.wait_end() == 0
            assert terminal.sane
            assert invoke(project)  # the other engine goes on
        finally:
            again.terminate()
            again.wait(60)


def test_a_screen_that_is_told_to_end_gives_the_terminal_back_and_ends_its_engine(project: Path) -> None:
    with opened(project, "run", "--port", "0", "--http-port", "0") as terminal:
        terminal.wait("● up")
        assert not terminal.sane
        engine = psutil.Process(engine_of(project))
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait_end() == 128 + signal.SIGTERM
        assert terminal.sane
        psutil.wait_procs([engine], timeout=60)
        assert not engine.is_running()

"""A start right after an end: the engine that is still ending is not the one to use."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from lambdatui.client.client import Client
from tests.host.conftest import StartProcess, wait_for


def test_run_waits_for_the_end_of_an_engine_that_is_ending(tmp_path: Path, start_process: StartProcess) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text("import time\ndef handler(event, context):\n    time.sleep(1.5)\n")
    (folder / "lambdatui.toml").write_text("[functions.slow]\nhandler='app.handler'\n")
    ending = start_process(folder)
    client = Client.of(ending.info)
    threading.Thread(target=client.invoke, args=("slow", b"{}"), daemon=True).start()
    wait_for(lambda: client.header().in_flight)

    ending.process.send_signal(signal.SIGTERM)
    command = [sys.executable, "-P", "-m", "lambdatui", "run", str(folder), "--headless"]
    output = tmp_path / "second.txt"
    with output.open("wb") as file:
        second = subprocess.Popen(
            [*command, "--port", "0", "--http-port", "0"], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        wait_for(lambda: "lambdatui ready" in output.read_text() or second.poll() is not None)
        assert second.poll() is None, output.read_text()
        assert ending.process.poll() == 0
        assert "runs already" not in output.read_text()
    finally:
        second.terminate()
        second.wait(60)

"""Engine processes as the client starts them, for tests that kill, stop and call them from outside."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import msgspec
import psutil
import pytest
from botocore.config import Config

from lambdatui import wire
from lambdatui.schema import EngineInfo
from lambdatui.store.location import DATA_NAME


class EngineProcess:
    """One `python -m lambdatui.host` and what it said when it was ready."""

    def __init__(self, project: Path, *options: str, module: Sequence[str] = ("-m", "lambdatui.host")) -> None:
        ready_read, ready_write = os.pipe()
        leash_read, self._leash = os.pipe()
        self.output = project.parent / f"engine-{time.monotonic_ns()}.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-P", *module, str(project), "--port", "0", "--http-port", "0",
                    "--aws", "none", "--ready", str(ready_write), "--leash", str(leash_read), *options,
                ],
                pass_fds=(ready_write, leash_read), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        os.close(ready_write)
        os.close(leash_read)
        with os.fdopen(ready_read, "rb") as ready:
            self.said: dict[str, Any] = msgspec.json.decode(ready.readline() or b"{}")

    @property
    def info(self) -> EngineInfo:
        return msgspec.convert(self.said, EngineInfo)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.info.url,
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"max_attempts": 0}),
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Let the leash go: a graceful stop."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    def end(self) -> int:
        self.let_go()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def environments(self) -> list[psutil.Process]:
        """Living processes that carry this engine's marker, whoever their parent is."""
        return marked(self.info.project)


def marked(project: str) -> list[psutil.Process]:
    """What an engine on this project has started below its spawner; a fork keeps its zygote's variables."""
    mark = hashlib.sha256(os.fsencode((Path(project) / DATA_NAME).resolve())).hexdigest()[:16]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(wire.MARK_ENGINE) == mark:
                found.append(process)
    return found


StartProcess = Callable[..., EngineProcess]


@pytest.fixture
def start_process() -> Iterator[StartProcess]:
    started: list[EngineProcess] = []

    def begin(project: Path, *options: str, **how: Sequence[str]) -> EngineProcess:
        engine = EngineProcess(project, *options, **how)
        started.append(engine)
        return engine

    yield begin
    for engine in started:
        if engine.process.poll() is None:
            engine.end()
        else:
            engine.let_go()


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")

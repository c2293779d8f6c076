"""Projects as people have them, each run unmodified by one command and used from outside."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from lambdatui.client.client import Client
from lambdatui.config import pythons
from lambdatui.schema import InvocationRow
from tests.host.conftest import EngineProcess

APPS = Path(__file__).parent / "apps"
WHEELS = Path(sys.prefix) / "wheels"  # fetched by `make install`
PATIENCE = 180.0  # seconds: a busy machine unpacks packages for long


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Running:
    """A project that runs, and the ways to reach it."""

    def __init__(self, root: Path, engine: EngineProcess) -> None:
        self.root = root
        self.engine = engine

    def client(self, service: str) -> Any:
        return self.engine.client(service)

    def http(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Reply:
        """`headers` with _ for -."""
        place = urlsplit(self.engine.info.http_url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def invoke(self, function: str, event: object = None) -> Any:
        """The result of a synchronous call; fails the test where the function failed."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event or {}).encode())
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload.decode()
        return json.loads(payload)

    def cli(self, *arguments: str, code: int = 0) -> str:
        """stdout of a `lambdatui` command on this project."""
        command = [str(Path(sys.executable).with_name("lambdatui")), *arguments, "--project", str(self.root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    @property
    def told(self) -> Client:
        """What the commands and the screen ask; a command a look would be a process a look."""
        return Client.of(self.engine.info)

    def invocations(self, function: str) -> list[InvocationRow]:
        """Newest first."""
        return self.told.invocations(function=function)

    def events(self, function: str) -> list[Any]:
        """The events that the function got, newest first."""
        details = [self.told.invocation(row.request_id) for row in self.invocations(function)]
        return [json.loads(detail.event) for detail in details if detail is not None]

    def aws(self, *arguments: str) -> Any:
        """What the AWS CLI prints."""
        command = [sys.executable, "-m", "awscli", "--endpoint-url", self.engine.info.url, "--region", "us-east-1"]
        variables = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "PATH": "/usr/bin:/bin", "HOME": "/"}
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=PATIENCE, env=variables, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def eventually(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The condition's value once it holds; fails the test where it never does."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            assert value
            return value
        time.sleep(0.05)


@contextmanager
def run(name: str, folder: Path, *options: str) -> Iterator[Running]:
    """A copy of the project `name`, served until the block ends."""
    root = folder / name
    shutil.copytree(APPS / name, root)
    engine = EngineProcess(root, "--aws", "auto", *options)
    assert "error" not in engine.said, engine.said["error"]
    try:
        yield Running(root, engine)
    finally:
        engine.end()


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The project that the module names in PROJECT, running for all of its tests."""
    folder = tmp_path_factory.mktemp("projects")
    patch = pytest.MonkeyPatch()
    for name, value in _surroundings(folder / "home").items():
        patch.setenv(name, value)
    patch.delenv("VIRTUAL_ENV", raising=False)
    try:
        with run(request.module.PROJECT, folder) as running:
            yield running
    finally:
        patch.undo()


def _surroundings(home: Path) -> dict[str, str]:
    """A machine whose only Python is this one, for which the wheels are; where it has others, installs go online."""
    home.mkdir()
    alone = {"HOME": str(home), "PATH": str(home), "PYENV_ROOT": str(home)}
    if any(pythons.nearest(version, alone) != pythons.own() for version in ("3.12", "3.13")):
        return alone
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "UV_CACHE_DIR": str(home / "cache")}
    offline |= {"PIP_FIND_LINKS": str(WHEELS), "UV_FIND_LINKS": str(WHEELS)}
    return alone | offline

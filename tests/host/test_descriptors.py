"""An engine without file descriptors: callers are told, what was accepted waits, and it goes on by itself."""

from __future__ import annotations

import http.client
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from lambdatui.client.client import Client
from tests.host.conftest import EngineProcess, StartProcess, wait_for

FEW = 256  # what a shell of macOS gives
ENGINE = (
    "import resource, sys; from lambdatui.host.main import main;"
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]));"
    "sys.exit(main(sys.argv[1:]))"
)
pytestmark = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process: Linux alone")


@pytest.fixture
def engine(tmp_path: Path, start_process: StartProcess) -> EngineProcess:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context):\n    return 'old'\n")
    (folder / "lambdatui.toml").write_text(
        "[functions.warm]\nhandler='app.handler'\n[functions.cold]\nhandler='app.handler'\n"
    )
    return start_process(folder, "--headless", "--retry-delays", "0,0", module=("-c", ENGINE))


def limit(engine: EngineProcess, descriptors: int | None = None) -> int:
    """The most that the engine may have at present; a new one, if it is given."""
    pid, kind = engine.process.pid, resource.RLIMIT_NOFILE
    soft, hard = resource.prlimit(pid, kind)
    if descriptors is not None:
        resource.prlimit(pid, kind, (descriptors, hard))
    return soft


def taken(engine: EngineProcess) -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{engine.process.pid}/fd").iterdir()}


def reserve(engine: EngineProcess) -> int:
    """The descriptor that it keeps to tell the callers that there are none."""
    files = Path(f"/proc/{engine.process.pid}/fd").iterdir()
    return max(int(path.name) for path in files if os.path.realpath(path) == os.devnull)


def test_an_engine_takes_as_many_descriptors_as_it_may(engine: EngineProcess) -> None:
    hard = resource.prlimit(engine.process.pid, resource.RLIMIT_NOFILE)[1]
    assert limit(engine) > FEW or hard == FEW


def test_without_descriptors_callers_are_told_and_what_was_accepted_waits_and_runs(engine: EngineProcess) -> None:
    host, port = engine.info.url.removeprefix("http://").split(":")
    open_since_before = http.client.HTTPConnection(host, int(port))

    def invoke(connection: http.client.HTTPConnection, name: str, kind: str) -> tuple[int, Any]:
        headers = {"X-Amz-Invocation-Type": kind}
        connection.request("POST", f"/2015-03-31/functions/{name}/invocations", b"{}", headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    assert invoke(open_since_before, "warm", "RequestResponse") == (200, "old")
    before = limit(engine)
    wait_for(lambda: taken(engine) >= set(range(reserve(engine) + 1)))
    limit(engine, reserve(engine) + 1)  # what it opens only for a moment is above that: it stays without when it closes

    stranger = http.client.HTTPConnection(host, int(port), timeout=30)
    status, told = invoke(stranger, "warm", "RequestResponse")
    assert status == 503
    assert "no file descriptors left" in told["message"]
    status, failed = invoke(open_since_before, "cold", "RequestResponse")
    assert "no file descriptors are left" in failed["errorMessage"]
    assert invoke(open_since_before, "cold", "Event")[0] == 202
    app = Path(engine.info.project) / "app.py"
    app.write_text(app.read_text().replace("old", "new"))
    # The files may not be watched yet: a call looks at them itself.
    wait_for(
        lambda: (
            invoke(open_since_before, "warm", "RequestResponse") == (200, "old")
            and "a save waits to be read: " in engine.output.read_text()
        )
    )

    limit(engine, before)
    wait_for(lambda: invoke(open_since_before, "warm", "RequestResponse") == (200, "new"))
    client = Client.of(engine.info)
    wait_for(lambda: any(row.status == "ok" for row in client.invocations(function="cold")))
    rows = client.invocations(function="cold")
    assert {row.attempt for row in rows} == {1}, "what could not be started counts as no attempt"
    said = engine.output.read_text()
    assert "no file descriptors left" in said
    assert "Traceback" not in said
    assert engine.end() == 0

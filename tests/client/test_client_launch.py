"""Starting a real process that keeps the host's side of the bargain, and one that does not."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from lambdatui.client import launch
from lambdatui.client.host_command import LaunchOptions
from lambdatui.client.launch import one_shot, start_engine
from lambdatui.errors import NoEngine, OperationFailed, UsageError

HOST = """
import json, os, sys
argv = sys.argv[1:]
leash, ready = (int(argv[argv.index(name) + 1]) for name in ("--leash", "--ready"))
print("noise that must not reach the terminal")
{answer}
os.read(leash, 1)
sys.exit(7 if os.getsid(0) == os.getpid() else 8)
"""
READY = """
os.write(ready, json.dumps({"pid": os.getpid(), "url": "u", "http_url": "h", "aws_url": None, "token": "t",
    "project": argv[0], "version": " ".join(argv), "started_at": "s"}).encode() + b"\\n"); os.close(ready)
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "host.py"

    def command(project: Path, options: LaunchOptions) -> list[str]:
        return [sys.executable, str(script), str(project), *options.arguments()]

    monkeypatch.setattr(launch, "host_command", command)
    return script


def test_the_engine_lives_in_a_session_of_its_own_until_the_leash_ends(
    host: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    host.write_text(HOST.format(answer=READY))
    engine = start_engine(tmp_path, LaunchOptions(port=0))
    assert engine.info.project == str(tmp_path)
    assert engine.process.poll() is None
    assert engine.close() == 7
    assert engine.close() == 7
    assert capfd.readouterr() == ("", "")


def test_an_engine_that_somebody_stopped_ends_as_gracefully(host: Path, tmp_path: Path) -> None:
    host.write_text(HOST.format(answer=READY))
    engine = start_engine(tmp_path)
    engine.process.send_signal(signal.SIGSTOP)
    assert engine.close() == 7


def test_what_is_to_be_done_meanwhile_is_done_while_the_engine_starts(host: Path, tmp_path: Path) -> None:
    done = tmp_path / "done"
    wait = f"import time\nwhile not os.path.exists({str(done)!r}): time.sleep(0.01)\n"
    host.write_text(HOST.format(answer=wait + READY))
    start_engine(tmp_path, meanwhile=done.touch).close()


def test_a_one_shot_engine_takes_free_ports_and_goes_with_its_block(host: Path, tmp_path: Path) -> None:
    host.write_text(HOST.format(answer=READY))
    with one_shot(tmp_path, LaunchOptions(data="d")) as engine:
        said = engine.info.version.split()
        process = engine.process
    assert process.poll() == 7
    assert "--one-shot" in said
    assert said[1:7] == ["--port", "0", "--http-port", "0", "--data", "d"]


def test_an_interrupted_call_does_not_wait_for_its_engines_grace(host: Path, tmp_path: Path) -> None:
    host.write_text(HOST.format(answer=READY))
    with pytest.raises(KeyboardInterrupt), one_shot(tmp_path) as engine:
        process = engine.process
        raise KeyboardInterrupt
    assert process.poll() == -signal.SIGTERM


@pytest.mark.parametrize(("code", "kind"), [(1, OperationFailed), (2, UsageError), (3, NoEngine)])
def test_the_error_that_the_engine_reports_is_raised(
    host: Path, tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    answer = f'os.write(ready, json.dumps({{"error": "port 3001 is taken", "exit_code": {code}}}).encode() + b"\\n")'
    host.write_text(HOST.format(answer=answer))
    with pytest.raises(kind, match="port 3001 is taken"):
        start_engine(tmp_path)


def test_an_engine_that_dies_while_starting_is_quoted(host: Path, tmp_path: Path) -> None:
    host.write_text(HOST.format(answer="raise SystemExit('no such library')"))
    with pytest.raises(OperationFailed, match=r"exit 1\): no such library"):
        start_engine(tmp_path)


def test_a_ready_line_of_another_shape_is_said(host: Path, tmp_path: Path) -> None:
    host.write_text(HOST.format(answer=r"os.write(ready, b'[]\n')"))
    with pytest.raises(OperationFailed, match="not understood"):
        start_engine(tmp_path)


def test_options_are_passed_on_as_the_host_reads_them() -> None:
    options = LaunchOptions(
        port=0, retry_delays=(0.5, 2.0), fresh=True, allow_remote=True, grace=0, allow_host=("a", "b")
    )
    expected = "--port 0 --retry-delays 0.5,2 --grace 0 --allow-host a --allow-host b --allow-remote --fresh"
    assert options.arguments() == expected.split()


def test_the_users_working_directory_shadows_no_library(tmp_path: Path) -> None:
    command = launch.host_command(tmp_path, LaunchOptions())
    assert command[:4] == [sys.executable, "-P", "-m", "lambdatui.host"]

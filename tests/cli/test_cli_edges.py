"""The outer edge: help, near misses, exit codes, what is imported, pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lambdatui.cli.app import COMMANDS, cli
from tests.cli.conftest import Run
from tests.client.fake_engine import FakeEngine, line

HEAVY = {"textual", "uvicorn", "starlette", "rich", "websockets"}


def test_bare_lambdatui_prints_short_help(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", ["list", "show", "replay", "purge"])
def test_every_dlq_command_has_help_with_an_example(run: Run, name: str) -> None:
    assert "Example:" in run("dlq", name, "--help").stdout


def test_a_mistyped_command_gets_the_nearest(run: Run) -> None:
    result = run("invok")
    assert result.exit_code == 2
    assert "did you mean `lambdatui invoke`?" in result.stderr
    assert "did you mean `lambdatui dlq purge`?" in run("dlq", "purg").stderr


def test_wrong_usage_ends_with_2_and_leaves_stdout_empty(run: Run) -> None:
    result = run("invocations", "--status", "bad")
    assert (result.exit_code, result.stdout) == (2, "")


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("lambdatui 0.")


def test_completion_prints_a_script_for_each_shell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_LAMBDATUI_COMPLETE" in run("completion", shell).stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert run("completion").exit_code == 2


def python(code: str, *, project: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=project,
    )
    return result.stdout


def test_importing_the_cli_brings_nothing_heavy(project: Path) -> None:
    loaded = python("import lambdatui.cli.app, sys; print('\\n'.join(sys.modules))", project=project).split()
    assert "click" in loaded
    assert not (HEAVY | {"asyncio", "msgspec", "lambdatui.schema"}) & set(loaded)


def test_no_command_but_run_and_attach_imports_a_screen_or_a_server(engine: FakeEngine, project: Path) -> None:
    commands = [
        "--help",
        "list",
        "check",
        "invocations",
        "stats",
        "logs",
        "show r-1",
        "dlq list",
        "dlq purge d-1",
        "invoke orders",
        "send orders-q {}",
        "queues",
        "peek orders-q",
        "event sqs",
        "completion zsh",
    ]
    code = f"""
import sys, io, contextlib
from lambdatui.cli.app import cli
for command in {commands!r}:
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
        try:
            cli.main(command.split(), "lambdatui")
        except SystemExit as end:
            assert end.code == 0, (command, end.code)
    assert not {HEAVY!r} & set(sys.modules), (command, {HEAVY!r} & set(sys.modules))
"""
    python(code, project=project)


def test_a_reader_that_has_enough_ends_quietly(engine: FakeEngine, project: Path) -> None:
    engine.logs = [line(i, "x" * 200) for i in range(5_000)]
    command = f"{sys.executable} -m lambdatui logs | head -n 1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] == "0"


def test_ctrl_c_while_following_ends_with_130_and_no_words(engine: FakeEngine, project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdatui", "logs", "-f", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["message"] == "hello"
    assert json.loads(process.stdout.readline())["message"] == "world"
    engine.logs.append(line(3, "new"))
    assert json.loads(process.stdout.readline())["message"] == "new"
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (130, (b"", b""))


def test_the_group_knows_every_command() -> None:
    import click

    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.callback is not None or isinstance(command, click.Group)


def test_the_project_may_be_named_before_the_command(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAMBDATUI_PROJECT", str(tmp_path / "elsewhere"))
    assert [row["name"] for row in json.loads(run("-p", "shop", "list", "--json").stdout)] == ["orders"]
    assert run("-p", "nowhere", "list", "-p", "shop", "--json").exit_code == 0
    assert run("--data", str(tmp_path / "d"), "-p", "shop", "dlq", "list").stderr == "no dead letters\n"
    assert run("dlq", "-p", "shop", "list").exit_code == 0
    assert "nowhere" in run("-p", "nowhere", "run", "--headless").stderr


def test_an_unforeseen_error_is_one_sentence(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lambdatui.config import loader

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/secret")

    monkeypatch.setattr(loader, "find_functions", fail)
    result = run("list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "lambdatui: /secret: Permission denied (LAMBDATUI_DEBUG=1 shows where)\n"
    monkeypatch.setenv("LAMBDATUI_DEBUG", "1")
    assert isinstance(run("list").exception, PermissionError)


@pytest.mark.parametrize("before", ["", "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "])
def test_a_screen_ends_with_its_terminal_though_nobody_signals_it(before: str) -> None:
    ours, theirs = os.openpty()
    code = (
        before
        + "import time; from lambdatui.cli.run import end_with_terminal; end_with_terminal(); print(1); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-uc", code], stdin=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.poll() is None
        os.close(ours)
        assert process.wait(timeout=60) == -signal.SIGHUP

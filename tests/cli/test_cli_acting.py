"""invoke, replay, dlq replay and purge, send, stop, run, attach."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from lambdatui.cli import run as run_module
from lambdatui.client import launch
from lambdatui.errors import UsageError
from lambdatui.schema import EngineInfo, ReplayResult
from tests.cli.conftest import Run
from tests.client.fake_engine import TOKEN, FakeEngine, dead, tail


def test_invoke_prints_the_result_and_nothing_else(run: Run, engine: FakeEngine) -> None:
    result = run("invoke", "orders", "-e", '{"a" :1}')
    assert (result.exit_code, result.stdout, result.stderr) == (0, '{"ok":true}\n', "")
    assert engine.calls[-1][3] == b'{"a" :1}'
    assert run("invoke", "orders:live").exit_code == 0
    assert engine.calls[-1][1].endswith("/functions/orders:live/invocations")
    assert engine.calls[-1][3] == b"{}"


def test_an_event_is_json_or_stdin_or_a_file(run: Run, engine: FakeEngine, project: Path) -> None:
    (project / "event.json").write_bytes(b'{"file" : true}\n')
    run("invoke", "orders", "-e", "event.json")
    assert engine.calls[-1][3] == b'{"file" : true}\n'
    run("invoke", "orders", "-e", "-", stdin=b'"stdin"')
    assert engine.calls[-1][3] == b'"stdin"'
    missing = run("invoke", "orders", "-e", "nothing.json")
    assert missing.exit_code == 2
    assert "neither JSON nor a file" in missing.stderr
    assert "--event is empty; give JSON" in run("invoke", "orders", "-e", "").stderr
    assert "broken JSON" in run("invoke", "orders", "-e", "{a: 1}").stderr
    assert run("invoke", "orders", "-e", ".").exit_code == 2


def test_a_functions_error_goes_to_stdout_with_exit_1(run: Run, engine: FakeEngine) -> None:
    engine.reply = (
        200,
        {"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": tail("[ERROR] KeyError\nEND\n")},
        b'{"errorType":"KeyError"}',
    )
    result = run("invoke", "orders", "--log")
    assert (result.exit_code, result.stdout) == (1, '{"errorType":"KeyError"}\n')
    assert result.stderr == "[ERROR] KeyError\nEND\n"


def test_a_throttle_is_an_error_on_stderr(run: Run, engine: FakeEngine) -> None:
    engine.reply = (429, {}, b'{"Reason":"ReservedLimit","message":"Rate Exceeded."}')
    result = run("invoke", "orders")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Rate Exceeded. (ReservedLimit)" in result.stderr


def test_an_unknown_function_is_2_with_the_nearest(run: Run, engine: FakeEngine) -> None:
    engine.reply = (404, {}, b'{"Message":"Function not found: arn"}')
    result = run("invoke", "ordrs")
    assert result.exit_code == 2
    assert "did you mean orders?" in result.stderr


def test_async_prints_the_request_id(run: Run, engine: FakeEngine) -> None:
    engine.reply = (202, {"x-amzn-RequestId": "r-5"}, b"")
    assert json.loads(run("invoke", "orders", "--async").stdout) == {"request_id": "r-5"}
    assert engine.headers[-1]["x-amz-invocation-type"] == "Event"


def test_dry_run_prints_nothing(run: Run, engine: FakeEngine) -> None:
    engine.reply = (204, {}, b"")
    result = run("invoke", "orders", "--dry-run")
    assert (result.exit_code, result.output) == (0, "")
    assert run("invoke", "orders", "--dry-run", "--async").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        "invoke orders --async",
        "replay r-1",
        "dlq replay --all",
        "dlq purge --all --yes",
        "send q {}",
        "stop",
    ],
)
def test_what_acts_needs_an_engine_and_says_how_to_start_one(run: Run, command: str) -> None:
    result = run(*command.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "lambdatui run" in result.stderr


def test_invoke_without_an_engine_starts_one_for_the_call(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeEngine(tmp_path / "other") as other:
        ready = (other.data / "engine.json").read_text()
        script = (
            "import os, sys; a = sys.argv; fd = lambda name: int(a[a.index(name) + 1]);"
            f"os.write(fd('--ready'), {ready.encode()!r} + bytes([10])); os.read(fd('--leash'), 1)"
        )
        monkeypatch.setattr(launch, "host_command", lambda project, options: [sys.executable, "-c", script])
        assert run("invoke", "orders").stdout == '{"ok":true}\n'


def test_replay_prints_the_result(run: Run, engine: FakeEngine) -> None:
    engine.replays["r-1"] = [
        ReplayResult(id="r-1", status="ok", payload=b"1"),
        ReplayResult(id="r-1", status="error", error_type="KeyError", payload=b'{"errorType":"KeyError"}'),
    ]
    assert run("replay", "r-1").stdout == "1\n"
    failed = run("replay", "r-1")
    assert (failed.exit_code, failed.stdout) == (1, '{"errorType":"KeyError"}\n')
    assert run("replay", "r-2").exit_code == 2


def test_replay_edit_sends_what_the_editor_saved(
    run: Run, engine: FakeEngine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = project / "editor"
    editor.write_text('#!/bin/sh\nprintf \'{"a": 2}\' > "$1"\ntouch -d "+2 seconds" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    engine.replays["r-1"] = [ReplayResult(id="r-1", status="ok", payload=b"2")]
    assert run("replay", "r-1", "--edit", "--json").exit_code == 0
    assert engine.calls[-1][3] == b'{"a": 2}'
    monkeypatch.setenv("EDITOR", "true")
    left = run("replay", "r-1", "--edit")
    assert left.exit_code == 1
    assert "nothing was replayed" in left.stderr


def test_dlq_replay_has_a_line_for_each_entry_and_1_if_one_failed_again(run: Run, engine: FakeEngine) -> None:
    engine.dlq = [dead("d-2", first_at="2026-11-21T15:00:00.000000Z"), dead("d-1")]
    engine.replays = {
        "d-1": [ReplayResult(id="d-1", status="ok")],
        "d-2": [ReplayResult(id="d-2", status="error", error_type="KeyError", error_message="'price'")],
    }
    result = run("dlq", "replay", "--all")
    assert result.exit_code == 1
    assert [text.split()[0] for text in result.stdout.splitlines()] == ["d-1", "d-2"]
    assert "error KeyError: 'price'" in result.stdout
    assert result.stderr == "1 of 2 went through, 1 stay\n"


def test_dlq_replay_waits_for_concurrency(run: Run, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdatui.cli.dlq.PACE", (0.0, 0.0))
    throttled = ReplayResult(id="d-1", status="throttled")
    engine.replays["d-1"] = [throttled, throttled, ReplayResult(id="d-1", status="ok")]
    result = run("dlq", "replay", "d-1", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)[0]["status"] == "ok"


def test_dlq_replay_does_nothing_where_an_id_is_unknown(run: Run, engine: FakeEngine) -> None:
    engine.replays["d-1"] = [ReplayResult(id="d-1", status="ok")]
    assert run("dlq", "replay", "d-1", "d-9").exit_code == 2
    assert len(engine.replays["d-1"]) == 1
    assert run("dlq", "replay").exit_code == 2
    assert run("dlq", "replay", "d-1", "--all").exit_code == 2
    engine.dlq = []
    assert run("dlq", "replay", "--all").stderr == "no dead letters\n"


def test_purge_of_more_than_one_needs_yes_where_nobody_can_be_asked(run: Run, engine: FakeEngine) -> None:
    engine.dlq = [dead("d-1"), dead("d-2")]
    refused = run("dlq", "purge", "--all")
    assert refused.exit_code == 2
    assert all(call[0] == "GET" for call in engine.calls)
    assert run("dlq", "purge", "d-1").exit_code == 0
    assert json.loads(run("dlq", "purge", "--all", "--yes", "--json").stdout) == {"purged": 2}


def test_purge_asks_on_a_terminal(
    run: Run, engine: FakeEngine, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import click

    engine.dlq = [dead("d-1"), dead("d-2")]
    answers = [False, True]
    monkeypatch.setattr(click, "confirm", lambda *_, **__: answers.pop(0))
    monkeypatch.setattr("lambdatui.cli.dlq._can_ask", lambda: True)
    assert run("dlq", "purge", "--all").exit_code == 1
    assert run("dlq", "purge", "--all").exit_code == 0
    assert engine.calls[-1][3] == b'{"ids":["d-1","d-2"]}'


def test_send(run: Run, engine: FakeEngine) -> None:
    result = run("send", "q", '{"id": 7}', "--attributes", '{"a": "x", "n": 1.5}', "--partition-key", "k")
    assert result.stdout == "m-0\n"
    assert json.loads(engine.calls[-1][3]) == {
        "source": "q",
        "messages": [
            {
                "body": '{"id": 7}',
                "attributes": {
                    "a": {"DataType": "String", "StringValue": "x"},
                    "n": {"DataType": "Number", "StringValue": "1.5"},
                },
            }
        ],
        "partition_key": "k",
    }


def test_send_lines(run: Run, engine: FakeEngine) -> None:
    result = run("send", "q", "-", "--lines", "--group-id", "g", stdin="one\n\ntwo\r\nthree")
    assert result.stdout.split() == ["m-0", "m-1", "m-2"]
    sent = json.loads(engine.calls[-1][3])["messages"]
    assert [message["body"] for message in sent] == ["one", "two", "three"]
    assert sent[0]["group_id"] == "g"
    run("send", "q", stdin="plain text\n")
    assert json.loads(engine.calls[-1][3])["messages"][0]["body"] == "plain text"


def test_send_splits_what_is_much(run: Run, engine: FakeEngine) -> None:
    result = run("send", "q", "-", "--lines", stdin="x\n" * 1_200)
    assert len(result.stdout.split()) == 1_200
    assert [len(json.loads(call[3])["messages"]) for call in engine.calls] == [500, 500, 200]


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["q", "no-such-file"], None),
        (["q", "-", "--lines"], b"\n"),
        (["q"], b""),
        (["q", "-"], b"\n"),
        (["q", "-"], b"\xff"),
        (["q", "{}", "--attributes", "[1]"], None),
        (["q", "{}", "--attributes", '{"a": [1]}'], None),
    ],
)
def test_send_refuses_what_cannot_be_sent(
    run: Run, engine: FakeEngine, arguments: list[str], stdin: bytes | None
) -> None:
    assert run("send", *arguments, stdin=stdin).exit_code == 2
    assert engine.calls == []


def test_stop_returns_when_the_engine_has_ended(run: Run, engine: FakeEngine) -> None:
    result = run("stop", "--grace", "0")
    assert (result.exit_code, result.stderr) == (0, "stopped\n")
    assert engine.stopped == [0]
    assert run("stop").exit_code == 3


def test_run_headless_beside_a_live_engine_says_where_it_is(run: Run, engine: FakeEngine) -> None:
    result = run("run", "--headless")
    assert result.exit_code == 0
    assert engine.url in result.stdout


def test_run_headless_becomes_the_host(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda path, arguments, environment: seen.append(arguments))
    run("run", "--headless", "--port", "0", "--retry-delays", "0.5,1", "--aws", "none", "--allow-host", "h")
    assert seen[0][:4] == [sys.executable, "-P", "-m", "lambdatui.host"]
    assert seen[0][4:] == [
        *(str(project), "--port", "0", "--retry-delays", "0.5,1", "--aws", "none", "--allow-host", "h", "--headless")
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no folder nowhere"),
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--host", "example.org"], "--allow-remote"),
        (["--retry-delays", "soon"], "60,120"),
        (["--port", "70000"], "65535"),
        (["--aws", "maybe"], "auto, none"),
        (["--env-vars", "none.json"], "no file none.json"),
        ([], "--headless"),
    ],
)
def test_run_refuses(run: Run, arguments: list[str], words: str) -> None:
    result = run("run", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_template_in_place_of_its_folder_is_told_how_it_is_named(run: Run, project: Path, command: str) -> None:
    (project / "other.yaml").touch()
    result = run(command, "other.yaml")
    assert result.exit_code == 2
    assert "name its folder ., and the file with --template other.yaml" in result.stderr


@pytest.fixture
def screens(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    shown: list[tuple[Any, ...]] = []

    def show(project: str, engine: EngineInfo, *, owned: bool, data: Path | None) -> int:
        shown.append((project, engine, owned, data))
        return 0

    monkeypatch.setattr(run_module, "show_screen", show)
    monkeypatch.setattr(run_module, "need_terminal", lambda instead: None)
    return shown


def test_run_attaches_to_a_live_engine_after_saying_so(
    run: Run, engine: FakeEngine, project: Path, screens: list[tuple[Any, ...]]
) -> None:
    result = run("run")
    assert "attaching" in result.stderr
    assert screens == [(str(project), engine.info, False, project / ".lambdatui")]


def test_attach(run: Run, engine: FakeEngine, screens: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("attach").exit_code == 0
    assert run("attach", engine.url + "/").exit_code == 0
    assert [shown[1] for shown in screens] == [engine.info, engine.info]
    monkeypatch.setenv("LAMBDATUI_TOKEN", TOKEN)
    monkeypatch.setenv("LAMBDATUI_DATA", "elsewhere")
    monkeypatch.setenv("LAMBDATUI_URL", engine.url)
    assert run("attach").exit_code == 0
    assert screens[-1] == ("/shop", engine.info, False, None)
    monkeypatch.setenv("LAMBDATUI_TOKEN", "wrong")
    assert "LAMBDATUI_TOKEN" in run("attach").stderr


def test_attach_without_an_engine_is_3(run: Run, screens: list[tuple[Any, ...]]) -> None:
    assert run("attach").exit_code == 3
    assert screens == []


def test_run_owns_its_engine_and_lets_it_go_after_the_screen(
    run: Run, engine: FakeEngine, screens: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    info = engine.info
    engine.release()
    closed: list[bool] = []

    class Started:
        def __init__(self) -> None:
            self.info = info

        def close(self, **_: Any) -> int:
            closed.append(True)
            return 0

    monkeypatch.setattr(launch, "start_engine", lambda project, options, meanwhile: Started())
    assert run("run", ".").exit_code == 0
    assert screens == [(str(project), info, True, project / ".lambdatui")]
    assert closed == [True]


def test_loopback_addresses_need_no_leave() -> None:
    for host in (None, "127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"):
        run_module.refuse_remote(host, False)
    run_module.refuse_remote("0.0.0.0", True)
    with pytest.raises(UsageError):
        run_module.refuse_remote("::", False)


def test_the_project_comes_by_option_or_variable(
    run: Run, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(json.loads(run("dlq", "list", "--json", "-p", str(project)).stdout)) == 1
    monkeypatch.setenv("LAMBDATUI_PROJECT", str(project))
    assert len(json.loads(run("dlq", "list", "--json").stdout)) == 1
    assert run("list", "-p", "nowhere").exit_code == 2

"""What a start and a short command do without: held, because one careless import at a module's top takes it back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.fake_engine import FakeEngine

ROOT = Path(__file__).parents[2]


def imported(code: str, *options: str) -> set[str]:
    """The modules that are there when a fresh Python has run `code`."""
    script = f"import sys\n{code}\nsys.__stderr__.write(' '.join(sys.modules))"
    words = [sys.executable, *options, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def test_an_engine_starts_without_what_only_some_projects_and_calls_need() -> None:
    late = {
        "click", "psutil", "watchdog", "yaml", "websockets", "tomllib", "zoneinfo", "importlib.metadata",
        "urllib.request", "lambdatui.api.control", "lambdatui.api.front", "lambdatui.api.forward",
        "lambdatui.api.aws.sqs", "lambdatui.api.aws.kinesis", "lambdatui.api.aws.logs", "lambdatui.api.aws.cloudwatch",
        "lambdatui.api.aws.lambda_table", "lambdatui.config.sam", "lambdatui.config.serverless",
    }  # fmt: skip
    assert not late & imported("import lambdatui.host.main")


def test_a_spawner_starts_with_what_is_built_into_the_interpreter() -> None:
    found = imported(f"sys.path.insert(0, {str(ROOT)!r})\nimport lambdatui.spawner.server", "-I", "-S")
    assert "lambdatui.spawner.tree" in found
    dear = {"typing", "json", "re", "socket", "signal", "enum", "contextlib", "collections", "subprocess", "asyncio"}
    assert not dear & found


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["invoke", "--help"]])
def test_help_imports_neither_the_screen_nor_the_server(words: list[str]) -> None:
    found = imported(f"from lambdatui.cli.app import cli\ntry: cli.main({words!r})\nexcept SystemExit: pass")
    assert not {"textual", "rich", "uvicorn", "asyncio", "msgspec", "lambdatui.host"} & found


def test_an_invocation_imports_no_rows_and_no_second_http_client(tmp_path: Path) -> None:
    with FakeEngine(tmp_path / ".lambdatui"):
        words = ["invoke", "orders", "-p", str(tmp_path)]
        found = imported(f"from lambdatui.cli.app import cli\ntry: cli.main({words!r})\nexcept SystemExit: pass")
    assert "lambdatui.client.invoking" in found
    assert not {"msgspec", "http.client", "ssl", "asyncio", "lambdatui.schema", "lambdatui.client.launch"} & found

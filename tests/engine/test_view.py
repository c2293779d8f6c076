"""What functions see of the user's files: the parts of a view."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdatui.engine.view import view
from lambdatui.spawner import tree
from lambdatui.spawner.protocol import MAX_PROCESSES
from lambdatui.spawner.view import HIDE, READ_ONLY, WRITABLE
from tests.engine.conftest import Start, call

TOML = "[functions.app]\nhandler = 'app.handler'\ncode = 'fns'\ntimeout = 30\nmemory = 1024\n"


def parts(code_root: str | None = "/p/src", data: str = "/p/.lambdatui", **more: object) -> dict[str, str]:
    given = {"root": "/p", "used": (), "aws_files": None, **more}
    return {path: what for what, path in view(data=Path(data), code_root=code_root, **given)}  # type: ignore[arg-type]


def test_code_is_read_only_and_the_state_hidden_but_for_what_a_start_needs() -> None:
    state = "/p/.lambdatui"
    assert parts() == {
        "/p/src": READ_ONLY, state: HIDE, f"{state}/code": READ_ONLY, f"{state}/code/bytecode": WRITABLE,
    }  # fmt: skip


def test_layers_and_environments_below_the_code_stay_writable_and_others_need_no_word() -> None:
    found = parts("/p", used=("/p/.venv", "/p/.venv/lib", "/p/layer", "/opt/layer"))
    assert {path: what for path, what in found.items() if not path.startswith("/p/.lambdatui")} == {
        "/p": READ_ONLY, "/p/.venv": WRITABLE, "/p/layer": WRITABLE,
    }  # fmt: skip


def test_installed_packages_unpacked_layers_versions_and_own_folders_are_there_where_they_are_used() -> None:
    state = "/p/.lambdatui"
    used = (f"{state}/packages/a1/site-packages", f"{state}/archives/b2", f"{state}/tmp/c3")
    found = parts(f"{state}/versions/d4", used=used)
    assert [found[f"{state}/{name}"] for name in ("packages", "archives", "tmp", "versions", "versions/d4")] == [
        READ_ONLY, WRITABLE, WRITABLE, WRITABLE, READ_ONLY,
    ]  # fmt: skip
    assert set(parts(used=used)) == set(parts()) | {f"{state}/{name}" for name in ("packages", "archives", "tmp")}


def test_what_links_lead_to_counts(tmp_path: Path) -> None:
    (tmp_path / "real/state").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = parts(str(tmp_path / "link"), str(tmp_path / "link/state"), root=str(tmp_path / "link"))
    real = tmp_path.resolve() / "real"
    assert (found[str(real)], found[str(real / "state")]) == (READ_ONLY, HIDE)


def test_code_in_the_template_has_no_folder() -> None:
    assert READ_ONLY not in {what for path, what in parts(None).items() if "/.lambdatui/" not in path}


def test_the_users_aws_files_are_hidden_unless_they_may_be_read() -> None:
    assert parts(aws_files="/home/ada/.aws")["/home/ada/.aws"] == HIDE
    assert "/home/ada/.aws" not in parts()


def test_state_that_holds_the_project_is_not_hidden_for_that_would_hide_the_project() -> None:
    assert HIDE not in parts(data="/p").values()
    assert HIDE not in parts(data="/").values()


BOMB = """
import os, threading, time
def handler(event, context):
    if event.get("bomb"):
        stop, threads = threading.Event(), []
        try:
            while True:
                threads.append(threading.Thread(target=stop.wait, daemon=True))
                threads[-1].start()
        except RuntimeError as error:
            stop.set()
            return [len(threads), str(error)]
    return "fine"
"""
"""A thread takes less memory than a process, so that this limit is met before that of the memory."""


@pytest.mark.skipif(not tree.LINUX, reason="processes are not counted here")
async def test_a_function_has_no_more_processes_and_threads_than_lambda_allows(start: Start) -> None:
    engine = await start({"fns/app.py": BOMB, "lambdatui.toml": TOML})
    result = await call(engine, "app", {"bomb": True})
    if engine.spawner.process_limit:  # the kernel refuses the next one
        assert json.loads(result.payload) == [MAX_PROCESSES, "can't start new thread"]
    else:
        assert "more than 1,024 processes and threads" in json.loads(result.payload)["errorMessage"]
    assert (await call(engine, "app")).payload == b'"fine"'

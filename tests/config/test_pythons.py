"""Which Pythons are found on a machine, and what is said where the named one is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambdatui.config import pythons
from lambdatui.config.loader import check_project, load_project
from lambdatui.config.model import FunctionConfig, LoadOptions


def install(path: Path, version: str) -> Path:
    """Something that answers as a Python of that version would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version} {path}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.19", "home/.pyenv/versions/3.19.4/bin/python3.19",
        "home/.asdf/installs/python/3.19.1/bin/python3.19",
        "home/.local/share/uv/python/cpython-3.19.0-linux-x86_64-gnu/bin/python3.19",
        "home/.local/share/mise/installs/python/3.19/bin/python3.19",
    ],
)  # fmt: skip
def test_a_python_is_found_where_its_manager_keeps_it(tmp_path: Path, nowhere: dict[str, str], place: str) -> None:
    path = install(tmp_path / place, "3.19")
    assert pythons.find("3.19", nowhere) == pythons.Python(str(path), "3.19")


def test_the_newest_patch_release_comes_first(tmp_path: Path, nowhere: dict[str, str]) -> None:
    for patch in ("3.19.9", "3.19.10", "3.19.1"):
        install(tmp_path / f"home/.pyenv/versions/{patch}/bin/python3.19", "3.19")
    assert "3.19.10" in next(pythons.candidates("3.19", nowhere))


def test_a_shim_is_no_python(tmp_path: Path) -> None:
    install(tmp_path / "shims/python3.19", "3.19")
    assert pythons.find("3.19", {"HOME": str(tmp_path), "PATH": str(tmp_path / "shims")}) is None


def test_a_place_that_cannot_be_looked_into_is_passed_over(tmp_path: Path, nowhere: dict[str, str]) -> None:
    closed = f"{tmp_path}/{'x' * 300}"  # fails for root, too, otherwise than by being absent
    path = install(tmp_path / "bin/python3.19", "3.19")
    assert list(pythons.candidates("3.19", nowhere | {"PYENV_ROOT": closed})) == [str(path)]
    assert pythons.virtual_environment(tmp_path, closed) is None


@pytest.mark.parametrize("noted", ["home = /usr\nversion = 3.12.4\n", ""], ids=["noted", "by its folder"])
def test_the_projects_own_virtual_environment_is_not_started_to_be_looked_at(tmp_path: Path, noted: str) -> None:
    """`lambdatui check` of what somebody else made would run their program."""
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/run\necho 3.12 {sys.executable}\n")
    python.chmod(0o755)
    (tmp_path / ".venv/lib/python3.12/site-packages").mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").write_text(noted)
    found = pythons.virtual_environment(tmp_path, None)
    assert found == pythons.VirtualEnvironment(str(tmp_path / ".venv"), str(python), "3.12")
    (tmp_path / "app.py").write_text("def handler(event, context): ...\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lambdatui", "check", str(tmp_path)],
        env={key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and not (tmp_path / "run").exists()


def test_one_that_does_not_start_or_lies_about_its_version_is_passed_over(
    tmp_path: Path, nowhere: dict[str, str]
) -> None:
    broken = tmp_path / "bin/python3.19"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    install(tmp_path / "home/.pyenv/versions/3.19.0/bin/python3.19", "3.18")
    assert pythons.find("3.19", nowhere) is None


def test_the_nearest_serves_where_the_named_one_is_missing_and_the_newer_of_two(
    tmp_path: Path, nowhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pythons, "own", lambda: pythons.Python(sys.executable, "3.11"))
    for version in ("3.16", "3.18"):
        install(tmp_path / f"bin/python{version}", version)
    assert pythons.nearest("3.17", nowhere).version == "3.18"
    assert pythons.nearest("3.15", nowhere).version == "3.16"


def test_a_python_too_old_for_the_runtime_room_never_serves(tmp_path: Path, nowhere: dict[str, str]) -> None:
    install(tmp_path / "bin/python3.8", "3.8")
    assert pythons.find("3.8", nowhere) is None
    assert pythons.nearest("3.8", nowhere).version != "3.8"


def test_the_notice_names_both_versions_and_the_way_to_get_the_other() -> None:
    config = FunctionConfig(
        name="f", logical_id="f", handler="a.b", code_root="/c", runtime="python3.12", file="t", line=3
    )
    assert pythons.runtime_notice(config, "3.12") is None
    notice = pythons.runtime_notice(config, "3.11")
    assert notice is not None and (notice.severity, notice.file, notice.line) == ("notice", "t", 3)
    assert notice.message == "Runtime python3.12 is not installed here: Python 3.11 runs it"
    assert "uv python install 3.12" in notice.remedy


def test_a_function_that_names_no_runtime_runs_on_the_python_that_is_here(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("def handler(event, context): ...\n")
    project = load_project(tmp_path, LoadOptions())
    assert project.functions[0].runtime == pythons.own_runtime() == "python{}.{}".format(*sys.version_info[:2])
    assert check_project(project) == ()

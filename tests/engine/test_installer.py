"""Functions with packages of their own: real installers, wheels made here, no network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine import installer, packages
from lambdatui.engine.engine import Engine
from tests.engine.conftest import Start, call, eventually, running

VERSION = "import dep\ndef handler(event, context): return dep.VALUE\n"
REQUIREMENTS = "--no-index\n--find-links wheels\n"
# Builds without any network or setuptools; waits for the file `gate` of its project, where there is such a rule.
BACKEND = """
import os, time, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    while os.path.exists({gate!r}):
        time.sleep(0.01)
    open("left-behind.txt", "w").close()
    with zipfile.ZipFile(os.path.join(folder, "dep-1-py3-none-any.whl"), "w") as wheel:
        wheel.write("dep.py")
        wheel.writestr("dep-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: dep\\nVersion: 1\\n")
        wheel.writestr("dep-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("dep-1.dist-info/RECORD", "")
    return "dep-1-py3-none-any.whl"
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "dep"
version = "1"
"""


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digest = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for path, text in files.items()
    }
    record = "".join(f"{path},sha256={digest[path]},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")


def gated(root: Path, value: int = 1) -> dict[str, str]:
    """A function whose one package is built only once the file `gate` has gone."""
    (root / "gate").touch()
    return {
        "fn/app.py": VERSION,
        "fn/requirements.txt": "--no-index\n./dep\n",
        "fn/dep/dep.py": f"VALUE = {value}\n",
        "fn/dep/backend.py": BACKEND.format(gate=str(root / "gate")),
        "fn/dep/pyproject.toml": PYPROJECT,
    }


def said(engine: Engine, kind: str = "packages") -> list[str]:
    return [one.message for one in engine.telemetry.happenings.after(0) if one.kind == kind]


async def value(engine: Engine, function: str = "fn") -> Any:
    result = await call(engine, function)
    return json.loads(result.payload) if result.status == "ok" else result.error_message


@pytest.fixture(autouse=True)
def dep(tmp_path: Path) -> None:
    for version in (1, 2):
        wheel(tmp_path / "fn" / "wheels", "dep", str(version), {"dep.py": f"VALUE = {version}\n"})


@pytest.fixture(params=["uv", "pip"])
def each_tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv, which is quicker, serves the other tests wherever it is there."""
    found = shutil.which
    if request.param == "uv" and installer.find_tool(sys.executable, os.environ).kind != "uv":  # type: ignore[union-attr]
        pytest.skip("there is no uv here")
    if request.param == "pip":
        monkeypatch.setattr(installer.shutil, "which", lambda name, **how: None if name == "uv" else found(name, **how))


@pytest.mark.usefixtures("each_tool")
async def test_an_invocation_waits_for_its_packages_from_where_the_user_says_and_finds_them_with_their_metadata(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(name, str(tmp_path / "fn/wheels"))
    for name in ("PIP_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    code = "import dep, importlib.metadata as m\ndef handler(event, context): return [dep.VALUE, m.version('dep')]\n"
    engine = await start({"fn/app.py": code, "fn/requirements.txt": "dep==2\n"})
    assert await value(engine) == [2, "2"]
    assert os.environ["PIP_NO_INDEX"] == "1"
    [row] = engine.function_rows()
    assert (row.state, row.packages, row.problems) == ("idle", "requirements.txt: 1 package", [])
    assert said(engine)[0] == "installing requirements.txt for fn …"
    assert said(engine)[1].startswith("installed 1 package in ")


async def test_what_is_installed_serves_the_next_engine_at_once(tmp_path: Path) -> None:
    (tmp_path / "fn/app.py").write_text(VERSION)
    (tmp_path / "fn/requirements.txt").write_text(REQUIREMENTS + "dep==1\n")
    async with running(tmp_path) as engine:
        assert await value(engine) == 1
    async with running(tmp_path) as again:
        assert await value(again) == 1
        assert said(again) == said(engine)  # what the first one said, and nothing more


async def test_functions_with_the_same_requirements_share_a_folder(start: Start, tmp_path: Path) -> None:
    text = f"--no-index\n--find-links {tmp_path / 'fn' / 'wheels'}\ndep==1\n"
    names = ("fn", "other")
    engine = await start({f"{one}/{name}": body for one in names for name, body in
                          (("app.py", VERSION), ("requirements.txt", text))})  # fmt: skip
    assert [await value(engine, one) for one in names] == [1, 1]
    assert len(list((tmp_path / ".lambdatui" / "packages").glob("*/complete.json"))) == 1


async def test_a_changed_file_is_installed_and_served_by_the_next_invocation(start: Start, tmp_path: Path) -> None:
    engine = await start({"fn/app.py": VERSION, "fn/requirements.txt": REQUIREMENTS + "dep==1\n"})
    assert await value(engine) == 1
    (tmp_path / "fn/requirements.txt").write_text(REQUIREMENTS + "dep==2\n")
    await eventually(lambda: said(engine, "reload"))
    assert await value(engine) == 2


@pytest.mark.usefixtures("each_tool")
async def test_what_cannot_be_installed_blocks_only_its_function_until_the_file_is_mended(
    start: Start, tmp_path: Path
) -> None:
    engine = await start({
        "fn/app.py": VERSION, "fn/requirements.txt": REQUIREMENTS + "dep==1\nnosuch==9\n",
        "fine/app.py": "def handler(event, context): return 'fine'\n",
    })  # fmt: skip
    result = await call(engine, "fn")
    assert (result.status, result.error_type) == ("error", "Runtime.ImportModuleError")
    assert "Unable to import module 'app': requirements.txt could not be installed: " in result.error_message
    assert "nosuch" in json.loads(result.payload)["errorMessage"]
    row = next(one for one in engine.function_rows() if one.name == "fn")
    assert (row.state, row.packages) == ("broken", "requirements.txt: failed")
    [problem] = row.problems
    assert (problem.severity, problem.file, problem.line) == ("error", "fn/requirements.txt", 4)
    assert (tmp_path / problem.remedy.rpartition(" ")[2]).read_text()  # all that the installer said
    assert any("fn/requirements.txt:4 could not be installed: " in sentence for sentence in said(engine, "error"))
    assert await value(engine, "fine") == "fine"
    (tmp_path / "fn/requirements.txt").write_text(REQUIREMENTS + "dep==1\n")
    await eventually(lambda: said(engine, "reload"))
    assert await value(engine) == 1


async def test_a_failure_is_told_at_once_and_tried_again_later(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start({"fn/app.py": VERSION, "fn/requirements.txt": REQUIREMENTS + "dep==3\n"})
    await value(engine)
    attempts = len(said(engine))
    wheel(tmp_path / "fn/wheels", "dep", "3", {"dep.py": "VALUE = 3\n"})
    assert "could not be installed" in await value(engine)
    assert len(said(engine)) == attempts
    monkeypatch.setattr(packages, "RETRY_AFTER", 0.0)
    assert await value(engine) == 3


@pytest.mark.usefixtures("each_tool")
async def test_events_wait_while_a_local_package_is_built_from_a_copy_without_losing_an_attempt(
    start: Start, tmp_path: Path
) -> None:
    engine = await start(gated(tmp_path, 7))
    await eventually(lambda: engine.installing("fn"))
    request_id = await engine.accept("fn", b"{}")
    assert engine.function("fn").state == "installing"
    await eventually(lambda: engine.function_rows()[0].packages.startswith("installing requirements.txt: "))
    assert engine.in_flight() == 0
    (tmp_path / "gate").unlink()
    await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    [row] = engine.reader.invocations(limit=9)
    assert (row.request_id, row.status, row.attempt) == (request_id, "ok", 1)
    assert await value(engine) == 7
    assert sorted(path.name for path in (tmp_path / "fn/dep").iterdir()) == ["backend.py", "dep.py", "pyproject.toml"]


async def test_stopping_ends_the_installer_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    for name, text in gated(tmp_path).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    async with running(tmp_path) as engine:
        await eventually(lambda: engine.function_rows()[0].packages.startswith("installing requirements.txt: "))
        waiting = asyncio.create_task(call(engine, "fn"))
        await eventually(lambda: engine.in_flight() == 1)
    [result] = await asyncio.gather(waiting, return_exceptions=True)
    assert getattr(result, "status", "") == "error"
    assert [path for path in (tmp_path / ".lambdatui/packages").glob("*") if path.is_dir()] == []


async def test_what_a_killed_engine_left_half_done_is_swept_and_made_anew(tmp_path: Path, start: Start) -> None:
    partial = tmp_path / ".lambdatui/packages/.partial-abc/site-packages"
    partial.mkdir(parents=True)
    engine = await start({"fn/app.py": VERSION, "fn/requirements.txt": REQUIREMENTS + "dep==1\n"})
    assert await value(engine) == 1
    assert not partial.exists()
    [complete] = (tmp_path / ".lambdatui/packages").glob("*/complete.json")
    complete.unlink()
    half = complete.parent / "site-packages/dep.py"
    half.unlink()  # uv may have linked it to its cache
    half.write_text("VALUE = 'half'\n")
    async with running(tmp_path) as again:
        assert await value(again) == 1


async def test_an_engine_for_one_call_installs_only_what_that_call_needs(tmp_path: Path) -> None:
    for name in ("fn", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "app.py").write_text(VERSION)
    wheels = f"--no-index\n--find-links {tmp_path / 'fn/wheels'}\n"
    (tmp_path / "fn/requirements.txt").write_text(wheels + "dep==1\n")
    (tmp_path / "other/requirements.txt").write_text(wheels + "dep==2\n")
    async with running(tmp_path, one_shot=True) as engine:
        assert await value(engine) == 1
        rows = {row.name: row.packages for row in engine.function_rows()}
        assert rows == {"fn": "requirements.txt: 1 package", "other": "requirements.txt: not installed yet"}


async def test_distributions_of_one_namespace_are_found_beside_each_other(start: Start, tmp_path: Path) -> None:
    wheels = tmp_path / "fn/wheels"
    wheel(wheels, "space_a", "1", {"space/a.py": "X = 1\n", "space_a-nspkg.pth": "import sys\n"})
    wheel(wheels, "space_b", "1", {"space/b.py": "X = 2\n"})
    code = "import space.a, space.b\ndef handler(event, context): return space.a.X + space.b.X\n"
    engine = await start({"fn/app.py": code, "fn/requirements.txt": REQUIREMENTS + "space-a\nspace-b\n"})
    assert await value(engine) == 3


async def test_the_boto3_that_was_asked_for_comes_before_the_one_that_is_always_there(
    start: Start, tmp_path: Path
) -> None:
    wheel(tmp_path / "fn/wheels", "boto3", "0.1", {"boto3/__init__.py": "__version__ = '0.1'\n"})
    code = "import boto3, botocore\ndef handler(event, context): return boto3.__version__\n"
    engine = await start({"fn/app.py": code, "fn/requirements.txt": REQUIREMENTS + "boto3\n"})
    assert await value(engine) == "0.1"


def layered(root: Path) -> dict[str, str]:
    template = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  fn:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: fn, Handler: app.handler, Runtime: python3.11, Layers: [!Ref Shared]}
"""
    modules = "mine, dep, shared"
    return {
        "template.yaml": template,
        "fn/app.py": f"import {modules}\ndef handler(e, c): return [m.WHO for m in ({modules})]\n",
        "fn/mine.py": "WHO = 'code'\n",
        "layer/python/mine.py": "WHO = 'layer'\n",
        "layer/python/dep.py": "WHO = 'layer'\n",
        "layer/python/shared.py": "WHO = 'layer'\n",
        "fn/requirements.txt": f"--no-index\n--find-links {root / 'who'}\ndep\n",
    }


async def test_code_comes_first_then_its_packages_then_layers(start: Start, tmp_path: Path) -> None:
    wheel(tmp_path / "who", "dep", "1", {"dep.py": "WHO = 'package'\n"})
    engine = await start(layered(tmp_path))
    assert await value(engine) == ["code", "package", "layer"]


async def test_a_layers_own_packages_are_installed(start: Start, tmp_path: Path) -> None:
    wheel(tmp_path / "who", "dep", "1", {"dep.py": "WHO = 'package'\n"})
    wheel(tmp_path / "who", "extra", "1", {"extra.py": "WHO = 'package of the layer'\n"})
    files = layered(tmp_path) | {
        "layer/requirements.txt": f"--no-index\n--find-links {tmp_path / 'who'}\nextra\n",
        "fn/app.py": "import extra\ndef handler(event, context): return extra.WHO\n",
    }
    engine = await start(files)
    assert await value(engine) == "package of the layer"
    assert engine.function_rows()[0].packages == "requirements.txt: 1 package; requirements.txt: 1 package"


async def test_a_change_in_a_layer_is_served_by_the_next_invocation(start: Start, tmp_path: Path) -> None:
    wheel(tmp_path / "who", "dep", "1", {"dep.py": "WHO = 'package'\n"})
    engine = await start(layered(tmp_path))
    await value(engine)
    (tmp_path / "layer/python/shared.py").write_text("WHO = 'changed layer'\n")
    await eventually(lambda: said(engine, "reload"))
    assert await value(engine) == ["code", "package", "changed layer"]


@pytest.fixture
async def venv(tmp_path: Path) -> AsyncIterator[Path]:
    """A virtual environment in the project, with `dep` in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    [site] = (tmp_path / ".venv/lib").glob("python*/site-packages")
    (site / "dep.py").write_text("VALUE = 'venv'\n")
    yield tmp_path / ".venv"


async def test_a_virtual_environment_serves_where_it_is_asked_for_and_nothing_is_installed(
    start: Start, venv: Path, tmp_path: Path
) -> None:
    files = {"fn/app.py": VERSION, "fn/requirements.txt": REQUIREMENTS + "dep==1\n"}
    engine = await start(files, use_venv=True)
    assert await value(engine) == "venv"
    assert not (tmp_path / ".lambdatui/packages").exists()


async def test_without_being_asked_for_it_serves_functions_without_packages_and_that_is_said(
    start: Start, venv: Path
) -> None:
    files = {"fn/app.py": VERSION, "fn/requirements.txt": REQUIREMENTS + "dep==1\n", "free/app.py": VERSION}
    engine = await start(files)
    assert [await value(engine), await value(engine, "free")] == [1, "venv"]
    [notice] = [one for one in said(engine, "notice") if "--use-venv" in one]
    assert str(venv) in notice and "requirements.txt" in notice


async def test_a_file_that_cannot_be_read_is_a_problem_that_goes_with_its_cause(start: Start, tmp_path: Path) -> None:
    engine = await start({"fn/app.py": VERSION, "fn/requirements.txt": f"-r {tmp_path}/common.txt\n"})
    assert "common.txt, which is not there" in await value(engine)
    (tmp_path / "common.txt").write_text(f"--no-index\n--find-links {tmp_path / 'fn/wheels'}\ndep==2\n")
    assert await value(engine) == 2


async def test_a_missing_module_is_to_be_added_to_the_file_that_names_the_packages(
    start: Start, tmp_path: Path
) -> None:
    code = "import dep, yaml_that_is_not_there\ndef handler(event, context): return 1\n"
    engine = await start({"fn/app.py": code, "fn/requirements.txt": REQUIREMENTS + "dep==1\n"})
    await call(engine, "fn")
    problem = next(one for one in engine.function("fn").problems() if one.severity == "error")
    assert problem.remedy.startswith(f"add yaml_that_is_not_there to {tmp_path / 'fn/requirements.txt'}")

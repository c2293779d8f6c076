"""What stays visible below /tmp, and what a function finds in a /tmp of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from lambdatui.engine.engine import SHARED_TMP
from lambdatui.engine.sandboxes import Sandboxes
from lambdatui.engine.spawner import Spawner
from lambdatui.engine.tmp import below_tmp
from lambdatui.spawner import private_tmp
from tests.engine.conftest import Start, call, eventually, running

own_tmp = pytest.mark.skipif(not private_tmp.possible(), reason="this system allows no mount namespaces")


def test_what_lies_directly_in_tmp_is_kept_whole() -> None:
    assert below_tmp(["/srv/app", "/tmp/shop/src", "/tmp/shop", "", "/tmp/shop-2/a/b", "/tmp/./ca.pem"]) == (
        "/tmp/ca.pem", "/tmp/shop", "/tmp/shop-2",
    )  # fmt: skip


def test_a_link_into_tmp_counts() -> None:
    folder, link = Path("/tmp") / uuid4().hex, Path("/var/tmp") / uuid4().hex
    (folder / "project").mkdir(parents=True)
    link.symlink_to(folder / "project")
    try:
        assert below_tmp([str(link)]) == (str(folder.resolve()),)
    finally:
        link.unlink()
        shutil.rmtree(folder)


def test_a_project_that_is_all_of_tmp_leaves_it_alone() -> None:
    assert below_tmp(["/srv/app", "/tmp"]) is None


APP = """
import os, sys, time
STARTED = time.time()
def handler(event, context):
    seen = {"files": os.path.exists("/tmp/mark"), "started": STARTED, "home": os.environ["HOME"]}
    space = os.statvfs("/tmp")
    seen["size"] = space.f_blocks * space.f_frsize
    open("/tmp/mark", "w").close()
    if event.get("write"):
        with open("/tmp/large", "wb") as file:
            for _ in range(event["write"]):
                file.write(b"x" * 1_048_576)
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("exit"):
        os._exit(1)
    return seen
"""
TOML = "[functions.app]\nhandler = 'app.handler'\ncode = 'fns'\ntimeout = %d\n"  # seconds
FILES = {"fns/app.py": APP, "lambdatui.toml": TOML % 30}


@own_tmp
async def test_tmp_is_the_environments_own_and_warm_calls_find_it_as_it_was(start: Start) -> None:
    engine = await start(FILES)
    first, second = [json.loads((await call(engine, "app")).payload) for _ in range(2)]
    assert (first["files"], second["files"], first["home"]) == (False, True, "/tmp")
    assert not Path("/tmp/mark").exists()


@own_tmp
async def test_tmp_survives_a_timeout_while_globals_are_new(start: Start) -> None:
    engine = await start(FILES | {"lambdatui.toml": TOML % 3})
    first = json.loads((await call(engine, "app")).payload)
    assert (await call(engine, "app", {"sleep": 60})).status == "timeout"
    after = await call(engine, "app")
    found = json.loads(after.payload)
    assert found["files"] is True
    assert found["started"] > first["started"]
    await engine.store.history.flush()
    rows = engine.reader.invocations(function="app")
    assert len({row.environment for row in rows}) == 1
    assert [(row.cold, row.init_ms is None) for row in rows] == [(True, True), (False, True), (True, False)]


@own_tmp
async def test_an_environment_that_exited_is_started_again_where_it_was(start: Start) -> None:
    engine = await start(FILES)
    assert (await call(engine, "app", {"exit": True})).error_type == "Runtime.ExitError"
    assert json.loads((await call(engine, "app")).payload)["files"] is True


@own_tmp
async def test_tmp_is_as_large_as_the_functions_ephemeral_storage(start: Start) -> None:
    engine = await start(FILES)
    seen = json.loads((await call(engine, "app", {"write": 3})).payload)
    (row,) = engine.environment_rows()
    assert (seen["size"], row.tmp_limit_mb) == (512 * 1_048_576, 512)
    assert row.tmp_mb == pytest.approx(3, abs=0.1)


@own_tmp
async def test_new_code_gets_a_new_tmp(start: Start, tmp_path: Path) -> None:
    engine = await start(FILES)
    assert (await call(engine, "app", {"exit": True})).status == "error"
    old = engine.function("app").generation
    (tmp_path / "fns/app.py").write_text(APP + "\n# changed\n")
    await eventually(lambda: engine.function("app").generation != old)
    found = await call(engine, "app")
    assert json.loads(found.payload)["files"] is False


@own_tmp
async def test_a_layer_below_tmp_keeps_its_libraries_and_programs(start: Start) -> None:
    layer = Path("/tmp") / uuid4().hex  # beside the project's folder
    for name in ("lib/libown.so", "bin/own", "python/own.py"):
        (layer / name).parent.mkdir(parents=True)
        (layer / name).touch()
    function = {"Handler": "app.handler", "CodeUri": "fns", "Runtime": "python3.11", "Layers": [{"Ref": "Own"}]}
    resources = {
        "Own": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": str(layer)}},
        "App": {"Type": "AWS::Serverless::Function", "Properties": function},
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    app = "import os\ndef handler(event, context):\n    return os.environ['LD_LIBRARY_PATH'], os.listdir("
    app += f"{str(layer)!r} + '/lib'), os.listdir({str(layer)!r} + '/bin')\n"
    try:
        engine = await start({"fns/app.py": app, "template.json": json.dumps(template)})
        found = json.loads((await call(engine, "App")).payload)
        assert found == [f"{layer}/lib", ["libown.so"], ["own"]]
    finally:
        shutil.rmtree(layer)


@own_tmp
async def test_a_project_below_tmp_finds_the_folders_beside_it() -> None:
    root = Path("/tmp") / uuid4().hex
    (root / "common").mkdir(parents=True)
    (root / "common/shared.py").write_text("ANSWER = 7")
    (root / "service/fns").mkdir(parents=True)
    (root / "service/lambdatui.toml").write_text(TOML % 30)
    up = "os.path.join(os.path.dirname(__file__), '..', '..', 'common')"
    app = f"import os, sys\nsys.path.append({up})\nimport shared\ndef handler(event, context): return shared.ANSWER\n"
    (root / "service/fns/app.py").write_text(app)
    try:
        async with running(root / "service") as engine:
            assert (await call(engine, "app")).payload == b"7"
    finally:
        shutil.rmtree(root)


async def test_where_tmp_is_shared_it_is_said_once_and_each_environment_has_a_folder(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(self: Spawner) -> bool:
        return False

    monkeypatch.setattr(Spawner, "private_tmp", forbidden)
    app = "import os, tempfile\ndef handler(event, context): return [tempfile.gettempdir(), os.environ['HOME']]\n"
    engine = await start({"fns/app.py": app, "lambdatui.toml": TOML % 30})
    folder, home = json.loads((await call(engine, "app")).payload)
    assert (folder, Path(folder).parent) == (home, engine.store.data / "tmp")
    await call(engine, "app")
    await engine.store.history.flush()
    assert [one.message for one in engine.reader.happenings()].count(SHARED_TMP) == 1


async def test_an_init_that_failed_is_tried_again_inside_of_the_invocation(start: Start, tmp_path: Path) -> None:
    marks = tmp_path / "inits"
    code = f"open({str(marks)!r}, 'a').write('x')\nraise ValueError('no config')\n"
    engine = await start({"fns/app.py": code, "lambdatui.toml": TOML % 30})
    result = await call(engine, "app")
    assert (result.error_type, marks.read_text()) == ("ValueError", "xx")
    await engine.store.history.flush()
    lines = [line.message for line in engine.reader.logs(functions=["app"])]
    reports = [line for line in lines if line.startswith("INIT_REPORT")]
    assert ["Phase: init" in line for line in reports] == [True, False]
    assert ["Phase: invoke" in line for line in reports] == [False, True]
    await call(engine, "app")
    assert marks.read_text() == "xxx"


async def test_an_init_that_works_the_second_time_serves_the_invocation(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = (
        f"import os\nif not os.path.exists({str(mark)!r}):\n    open({str(mark)!r}, 'w').close()\n"
        "    raise OSError('not yet')\ndef handler(event, context): return 'here'\n"
    )
    engine = await start({"fns/app.py": code, "lambdatui.toml": TOML % 30})
    result = await call(engine, "app")
    assert (result.status, result.payload) == ("ok", b'"here"')


async def test_an_init_inside_of_the_invocation_has_the_functions_timeout(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = (
        f"import os, time\nif os.path.exists({str(mark)!r}): time.sleep(30)\nopen({str(mark)!r}, 'w').close()\n"
        "raise OSError('first')\n"
    )
    engine = await start({"fns/app.py": code, "lambdatui.toml": TOML % 1})
    result = await call(engine, "app")
    assert (result.status, result.error_type) == ("timeout", "Sandbox.Timedout")


def test_sandboxes_are_given_out_once_and_only_to_their_own_code() -> None:
    from lambdatui.engine.environment import Launch
    from lambdatui.store.records import LogStream

    def launch(id: str, generation: str) -> Launch:
        return Launch(
            id=id, function="app", version="$LATEST", generation=generation, code_sha="", home="", runtime="",
            runtime_arn="", log_stream=LogStream("", ""), argv=(), variables={}, cwd="", start={}, memory_mb=128,
        )  # fmt: skip

    left = Sandboxes()
    left.keep(launch("a", "1"), 10)
    left.keep(launch("b", "2"), 20)
    assert [left.take("app", "2"), left.take("app", "2"), left.take("other", "1")] == ["b", None, None]
    assert [one.id for one in left.older(5)] == []
    left.keep(launch("c", "2"), 30)
    assert [one.id for one in left.outdated("app", "2")] == ["a"]
    assert [one.id for one in left.all()] == ["c"]
    assert left.all() == []

"""Hot reload: what a save changes, and what it does not."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine import reload
from lambdatui.engine.engine import Engine
from lambdatui.errors import NotFound
from tests.engine.conftest import Start, call, eventually


async def answer(engine: Engine, function: str = "app") -> object:
    return json.loads((await call(engine, function)).payload)


def said(engine: Engine, kind: str) -> list[str]:
    return [one.message for one in engine.telemetry.happenings_after(0) if one.kind == kind]


def taken_over(engine: Engine) -> bool:
    """Whether another configuration is in force; a file that was read while it was written is told of, too."""
    return any("changed" in message for message in said(engine, "config"))


def code(number: int) -> str:
    """Source of the same size for each number up to 8999; it answers 1000 and the number."""
    return f"def handler(event, context):\n    return {1000 + number}\n"


async def edits(engine: Engine, file: Path, numbers: range) -> list[int]:
    """Save and ask 100 ms after each save ended; the numbers that were answered by older code."""
    stale = []
    for number in numbers:
        file.write_text(code(number))
        await asyncio.sleep(0.1)
        if await answer(engine) != 1000 + number:
            stale.append(number)
    return stale


async def test_same_size_edits_are_never_answered_by_old_code(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    assert await answer(engine) == 1001
    assert await edits(engine, tmp_path / "app.py", range(2, 42)) == []


async def test_a_call_that_waited_for_one_save_looks_for_the_next(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a save comes while the one before is put in force, and the word of it later still."""
    engine = await start({"app.py": code(1)})
    assert await answer(engine) == 1001
    reloader, numbers = engine._reloader, iter((3,))
    commit = reloader._commit

    async def slow_commit(unit: Any, changed: list[str]) -> None:
        await commit(unit, changed)
        unit.looked_at = float("-inf")  # it has taken long
        for number in numbers:
            (tmp_path / "app.py").write_text(code(number))

    monkeypatch.setattr(reloader, "_commit", slow_commit)
    (tmp_path / "app.py").write_text(code(2))
    await eventually(lambda: not engine.function("app").settled.is_set())
    assert await answer(engine) == 1003


@asynccontextmanager
async def waiting_call(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncio.Task[object]]:
    """A call that waits for a save, after one that ran; none is read before the end."""
    assert await answer(engine) == 1001
    read, function = asyncio.Event(), engine.function("app")
    monkeypatch.setattr(engine._reloader, "_quiet", lambda unit: read.wait())
    file.write_text(code(9))
    await eventually(lambda: not function.settled.is_set())
    waiting = asyncio.create_task(answer(engine))
    await eventually(lambda: function.settled._waiters)
    yield waiting
    read.set()


async def test_a_call_that_waits_while_a_save_takes_its_function_away_finds_the_one_that_comes_back(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor empties the file before it writes it: in between there is nothing in it that could be called."""
    engine, file = await start({"app.py": code(1)}), tmp_path / "app.py"
    async with waiting_call(engine, file, monkeypatch) as waiting:
        file.write_text("")
        await engine.reload_project()
        assert engine.functions() == []
        file.write_text(code(2))
        await engine.reload_project()
    assert await waiting == 1002


async def test_a_call_that_waits_for_a_function_which_stays_away_is_told_so(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, file = await start({"app.py": code(1)}), tmp_path / "app.py"
    async with waiting_call(engine, file, monkeypatch) as waiting:
        file.unlink()
        await engine.reload_project()
        with pytest.raises(NotFound, match="there is no function app"):
            await waiting


OPTIONAL = "try:\n    from new import NUMBER\nexcept ImportError:\n    NUMBER = %d\ndef handler(e, c): return NUMBER\n"


async def test_a_call_right_behind_the_save_of_a_new_file_finds_it(start: Start, tmp_path: Path) -> None:
    """Its event has come and was not read: no other word tells of a file that was not there before."""
    engine = await start({"app.py": OPTIONAL % 1})
    assert await answer(engine) == 1
    (unit,) = engine._reloader._units.values()
    unit.looked_at = float("-inf")  # the call before is long ago
    (tmp_path / "new.py").write_text("NUMBER = 2\n")
    assert await answer(engine) == 2


async def test_a_new_file_that_comes_while_a_save_is_put_in_force_is_waited_for_too(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start({"app.py": OPTIONAL % 1})
    assert await answer(engine) == 1
    reloader, numbers = engine._reloader, iter((3,))
    commit = reloader._commit

    async def slow_commit(unit: Any, changed: list[str]) -> None:
        for number in numbers:
            (tmp_path / "new.py").write_text(f"NUMBER = {number}\n")
            await eventually(lambda: unit.dirty)
        await commit(unit, changed)

    monkeypatch.setattr(reloader, "_commit", slow_commit)
    (tmp_path / "app.py").write_text(OPTIONAL % 2)
    await eventually(lambda: not engine.function("app").settled.is_set())
    assert await answer(engine) == 3


async def test_a_save_that_a_slow_machine_reads_for_long_is_waited_for(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start({"app.py": code(1)})
    assert await answer(engine) == 1001
    monkeypatch.setattr(reload, "HOLD", 0.0)
    reloader, written = engine._reloader, asyncio.Event()
    commit = reloader._commit

    async def slow_commit(unit: Any, changed: list[str]) -> None:
        await written.wait()
        await commit(unit, changed)

    monkeypatch.setattr(reloader, "_commit", slow_commit)
    (tmp_path / "app.py").write_text(code(2))
    await eventually(lambda: not engine.function("app").settled.is_set())
    waiting = asyncio.create_task(answer(engine))
    await asyncio.wait({waiting}, timeout=0.5)
    assert not waiting.done()
    written.set()
    assert await waiting == 1002


async def test_while_files_go_on_changing_the_old_code_serves(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start({"app.py": code(1)})
    assert await answer(engine) == 1001
    monkeypatch.setattr(reload, "HOLD", 0.1)
    with monkeypatch.context() as never:
        never.setattr(reload, "_signatures", lambda paths: [object()])
        (tmp_path / "app.py").write_text(code(2))
        await eventually(lambda: not engine.function("app").settled.is_set())
        assert await answer(engine) == 1001
    await eventually(lambda: said(engine, "reload"))
    assert await answer(engine) == 1002


@pytest.mark.soak
async def test_a_thousand_same_size_edits_are_never_answered_by_old_code(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    assert await edits(engine, tmp_path / "app.py", range(2, 1002)) == []


async def test_a_file_that_does_not_compile_keeps_the_old_version_serving(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    await answer(engine)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return = 3\n")
    await eventually(lambda: said(engine, "syntax"))
    assert await answer(engine) == 1001
    (problem,) = [one for one in engine.problems_of(engine.function("app")) if one.severity == "error"]
    assert (problem.file, problem.line) == ("app.py", 2)
    for row in engine.environment_rows():  # a fresh environment runs the old version too
        os.kill(row.pid, 9)
    await eventually(lambda: not engine.environment_rows() or all(not one.alive for one in engine.pool))
    assert await answer(engine) == 1001
    (tmp_path / "app.py").write_text(code(2))
    await eventually(lambda: said(engine, "reload"))
    assert await answer(engine) == 1002
    assert engine.function("app").state == "idle"


async def test_an_invocation_in_flight_ends_on_the_code_it_began_with(start: Start, tmp_path: Path) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(1)\n    return 'old'\n"
    engine = await start({"app.py": slow})
    running = asyncio.create_task(answer(engine))
    await eventually(lambda: engine.in_flight() == 1 and any(row.state == "busy" for row in engine.environment_rows()))
    (tmp_path / "app.py").write_text(slow.replace("old", "new"))
    await eventually(lambda: said(engine, "reload"))
    assert await running == "old"
    assert await answer(engine) == "new"


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.soak)])
async def test_a_burst_of_changed_files_reloads_once(start: Start, tmp_path: Path, count: int) -> None:
    engine = await start({"app.py": code(1), **{f"lib/m{n}.py": "x = 1\n" for n in range(count)}})
    await answer(engine)
    for n in range(count):
        (tmp_path / "lib" / f"m{n}.py").write_text("x = 2\n")
    (tmp_path / "app.py").write_text(code(2))
    await eventually(lambda: said(engine, "reload"))
    assert await answer(engine) == 1002
    assert len(said(engine, "reload")) == 1


async def test_a_save_without_a_change_reloads_nothing(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    first = (await call(engine, "app")).record
    (tmp_path / "app.py").write_text(code(1))
    await asyncio.sleep(0.2)
    again = (await call(engine, "app")).record
    assert first is not None and again is not None and first.environment == again.environment
    assert said(engine, "reload") == []


async def test_a_data_file_beside_the_code_counts_as_code(start: Start, tmp_path: Path) -> None:
    handler = "import os\nDATA = open(os.path.join(os.path.dirname(__file__), 'p.json')).read()\n"
    engine = await start({"app.py": handler + "def handler(e, c): return DATA\n", "p.json": "one"})
    assert await answer(engine) == "one"
    (tmp_path / "p.json").write_text("two")
    await eventually(lambda: said(engine, "reload"))
    assert await answer(engine) == "two"


async def test_configuration_edits_are_taken_over(start: Start, tmp_path: Path) -> None:
    toml = "[functions.app]\nhandler = 'app.handler'\ncode = 'fns'\nenvironment = { COLOUR = '%s' }\n"
    handler = "import os\ndef handler(e, c): return os.environ['COLOUR']\n"
    engine = await start({"fns/app.py": handler, "lambdatui.toml": toml % "red"})
    assert await answer(engine) == "red"
    (tmp_path / "lambdatui.toml").write_text(toml % "blue")
    await eventually(lambda: taken_over(engine))
    assert await answer(engine) == "blue"


async def test_configuration_that_stops_parsing_stays_in_force_as_it_was(start: Start, tmp_path: Path) -> None:
    toml = "[functions.app]\nhandler = 'app.handler'\ncode = 'fns'\n"
    engine = await start({"fns/app.py": code(1), "lambdatui.toml": toml})
    (tmp_path / "lambdatui.toml").write_text(toml + "[[[\n")
    await eventually(engine.project_problems)
    assert await answer(engine) == 1001
    (tmp_path / "lambdatui.toml").write_text(toml)
    await eventually(lambda: not engine.project_problems())


async def test_a_new_file_in_a_plain_folder_is_a_new_function(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    (tmp_path / "fresh.py").write_text(code(7))
    await eventually(lambda: "fresh" in [one.name for one in engine.functions()])
    assert await answer(engine, "fresh") == 1007


async def test_an_override_gives_way_when_its_property_is_edited(start: Start, tmp_path: Path) -> None:
    toml = "[functions.app]\nhandler = 'app.handler'\ncode = 'fns'\nreserved_concurrency = %d\n"
    engine = await start({"fns/app.py": code(1), "lambdatui.toml": toml % 5})
    await engine.set_reserved_concurrency("app", 2)
    (tmp_path / "lambdatui.toml").write_text(toml % 7)
    await eventually(lambda: engine.reserved_concurrency("app") == 7)
    assert engine.function("app").config.reserved_concurrency == 7
    assert engine.function("app").overrides == {}


SAM = """Transform: AWS::Serverless-2016-10-31
Resources:
  App:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.11, Handler: app.handler, CodeUri: %s}
"""


async def test_another_code_folder_in_the_template_is_served(start: Start, tmp_path: Path) -> None:
    engine = await start({"a/app.py": code(1), "b/app.py": code(2), "template.yaml": SAM % "a"})
    assert await answer(engine, "App") == 1001
    (tmp_path / "template.yaml").write_text(SAM % "b")
    await eventually(lambda: taken_over(engine))
    assert await answer(engine, "App") == 1002


async def test_a_call_while_an_override_gives_way_finds_the_whole_new_configuration(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = "[functions.app]\nhandler = 'app.handler'\ncode = '%s'\nreserved_concurrency = %d\n"
    engine = await start({"a/app.py": code(1), "b/app.py": code(2), "lambdatui.toml": toml % ("a", 5)})
    assert await answer(engine) == 1001
    await engine.set_reserved_concurrency("app", 2)
    delete, meanwhile = engine._registry._overrides.delete, []

    async def slow_delete(name: str, prop: str) -> None:
        meanwhile.append((await answer(engine), engine.reserved_concurrency("app")))
        await delete(name, prop)

    monkeypatch.setattr(engine._registry._overrides, "delete", slow_delete)
    (tmp_path / "lambdatui.toml").write_text(toml % ("b", 7))
    assert await eventually(lambda: meanwhile) == [(1002, 7)]


async def test_a_folder_that_is_read_for_long_is_not_served_once_the_template_names_another(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start({"a/app.py": code(1), "b/app.py": code(2), "template.yaml": SAM % "a"})
    assert await answer(engine, "App") == 1001
    (unit,) = engine._reloader._units.values()
    look, begun, go = engine._reloader._handler_problems, threading.Event(), threading.Event()

    def slow_look(function: Any) -> Any:
        if not begun.is_set():
            begun.set()
            go.wait(60)
        return look(function)

    monkeypatch.setattr(engine._reloader, "_handler_problems", slow_look)
    (tmp_path / "a" / "app.py").write_text(code(3))
    await eventually(begun.is_set)
    (tmp_path / "template.yaml").write_text(SAM % "b")
    await eventually(lambda: engine.function("App").config.code_root.endswith("b"))
    assert await answer(engine, "App") == 1002
    go.set()
    await eventually(lambda: unit.task is None)
    assert await answer(engine, "App") == 1002


async def test_other_inline_code_in_the_template_is_served(start: Start, tmp_path: Path) -> None:
    inline = SAM.replace("CodeUri: %s", 'InlineCode: "def handler(e, c): return %s"').replace("app.", "index.")
    engine = await start({"template.yaml": inline % 1})
    assert await answer(engine, "App") == 1
    (tmp_path / "template.yaml").write_text(inline % 2)
    await eventually(lambda: taken_over(engine))
    assert await answer(engine, "App") == 2


async def test_a_broken_save_stays_out_of_force_when_another_function_joins_the_folder(
    start: Start, tmp_path: Path
) -> None:
    engine = await start({"a/app.py": code(1), "template.yaml": SAM % "a"})
    assert await answer(engine, "App") == 1001
    (tmp_path / "a" / "app.py").write_text("def handler(:\n")
    await eventually(lambda: said(engine, "syntax"))
    second = (SAM % "a").replace(
        "Resources:\n", "Resources:\n" + (SAM % "a").split("Resources:\n")[1].replace("App", "New")
    )
    (tmp_path / "template.yaml").write_text(second)
    await eventually(lambda: "New" in [one.name for one in engine.functions()])
    assert await answer(engine, "New") == 1001
    assert await answer(engine, "App") == 1001


async def test_code_that_never_compiled_answers_with_its_newest_syntax_error(start: Start, tmp_path: Path) -> None:
    engine = await start({"a/app.py": "def handler(:\n", "template.yaml": SAM % "a"})
    assert (await call(engine, "App")).error_type == "Runtime.UserCodeSyntaxError"
    (tmp_path / "a" / "app.py").write_text("x = 1\ndef handler(:\n")
    await eventually(lambda: said(engine, "reload"))
    assert "line 2" in str((await call(engine, "App")).error_message)


async def test_one_broken_file_of_a_plain_folder_leaves_the_others_sound(start: Start, tmp_path: Path) -> None:
    engine = await start({"one.py": code(1), "two.py": code(2)})
    assert (await answer(engine, "one"), await answer(engine, "two")) == (1001, 1002)
    (tmp_path / "one.py").write_text("def handler(:\n")
    await eventually(lambda: said(engine, "syntax"))
    assert [engine.function(name).state for name in ("one", "two")] == ["broken", "idle"]
    assert len(said(engine, "syntax")) == 1


async def test_a_save_that_cannot_be_kept_is_read_again_when_it_can(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": code(1)})
    assert await answer(engine) == 1001
    manifests = tmp_path / ".lambdatui" / "code" / "manifests"
    manifests.rename(tmp_path / "away")
    manifests.write_text("in the way")
    (tmp_path / "app.py").write_text(code(2))
    await eventually(lambda: any("waits to be read" in text for text in said(engine, "notice")))
    manifests.unlink()
    (tmp_path / "away").rename(manifests)
    await eventually(lambda: said(engine, "reload"))
    assert await answer(engine) == 1002


async def test_a_mended_import_is_no_problem_any_more(start: Start, tmp_path: Path) -> None:
    engine = await start({"app.py": "import surely_not_there\ndef handler(e, c): return 1\n"})
    await call(engine, "app")
    assert engine.function("app").state == "broken"
    (tmp_path / "app.py").write_text(code(2))
    await eventually(lambda: engine.function("app").state != "broken")


LAYERED = (
    SAM % "a"
    + """  Libraries:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
"""
)


async def test_what_was_planned_for_an_earlier_configuration_is_not_put_in_force_over_a_newer_one(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layered = LAYERED.replace("CodeUri: a", "CodeUri: a, Layers: [!Ref Libraries]")
    files = {"a/app.py": code(1), "layer/requirements.txt": "-r gone.txt\n", "template.yaml": layered}
    engine = await start(files)
    await call(engine, "App")
    function = engine.function("App")
    assert function.manifest_problem is not None
    (unit,) = engine._reloader._units.values()
    plan, begun, go = engine._installer.plan, threading.Event(), threading.Event()

    def slow_plan(function: Any) -> Any:
        found = plan(function)
        if not begun.is_set():
            begun.set()
            go.wait(60)
        return found

    monkeypatch.setattr(engine._installer, "plan", slow_plan)
    first = asyncio.create_task(call(engine, "App"))
    await eventually(begun.is_set)
    (tmp_path / "template.yaml").write_text(LAYERED)
    await eventually(lambda: not function.config.layers)
    second = asyncio.create_task(call(engine, "App"))
    await eventually(lambda: second.done() or unit.loaded._waiters)
    go.set()
    await asyncio.gather(first, second)
    assert function.manifest_problem is None
    assert await answer(engine, "App") == 1001

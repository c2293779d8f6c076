"""Published versions and aliases, on a real engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambdatui.client.offline import Offline
from lambdatui.config.model import QueueMapping
from lambdatui.engine.engine import Engine
from lambdatui.engine.versions import VersionInUse
from lambdatui.errors import NotFound
from lambdatui.store.limits import SNAPSHOTS_KEPT
from tests.engine.conftest import Start, call, eventually, running

ONE = """
import os, pathlib
def handler(event, context):
    here = pathlib.Path(os.environ["LAMBDA_TASK_ROOT"])
    return {"code": 1, "word": (here / "word.txt").read_text(), "version": context.function_version,
            "arn": context.invoked_function_arn, "variable": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "stream": context.log_stream_name}
"""
FILES = {"app/app.py": ONE, "app/word.txt": "old"}


async def answer(engine: Any, qualifier: str | None = None) -> Any:
    result = await call(engine, "app", qualifier=qualifier)
    assert result.status == "ok", result.payload
    return json.loads(result.payload)


def save(root: Path, word: str, code: str = "2") -> None:
    (root / "app/word.txt").write_text(word)
    (root / "app/app.py").write_text(ONE.replace('"code": 1', f'"code": {code}'))


async def serves_new_code(engine: Any) -> None:
    """A save is answered by the new code 100 ms later at most."""
    async with asyncio.timeout(60):
        while (await answer(engine))["code"] != 2:
            await asyncio.sleep(0.02)


async def test_a_version_answers_with_its_code_and_its_files_after_edits_and_restarts(
    start: Start, tmp_path: Path
) -> None:
    engine = await start(FILES)
    version, new = await engine.versions.publish(engine.function("app"))
    assert (version.version, new) == ("1", True)
    save(tmp_path, "new")
    await serves_new_code(engine)
    old = await answer(engine, "1")
    assert (old["code"], old["word"], old["version"], old["variable"]) == (1, "old", "1", "1")
    assert old["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:app:1"
    assert "/[1]" in old["stream"]
    await engine.stop()
    async with running(tmp_path) as again:
        assert (await answer(again, "1"))["word"] == "old"
        assert (await answer(again))["word"] == "new"


async def test_what_has_not_changed_is_the_version_that_is_there(start: Start, tmp_path: Path) -> None:
    engine = await start(FILES)
    app = engine.function("app")
    assert (await engine.versions.publish(app))[0].version == "1"
    assert (await engine.versions.publish(app))[1] is False
    save(tmp_path, "new")
    assert (await engine.versions.publish(app))[0].version == "2"
    await engine.versions.delete(app, "2")
    assert (await engine.versions.publish(app))[0].version == "3"  # a number is never used again


async def test_a_result_and_its_row_name_the_version_that_ran_and_the_qualifier(start: Start) -> None:
    engine = await start(FILES)
    app = engine.function("app")
    await engine.versions.publish(app)
    await engine.versions.put_alias(app, "live", "1", {}, "")
    result = await call(engine, "app:live")
    assert result.executed_version == "1"
    assert result.record is not None and (result.record.version, result.record.qualifier) == ("1", "live")
    assert json.loads(result.payload)["arn"].endswith(":app:live")


async def test_an_unknown_qualifier_is_not_found(start: Start) -> None:
    engine = await start(FILES)
    for qualifier in ("1", "live"):
        with pytest.raises(NotFound):
            engine.function("app", qualifier)


async def test_a_version_that_an_alias_points_to_cannot_be_deleted(start: Start) -> None:
    engine = await start(FILES)
    app = engine.function("app")
    await engine.versions.publish(app)
    await engine.versions.put_alias(app, "live", "1", {}, "")
    with pytest.raises(VersionInUse):
        await engine.versions.delete(app, "1")


TEMPLATE = """
Resources:
  App:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: app
      Runtime: python3.12
      Handler: app.handler
      CodeUri: app/
      AutoPublishAlias: live
"""
DECLARED = {"template.yaml": TEMPLATE, **FILES}


def published(engine: Any) -> list[str]:
    return [one.version for one in engine.versions.of(engine.function("app"))]


async def through_alias(engine: Any, code: int) -> Any:
    """What the alias answers once the save is seen."""
    async with asyncio.timeout(60):
        while (found := await answer(engine, "live"))["code"] != code:
            await asyncio.sleep(0.01)
    return found


async def test_a_declared_alias_follows_what_is_saved(start: Start, tmp_path: Path) -> None:
    engine = await start(DECLARED)
    assert (await answer(engine, "live"))["version"] == "1"  # published for the first call, if not before
    save(tmp_path, "new")
    found = await through_alias(engine, 2)
    assert (found["version"], found["word"]) == ("2", "new")
    assert (await answer(engine, "1"))["word"] == "old"
    said = [one.message for one in engine.telemetry.happenings_after(0) if "points to version" in one.message]
    assert said == ["version 1 published; live points to version 1", "version 2 published; live points to version 2"]


async def test_what_is_asked_of_a_function_waits_until_its_code_is_read_and_its_alias_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in DECLARED.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(Engine, "_load_all", lambda self: asyncio.sleep(0))  # as asked before it has begun
    async with running(tmp_path) as engine:
        app = engine.function("app")
        assert app.code_sha == "" and not engine.versions.aliases(app)
        await engine.described("app")
        assert app.code_sha and [one.name for one in engine.versions.aliases(app)] == ["live"]
        before = app.revision
        await engine.described(None)
        assert app.revision == before


async def test_a_restart_without_a_change_publishes_nothing(start: Start, tmp_path: Path) -> None:
    engine = await start(DECLARED)
    await answer(engine, "live")
    await engine.stop()
    async with running(tmp_path) as again:
        assert (await answer(again, "live"))["version"] == "1"
        assert published(again) == ["1"]


async def test_a_declared_alias_stays_where_a_save_does_not_compile(start: Start, tmp_path: Path) -> None:
    engine = await start(DECLARED)
    await answer(engine, "live")
    (tmp_path / "app/app.py").write_text("def handler(:")
    await eventually(lambda: engine.function("app").code_problems)
    assert (await answer(engine, "live"))["version"] == "1"
    assert published(engine) == ["1"]


async def test_an_alias_that_is_declared_no_longer_is_gone_and_its_versions_stay(start: Start, tmp_path: Path) -> None:
    engine = await start(DECLARED)
    await answer(engine, "live")
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("      AutoPublishAlias: live\n", ""))
    await eventually(lambda: not engine.versions.aliases(engine.function("app")))
    assert published(engine) == ["1"]
    with pytest.raises(NotFound):
        await call(engine, "app:live")


async def test_what_the_api_made_of_a_declared_alias_lasts_until_the_next_version(start: Start, tmp_path: Path) -> None:
    engine = await start(DECLARED)
    await answer(engine, "live")
    save(tmp_path, "new")
    await through_alias(engine, 2)
    app = engine.function("app")
    await engine.versions.put_alias(app, "live", "1", {}, "rolled back")
    assert (await answer(engine, "live"))["code"] == 1
    save(tmp_path, "newer", code="3")
    await through_alias(engine, 3)


async def test_a_change_of_the_configuration_moves_a_declared_alias(start: Start) -> None:
    engine = await start(DECLARED)
    await answer(engine, "live")
    await engine.update_configuration("app", {"memory": 256})
    assert (await answer(engine, "live"))["version"] == "2"
    assert engine.function("app", "1").config.memory == 128


async def test_an_asynchronous_event_runs_the_version_that_its_alias_points_to_then(start: Start) -> None:
    engine = await start(FILES)
    app = engine.function("app")
    await engine.versions.publish(app)
    await engine.versions.put_alias(app, "live", "1", {}, "")
    request_id = await engine.accept("app", b"{}", qualifier="live")
    await eventually(lambda: engine.store.events.count() == 0)
    detail = engine.reader.invocation(request_id)
    assert detail is not None
    assert (detail.row.version, detail.row.qualifier, detail.row.status) == ("1", "live", "ok")


async def test_events_that_wait_for_a_save_to_be_published_are_not_throttled_for_it(start: Start) -> None:
    template = TEMPLATE + "      ReservedConcurrentExecutions: 1\n"
    engine = await start({**FILES, "template.yaml": template})
    for _ in range(12):  # the first of them publishes
        await engine.accept("app", b"{}", qualifier="live")
    await eventually(lambda: engine.store.events.count() == 0)
    await engine.store.history.flush()
    rows = engine.reader.invocations(function="app", limit=100)[::-1]
    assert [row.status for row in rows].count("ok") == 12
    before = [row.status for row in rows].index("ok")
    assert before <= 2  # one at a time is tried and throttled where nothing is free, not all of them at once


async def test_an_event_whose_alias_is_gone_waits_for_it(start: Start) -> None:
    engine = await start(FILES)
    await engine.accept("app", b"{}", qualifier="live")
    await eventually(lambda: engine.store.events.next_visible_us("app", engine.clock.now_us() + 30_000_000))
    assert engine.store.events.count() == 1
    [event], _ = await engine.store.events.pending("app", engine.clock.now_us() + 120_000_000, 10)
    assert (event.attempt, event.error_type) == (1, "ResourceNotFoundException")
    said = [one.message for one in engine.telemetry.happenings_after(0)]
    assert "an event waits: app has no version or alias live" in said


async def test_the_functions_row_has_its_versions_and_aliases(start: Start) -> None:
    engine = await start(FILES)
    app = engine.function("app")
    await engine.versions.publish(app, description="first")
    await engine.versions.put_alias(app, "live", "1", {}, "")
    await answer(engine, "live")
    await answer(engine, "1")
    [row] = engine.function_rows()
    [version], [alias] = row.versions, row.version_aliases
    assert (version.version, version.description, version.invocations) == ("1", "first", 2)
    assert (alias.name, alias.version, alias.declared) == ("live", "1", False)


async def test_without_an_engine_the_row_has_the_same_versions_and_aliases(start: Start, tmp_path: Path) -> None:
    engine = await start(FILES)
    app = engine.function("app")
    await engine.versions.publish(app, description="first")
    await engine.versions.put_alias(app, "live", "1", {}, "of old")
    [row] = engine.function_rows()
    [stored] = Offline(tmp_path, tmp_path / ".lambdatui").functions()
    assert (stored.versions, stored.version_aliases) == (row.versions, row.version_aliases)


async def test_a_version_says_what_of_it_is_gone(start: Start) -> None:
    engine = await start(FILES)
    version, _ = await engine.versions.publish(engine.function("app"))
    assert version.snapshot is not None and version.snapshot.manifest is not None
    Path(version.snapshot.manifest).unlink()
    result = await call(engine, "app", qualifier="1")
    assert result.status == "error"
    assert "version 1 of app cannot run" in (result.error_message or "")


async def test_the_code_of_a_version_is_never_collected(start: Start) -> None:
    engine = await start(FILES)
    version, _ = await engine.versions.publish(engine.function("app"))
    engine.store.code.in_use = tuple  # as if its function were in no project
    later = [f"{number:064x}" for number in range(SNAPSHOTS_KEPT + 2)]
    for number, sha in enumerate(later):
        await engine.store.code.put("app", sha, {}, {}, engine.clock.now_us() + number)
    for _ in range(2):  # what is new stays for one collection
        await engine.store.tidy()
    assert not engine.store.code.manifest_path(later[0]).exists()
    assert engine.store.code.manifest_path(version.code_sha).exists()


async def test_the_functions_row_tells_of_the_errors_of_its_versions(start: Start, tmp_path: Path) -> None:
    engine = await start(
        {"template.yaml": TEMPLATE, "app/app.py": "def handler(event, context): raise KeyError('a')\n"}
    )
    for _ in range(3):
        assert (await call(engine, "app", qualifier="live")).status == "error"
    [row] = engine.function_rows()
    assert (row.state, row.last_error) == ("failing", "KeyError: 'a'")
    (tmp_path / "app/app.py").write_text("def handler(event, context): return {'code': 2}\n")
    await eventually(lambda: len(published(engine)) == 2)
    await through_alias(engine, 2)
    assert engine.function_rows()[0].state == "idle"
    said = [one.message for one in engine.telemetry.happenings_after(0) if one.kind in ("error", "ok")]
    assert said == ["KeyError: 'a'", "succeeds with the new code"]


async def test_versions_that_only_followed_saves_are_kept_in_bounds(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdatui.engine.following.KEPT", 1)
    engine = await start(DECLARED)
    app = engine.function("app")
    for number in range(2, 6):
        (tmp_path / "app/word.txt").write_text(f"{number:>{number}}")
        await eventually(lambda number=number: len(published(engine)) > 0 and published(engine)[-1] == str(number - 1))
        if number == 3:
            await engine.versions.put_alias(app, "old", "2", {}, "")
    await eventually(lambda: published(engine) == ["2", "4"])
    copies = {Path(one.config.code_root) for one in engine.versions.of(app)}
    await eventually(lambda: set((tmp_path / ".lambdatui/versions").iterdir()) == copies)


async def test_a_version_that_a_mapping_names_by_its_number_is_kept(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdatui.engine.following.KEPT", 1)
    template = TEMPLATE + "  Q:\n    Type: AWS::SQS::Queue\n"
    engine = await start({**FILES, "template.yaml": template})
    await through_alias(engine, 1)
    mapping = QueueMapping(uuid="33333333-3333-4333-8333-333333333333", function="app", queue="Q", qualifier="1")
    engine.declared = msgspec.structs.replace(engine.declared, mappings=(mapping,))
    engine.project = msgspec.structs.replace(engine.project, mappings=(mapping,))
    engine.pool.retire("app:1")
    for number in (2, 3):
        save(tmp_path, f"word {number}", str(number))
        await through_alias(engine, number)
        engine.pool.retire(f"app:{number}")
    assert "1" in published(engine)

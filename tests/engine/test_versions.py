"""Published versions and aliases, on a real engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lambdatui.engine.versions import VersionInUse
from lambdatui.errors import NotFound
from tests.engine.conftest import Start, call, running

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
    for _ in range(100):
        if (await answer(engine))["code"] == 2:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the save was never seen")


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
    assert result.row is not None and (result.row.version, result.row.qualifier) == ("1", "live")
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

"""Which zygotes there are, and who is forked from them: decisions over time, without a process."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lambdatui.clock import ManualClock
from lambdatui.engine.environment import Launch
from lambdatui.engine.libraries import Parts
from lambdatui.engine.spawner import Exit, Prepared, Unprepared
from lambdatui.engine.zygotes import Zygotes
from lambdatui.store.records import LogStream
from tests.engine.conftest import eventually

MB = 1 << 20


class Spawner:
    """Prepares what is asked for at once: 100 MB each, unless a test says otherwise."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.killed: list[str] = []
        self.exits: dict[str, Callable[[Exit], None]] = {}
        self.answer: Callable[[dict[str, Any]], Prepared] = prepared

    async def zygote(
        self,
        id: str,
        argv: Sequence[str],
        variables: dict[str, str],
        prepare: dict[str, Any],
        *,
        on_exit: Callable[[Exit], None],
    ) -> Prepared:
        self.asked.append({"id": id, "variables": variables, **prepare})
        await asyncio.sleep(0)
        found = self.answer(self.asked[-1])
        self.exits[id] = on_exit
        return found

    def kill(self, environment_id: str) -> None:
        self.killed.append(environment_id)


def prepared(asked: dict[str, Any], rss_mb: int = 100, **more: Any) -> Prepared:
    modules = more.pop("modules", {name: FILES.get(name) for name in asked["modules"]})
    return Prepared(pid=1, rss_kb=rss_mb * 1024, modules=modules, **more)


FILES: dict[str, str] = {}  # module -> file, in a site-packages folder of the test's own


class Ground:
    """A project with installed packages, and launches of functions of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / "site-packages"
        self.code = root / "code"
        for folder in (self.site, self.code, root / "blobs", root / "manifests"):
            folder.mkdir()
        self.python = root / "python"
        self.python.touch()
        for name in ("yaml", "six"):
            (self.site / f"{name}.py").touch()
            FILES[name] = str(self.site / f"{name}.py")

    def launch(self, sources: dict[str, str], function: str = "app", **variables: str) -> Launch:
        manifest = {}
        for path, text in sources.items():
            sha = hashlib.sha256(text.encode()).hexdigest()
            (self.root / "blobs" / sha).write_text(text)
            manifest[path] = sha
        text = json.dumps(manifest, sort_keys=True)
        sha = hashlib.sha256(text.encode()).hexdigest()
        path = self.root / "manifests" / f"{sha}.json"
        path.write_text(text)
        parts = Parts(
            sites=(str(self.site),), folders=(str(self.code),), of_function=frozenset({"NAME", *variables}),
            of_environment=frozenset({"STREAM"}), root=str(self.root),
        )  # fmt: skip
        return Launch(
            id="e", function=function, version="$LATEST", generation=sha, code_sha=sha, home="", runtime="",
            runtime_arn="", log_stream=LogStream("", ""), argv=(str(self.python), "start.py"),
            variables={"REGION": "r", "NAME": function, "STREAM": "s", **variables}, cwd="",
            start={"handler": "app.handler", "manifest": str(path), "fallback": None}, memory_mb=128, parts=parts,
        )  # fmt: skip


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


@asynccontextmanager
async def zygotes(spawner: Spawner, clock: ManualClock | None = None, cap_mb: int = 1000) -> AsyncIterator[Zygotes]:
    made = Zygotes(spawner, clock or ManualClock(), cap=cap_mb * MB)
    try:
        yield made
    finally:
        await made.close()


async def learned(made: Zygotes, launch: Launch, *names: str) -> str:
    """A fresh init of `launch` has imported `names`; what is told of it when all that follows has happened."""
    made.learn(launch, [("sys", None), *((name, FILES[name]) for name in names)], None)
    await eventually(lambda: made._worker is None)
    return made.text(launch.key)


APP = {"app.py": "import yaml"}


async def test_the_second_environment_of_a_function_is_forked(ground: Ground) -> None:
    async with zygotes(spawner := Spawner()) as made:
        launch = ground.launch(APP)
        assert await made.choose(launch) is None and made.text("app") == ""
        assert await learned(made, launch, "yaml") == "2 modules imported ahead, 100 MB"
        fork = await made.choose(launch)
        assert fork is not None and fork.zygote == spawner.asked[0]["id"]
        assert spawner.asked[0]["modules"] == ["sys", "yaml"] and spawner.asked[0]["variables"] == {"REGION": "r"}


async def test_functions_that_import_the_same_share_one(ground: Ground) -> None:
    async with zygotes(spawner := Spawner()) as made:
        one, other = ground.launch(APP), ground.launch({"other.py": "import yaml"}, "other", TABLE="t")
        await learned(made, one, "yaml")
        await learned(made, other, "yaml")
        assert len(spawner.asked) == 1
        forks = [await made.choose(each) for each in (one, other)]
        assert [fork and fork.zygote for fork in forks] == ["zygote-1", "zygote-1"]


async def test_an_import_that_reads_a_functions_variable_gives_that_function_a_zygote_alone(ground: Ground) -> None:
    spawner = Spawner()
    spawner.answer = lambda asked: prepared(asked, reads=("TABLE", "REGION"))
    async with zygotes(spawner) as made:
        plain, own = ground.launch(APP), ground.launch(APP, "own", TABLE="t")
        await learned(made, plain, "yaml")
        await learned(made, own, "yaml")
        assert [asked["variables"].get("TABLE") for asked in spawner.asked] == [None, "t"]
        forks = [await made.choose(each) for each in (plain, own)]
        assert [fork and fork.zygote for fork in forks] == ["zygote-1", "zygote-2"]
        assert await made.choose(ground.launch(APP, "own", TABLE="u")) is None


@pytest.mark.parametrize("read", ["STREAM", "*"])
async def test_an_import_that_reads_what_each_environment_has_of_its_own_forbids_zygotes(
    ground: Ground, read: str
) -> None:
    spawner = Spawner()
    spawner.answer = lambda asked: prepared(asked, reads=(read,))
    async with zygotes(spawner) as made:
        launch = ground.launch(APP)
        assert (await learned(made, launch, "yaml")).startswith("none: a library looks at ")
        assert await made.choose(launch) is None
        assert spawner.killed[-1] == spawner.asked[-1]["id"]


async def test_a_save_that_adds_an_import_forks_and_one_that_removes_one_does_not(ground: Ground) -> None:
    async with zygotes(spawner := Spawner()) as made:
        await learned(made, ground.launch(APP), "yaml")
        more = ground.launch({"app.py": "import yaml, six"})
        fork = await made.choose(more)
        assert fork is not None
        made.learn(more, [("six", FILES["six"])], fork)
        await eventually(lambda: len(spawner.asked) == 2 and made._worker is None)
        assert spawner.asked[1]["modules"] == ["sys", "yaml", "six"]
        newer = await made.choose(more)
        assert newer is not None and newer.zygote == "zygote-2"
        assert await made.choose(ground.launch(APP)) is None
        assert made.text("app") == "none: it has changed what it imports"


async def test_the_users_own_module_goes_before_a_library_as_soon_as_it_is_there(ground: Ground) -> None:
    spawner = Spawner()
    spawner.answer = lambda asked: prepared(asked, missed=("simplejson",))
    async with zygotes(spawner) as made:
        launch = ground.launch(APP)
        await learned(made, launch, "yaml")
        for name in ("simplejson.py", "yaml.py"):
            (ground.code / name).touch()
            assert await made.choose(launch) is None and name[:-3] in made.text("app")
            (ground.code / name).unlink()
        assert await made.choose(launch) is not None
        assert await made.choose(ground.launch({**APP, "yaml.py": ""})) is None


@pytest.mark.parametrize("changed", ["site-packages/yaml.py", "site-packages/new.py", "python"])
async def test_a_zygote_ends_when_what_it_stands_on_changes(ground: Ground, changed: str) -> None:
    clock = ManualClock()
    async with zygotes(spawner := Spawner(), clock) as made:
        launch = ground.launch(APP)
        await learned(made, launch, "yaml")
        (ground.root / changed).write_text("x = 2")
        clock.advance(2)
        assert await made.choose(launch) is None and spawner.killed == ["zygote-1"]
        await learned(made, launch, "yaml")
        assert await made.choose(launch) is not None


async def test_what_is_changed_while_it_is_imported_is_not_served(ground: Ground) -> None:
    def meanwhile(asked: dict[str, Any]) -> Prepared:
        (ground.site / "yaml.py").write_text(f"x = {len(spawner.asked)}")
        return prepared(asked)

    spawner = Spawner()
    spawner.answer = meanwhile
    async with zygotes(spawner) as made:
        launch = ground.launch(APP)
        assert await learned(made, launch, "yaml") == "none: its libraries are being changed"
        assert await made.choose(launch) is None and spawner.killed == ["zygote-1"]
        spawner.answer = prepared
        await asyncio.sleep(0.02)  # the files have their change's time, of a clock that ticks every 4 ms
        await learned(made, launch, "yaml")
        assert await made.choose(launch) is not None


async def test_the_least_recently_used_make_room(ground: Ground) -> None:
    clock = ManualClock()
    async with zygotes(spawner := Spawner(), clock, cap_mb=250) as made:
        launches = [ground.launch({f"{name}.py": ""}, name) for name in ("a", "b", "c")]
        for launch, names in zip(launches, (["yaml"], ["six"], ["yaml", "six"]), strict=True):
            clock.advance(0.1)
            await learned(made, launch, *names)
            clock.advance(0.1)
            await made.choose(launches[0])
        assert spawner.killed == ["zygote-2"]
        assert [await made.choose(launch) is not None for launch in launches] == [True, False, True]


async def test_libraries_larger_than_all_that_zygotes_may_take_are_imported_by_each_environment(ground: Ground) -> None:
    async with zygotes(spawner := Spawner(), cap_mb=50) as made:
        assert "100 MB" in await learned(made, ground.launch(APP), "yaml")
        assert spawner.killed == ["zygote-1"]


async def test_what_cannot_be_prepared_is_said_and_not_tried_again_until_its_files_change(ground: Ground) -> None:
    def unprepared(asked: dict[str, Any]) -> Prepared:
        raise Unprepared("runs 2 threads")

    spawner = Spawner()
    spawner.answer = unprepared
    async with zygotes(spawner) as made:
        launch = ground.launch(APP)
        for _ in range(2):
            assert (await learned(made, launch, "yaml")).endswith("runs 2 threads")
        assert len(spawner.asked) == 1
        (ground.site / "yaml.py").write_text("x = 2")
        spawner.answer = prepared
        assert (await learned(made, launch, "yaml")).startswith("2 modules")


async def test_a_zygote_that_ended_is_built_again_but_not_for_ever(ground: Ground) -> None:
    async with zygotes(spawner := Spawner()) as made:
        launch = ground.launch(APP)
        for number in range(1, 4):
            await learned(made, launch, "yaml")
            fork = await made.choose(launch)
            assert fork is not None and fork.zygote == f"zygote-{number}"
            if number == 2:
                made.lost(fork)
            spawner.exits[fork.zygote](Exit(signal=9))
            assert await made.choose(launch) is None
        assert await learned(made, launch, "yaml") == "none: its zygote ended 3 times"


async def test_the_spawners_end_counts_against_no_zygote(ground: Ground) -> None:
    async with zygotes(spawner := Spawner()) as made:
        launch = ground.launch(APP)
        for number in range(1, 6):
            await learned(made, launch, "yaml")
            spawner.exits[f"zygote-{number}"](Exit(signal=9, lost=True))
        assert (await learned(made, launch, "yaml")).startswith("2 modules")


async def test_a_zygote_that_found_a_module_elsewhere_serves_nobody(ground: Ground) -> None:
    spawner = Spawner()
    spawner.answer = lambda asked: prepared(asked, modules={"yaml": "/else/site-packages/yaml.py"})
    async with zygotes(spawner) as made:
        assert "find yaml elsewhere" in await learned(made, ground.launch(APP), "yaml")
        assert spawner.killed == ["zygote-1"]


async def test_another_configuration_may_import_something_else(ground: Ground) -> None:
    async with zygotes(Spawner()) as made:
        launch = ground.launch(APP, TABLE="a")
        await learned(made, launch, "yaml")
        assert await made.choose(launch) is not None
        assert await made.choose(ground.launch(APP, TABLE="b")) is None
        start = {**launch.start, "handler": "app.other"}
        assert await made.choose(msgspec.structs.replace(launch, start=start)) is None


async def test_there_are_none_where_they_are_off(ground: Ground) -> None:
    made = Zygotes(spawner := Spawner(), ManualClock(), cap=1000 * MB, off="off (--fresh)")
    made.learn(ground.launch(APP), [("yaml", FILES["yaml"])], None)
    assert made.text("app") == "off (--fresh)" and spawner.asked == [] and made._worker is None

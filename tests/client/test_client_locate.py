"""The lock says who runs; engine.json only says where."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from lambdatui.client import locate
from lambdatui.errors import NoEngine
from tests.client.fake_engine import FakeEngine


def test_a_running_engine_is_found_by_its_lock(engine: FakeEngine) -> None:
    found = locate.read_engine(engine.data)
    assert found is not None
    assert found.url == engine.url


def test_a_stale_engine_json_is_no_engine(engine: FakeEngine) -> None:
    stale = (engine.data / "engine.json").read_bytes()
    engine.release()
    (engine.data / "engine.json").write_bytes(stale)
    assert locate.read_engine(engine.data) is None
    assert not locate.is_running(engine.data)


def test_a_missing_data_folder_is_no_engine(tmp_path: Path) -> None:
    assert locate.read_engine(tmp_path / "none") is None
    assert not locate.is_locked(tmp_path / "none")


def test_the_nearest_folder_upward_with_a_running_engine_is_the_project(engine: FakeEngine, tmp_path: Path) -> None:
    deep = tmp_path / "orders" / "src"
    deep.mkdir(parents=True)
    assert locate.find_project(deep) == tmp_path
    engine.release()
    assert locate.find_project(deep) == deep


def test_data_that_was_named_is_used_as_it_is(tmp_path: Path) -> None:
    assert locate.project_data(tmp_path, tmp_path / "elsewhere") == tmp_path / "elsewhere"
    assert locate.project_data(tmp_path) == tmp_path / ".lambdatui"


def test_a_damaged_engine_json_is_said_and_a_locator_survives_it(engine: FakeEngine) -> None:
    (engine.data / "engine.json").write_text("{")
    with pytest.raises(NoEngine, match="damaged"):
        locate.read_engine(engine.data)
    assert locate.locator(engine.data)() is None


def test_waiting_ends_at_once_where_nobody_holds_the_lock(engine: FakeEngine) -> None:
    engine.release()
    assert locate.await_engine(engine.data, 60) is None


def test_one_that_runs_is_not_waited_for(engine: FakeEngine) -> None:
    found = locate.await_engine(engine.data, 60)
    assert found is not None and found.url == engine.url


def test_the_end_of_one_that_is_ending_is_waited_for(engine: FakeEngine) -> None:
    engine.ending = True
    threading.Timer(0.2, engine.release).start()
    assert locate.await_engine(engine.data, 60) is None


def test_one_whose_door_is_closed_already_is_ending(engine: FakeEngine) -> None:
    nowhere = msgspec.structs.replace(engine.info, url="http://127.0.0.1:9")
    (engine.data / "engine.json").write_bytes(msgspec.json.encode(nowhere))
    threading.Timer(0.2, engine.release).start()
    assert locate.await_engine(engine.data, 60) is None


def test_one_that_goes_on_ending_is_there_still(engine: FakeEngine) -> None:
    engine.ending = True
    assert locate.await_engine(engine.data, 0) is not None

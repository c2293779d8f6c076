"""Whose asynchronous events the files' settings are about."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lambdatui.clock import ManualClock
from lambdatui.config.model import FunctionConfig
from lambdatui.engine.event_invoke import EventInvoke, EventInvokeConfigs
from lambdatui.store.store import Store


def function(**settings: Any) -> Any:
    declared = FunctionConfig(name="work", logical_id="Work", handler="app.handler", code_root="/nowhere", **settings)
    return SimpleNamespace(name="work", declared=declared)


@pytest.mark.parametrize(
    ("whose", "in_force"),
    [("live", {"live"}), ("$LATEST", {"$LATEST"}), (None, {"$LATEST", "live", "2"})],
)
async def test_the_files_settings_are_of_the_qualifier_that_they_name(
    whose: str | None, in_force: set[str], tmp_path: Path
) -> None:
    clock = ManualClock()
    store = Store.open(tmp_path, clock)
    await store.start()
    try:
        configs = EventInvokeConfigs(store.made, clock)
        work = function(maximum_retry_attempts=0, event_invoke_qualifier=whose)
        assert {each for each in ("$LATEST", "live", "2") if configs.of(work, each).retries == 0} == in_force
        assert set(configs.all(work)) == {whose or "$LATEST"}
        name = whose or "$LATEST"
        await configs.put(work, name, EventInvoke(maximum_retry_attempts=1))
        assert configs.of(work, name).retries == 1
        await configs.delete(work, name)
        assert configs.get(work, name) is None, "deleted, although the files declare it"
        edited = function(maximum_event_age=60, event_invoke_qualifier=whose)
        assert configs.of(edited, name) == EventInvoke(maximum_event_age=60), "the files' edit wins"
    finally:
        await store.close()
